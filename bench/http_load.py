"""Load on an HTTP address: one request over and over on several connections, each timed."""

import asyncio
import time
from dataclasses import dataclass, field


@dataclass
class Load:
    """What came of it: seconds of each answer, and how many were not 200."""

    seconds: list[float] = field(default_factory=list)
    refused: int = 0

    def quantile(self, share: float) -> float:
        """Return the seconds that this share of the answers has not exceeded."""
        return sorted(self.seconds)[int(len(self.seconds) * share)]


async def load(port: int, path: str, body: bytes, *, connections: int, seconds: float) -> Load:
    """Post to a local port for some time, on each connection as soon as the last answer is there."""
    found = Load()
    request = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    until = time.perf_counter() + seconds

    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            while time.perf_counter() < until:
                began = time.perf_counter()
                writer.write(request)
                head = await reader.readuntil(b"\r\n\r\n")
                length = int(head.lower().partition(b"content-length:")[2].split()[0])
                await reader.readexactly(length)
                found.seconds.append(time.perf_counter() - began)
                found.refused += head.split(maxsplit=2)[1] != b"200"
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(connections)))
    return found
