"""The time until the first answer: ``hosting start``, relative to bare uvicorn with azure.functions imported.

Both sides alternate within one run, so that other work of the machine affects both alike:

    python tests/benchmarks/first_request.py [--rounds 15]

The result is the median of the ratios; the goal is 1.5 or less.
"""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from statistics import median

ROOT = Path(__file__).resolve().parent.parent.parent
QUICKSTART = ROOT / "examples" / "quickstart"
PATIENCE = 60.0

BARE_APP = """\
import azure.functions


async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"5")]})
        await send({"type": "http.response.body", "body": b"Hello"})
"""


def first_answer(command: Sequence[str], port: int, environ: Mapping[str, str], cwd: Path) -> float:
    """Return the seconds from starting ``command`` to the first byte of its first answer on ``port``.

    Raises:
        SystemExit: the command ended, or did not answer in time.
    """
    started = time.perf_counter()
    quiet = subprocess.DEVNULL
    process = subprocess.Popen(command, env=dict(environ), cwd=cwd, stdout=quiet, stderr=quiet)
    try:
        while time.perf_counter() - started < PATIENCE:
            if process.poll() is not None:
                sys.exit(f"{' '.join(command)} ended with code {process.returncode}")
            with suppress(ConnectionError):
                _request(port)
                return time.perf_counter() - started
            time.sleep(0.002)
        sys.exit(f"{' '.join(command)} does not answer")
    finally:
        process.terminate()
        process.wait()


def _request(port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(b"GET /api/HttpTrigger?name=Ada HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        status = client.recv(4096).split(b"\r\n", 1)[0]
    if status != b"HTTP/1.1 200 OK":
        sys.exit(f"port {port} answered {status!r}")


def measure(rounds: int) -> list[tuple[float, float]]:
    """Return the seconds of both sides, ours first, for each of ``rounds``; one round before them warms the caches."""
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON_", "HOSTING_"))}
    with tempfile.TemporaryDirectory() as directory:
        (Path(directory) / "bare.py").write_text(BARE_APP)
        pairs = [_pair(environ, Path(directory)) for _ in range(rounds + 1)]
    return pairs[1:]


def _pair(environ: Mapping[str, str], directory: Path) -> tuple[float, float]:
    ours, bare = _free_port(), _free_port()
    hosting = [sys.executable, "-m", "hosting", "start", str(QUICKSTART), "--port", str(ours)]
    uvicorn = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(bare)]
    return first_answer(hosting, ours, environ, ROOT), first_answer(uvicorn, bare, environ, directory)


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Time from start to the first answer.")
    parser.add_argument("--rounds", type=int, default=15, help="pairs to measure (default: 15)")
    pairs = measure(parser.parse_args(arguments).rounds)
    ours, bare = zip(*pairs, strict=True)
    print(f"hosting start examples/quickstart  {median(ours) * 1000:7.1f} ms")
    print(f"uvicorn + import azure.functions   {median(bare) * 1000:7.1f} ms")
    print(f"median of {len(pairs)} ratios: {median(a / b for a, b in pairs):.2f}")


if __name__ == "__main__":
    main()
