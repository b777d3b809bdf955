"""The health endpoints: ``/runtime/health``, ``/runtime/health/live`` and ``/runtime/health/ready``.

Azure's host has them too, below ``/runtime`` or ``/admin`` depending on its version; here both work. Without ``expand``
they are open: probes bring no key, and the answer has nothing but the state. Source: its ``HealthCheckResponseWriter``.
"""

from __future__ import annotations

import json
from datetime import timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl

from hosting.app_work import HEALTH_NAMES
from hosting.bindings.http.response import Headers, HttpReply
from hosting.extensions import HealthResult
from hosting.host.function_host import FunctionHost
from hosting.server.replies import empty
from hosting.server.types import REFUSED, Receive, Scope

if TYPE_CHECKING:
    from hosting.server.keys import KeySource

PATHS = {
    f"/{base}/health/{probe}".rstrip("/"): probe for base in ("runtime", "admin") for probe in ("", "live", "ready")
}
"""The endpoints, each with its probe, as in ``HealthCheck.is_for``."""
MAX_WAIT_SECONDS = 60
_HEADERS: Headers = [(b"content-type", b"application/json; charset=utf-8"), (b"cache-control", b"no-store")]
_LIVE, _READY = HEALTH_NAMES


class Health:
    """Answers the health endpoints of a host.

    Args:
        host: the function host, loaded.
        keys: the keys of the app, whose master key the expanded form needs; None if callers need none.
    """

    def __init__(self, host: FunctionHost, keys: KeySource | None) -> None:
        self._host = host
        self._keys = keys

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
        results = [
            *self._own(probe),
            *await self._host.extensions.background.check_health(lambda check: check.is_for(probe)),
        ]
        is_healthy = not any(result.reason for result in results)
        document: dict[str, Any] = {"status": _status(is_healthy)}
        if expands:
            document["totalDuration"] = _duration(monotonic() - started)
            document["entries"] = {result.name: _entry(result) for result in results}
        return HttpReply(200 if is_healthy else 503, _HEADERS, _json(document))

    def _own(self, probe: str) -> list[HealthResult]:
        """Return the results of the host's own checks: of its process, and of the app that it runs."""
        state = self._host.state
        live = HealthResult(_LIVE, "the host has stopped" if state == "stopped" else "", 0.0, False, True)
        ready = HealthResult(_READY, self._not_ready(), 0.0, True, False)
        return [*([live] if probe != "ready" else []), *([ready] if probe != "live" else [])]

    def _not_ready(self) -> str:
        """Return why no requests should be sent to the host; empty if they may be."""
        guards = self._host.extensions.background.denying_guards
        if guards:
            return f"functions do not run without their guard: {', '.join(guards)}"
        return "" if self._host.state == "running" else f"the host is {self._host.state}"

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
