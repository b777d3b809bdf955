"""Stops under load: a rolling restart of three hosts behind a proxy, and the time from SIGTERM to the exit.

    python -m tests.benchmarks.stops [--rounds 3] [--stops 100] [--delay 2] [--grace 5] [--connections 16]

The results: failed requests of wrk while each host is replaced by another one, round after round (goal: 0); and how
long hosts take from SIGTERM to exit while wrk sends requests to functions of both kinds (goal: the grace period at
most, each time, with exit code 0).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from http.client import HTTPConnection, HTTPException
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

from hosting.testing import server as hosting_server
from hosting.testing.sources import write_app

APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import asyncio, time
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("sync")
def sync(req: func.HttpRequest) -> str:
    time.sleep(0.02)
    return "sync"

@app.route("async")
async def async_(req: func.HttpRequest) -> str:
    await asyncio.sleep(0.02)
    return "async"
""",
}
POLL_SECONDS = 0.2
"""How often the proxy asks a host whether it is ready."""


class Proxy:
    """Passes each connection on to the next host that is ready, in a thread with an event loop of its own."""

    def __init__(self) -> None:
        self.port = 0
        self._ready: list[int] = []
        self._numbers = count()
        self._ports: set[int] = set()
        self._started = threading.Event()
        threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True).start()
        self._started.wait()

    def add(self, port: int) -> None:
        """Add a host, and wait until the proxy has seen that it is ready."""
        self._ports.add(port)
        while port not in self._ready:
            time.sleep(POLL_SECONDS / 4)

    def remove(self, port: int) -> None:
        """Forget a host that has ended."""
        self._ports.discard(port)

    async def _serve(self) -> None:
        server = await asyncio.start_server(self._pass_on, "127.0.0.1", 0, backlog=1024)
        self.port = server.sockets[0].getsockname()[1]
        self._started.set()
        while True:
            asked = sorted(self._ports)
            answers = await asyncio.gather(*(asyncio.to_thread(is_ready, port) for port in asked))
            self._ready = [port for port, ready in zip(asked, answers, strict=True) if ready]
            await asyncio.sleep(POLL_SECONDS)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        port = self._ready[next(self._numbers) % len(self._ready)]
        with contextlib.suppress(OSError):
            from_host, to_host = await asyncio.open_connection("127.0.0.1", port)
            await asyncio.gather(_copy(reader, to_host), _copy(from_host, writer))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        writer.close()


def is_ready(port: int) -> bool:
    """Ask a host whether it is ready, as the probe of an orchestrator does."""
    connection = HTTPConnection("127.0.0.1", port, timeout=1)
    try:
        connection.request("GET", "/admin/health/ready")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()


@contextmanager
def load(port: int, path: str, connections: int) -> Iterator[list[str]]:
    """Send requests with wrk until the end of the block; the list has its report then."""
    report: list[str] = []
    command = ["wrk", "-t1", f"-c{connections}", "-d3600s", f"http://127.0.0.1:{port}{path}"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    try:
        yield report
    finally:
        process.send_signal(2)  # it reports at Ctrl-C
        report.append(process.communicate(timeout=60)[0])


def failures(report: str) -> int:
    """Return how many requests failed, by the report of wrk."""
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", report)
    others = re.search(r"Non-2xx or 3xx responses: (\d+)", report)
    return sum(int(number) for found in (errors, others) if found for number in found.groups())


def roll(rounds: int, flags: Sequence[str], connections: int) -> bool:
    """Replace each of three hosts, several times, while requests come in through a proxy; print what failed.

    Returns:
        Whether requests were sent, and none failed.
    """
    proxy = Proxy()
    with ExitStack() as stack:
        hosts = [stack.enter_context(hosting_server.serve(APP, *flags)) for _ in range(3)]
        ports = [int(host.url.rpartition(":")[2]) for host in hosts]
        for port in ports:
            proxy.add(port)
        with load(proxy.port, "/api/async", connections) as report:
            for number in range(rounds * 3):
                new = stack.enter_context(hosting_server.serve(APP, *flags))
                port = int(new.url.rpartition(":")[2])
                proxy.add(port)
                old = number % 3
                assert hosts[old].stop() == 0, hosts[old].logs()
                proxy.remove(ports[old])
                hosts[old], ports[old] = new, port
        found = re.search(r"(\d+) requests in", report[0])
        requests, failed = int(found[1]) if found else 0, failures(report[0])
        print(f"rolling restart: {rounds * 3} hosts replaced, {requests} requests, {failed} failed", flush=True)
        return requests > 0 and failed == 0


def stop(stops: int, grace: float, connections: int) -> bool:
    """Stop a host under load, again and again; print how long it took, and how often it ended with another code.

    Returns:
        Whether it took the grace period at most each time, and ended with code 0.
    """
    seconds: list[float] = []
    codes: list[int] = []
    with TemporaryDirectory() as folder:
        for number in range(stops):
            path = "/api/sync" if number % 2 else "/api/async"
            app = Path(folder, str(number))
            app.mkdir()
            with hosting_server.serve(write_app(APP, app), "--grace", str(grace)) as host:
                port = int(host.url.rpartition(":")[2])
                with load(port, path, connections):
                    time.sleep(0.5)
                    began = time.monotonic()
                    codes.append(host.stop())
                    seconds.append(time.monotonic() - began)
    seconds.sort()
    print(
        f"SIGTERM to exit, {stops} times: median {seconds[len(seconds) // 2]:.2f} s, longest {seconds[-1]:.2f} s, ",
        end="",
    )
    print(f"{sum(code != 0 for code in codes)} with another exit code than 0", flush=True)
    return seconds[-1] <= grace and not any(codes)


def main() -> None:
    """Measure both, and print the results; exit with code 1 if a goal is missed."""
    parser = argparse.ArgumentParser(description="Stops under load")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stops", type=int, default=100)
    parser.add_argument("--delay", type=float, default=2.0)
    parser.add_argument("--grace", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=16)
    options = parser.parse_args()
    goals = []
    if options.rounds:
        flags = ("--drain-delay", str(options.delay), "--grace", str(options.grace))
        goals.append(roll(options.rounds, flags, options.connections))
    if options.stops:
        goals.append(stop(options.stops, options.grace, options.connections))
    sys.exit(not all(goals))


if __name__ == "__main__":
    main()
