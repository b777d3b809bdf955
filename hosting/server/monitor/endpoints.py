"""The endpoints below ``/admin/host`` that show what a host does: ``docs/reference/admin.md`` describes them."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

from hosting._text import comma_separated
from hosting.bindings.http.response import HttpReply
from hosting.host.recorder import MAX_RECENT
from hosting.logging.tail import MAX_LINES
from hosting.server.monitor.all_monitors import AllMonitors
from hosting.server.monitor.events import EventStreams
from hosting.server.monitor.monitor import Monitor
from hosting.server.monitor.page import Page
from hosting.server.monitor.panels import PanelReply, Panels
from hosting.server.monitor.token import PageToken
from hosting.server.processes import Processes
from hosting.server.types import Scope

_JSON = ((b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store"))
_PANELS = "panels/"
_KINDS = ("invocations", "logs")


class MonitorEndpoints:
    """Answers GET requests for what a host shows of itself.

    Args:
        monitor: answers for this process.
        processes: all processes of the host.
        token: the token of the page.
    """

    def __init__(self, monitor: Monitor, processes: Processes, token: PageToken) -> None:
        self.token = token
        self.page = Page()
        self.recorder = monitor.recorder
        self.answer = monitor.answer
        self._monitors = AllMonitors(monitor, processes)
        self._events = EventStreams(monitor.host, self._monitors)
        self._panels = Panels(monitor.host)

    async def read(
        self, scope: Scope, name: str, status: Callable[[], Awaitable[Mapping[str, Any]]]
    ) -> HttpReply | None:
        """Return the document of a name; None if there is none.

        Args:
            scope: the request's.
            name: what follows ``/admin/host/``, in lower case.
            status: returns the status of the host.
        """
        text = scope["query_string"].decode("latin-1")
        if name.startswith(_PANELS):
            shown = dict(parse_qsl(text, keep_blank_values=True))
            return _panel_reply(await self._panels.show(name[len(_PANELS) :], shown))
        query = {key.lower(): value for key, value in parse_qsl(text)}
        try:
            if name == "events":
                return self._stream(query)
            document = await self._document(name, query)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        if name == "figures":
            document = {"host": dict(await status()), **(document or {}), "token": self.token.value}
        return None if document is None else _json(document)

    async def act(self, path: str, body: bytes) -> HttpReply | None:
        """Do what a panel is asked for; None if there is no such panel.

        Args:
            path: what follows ``/admin/host/``: ``panels/NAME/ACTION``.
            body: the request's: a JSON object with texts.
        """
        name, _, action = path[len(_PANELS) :].partition("/")
        if not path.lower().startswith(_PANELS) or not action:
            return None
        try:
            values = _values(body)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        return _panel_reply(await self._panels.act(name.lower(), action, values))

    async def _document(self, name: str, query: Mapping[str, str]) -> dict[str, Any] | None:
        monitors, function = self._monitors, query.get("function", "")
        match name:
            case "figures":
                return await monitors.figures()
            case "chart":
                return await monitors.chart()
            case "settings":
                return monitors.settings()
            case "panels":
                return self._panels.list()
            case "invocations":
                return {"invocations": await monitors.invocations(function, _number(query, "last", MAX_RECENT))}
            case "logs":
                last = _number(query, "last", MAX_LINES)
                return {"lines": await monitors.logs(function, query.get("invocation", ""), last)}
        return None

    def _stream(self, query: Mapping[str, str]) -> HttpReply:
        past = _number(query, "past", MAX_RECENT, default=0)
        return self._events.reply(_kinds(query.get("kinds", "invocations,logs")), query.get("function", ""), past)


def _values(body: bytes) -> dict[str, str]:
    """Return the values of a form."""
    try:
        values = json.loads(body or b"{}")
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError("The body must be a JSON object with texts as its values.")
    return values


def _number(query: Mapping[str, str], name: str, limit: int, *, default: int | None = None) -> int:
    text = query.get(name)
    if text is None:
        return limit if default is None else default
    if not (text.isascii() and text.isdigit()) or len(text) > 9 or int(text) > limit:
        raise ValueError(f"{name}: expected a whole number from 0 to {limit}, found {text[:40]!r}")
    return int(text)


def _kinds(text: str) -> Sequence[str]:
    wanted = comma_separated(text.lower())
    if not wanted or set(wanted) - set(_KINDS):
        raise ValueError(f"kinds: expected invocations, logs, or both with a comma, found {text[:40]!r}")
    return [kind for kind in _KINDS if kind in wanted]


def _panel_reply(reply: PanelReply | None) -> HttpReply | None:
    return None if reply is None else _json(reply.document, reply.status)


def _json(value: Any, status: int = 200) -> HttpReply:
    return HttpReply(status, list(_JSON), json.dumps(value, default=str).encode() + b"\n")
