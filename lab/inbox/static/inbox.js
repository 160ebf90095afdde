// The open page: keeps the list current, shows times as the reader's clock does, deletes all on request.
"use strict";

const REFRESH_MILLISECONDS = 2000;
const list = document.querySelector("#list");
const live = document.querySelector("#live");
const pageTitle = document.title;

const today = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const earlier = new Intl.DateTimeFormat([], { day: "numeric", month: "short" });
const full = new Intl.DateTimeFormat([], { dateStyle: "medium", timeStyle: "medium", hourCycle: "h23" });

function showLocalTimes(root) {
  for (const element of root.querySelectorAll("time")) {
    const moment = new Date(element.dateTime);
    const isToday = moment.toDateString() === new Date().toDateString();
    const format = element.classList.contains("full") ? full : isToday ? today : earlier;
    element.textContent = format.format(moment);
    element.title = element.dateTime;
  }
}

function showCount() {
  const total = document.querySelector("#count").dataset.total;
  document.title = total === "0" ? pageTitle : `(${total}) ${pageTitle}`;
}

function showLive(isLive) {
  live.textContent = isLive ? "live" : "not reachable";
  live.classList.toggle("lost", !isLive);
}

let shown = null;

async function refresh() {
  if (document.hidden) return;
  try {
    const answer = await fetch(list.dataset.url);
    const rows = await answer.text();
    showLive(answer.ok);
    if (!answer.ok || rows === shown) return;
    const focused = document.activeElement?.getAttribute("href");
    const scrolled = list.scrollTop;
    list.innerHTML = rows; // our own template, which escapes what senders wrote
    list.scrollTop = scrolled;
    if (focused) list.querySelector(`a[href="${CSS.escape(focused)}"]`)?.focus();
    shown = rows;
    showLocalTimes(list);
    showCount();
  } catch {
    showLive(false);
  }
}

document.querySelector("#clear").addEventListener("click", async () => {
  if (!confirm("Delete all messages?")) return;
  await fetch("/api/messages", { method: "DELETE" });
  location.assign("/");
});

showLocalTimes(document);
showCount();
refresh();
setInterval(refresh, REFRESH_MILLISECONDS);
document.addEventListener("visibilitychange", refresh);
