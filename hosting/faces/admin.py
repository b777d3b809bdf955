"""What the host itself answers: the home page and the endpoints below ``/admin``."""

from __future__ import annotations

import json
import platform
from time import monotonic
from typing import Any

import hosting
from hosting.bindings.http.response import HttpReply
from hosting.errors import ExtensionError
from hosting.host._ids import new_id
from hosting.host.function_host import FunctionHost

_HTML = (b"content-type", b"text/html; charset=utf-8")
_JSON = (b"content-type", b"application/json; charset=utf-8")
_EXTENSIONS = "/admin/extensions/"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Function app</title></head>
<body><h1>Your function app is up and running</h1>
<p>What it is made of: <a href="/admin/host/status">status</a>, <a href="/admin/host/extensions">extensions</a>.</p>
</body></html>
"""


class Admin:
    """Answers for a host what no function does. Paths compare ignoring case."""

    def __init__(self, host: FunctionHost) -> None:
        self._host = host
        self._since = monotonic()
        self._instance = new_id()

    def takes(self, path: str) -> bool:
        """Whether ``path`` is below ``/admin``: no function can have it."""
        return path[:7].lower() == "/admin/"

    def home(self) -> HttpReply:
        """The page at ``/``; nothing where ``AzureWebJobsDisableHomepage`` is ``true``, as in Azure's host."""
        if self._host.environ.get("AzureWebJobsDisableHomepage", "").lower() == "true":
            return HttpReply(204, [], b"")
        return HttpReply(200, [_HTML], _PAGE.encode())

    async def answer(self, method: str, path: str) -> HttpReply:
        """Answer a request below ``/admin``; 404 without a body for what is not there."""
        place = path.rstrip("/").lower()
        if place == "/admin/host/ping" and method in ("GET", "POST", "HEAD"):
            return HttpReply(200, [], b"")
        if place == "/admin/host/status" and method in ("GET", "HEAD"):
            return _json(self._status())
        if place == "/admin/host/extensions" and method in ("GET", "HEAD"):
            return _json(self._host.extensions.diagnosis())
        if place.startswith(_EXTENSIONS) and method == "POST":
            return self._switch(path.rstrip("/")[len(_EXTENSIONS) :])
        return HttpReply(404, [], b"")

    def _status(self) -> dict[str, Any]:
        return {
            "id": self._host.root.name,
            "state": "Running",
            "version": hosting.__version__,
            "versionDetails": hosting.__version__,
            "platformVersion": platform.python_version(),
            "instanceId": self._instance,
            "computerName": platform.node(),
            "processUptime": int((monotonic() - self._since) * 1000),
            "errors": [problem.message for problem in self._host.problems if problem.severity == "error"],
        }

    def _switch(self, place: str) -> HttpReply:
        """``NAME/pause`` or ``NAME/resume``."""
        name, _, action = place.rpartition("/")
        switches = {"pause": self._host.extensions.pause, "resume": self._host.extensions.resume}
        if not name or action.lower() not in switches:
            return HttpReply(404, [], b"")
        try:
            switches[action.lower()](name)
        except ExtensionError as error:
            return _json({"error": str(error)}, 404)
        return _json({"name": name, "action": action.lower()})


def _json(value: Any, status: int = 200) -> HttpReply:
    return HttpReply(status, [_JSON], json.dumps(value, indent=2, default=str).encode() + b"\n")
