"""Health, status and drain of a host, as an operator sees them."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from hosting.bindings.storage import StorageError
from hosting.server.app import HostApp
from hosting.server.keys import Keys
from hosting.testing import make_host

APP = {
    "function_app.py": """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    return "hello"

@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
def yearly(timer: func.TimerRequest) -> None:
    pass
"""
}


async def test_drained_host_answers_requests_and_starts_nothing_by_itself() -> None:
    """It is not ready, refuses manual runs, and says how far it is; a second call changes nothing."""
    async with make_host(APP) as host:

        async def facts() -> dict[str, Any]:
            status = (await host.get("/admin/host/status")).json()
            return {
                "ready": (await host.get("/admin/health/ready")).status,
                "live": (await host.get("/admin/health/live")).status,
                "hello": (await host.get("/api/hello")).status,
                "run": (await host.post("/admin/functions/yearly", json={})).status,
                "state": (status["state"], status["drain"], status["errors"]),
                "drain": (await host.get("/admin/host/drain/status")).json(),
            }

        listening = {
            "ready": 200,
            "live": 200,
            "hello": 200,
            "run": 202,
            "state": ("Running", "Disabled", []),
            "drain": {"state": "Disabled", "outstandingInvocations": 0, "outstandingRetries": 0},
        }
        drained = {
            "ready": 503,
            "live": 200,
            "hello": 200,
            "run": 409,
            "state": ("Running", "Completed", []),
            "drain": {"state": "Completed", "outstandingInvocations": 0, "outstandingRetries": 0},
        }
        assert (await facts())["ready"] == 200
        for _ in range(2):
            assert (await host.post("/admin/host/drain")).status == 202
            while (await host.get("/admin/host/drain/status")).json()["state"] != "Completed":  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            assert await facts() == drained
        for _ in range(2):
            answer = await host.post("/admin/host/resume")
            assert (answer.status, answer.json()) == (200, {"state": "Running"})
        assert {**await facts(), "drain": listening["drain"]} == listening


ODD_REQUESTS = {
    "GET /admin/host/drain": 404,
    "HEAD /admin/host/drain": 404,
    "PUT /admin/host/drain": 404,
    "GET /admin/host/resume": 404,
    "POST /admin/host/drain/status": 404,
    "HEAD /admin/host/drain/status": 200,
    "GET /ADMIN/Host/Drain/Status/": 200,
    "DELETE /admin/health": 404,
    "HEAD /admin/health": 200,
    "GET /admin/health?expand=yes": 200,
    "GET /admin/health?wait=1.5": 400,
    "GET /admin/health?wait=%2B1": 400,
    "GET /admin/health?wait=99999999999999999999": 200,
    "GET /admin/health/ready/": 200,
    "GET /admin/healthy": 404,
    "POST /admin/host/resume": 200,
}


def test_odd_requests_have_an_answer() -> None:
    """Wrong methods, other spellings, and values of a query that make no sense."""
    with make_host(APP) as host:
        statuses = {request: host.request(*request.split()).status for request in ODD_REQUESTS}
        assert statuses == ODD_REQUESTS
        assert "entries" not in host.get("/admin/health?expand=yes").json()


async def test_host_that_stops_is_not_resumed() -> None:
    """It stops all the same, is not ready, and says so."""
    async with make_host(APP) as host:
        own = host._session.host
        await own.leave()
        status = (await host.get("/admin/host/status")).json()
        ready = (await host.get("/admin/health/ready?expand=true")).json()
        resume = await host.post("/admin/host/resume")
        run = await host.post("/admin/functions/yearly", json={})
        assert (status["state"], ready["status"], resume.status, resume.json()) == (
            "Stopping",
            "Unhealthy",
            409,
            {"state": "Stopping"},
        )
        assert (run.status, run.text) == (409, "The host stops: it begins no more manual runs.\n")
        assert (await host.get("/api/hello")).status == 200


@pytest.mark.parametrize("where", ["triggers", "storage"])
async def test_outage_is_an_error_until_it_ends_and_leaves_the_host_ready(
    where: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All hosts of an app share the storage: its outage must not take all of them out of rotation."""
    is_down = True
    async with make_host(APP) as host:
        own = host._session.host

        async def read(_path: str) -> None:
            if is_down:
                raise StorageError("The account cannot be used: AccountKey=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0.")

        if where == "storage":
            monkeypatch.setattr(own._services.storage, "read", read)
            monkeypatch.setattr("hosting.host.health.STORAGE_HOLDS_SECONDS", 0.0)
        else:
            down = "down: AccountKey=c2VjcmV0c2VjcmV0"
            monkeypatch.setattr(own._providers[0], "health", lambda: {"queue 'a'": down if is_down else ""})
        name = "azure.functions.webjobs.storage" if where == "storage" else "hosting.triggers.queue 'a'"
        overall = await host.get("/admin/health?expand=true")
        entry = overall.json()["entries"][name]
        status = (await host.get("/admin/host/status")).json()
        assert (overall.status, entry["status"], status["state"]) == (503, "Unhealthy", "Error")
        assert "AccountKey=***" in entry["description"]
        assert [name in error for error in status["errors"]] == [True]
        assert (await host.get("/admin/health/ready")).status == 200
        is_down = False
        assert (await host.get("/admin/health")).status == 200
        assert (await host.get("/admin/host/status")).json()["state"] == "Running"


def test_drain_needs_the_master_key_where_callers_need_keys() -> None:
    """The short form of the health is open: probes bring no key."""
    with make_host(APP) as host:
        host._session._app = HostApp(host._session.host, keys=Keys(b"secret"))
        for method, path in (("POST", "drain"), ("GET", "drain/status"), ("POST", "resume"), ("GET", "status")):
            assert host.request(method, f"/admin/host/{path}").status == 401, path
        assert [host.get(f"/admin/health{part}").status for part in ("", "/live", "/ready")] == [200] * 3
