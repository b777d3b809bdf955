"""Tool calls: processor time beside the same function over plain HTTP, and the rate beside the official server.

``hosting start`` serves a function as an MCP tool and over HTTP, and the official package ``mcp`` serves the same tool,
stateless. Rounds of requests over kept connections alternate, so that other work of the machine affects all alike:

    python plugins/hosting-mcp/tests/benchmark.py [--rounds 7] [--calls 2000]

The results: the medians of the ratios within a round. Goals: a tool call takes at most 1.5 times the processor time of
the HTTP request, and the rate is at least 3 times that of the official server.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import NamedTuple

APP = '''
import azure.functions as func

app = func.FunctionApp(http_auth_level="ANONYMOUS")


@app.route("greet")
async def greet_over_http(req: func.HttpRequest) -> str:
    return f"Hello, {req.get_json()['who']}"


@app.mcp_tool()
async def greet(who: str) -> str:
    """Greet."""
    return f"Hello, {who}"
'''
OFFICIAL = '''
import sys
from mcp.server.fastmcp import FastMCP

server = FastMCP("greeter", port=int(sys.argv[1]), stateless_http=True, log_level="ERROR")


@server.tool()
async def greet(who: str) -> str:
    """Greet."""
    return f"Hello, {who}"


server.run("streamable-http")
'''
TICKS = os.sysconf("SC_CLK_TCK")
CALL = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "greet", "arguments": {"who": "Ann"}}}


class Contestant(NamedTuple):
    """A served function: its process, its port, and the bytes of a request."""

    process: subprocess.Popen[bytes]
    port: int
    request: bytes

    def processor_seconds(self) -> float:
        """Return the processor time of its process so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def run(self, calls: int) -> tuple[float, float]:
        """Return the seconds and the processor seconds of some calls over one connection."""
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            self._call(connection)
            begin, used = time.perf_counter(), self.processor_seconds()
            for _ in range(calls):
                self._call(connection)
            return time.perf_counter() - begin, self.processor_seconds() - used

    def _call(self, connection: socket.socket) -> None:
        connection.sendall(self.request)
        received = b""
        while not _is_complete(received):
            piece = connection.recv(65536)
            assert piece, received
            received += piece
        assert b" 200 " in received[:20], received
        assert b"Hello, Ann" in received, received


def _is_complete(response: bytes) -> bool:
    head, separator, body = response.partition(b"\r\n\r\n")
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return bool(separator) and len(body) >= int(line.partition(b":")[2])
    return response.endswith(b"0\r\n\r\n")


def request(port: int, path: str, body: object) -> bytes:
    """Return a request as bytes."""
    content = json.dumps(body).encode()
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\n"
    return (
        f"{head}Accept: application/json, text/event-stream\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        + content
    )


@contextmanager
def served(command: list[str], port: int, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command until the end of the block, once it listens."""
    with (path / f"{port}.txt").open("wb") as output:
        environ = {**os.environ, "PYTHONPATH": str(path / "site"), "FUNCTIONS_EXTENSION_VERSION": "~4"}
        process = subprocess.Popen(command, stdout=output, stderr=output, env=environ)
        try:
            while True:
                assert process.poll() is None, (path / f"{port}.txt").read_text()
                try:
                    socket.create_connection(("127.0.0.1", port)).close()
                    break
                except OSError:
                    time.sleep(0.05)
            yield process
        finally:
            process.terminate()
            process.wait(30)


def free_port() -> int:
    """Return a port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main() -> None:
    """Run the rounds, and print the ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--calls", type=int, default=2000)
    options = parser.parse_args()
    from mcp_support import install

    with TemporaryDirectory() as folder, ExitStack() as stack:
        root = Path(folder)
        install(root / "site")
        (root / "app").mkdir()
        (root / "app" / "function_app.py").write_text(APP)
        (root / "app" / "host.json").write_text('{"version": "2.0"}')
        (root / "official.py").write_text(OFFICIAL)
        port, other = free_port(), free_port()
        host = stack.enter_context(
            served([sys.executable, "-m", "hosting", "start", str(root / "app"), "--port", str(port)], port, root)
        )
        official = stack.enter_context(served([sys.executable, str(root / "official.py"), str(other)], other, root))
        contestants = {
            "HTTP": Contestant(host, port, request(port, "/api/greet", {"who": "Ann"})),
            "tool": Contestant(host, port, request(port, "/runtime/webhooks/mcp", CALL)),
            "official": Contestant(official, other, request(other, "/mcp", CALL)),
        }
        rounds = [
            {name: one.run(options.calls) for name, one in contestants.items()} for _ in range(options.rounds + 1)
        ][1:]  # the first one warms up
    for name in contestants:
        seconds, used = (median(one[name][index] for one in rounds) / options.calls for index in (0, 1))
        print(f"{name:10} {1 / seconds:7.0f} calls/s   {used * 1e6:6.0f} µs of processor time per call")
    cost = median(one["tool"][1] / one["HTTP"][1] for one in rounds)
    rate = median(one["official"][0] / one["tool"][0] for one in rounds)
    print(f"processor time of a tool call / of the HTTP request: {cost:.2f} (goal: 1.5 or less)")
    print(f"rate of tool calls / that of the official server: {rate:.1f} (goal: 3 or more)")


if __name__ == "__main__":
    main()
