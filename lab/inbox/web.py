"""The web side: a page for people, JSON for tests and programs, and the webhook that takes Slack posts."""

import json
import re
import sqlite3
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any, cast, get_args
from urllib.parse import parse_qs, quote, urlencode

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles
from starlette.templating import Jinja2Templates
from starlette.types import ASGIApp, Lifespan, Message, Receive, Scope, Send

from lab.inbox import mail, slack
from lab.inbox.incidents import ADDRESS as INCIDENTS
from lab.inbox.incidents import IncidentPages, LocalLab, Monitoring
from lab.inbox.runbooks import ADDRESS as RUNBOOKS
from lab.inbox.runbooks import Runbooks, prose
from lab.inbox.store import MAX_MESSAGE_BYTES, Kind, Query, Store, Summary

HERE = Path(__file__).parent
ROWS_ON_PAGE = 200
ROWS_IN_JSON = 100
MAX_ROWS_IN_JSON = 1_000
LONGEST_NUMBER = 18  # digits; SQLite's integers end a little later

HEADERS = {
    # Our own pages load nothing but our own style, script and frame.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
        "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "X-DNS-Prefetch-Control": "off",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}
# Somebody else's HTML: no script, no form, no request; a link opens when a person clicks it, and elsewhere.
MAIL_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'self'"
)
# Chromium obeys <link rel=preconnect> whatever the policy says, also within <iframe srcdoc>. A tag cannot begin in any
# other way than with these letters, and <meta> is as void and does nothing with the attributes of either.
CALLS_OUT = re.compile(r"<(?:link|iframe)\b", re.IGNORECASE)
# A mail that says nothing of its looks gets those of a mail program.
MAIL_PROLOGUE = (
    '<!DOCTYPE html><base target="_blank"><style>body { margin: 24px 28px; font: 14px/1.5 sans-serif }</style>'
)


def application(
    store: Store,
    runbooks: Runbooks,
    monitoring: Monitoring,
    lab: LocalLab | None = None,
    lifespan: Lifespan[Starlette] | None = None,
) -> Starlette:
    """Make the web application over a store, the runbooks that its messages lead to, and the monitoring.

    `lab` is one without containers, whose incidents can be caused from here.
    """
    templates = _templates()
    inbox = Inbox(store, runbooks, templates)
    incidents = IncidentPages(templates, monitoring, lab)
    routes = [
        Route("/", inbox.page),
        Route("/list", inbox.rows),
        Route("/messages/{id}", inbox.page),
        Route("/messages/{id}/html", inbox.html),
        Route("/messages/{id}/raw", inbox.raw),
        Route("/messages/{id}/attachments/{number}", inbox.attachment),
        Route(RUNBOOKS, inbox.runbook),
        Route(RUNBOOKS + "/{name:path}", inbox.runbook),
        Route(INCIDENTS, incidents.page, methods=["GET"]),
        Route(INCIDENTS, incidents.act, methods=["POST"]),
        Route(INCIDENTS + "/state", incidents.state),
        Route(INCIDENTS + "/{name}", incidents.page, methods=["GET"]),
        Route(INCIDENTS + "/{name}", incidents.act, methods=["POST"]),
        Route(INCIDENTS + "/{name}/state", incidents.state),
        Route("/slack", inbox.receive, methods=["POST"]),
        Route("/api/messages", inbox.find, methods=["GET"]),
        Route("/api/messages", inbox.clear, methods=["DELETE"]),
        Route("/api/messages/{id}", inbox.show),
        Route("/-/healthy", inbox.healthy),
        Mount("/static", StaticFiles(directory=HERE / "static")),
    ]
    middleware = [
        Middleware(SafeHeaders),
        # A page on the internet whose name is made to point to this machine must not read the mail. Containers know the
        # inbox by the last of these names.
        Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "inbox"]),
    ]
    handlers: dict[Any, Any] = {HTTPException: _refusal, ClientDisconnect: _nobody}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifespan)


def _templates() -> Jinja2Templates:
    templates = Jinja2Templates(HERE / "templates")
    templates.env.globals |= {"runbooks_address": RUNBOOKS, "incidents_address": INCIDENTS}
    templates.env.filters |= {
        "mrkdwn": slack.mrkdwn,
        "plain": slack.plain,
        "safe_link": slack.safe_link,
        "prose": prose,
    }
    return templates


class SafeHeaders:
    """Puts HEADERS on every response that has no such header of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                for name, value in HEADERS.items():
                    MutableHeaders(scope=message).setdefault(name, value)
            await send(message)

        await self._app(scope, receive, send_with_headers)


class Inbox:
    """The routes. What is no coroutine runs in a thread."""

    def __init__(self, store: Store, runbooks: Runbooks, templates: Jinja2Templates) -> None:
        self._store = store
        self._runbooks = runbooks
        self._templates = templates

    def page(self, request: Request) -> Response:
        """Show the list and, if one is named, a message."""
        context = self._list_context(request)
        if "id" in request.path_params:
            summary, raw = self._message(request)
            context |= {"message": summary, "size": len(raw), "view": request.query_params.get("view", "")}
            if summary.kind == "mail":
                context |= {"mail": mail.parse(raw), "source": raw.decode("utf-8", "replace")}
            else:
                source = json.dumps(slack.payload_of(raw), indent=2, ensure_ascii=False)
                context |= {"slack": slack.parse(raw), "source": source}
        return self._templates.TemplateResponse(request, "page.html", context)

    def rows(self, request: Request) -> Response:
        """Return the list alone, for a page that is open."""
        return self._templates.TemplateResponse(request, "list.html", self._list_context(request))

    def html(self, request: Request) -> Response:
        """Return the HTML part of a mail, for a sandboxed frame."""
        _, raw = self._message(request, "mail")
        html = MAIL_PROLOGUE + CALLS_OUT.sub("<meta", mail.parse(raw).html)
        return Response(html, media_type="text/html", headers={"Content-Security-Policy": MAIL_POLICY})

    def raw(self, request: Request) -> Response:
        """Return what was received, byte for byte."""
        summary, raw = self._message(request)
        return Response(raw, media_type="text/plain" if summary.kind == "mail" else "application/json")

    def attachment(self, request: Request) -> Response:
        """Return one file of a mail, to be saved and never shown: it may be HTML."""
        _, raw = self._message(request, "mail")
        attachments = mail.parse(raw).attachments
        number = _number(request.path_params["number"])
        if not 0 < number <= len(attachments):
            raise HTTPException(404, "There is no such attachment.")
        found = attachments[number - 1]
        return Response(
            found.content,
            media_type="application/octet-stream",
            headers={"Content-Disposition": f"attachment; filename*=UTF-8''{quote(found.name, safe='')}"},
        )

    def runbook(self, request: Request) -> Response:
        """Show the list of runbooks and, if one is named, that."""
        name = request.path_params.get("name", "")
        runbook = self._runbooks.find(name)
        context = {"runbooks": self._runbooks.all(), "name": name, "runbook": runbook}
        status = 404 if name and not runbook else 200
        return self._templates.TemplateResponse(request, "runbook.html", context, status)

    async def receive(self, request: Request) -> Response:
        """Take a Slack post, as JSON or in the form field `payload`, and answer as Slack does."""
        raw = await _body(request)
        if request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            raw = _payload_field(raw)
        try:
            post = await run_in_threadpool(slack.parse, raw)
        except slack.UnusablePostError as error:
            raise HTTPException(400, str(error)) from error
        await run_in_threadpool(
            self._store.add,
            "slack",
            sender=post.username,
            recipients=(post.channel,) if post.channel else (),
            title=post.title,
            text="\n".join(post.texts),
            raw=raw,
        )
        return PlainTextResponse("ok")

    def find(self, request: Request) -> Response:
        """Return the messages that are meant by kind, text and since, newest first, and how many there are."""
        query = _query(request)
        limit = _number(request.query_params.get("limit", str(ROWS_IN_JSON)))
        if not 0 <= limit <= MAX_ROWS_IN_JSON:
            raise HTTPException(400, f"limit must be a number from 0 to {MAX_ROWS_IN_JSON}.")
        messages = [_json(summary) for summary in self._store.find(query, limit)]
        return JSONResponse({"count": self._store.count(query), "messages": messages})

    def show(self, request: Request) -> Response:
        """Return all of a message."""
        summary, raw = self._message(request)
        if summary.kind == "slack":
            post = slack.parse(raw)
            return JSONResponse(_json(summary) | {"text": "\n".join(post.texts), "payload": slack.payload_of(raw)})
        found = mail.parse(raw)
        attachments = [
            {"name": part.name, "content_type": part.content_type, "size": len(part.content)}
            for part in found.attachments
        ]
        content = {"text": found.text, "html": found.html, "headers": found.headers, "attachments": attachments}
        return JSONResponse(_json(summary) | content)

    def clear(self, request: Request) -> Response:  # noqa: ARG002 - a route takes it
        """Delete all messages."""
        self._store.clear()
        return Response(status_code=204)

    def healthy(self, request: Request) -> Response:  # noqa: ARG002 - a route takes it
        """Say whether messages can be read."""
        try:
            self._store.count(Query())
        except sqlite3.Error as error:
            raise HTTPException(503, f"The store does not answer: {error}") from error
        return PlainTextResponse("The inbox is healthy.\n")

    def _list_context(self, request: Request) -> dict[str, Any]:
        query = _query(request)
        wanted = {"kind": query.kind or "", "text": query.text}
        return {
            "messages": self._store.find(query, ROWS_ON_PAGE),
            "count": self._store.count(query),
            "total": self._store.count(Query()),
            "query": query,
            "filters": urlencode({name: value for name, value in wanted.items() if value}),
            "selected": request.path_params.get("id") or request.query_params.get("selected", ""),
        }

    def _message(self, request: Request, kind: Kind | None = None) -> tuple[Summary, bytes]:
        found = self._store.get(_number(request.path_params["id"]))
        if not found or kind not in (None, found[0].kind):
            raise HTTPException(404, "There is no such message. It may have been deleted, or dropped as the oldest.")
        return found


async def _body(request: Request) -> bytes:
    """Read a body up to the limit, however it is sent."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_MESSAGE_BYTES:
            raise HTTPException(413, f"The inbox takes messages up to {MAX_MESSAGE_BYTES} bytes.")
    return bytes(body)


def _payload_field(form: bytes) -> bytes:
    """Return what the field holds; without one the form is a JSON text, which curl labels a form unless told."""
    try:
        fields = parse_qs(form.decode("utf-8", "replace"), max_num_fields=100)
    except ValueError:  # too many fields
        return form
    return fields["payload"][0].encode() if "payload" in fields else form


def _query(request: Request) -> Query:
    parameters = request.query_params
    kind, since = parameters.get("kind") or None, parameters.get("since")
    if kind not in (None, *get_args(Kind)):
        raise HTTPException(400, f"kind must be one of: {', '.join(get_args(Kind))}.")
    try:
        moment = datetime.fromisoformat(since) if since else None
    except ValueError:
        moment = None
    if since and (moment is None or moment.tzinfo is None):
        raise HTTPException(400, "since must be a time with its zone, as in 2026-01-31T12:00:00Z (a + is sent as %2B).")
    return Query(cast("Kind | None", kind), parameters.get("text", ""), moment)


def _number(text: str) -> int:
    """Return a number from a path or a query; -1, which means nothing anywhere, for anything else."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) <= LONGEST_NUMBER else -1


def _json(summary: Summary) -> dict[str, Any]:
    return asdict(summary) | {"received_at": summary.received_at.isoformat()}


def _refusal(request: Request, error: HTTPException) -> Response:
    """Answer programs in JSON, Slack's senders in Slack's plain words, and people in words."""
    if request.url.path.startswith("/api/"):
        return JSONResponse({"error": error.detail}, error.status_code, error.headers)
    return PlainTextResponse(error.detail, error.status_code, error.headers)


def _nobody(request: Request, error: ClientDisconnect) -> Response:  # noqa: ARG001 - a handler takes them
    """Answer a sender that has gone."""
    return Response(status_code=400)
