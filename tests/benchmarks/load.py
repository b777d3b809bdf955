"""Load on one URL from several connections: wrk where it is installed, else a generator in Python."""

from __future__ import annotations

import asyncio
import re
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass


def uses_wrk(seconds: float) -> bool:
    """Return whether ``wrk`` generates the load: where it is installed, and for whole seconds."""
    return shutil.which("wrk") is not None and seconds >= 1


@dataclass(frozen=True, slots=True)
class Load:
    """The number of answered requests, and the seconds."""

    answers: int
    seconds: float

    @property
    def rate(self) -> float:
        """Return the requests per second."""
        return self.answers / self.seconds


def load(port: int, path: str, *, seconds: float, connections: int = 32, header: str = "x-load: 1") -> Load:
    """Keep every connection busy with GET requests for ``path``, which have one more header.

    Raises:
        SystemExit: an answer was not 200.
    """
    if uses_wrk(seconds):
        return _wrk(port, path, round(seconds), connections, header)
    return asyncio.run(_python(port, path, seconds, connections, header))


def _wrk(port: int, path: str, seconds: int, connections: int, header: str) -> Load:
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-H", header, f"http://127.0.0.1:{port}{path}"]
    printed = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 60).stdout
    if "Non-2xx" in printed or "Socket errors" in printed:
        sys.exit(f"{path} was not answered with 200 only:\n{printed}")
    count, rate = re.search(r"(\d+) requests in", printed), re.search(r"Requests/sec:\s+([\d.]+)", printed)
    assert count is not None, printed
    assert rate is not None, printed
    return Load(int(count[1]), int(count[1]) / float(rate[1]))


async def _python(port: int, path: str, seconds: float, connections: int, header: str) -> Load:
    request = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n{header}\r\n\r\n".encode()
    began = time.monotonic()
    clients = (_client(port, request, began + seconds) for _ in range(connections))
    answers = sum(await asyncio.gather(*clients))
    return Load(answers, time.monotonic() - began)


async def _client(port: int, request: bytes, end: float) -> int:
    """Send requests one at a time on one connection until ``end``, at least one; return how many were answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answers = 0
    while not answers or time.monotonic() < end:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
        if not head.startswith(b"HTTP/1.1 200 ") or length is None:
            sys.exit(f"answered {head!r}")
        await reader.readexactly(int(length[1]))
        answers += 1
    writer.close()
    await writer.wait_closed()
    return answers
