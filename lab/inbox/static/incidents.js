// The open page of incidents: keeps what is open, the alerts' states and the buttons current.
"use strict";

const REFRESH_MILLISECONDS = 2000;
const state = document.querySelector("#state");
const clock = new Intl.DateTimeFormat([], { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });

function showLocalTimes() {
  for (const element of state.querySelectorAll("time")) {
    element.textContent = clock.format(new Date(element.dateTime));
  }
}

let shown = null;

async function refresh() {
  // Whoever is at a button keeps it.
  if (document.hidden || state.contains(document.activeElement)) return;
  try {
    const answer = await fetch(state.dataset.url);
    const now = await answer.text();
    if (!answer.ok || now === shown) return;
    state.innerHTML = now; // our own template
    shown = now;
    showLocalTimes();
  } catch {
    // The inbox is being started again; the next question may be answered.
  }
}

showLocalTimes();
setInterval(refresh, REFRESH_MILLISECONDS);
document.addEventListener("visibilitychange", refresh);
