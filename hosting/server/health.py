"""The health endpoints: ``/runtime/health``, ``/runtime/health/live`` and ``/runtime/health/ready``.

Azure's host has them too, below ``/runtime`` or ``/admin`` depending on its version; here both work. Without ``expand``
they are open: probes bring no key, and the answer has nothing but the state. Source: its ``HealthCheckResponseWriter``.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from hosting.bindings.http.response import Headers, HttpReply
from hosting.extensions import HealthResult
from hosting.host.function_host import FunctionHost
from hosting.server.admin.merging import is_starting
from hosting.server.processes import Answer, Processes
from hosting.server.replies import empty
from hosting.server.types import REFUSED, Receive, Scope

if TYPE_CHECKING:
    from hosting.server.keys import KeySource

PATHS = {
    f"/{base}/health/{probe}".rstrip("/"): probe for base in ("runtime", "admin") for probe in ("", "live", "ready")
}
"""The endpoints, each with its probe, as in ``HealthCheck.is_for``."""
MAX_WAIT_SECONDS = 60
ANSWER_SECONDS = 0.75
"""How long a process may take to answer besides its checks: less than the second that probes of Kubernetes wait."""
_HEADERS: Headers = [(b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store")]
_SEVERITIES = ("Healthy", "Degraded", "Unhealthy")
_PROCESSES = "hosting.processes"
"""The name of the entry about processes that do not answer."""


class Health:
    """Answers the health endpoints of a host, for all of its processes.

    Args:
        host: the function host, loaded.
        processes: all processes of the host, to which it adds its question.
        keys: the keys of the app, whose master key the expanded form needs; None if callers need none.
    """

    def __init__(self, host: FunctionHost, processes: Processes, keys: KeySource | None) -> None:
        self._host = host
        self._processes = processes
        self._keys = keys
        processes.add("health", host.health.check)

    def takes(self, path: str) -> bool:
        """Return whether ``path`` is one of the endpoints."""
        return path.rstrip("/").lower() in PATHS

    async def answer(self, scope: Scope, _receive: Receive, path: str) -> HttpReply:
        """Answer a request: 200 if healthy, 503 if not; 401 for the expanded form without the master key."""
        if scope["method"] not in ("GET", "HEAD"):
            return _refused(scope, 404, "the endpoint is for GET")
        query = {name.lower(): value for name, value in parse_qsl(scope["query_string"].decode("latin-1"))}
        expands = query.get("expand", "").lower() == "true"
        if expands and self._keys is not None and not self._has_master_key(scope, self._keys):
            return _refused(scope, 401, "no master key")
        wait = query.get("wait", "0")
        if not (wait.isascii() and wait.isdigit()):
            message = f"wait must be a whole number of seconds, found {wait!r}"
            return HttpReply(400, _HEADERS, _json({"error": {"code": "BadArgument", "message": message}}))
        await self._host.wait_until_running(min(int(wait), MAX_WAIT_SECONDS))
        return await self._report(PATHS[path.rstrip("/").lower()], expands=expands)

    async def _report(self, probe: str, *, expands: bool) -> HttpReply:
        started = monotonic()
        seconds = ANSWER_SECONDS + self._host.health.seconds(probe)
        answers = await self._processes.ask("health", seconds=seconds, probe=probe)
        entries = {result.name: _entry(result) for result in _merged(answers)}
        absent = _absence(answers, probe)
        if absent is not None:
            entries[_PROCESSES] = absent
        status = max((entry["status"] for entry in entries.values()), key=_SEVERITIES.index, default=_SEVERITIES[0])
        document: dict[str, Any] = {"status": status}
        if expands:
            document["totalDuration"] = _duration(monotonic() - started)
            document["entries"] = entries
        return HttpReply(503 if status == "Unhealthy" else 200, _HEADERS, _json(document))

    def _has_master_key(self, scope: Scope, keys: KeySource) -> bool:
        from hosting.server.auth import MasterKey  # costs a start what few starts need

        return MasterKey(keys)(scope)


def _entry(result: HealthResult) -> dict[str, Any]:
    tags = (("az.functions.liveness", result.live), ("az.functions.readiness", result.ready))
    described = {"description": result.reason} if result.reason else {}
    return {
        "data": {},
        **described,
        "duration": _duration(result.seconds),
        "status": _status(not result.reason),
        "tags": [tag for tag, is_set in tags if is_set],
    }


def _merged(answers: Sequence[Answer]) -> list[HealthResult]:
    """Return the results of all processes, for each check the worst."""
    merged: dict[str, HealthResult] = {}
    for answer in answers:
        for fields in answer.value or ():
            result = HealthResult(*fields)
            if result.reason and answer.process is not None:
                result = result._replace(reason=f"process {answer.process}: {result.reason}")
            known = merged.get(result.name)
            if known is None:
                merged[result.name] = result
            else:
                reasons = [one.reason for one in (known, result) if one.reason]
                seconds = max(known.seconds, result.seconds)
                merged[result.name] = known._replace(reason="; ".join(reasons), seconds=seconds)
    return list(merged.values())


def _absence(answers: Sequence[Answer], probe: str) -> dict[str, Any] | None:
    """Return an entry about the processes that have not answered; None if all have.

    The supervisor replaces one that has ended, and the others serve meanwhile. A restart repairs one that hangs.
    """
    absent = [answer for answer in answers if answer.error]
    if not absent:
        return None
    hangs = any(answer.pid and not is_starting(answer) for answer in absent)
    text = "; ".join(f"{answer.name.lower()}: {answer.error}" for answer in absent)
    entry = _entry(HealthResult(_PROCESSES, text, 0.0, False, True))
    return {**entry, "status": "Unhealthy" if hangs and probe != "ready" else "Degraded"}


def _status(is_healthy: bool) -> str:
    return "Healthy" if is_healthy else "Unhealthy"


def _duration(seconds: float) -> str:
    """Return a duration as .NET writes it: ``00:00:00.0012340``."""
    text = f"{timedelta(seconds=seconds)}".rjust(8, "0")
    return text if "." not in text else f"{text}0"


def _json(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=2).encode() + b"\n"


def _refused(scope: Scope, status: int, reason: str) -> HttpReply:
    scope[REFUSED] = reason
    return empty(status)
