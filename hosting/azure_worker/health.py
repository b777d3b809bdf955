"""Functions about extensions, for an app in Azure's worker: one runs their health checks, one returns the diagnosis."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hosting.azure_worker.state import WorkerState


def add_health(app: Any, route: str, state: WorkerState, mark: str) -> None:
    """Add a function that answers 200 if all health checks pass, else 503; the body has nothing but the state.

    Args:
        app: the SDK's app.
        route: its route; ``/live`` and ``/ready`` after it choose checks.
        state: has the checks.
        mark: the attribute of functions around which no hooks run.
    """
    from azure.functions import AuthLevel, HttpResponse  # an app imports it

    async def hosting_health(req):  # type: ignore[no-untyped-def]
        probe = req.route_params.get("probe", "").lower()
        if probe not in ("", "live", "ready"):
            return HttpResponse(status_code=404)
        results = await state.host.background.check_health(lambda check: check.is_for(probe))
        is_healthy = not any(result.reason for result in results)
        body = json.dumps({"status": "Healthy" if is_healthy else "Unhealthy"})
        headers = {"cache-control": "no-store"}
        status = 200 if is_healthy else 503
        return HttpResponse(body, status_code=status, mimetype="application/json", headers=headers)

    setattr(hosting_health, mark, True)
    path = f"{route.strip('/')}/{{probe?}}"
    app.route(route=path, methods=["GET"], auth_level=AuthLevel.ANONYMOUS)(hosting_health)


def add_diagnostics(app: Any, route: str, state: WorkerState, mark: str) -> None:
    """Add a function that returns the diagnosis to callers with the master key.

    Args:
        app: the SDK's app.
        route: its route.
        state: has the extensions.
        mark: the attribute of functions around which no hooks run.
    """
    from azure.functions import AuthLevel, HttpResponse  # an app imports it

    def hosting_diagnostics(req):  # type: ignore[no-untyped-def]
        return HttpResponse(json.dumps(state.host.diagnosis(), indent=2), mimetype="application/json")

    setattr(hosting_diagnostics, mark, True)
    app.route(route=route, methods=["GET"], auth_level=AuthLevel.ADMIN)(hosting_diagnostics)
