"""The mail server: takes every mail for anybody, from this machine, and hands it to the store."""

import asyncio
import logging
import socket
import sqlite3

from aiosmtpd.smtp import SMTP, Envelope, Session

from lab.inbox import mail
from lab.inbox.store import MAX_MESSAGE_BYTES, Store

log = logging.getLogger(__name__)


async def start(store: Store, listening: socket.socket) -> asyncio.Server:
    """Serve SMTP on a listening socket. A mail over the limit is refused with 552."""
    receiver = Receiver(store)
    loop = asyncio.get_running_loop()

    def session() -> SMTP:
        return SMTP(
            receiver,
            data_size_limit=MAX_MESSAGE_BYTES,
            enable_SMTPUTF8=True,
            hostname="localhost",
            ident="inbox",
            loop=loop,
        )

    return await loop.create_server(session, sock=listening)


class Receiver:
    """What aiosmtpd calls for each mail."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: ARG002, N802 - aiosmtpd's
        """Keep one mail and return the answer to its sender, who will try again if it could not be kept."""
        try:
            # In a thread: a large mail takes a moment to read, and other senders must not wait.
            await asyncio.to_thread(self._keep, envelope)
        except (OSError, sqlite3.Error):
            log.exception("A mail from %s could not be kept", envelope.mail_from)
            return "451 The inbox could not keep this message; its log says why"
        return "250 Kept"

    def _keep(self, envelope: Envelope) -> None:
        raw = envelope.original_content or b""
        found = mail.parse(raw)
        self._store.add(
            "mail",
            sender=found.sender or envelope.mail_from or "",
            recipients=tuple(envelope.rcpt_tos),
            title=found.subject,
            text=found.text,
            raw=raw,
        )
