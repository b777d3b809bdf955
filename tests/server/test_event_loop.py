"""The event loop: uvloop, unless the app or a setting asks for asyncio's own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping
from types import ModuleType

import pytest

from hosting.errors import SettingsError
from hosting.server.event_loop import choose_event_loop
from tests.conftest import MakeApp, Serve

uvloop = pytest.importorskip("uvloop")

LOOP_OF_A_FUNCTION = """
import asyncio
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("loop")
async def loop(req: func.HttpRequest) -> str:
    return type(asyncio.get_running_loop()).__module__
"""


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "uvloop"),
        ({"HOSTING_EVENT_LOOP": ""}, "uvloop"),
        ({"HOSTING_EVENT_LOOP": "auto"}, "uvloop"),
        ({"HOSTING_EVENT_LOOP": "asyncio"}, "asyncio"),
        ({"HOSTING_EVENT_LOOP": " Uvloop "}, "uvloop"),
    ],
)
def test_setting_chooses_the_event_loop(environ: Mapping[str, str], expected: str) -> None:
    """Without it, and with ``auto``, it is uvloop."""
    assert choose_event_loop(environ) == expected


def test_unknown_event_loop_is_an_error_that_names_setting_and_choices() -> None:
    """The message says what was found."""
    with pytest.raises(SettingsError, match="HOSTING_EVENT_LOOP: expected auto, asyncio or uvloop, found 'trio'"):
        choose_event_loop({"HOSTING_EVENT_LOOP": "trio"})


def test_app_that_imports_nest_asyncio_runs_on_asyncios_own_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    """The setting still decides."""
    monkeypatch.setitem(sys.modules, "nest_asyncio", ModuleType("nest_asyncio"))
    assert choose_event_loop({}) == "asyncio"
    assert choose_event_loop({"HOSTING_EVENT_LOOP": "uvloop"}) == "uvloop"


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="event loop policies are deprecated")
def test_app_that_sets_an_event_loop_policy_runs_on_asyncios_own_loop() -> None:
    """An app's policy makes loops as the app needs them."""

    class Policy(asyncio.DefaultEventLoopPolicy):
        pass

    before = asyncio.get_event_loop_policy()
    asyncio.set_event_loop_policy(Policy())
    try:
        assert choose_event_loop({}) == "asyncio"
    finally:
        asyncio.set_event_loop_policy(before)


@pytest.mark.parametrize(("setting", "expected"), [("auto", "uvloop"), ("asyncio", "asyncio.unix_events")])
def test_functions_run_on_the_chosen_event_loop(make_app: MakeApp, serve: Serve, setting: str, expected: str) -> None:
    """The setting may come from the environment or ``local.settings.json``."""
    app = make_app({"function_app.py": LOOP_OF_A_FUNCTION, "host.json": '{"version": "2.0"}'})
    served = serve(app, env={"HOSTING_EVENT_LOOP": setting})
    assert served.get("/api/loop").text == expected


def test_nested_event_loops_work_as_in_azures_worker(make_app: MakeApp, serve: Serve) -> None:
    """With nest_asyncio, a coroutine may run another to its end on the same loop."""
    source = """
import nest_asyncio, asyncio
nest_asyncio.apply()
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("inner")
async def inner(req: func.HttpRequest) -> str:
    return asyncio.get_event_loop().run_until_complete(asyncio.sleep(0.01, "until complete"))

@app.route("run")
async def run(req: func.HttpRequest) -> str:
    return asyncio.run(asyncio.sleep(0.01, "run"))
"""
    served = serve(make_app({"function_app.py": source, "host.json": '{"version": "2.0"}'}))
    assert served.get("/api/inner").text == "until complete"
    assert served.get("/api/run").text == "run"
    assert served.stop() == 0
