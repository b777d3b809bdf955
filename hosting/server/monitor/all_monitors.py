"""The documents that a host shows of itself, with the figures of all its processes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from hosting._redaction import redact_field
from hosting.bindings.http.provider import HttpTrigger, full_route
from hosting.bindings.http.routes import Route
from hosting.core import Function
from hosting.host.recorder import MAX_SHOWN_CHARACTERS, SLOT_SECONDS, chart_points
from hosting.logging.fields import timestamp
from hosting.server.admin.merging import values
from hosting.server.monitor import QUESTION
from hosting.server.monitor.monitor import Monitor
from hosting.server.processes import Answer, Processes

_SETTING_PREFIXES = (
    "APPLICATIONINSIGHTS_",
    "AZURE",
    "CONNECTIONSTRINGS",
    "FUNCTIONS_",
    "HOSTING_",
    "OTEL_",
    "PYTHON_",
    "WEBSITE_",
)
_COUNTS = ("invocations", "errors", "running", "outputs")
_NOTHING_RUN: Mapping[str, Any] = {"invocations": 0, "errors": 0, "running": 0, "outputs": 0, "last": None}


class AllMonitors:
    """Makes the documents.

    Args:
        own: the monitor of this process.
        processes: all processes of the host.
    """

    def __init__(self, own: Monitor, processes: Processes) -> None:
        self._own = own
        self._host = own.host
        self._processes = processes
        self._triggers = own.host.trigger_figures

    async def figures(self) -> dict[str, Any]:
        """Return ``GET /admin/host/figures``, without the status of the host."""
        triggers = await self._triggers.latest()
        answers = await self._ask("figures")
        found = [value for _, value in answers]
        return {
            "time": timestamp(time.time()),
            "totals": _sums(one["totals"] for one in found),
            "running": _by_time(answers, lambda value: value["running"]),
            "functions": self._functions(triggers, [one["functions"] for one in found]),
        }

    async def invocations(self, function: str, last: int) -> list[dict[str, Any]]:
        """Return the latest invocations that have ended, the oldest first. See ``Monitor.invocations``."""
        answers = await self._ask("invocations", function=function, last=last)
        return _by_time(answers, lambda value: value)[-last:] if last else []

    async def logs(self, function: str, invocation: str, last: int) -> list[dict[str, Any]]:
        """Return the latest lines of the log, the oldest first. See ``Monitor.logs``."""
        answers = await self._ask("logs", function=function, invocation=invocation, last=last)
        return _by_time(answers, lambda value: value)[-last:] if last else []

    async def chart(self) -> dict[str, Any]:
        """Return ``GET /admin/host/chart``."""
        found = chart_points(value for _, value in await self._ask("chart"))
        wall = self._own.recorder.wall
        points = [{"time": round(wall(number * SLOT_SECONDS)), **point} for number, point in found.items()]
        return {"secondsPerPoint": SLOT_SECONDS, "points": points}

    async def news(
        self, cursors: dict[str, dict[str, int]], kinds: Sequence[str], function: str, past: int
    ) -> dict[str, tuple[list[dict[str, Any]], int]]:
        """Return what is new for one reader: for each kind the items, and how many are missing.

        Args:
            cursors: what the reader has seen of each process, which is brought up to date.
            kinds: as for ``Monitor.news``.
            function: as for ``Monitor.news``.
            past: as for ``Monitor.news``.
        """
        answers = await self._ask("news", cursors=cursors, kinds=kinds, function=function, past=past)
        for answer, value in answers:
            cursors[str(answer.pid)] = {kind: value[kind]["seen"] for kind in kinds}
        return {
            kind: (
                _by_time(answers, lambda value, kind=kind: value[kind]["items"]),
                sum(value[kind]["missed"] for _, value in answers),
            )
            for kind in kinds
        }

    def settings(self) -> dict[str, Any]:
        """Return ``GET /admin/host/settings``: the app's settings and its host.json, without secrets."""
        from hosting.extensions.diagnostics.redaction import redacted

        environ = self._host.environ
        declared = {name.upper() for name in self._host.configure().values}
        shown = {
            name: redact_field(name, value)
            for name, value in sorted(environ.items())
            if name.upper() in declared or name.upper().startswith(_SETTING_PREFIXES)
        }
        return {"settings": shown, "hostJson": redacted(self._host.host_json)}

    async def _ask(self, about: str, **arguments: Any) -> list[tuple[Answer, Any]]:
        """Return the answers of the processes that have answered."""
        return values(await self._processes.ask(QUESTION, about=about, **arguments))

    def _functions(
        self, triggers: Mapping[str, Mapping[str, Any]], figures: Sequence[Mapping[str, Mapping[str, Any]]]
    ) -> list[dict[str, Any]]:
        routes = {route.function: route for route in self._host.router().routes}
        errors: dict[str, list[str]] = {}
        for problem in self._host.problems:
            if problem.severity == "error" and problem.function:
                errors.setdefault(problem.function.lower(), []).append(problem.message)
        return [
            {
                **_about(one, errors.get(one.name.lower(), ())),
                "isRunnable": one.name in self._host.manual_runs,
                **self._route(routes.get(one.name)),
                **_function_figures([found[one.name] for found in figures if one.name in found]),
                "state": dict(triggers.get(one.name.lower(), {})),
            }
            for one in (*self._host.functions, *self._host.app.in_error)
        ]

    def _route(self, route: Route[HttpTrigger] | None) -> dict[str, Any]:
        """Return route, methods and level of an HTTP function; nothing for others."""
        http = self._host.http
        if route is None or http is None:
            return {}
        methods = sorted(route.methods) if route.methods is not None else []
        return {"route": f"/{full_route(route, http.prefix)}", "methods": methods, "authLevel": route.target.level}


def _about(function: Function, errors: Sequence[str]) -> dict[str, Any]:
    return {
        "name": function.name,
        "trigger": function.trigger.type,
        "addedBy": function.added_by,
        "isDisabled": function.disabled,
        "error": "; ".join(errors)[:MAX_SHOWN_CHARACTERS],
    }


def _function_figures(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the figures of one function over all processes: sums, and the last invocation of any of them."""
    sums = _sums({name: one[name] for name in _COUNTS} for one in found)
    last = max((one["last"] for one in found if one["last"]), key=itemgetter("time"), default=None)
    return {**_NOTHING_RUN, **sums, "last": last}


def _sums(found: Iterable[Mapping[str, int]]) -> dict[str, int]:
    sums: dict[str, int] = {}
    for one in found:
        for name, number in one.items():
            sums[name] = sums.get(name, 0) + number
    return sums


def _by_time(answers: Sequence[tuple[Answer, Any]], items: Any) -> list[dict[str, Any]]:
    """Return the items of all answers in the order of their times, each with its process if there are several."""
    found = [
        item if answer.process is None else {**item, "process": answer.process}
        for answer, value in answers
        for item in items(value)
    ]
    return found if len(answers) < 2 else sorted(found, key=itemgetter("time"))
