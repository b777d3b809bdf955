"""The client of a debugger: the part of the Debug Adapter Protocol that tests need."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.conftest import PATIENCE


class Debugger:
    """Attaches to a process that listens for one.

    Args:
        port: where it listens, on this machine.
    """

    def __init__(self, port: int) -> None:
        self._connection = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self._stream = self._connection.makefile("rb")
        self._sent = 0
        self._seen: list[dict[str, Any]] = []

    def __enter__(self) -> Debugger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, frames: TracebackType | None
    ) -> None:
        self._stream.close()
        self._connection.close()

    def attach(self, file: Path, line: int) -> None:
        """Attach with one breakpoint, and let the process continue."""
        self.request("initialize", adapterID="tests", pathFormat="path")
        self._send("attach", justMyCode=True)
        self.event("initialized")
        breakpoints = self.request("setBreakpoints", source={"path": str(file)}, breakpoints=[{"line": line}])
        assert breakpoints["breakpoints"][0]["line"] == line, breakpoints
        self.request("configurationDone")

    def evaluate_at_stop(self, expression: str) -> str:
        """Wait for the breakpoint; return the value of an expression there, and continue."""
        thread = self.event("stopped")["threadId"]
        frame = self.request("stackTrace", threadId=thread)["stackFrames"][0]["id"]
        value: str = self.request("evaluate", expression=expression, frameId=frame)["result"]
        self.request("continue", threadId=thread)
        return value

    def request(self, command: str, **arguments: Any) -> dict[str, Any]:
        """Send a request; return the body of its response."""
        number = self._send(command, **arguments)
        response = self._until(lambda message: message.get("request_seq") == number)
        assert response["success"], response
        body: dict[str, Any] = response.get("body") or {}
        return body

    def event(self, name: str) -> dict[str, Any]:
        """Wait for an event; return its body."""
        body: dict[str, Any] = self._until(lambda message: message.get("event") == name).get("body") or {}
        return body

    def _send(self, command: str, **arguments: Any) -> int:
        self._sent += 1
        content = json.dumps({"seq": self._sent, "type": "request", "command": command, "arguments": arguments})
        self._connection.sendall(f"Content-Length: {len(content)}\r\n\r\n{content}".encode())
        return self._sent

    def _until(self, fits: Any) -> dict[str, Any]:
        for message in self._seen:
            if fits(message):
                self._seen.remove(message)
                return message
        while True:
            message = self._receive()
            if fits(message):
                return message
            self._seen.append(message)

    def _receive(self) -> dict[str, Any]:
        length = 0
        while line := self._stream.readline().strip():
            length = int(line.partition(b":")[2])
        message: dict[str, Any] = json.loads(self._stream.read(length))
        return message
