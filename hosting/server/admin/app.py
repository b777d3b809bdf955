"""The home page, and the endpoints below ``/admin``."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeAlias

from hosting._text import is_true
from hosting.bindings.http.request import parse_headers
from hosting.bindings.http.response import HttpReply
from hosting.errors import ExtensionError
from hosting.extensions import GuardPauseError, PauseWord
from hosting.host.function_host import FunctionHost
from hosting.server.admin.functions import AdminFunctions
from hosting.server.admin.hosts import AllHosts
from hosting.server.body import read_body
from hosting.server.monitor import QUESTION
from hosting.server.processes import Processes
from hosting.server.replies import empty
from hosting.server.types import REFUSED, Receive, Scope

if TYPE_CHECKING:
    from hosting.server.auth import MasterKey
    from hosting.server.keys import KeySource
    from hosting.server.monitor.endpoints import MonitorEndpoints

    MakeMonitor: TypeAlias = Callable[[Processes], MonitorEndpoints]

_HTML = (b"content-type", b"text/html; charset=utf-8")
_JSON = (b"content-type", b"application/json; charset=utf-8")
_TEXT = (b"content-type", b"text/plain; charset=utf-8")
_EXTENSIONS = "/admin/extensions/"
_FUNCTIONS = "/admin/functions"
_HOST = "/admin/host/"
_READ_METHODS = ("GET", "HEAD")
_REFUSALS = {401: "no master key", 404: "the host has no such endpoint"}
"""Why a request is refused, by the status of the response."""
_DRAINED = b"The host is drained: it runs no function manually before POST /admin/host/resume.\n"
_STOPPING = b"The host stops: it begins no more manual runs.\n"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Function app</title></head>
<body><h1>Your function app is up and running</h1>
<p>More about it: <a href="/admin/host/status">status</a>, <a href="/admin/host/extensions">extensions</a>.</p>
</body></html>
"""


class Admin:
    """Answers requests about a host, and runs its functions manually. The case of paths does not matter.

    What it says holds for all processes of the host, and what it does happens in each of them.

    Args:
        host: the function host, loaded.
        processes: all processes of the host, to which it adds its questions.
        keys: the keys of the app, whose master key all but a ping need; None if callers need none.
        limit: the largest body that is read, in bytes.
        make_monitor: makes what shows the host, when it is first asked for; None if nothing does.
    """

    def __init__(
        self,
        host: FunctionHost,
        processes: Processes,
        keys: KeySource | None,
        limit: int,
        make_monitor: MakeMonitor | None = None,
    ) -> None:
        self._host = host
        self._processes = processes
        self._make_monitor = make_monitor
        if make_monitor is not None:
            # Another process may be asked first: this one answers as well.
            processes.add(QUESTION, lambda **arguments: self._monitored().answer(**arguments))
        self._hosts = AllHosts(host, processes)
        self._functions = AdminFunctions(host, processes)
        self._has_master_key = None if keys is None else _master_key(keys)
        self._limit = limit

    @cached_property
    def _monitor(self) -> MonitorEndpoints | None:
        return None if self._make_monitor is None else self._make_monitor(self._processes)

    def _monitored(self) -> MonitorEndpoints:
        assert self._monitor is not None
        return self._monitor

    def takes(self, path: str) -> bool:
        """Return whether ``path`` is below ``/admin``: no function can have it."""
        return path[:7].lower() == "/admin/"

    def home(self, scope: Scope) -> HttpReply:
        """Return the page at ``/``: the one that shows the host, if callers need no keys.

        204 if ``AzureWebJobsDisableHomepage`` is ``true``, as in Azure's host.
        """
        if self._host.environ.get("AzureWebJobsDisableHomepage", "").lower() == "true":
            return empty(204)
        if self._monitor is not None and self._has_master_key is None:
            return self._monitor.page.reply(scope)
        return HttpReply(200, [_HTML], _PAGE.encode())

    async def answer(self, scope: Scope, receive: Receive, path: str) -> HttpReply:
        """Answer a request below ``/admin``: 404 without a body for an unknown path, 401 without the master key.

        Raises:
            Disconnected: the client disconnected before its request was complete.
            TooLarge: the body is larger than the limit.
        """
        reply = await self._answer(scope, receive, path)
        if reply.status in _REFUSALS:
            scope[REFUSED] = _REFUSALS[reply.status]
        return reply

    async def _answer(self, scope: Scope, receive: Receive, path: str) -> HttpReply:
        method, endpoint = scope["method"], path.rstrip("/").lower()
        if endpoint == "/admin/host/ping" and method in ("GET", "POST", "HEAD"):
            return empty(200)
        if self._monitor is not None and endpoint == "/admin/ui" and method in _READ_METHODS:
            return self._monitor.page.reply(scope)  # it has no facts about the host
        if self._has_master_key is not None and not self._has_master_key(scope):
            return empty(401)
        if method not in _READ_METHODS and self._lacks_token(scope):
            scope[REFUSED] = "no token of the page"
            return _json({"error": "A request of a page needs the token of this host's page."}, 403)
        if endpoint == "/admin/warmup" and method in ("GET", "HEAD", "POST"):
            return empty(200 if await self._hosts.warm_up() else 500)
        if method in _READ_METHODS:
            return await self._read(scope, endpoint)
        return await self._do(scope, receive, path.rstrip("/")) if method == "POST" else empty(404)

    async def _do(self, scope: Scope, receive: Receive, path: str) -> HttpReply:
        endpoint = path.lower()
        if endpoint == "/admin/host/drain":
            return _json(await self._hosts.drain(), 202)
        if endpoint == "/admin/host/resume":
            status, document = await self._hosts.end_drain()
            return _json(document, status)
        if self._monitor is not None and endpoint.startswith(f"{_HOST}panels/"):
            body = await read_body(receive, parse_headers(scope["headers"]), self._limit)
            return await self._monitor.act(path[len(_HOST) :], body) or empty(404)
        if endpoint.startswith(_EXTENSIONS):
            return await self._pause_or_resume(path[len(_EXTENSIONS) :], scope.get("query_string", b""))
        if endpoint.startswith(f"{_FUNCTIONS}/"):
            return await self._run(scope, receive, path[len(_FUNCTIONS) + 1 :])
        return empty(404)

    def _lacks_token(self, scope: Scope) -> bool:
        return self._monitor is not None and self._monitor.token.is_missing(parse_headers(scope["headers"]))

    async def _read(self, scope: Scope, endpoint: str) -> HttpReply:
        if endpoint == "/admin/host/status":
            return _json(await self._hosts.status())
        if endpoint == "/admin/host/drain/status":
            return _json(await self._hosts.drain_status())
        if endpoint == "/admin/host/extensions":
            return _json(await self._hosts.diagnosis())
        if endpoint == _FUNCTIONS:
            return _json(self._functions.all(_base(scope)))
        if self._monitor is not None and endpoint.startswith(_HOST):
            return await self._monitor.read(scope, endpoint[len(_HOST) :], self._hosts.status) or empty(404)
        if not endpoint.startswith(f"{_FUNCTIONS}/"):
            return empty(404)
        name, _, part = endpoint[len(_FUNCTIONS) + 1 :].partition("/")
        if part == "outputs":
            document = await self._functions.outputs(name)
        elif part == "status":
            document = self._functions.status(name)
        else:
            document = None if part else self._functions.one(name, _base(scope))
        return empty(404) if document is None else _json(document)

    async def _run(self, scope: Scope, receive: Receive, name: str) -> HttpReply:
        if self._host.listening.is_drained or self._host.state in ("stopping", "stopped"):
            return HttpReply(409, [_TEXT], _DRAINED if self._host.listening.is_drained else _STOPPING)
        body = await read_body(receive, parse_headers(scope["headers"]), self._limit)
        name, waits = (name[: -len("/run")], True) if name.lower().endswith("/run") else (name, False)
        try:
            if waits:
                recorder = None if self._monitor is None else self._monitor.recorder
                return _json(await self._functions.run_to_end(name, body, recorder))
            await self._functions.run(name, body)
        except KeyError:
            return empty(404)
        except ValueError as error:
            return HttpReply(400, [_TEXT], f"{error}\n".encode())
        return empty(202)

    async def _pause_or_resume(self, path: str, query: bytes) -> HttpReply:
        """Answer a POST to ``NAME/pause``, for a guard with ``?deny`` or ``?open``, or to ``NAME/resume``.

        202 says that not every process has done it yet.
        """
        name, _, action = path.rpartition("/")
        action = action.lower()
        if not name or action not in ("pause", "resume"):
            return empty(404)
        try:
            if action == "pause":
                missing = await self._hosts.pause(name, _pause_word(query))
            else:
                missing = await self._hosts.resume(name)
        except GuardPauseError as error:
            return _json({"error": str(error)}, 409)
        except ExtensionError as error:
            return _json({"error": str(error)}, 404)
        document = {"name": name, "action": action}
        return _json({**document, "processes": missing}, 202) if missing else _json(document)


def _pause_word(query: bytes) -> PauseWord:
    """Return the word of a query such as ``?deny``, ``?deny=`` or ``?deny=1``; none for ``?open=false``, or both."""
    parts = (part.partition("=") for part in query.decode("latin-1").lower().split("&"))
    words = {word for word, _, value in parts if not value or is_true(value)}
    if {"deny", "open"} <= words:
        return ""
    return "deny" if "deny" in words else "open" if "open" in words else ""


def _master_key(keys: KeySource) -> MasterKey:
    from hosting.server.auth import MasterKey  # costs a start what few starts need

    return MasterKey(keys)


def _base(scope: Scope) -> str:
    """Return scheme, host name and port, as the caller knows them."""
    name, port = scope.get("server") or ("localhost", 80)
    return f"{scope['scheme']}://{parse_headers(scope['headers']).get('host') or f'{name}:{port}'}"


def _json(value: Any, status: int = 200) -> HttpReply:
    return HttpReply(status, [_JSON], json.dumps(value, indent=2, default=str).encode() + b"\n")
