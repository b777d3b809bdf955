"""The panels of binding packages over HTTP: their parts as documents, without secrets and with bounds."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cached_property, singledispatch
from itertools import islice
from typing import Any, NamedTuple

from hosting._exceptions import error_text, type_name
from hosting._log import host_logger
from hosting._redaction import redact
from hosting.bindings.panels import Bar, Cell, Facts, Field, Form, Link, Panel, Part, Status, Table, Text, Timeline
from hosting.errors import HostingError
from hosting.host.function_host import FunctionHost
from hosting.host.recorder import MAX_SHOWN_CHARACTERS

MAX_ROWS = 500
"""How many rows of a table, and bars of a timeline, are sent."""
MAX_TEXT_CHARACTERS = 100_000
"""The length from which a text is cut."""
SHOW_SECONDS = 10.0
"""How long a panel may take to show something."""
_NAME = re.compile(r"[a-z0-9-]+")

_logger = host_logger("bindings")


class PanelReply(NamedTuple):
    """A status of HTTP, and what the body says."""

    status: int
    document: Mapping[str, Any]


class Panels:
    """The panels of one host.

    Args:
        host: the function host, loaded.
    """

    def __init__(self, host: FunctionHost) -> None:
        self._host = host

    @cached_property
    def _by_name(self) -> Mapping[str, Panel]:
        """The panels by name, collected once, when the page is first opened."""
        found: dict[str, Panel] = {}
        for provider in self._host.providers:
            try:
                for panel in provider.panels():
                    _add(found, panel)
            except Exception:  # a package may raise anything
                _logger.exception("The panels of %s are not shown.", type_name(provider))
        return found

    def list(self) -> dict[str, Any]:
        """Return ``GET /admin/host/panels``."""
        return {"panels": [{"name": name, "title": one.title} for name, one in self._by_name.items()]}

    async def show(self, name: str, query: Mapping[str, str]) -> PanelReply | None:
        """Return ``GET /admin/host/panels/NAME``; None if there is no such panel.

        Args:
            name: the panel's name.
            query: the argument of ``Panel.show``.
        """
        panel = self._by_name.get(name)
        return None if panel is None else await _reply(panel, "show", SHOW_SECONDS, query)

    async def act(self, name: str, action: str, values: Mapping[str, str]) -> PanelReply | None:
        """Do what ``POST /admin/host/panels/NAME/ACTION`` asks for; None if there is no such panel.

        Args:
            name: the panel's name.
            action: as for ``Panel.act``.
            values: as for ``Panel.act``.
        """
        panel = self._by_name.get(name)
        return None if panel is None else await _reply(panel, "act", None, action, values)


def _add(found: dict[str, Panel], panel: Panel) -> None:
    if not _NAME.fullmatch(panel.name):
        raise ValueError(f"a panel is named {panel.name!r}: expected lower-case letters, digits and hyphens")
    if found.setdefault(panel.name, panel) is not panel:
        raise ValueError(f"two panels are named {panel.name!r}")


async def _reply(panel: Panel, method: str, seconds: float | None, *arguments: Any) -> PanelReply:
    """Call a method of a panel, and return its parts; what it raises becomes a message."""
    limit = asyncio.timeout(seconds)
    try:
        async with limit:
            parts: Sequence[Part] = await getattr(panel, method)(*arguments)
        return PanelReply(200, {"name": panel.name, "title": panel.title, "parts": [document(one) for one in parts]})
    except (HostingError, ValueError) as error:
        return PanelReply(400, {"error": _shown(str(error))})
    except Exception as error:  # a package may raise anything, a TimeoutError of its own included
        if limit.expired():
            return PanelReply(504, {"error": f"The panel has not answered within {seconds:g} s."})
        _logger.exception("The panel %r failed.", panel.name)
        return PanelReply(500, {"error": _shown(error_text(error))})


@singledispatch
def document(part: Part) -> dict[str, Any]:
    """Return a part as JSON: ``docs/reference/admin.md`` describes it.

    Args:
        part: the part.

    Raises:
        TypeError: it is none of the known parts.
    """
    raise TypeError(f"a panel has a part of type {type_name(part)}")


@document.register
def _(part: Table) -> dict[str, Any]:
    rows = [[_cell(one) for one in row] for row in islice(part.rows, MAX_ROWS)]
    more = None if part.more is None else _cell(part.more)
    columns = [_shown(one) for one in part.columns]
    shown = {"title": _shown(part.title), "columns": columns, "rows": rows, "empty": _shown(part.empty), "more": more}
    return {"kind": "table", **shown}


@document.register
def _(part: Facts) -> dict[str, Any]:
    facts = [[_shown(name), _cell(value)] for name, value in part.facts.items()]
    return {"kind": "facts", "title": _shown(part.title), "facts": facts}


@document.register
def _(part: Text) -> dict[str, Any]:
    return {"kind": "text", "title": _shown(part.title), "text": _long(part.text), "state": part.state}


@document.register
def _(part: Timeline) -> dict[str, Any]:
    return {
        "kind": "timeline",
        "title": _shown(part.title),
        "bars": [_bar(one) for one in islice(part.bars, MAX_ROWS)],
    }


@document.register
def _(part: Form) -> dict[str, Any]:
    return {
        "kind": "form",
        "title": _shown(part.title),
        "button": _shown(part.button),
        "action": part.action,
        "values": dict(part.values),
        "confirm": _shown(part.confirm),
        "keepsValues": part.keeps_values,
        "fields": [_field(one) for one in part.fields],
    }


def _field(one: Field) -> dict[str, Any]:
    return {
        "name": one.name,
        "label": _shown(one.label),
        "kind": one.kind,
        "value": one.value,
        "choices": list(one.choices),
        "isRequired": one.is_required,
        "hint": _shown(one.hint),
    }


def _bar(one: Bar) -> dict[str, Any]:
    return {
        "label": _shown(one.label),
        "kind": _shown(one.kind),
        "start": _time(one.start),
        "end": None if one.end is None else _time(one.end),
        "status": _cell(one.status),
        "detail": _shown(one.detail),
    }


def _cell(value: Cell) -> Any:
    """Return a value as JSON: an object for what is more than a text or a number."""
    match value:
        case None | bool() | int() | float():
            return value
        case Link(text, query):
            return {"text": _shown(text), "query": dict(query)}
        case Status(text, state):
            return {"text": _shown(text), "state": state}
        case datetime():
            return {"time": _time(value)}
    return _shown(str(value))


def _time(value: datetime) -> float:
    """Return a time in milliseconds since 1970, as JavaScript has it."""
    return round(value.timestamp() * 1000, 3)


def _shown(text: str) -> str:
    return _cut(text, MAX_SHOWN_CHARACTERS)


def _long(text: str) -> str:
    return _cut(text, MAX_TEXT_CHARACTERS)


def _cut(text: str, limit: int) -> str:
    """Return a text without secrets, cut at a length; redaction takes time with the length, so of that part only."""
    shown = redact(text[: limit * 2])
    return shown if len(shown) <= limit else f"{shown[:limit]}..."
