"""Guards that guard no function, in Azure's worker: the worker serves nothing where the app asks for such a guard."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.authoring import pending
from hosting.errors import ExtensionError
from tests.support.azure_worker import azure_worker, call_as_worker


class Gate:
    """A guard of the functions that opt in."""

    guard = True

    @hosting.hookimpl
    def pre_invocation(self) -> None:
        raise hosting.ShortCircuit("refused")


@pytest.fixture(autouse=True)
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set a process up as Azure's worker does, with that guard installed."""
    with azure_worker(tmp_path, monkeypatch, __name__, "Gate") as folder:
        yield folder


def pay(call: func.HttpRequest) -> str:
    return "paid"


def with_function(app: Any, name: str, call: Any = pay) -> Any:
    """Add a function to an app or Blueprint; return the app."""
    app.function_name(name)(app.route(name, trigger_arg_name="call")(call))
    return app


def invoke(app: Any, *names: str) -> list[Any]:
    """Call functions of an app as the worker does, which asks for them once."""
    functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}
    return [call_as_worker(functions[name], name, call=func.HttpRequest("GET", "/", body=b"")) for name in names]


def blueprint() -> Any:
    return func.Blueprint()  # type: ignore[no-untyped-call]


def test_indexing_fails_where_the_app_asks_for_a_guard_that_guards_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker reports the error to its host, and serves nothing."""
    monkeypatch.setenv("HOSTING_GUARDS", "marking")
    app = with_function(hosting.extend(func.FunctionApp()), "pay")
    with pytest.raises(ExtensionError, match="Guard 'marking' guards no function: it guards functions that opt in"):
        app.get_functions()


def test_guard_that_the_app_does_not_ask_for_is_reported_once(caplog: pytest.LogCaptureFixture) -> None:
    """An environment may have it for another app."""
    app = with_function(hosting.extend(func.FunctionApp()), "pay")
    with caplog.at_level(logging.WARNING, logger="hosting.extensions"):
        assert invoke(app, "pay") == ["paid"]
    (message,) = [one for one in caplog.messages if "guards no function" in one]
    assert message.startswith("Guard 'marking' guards no function")
    assert message.endswith("disable it: HOSTING_DISABLE=marking.")


@pytest.mark.parametrize("include", [False, True])
def test_guard_of_the_second_of_two_extended_blueprints_is_no_problem(
    include: bool, worker: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The app is not extended: its functions are not known before all of them are registered."""
    monkeypatch.setenv("HOSTING_GUARDS", "marking")
    if include:
        section = '{"extensions": {"marking": {"functions": {"include": ["pay"]}}}}'
        (worker / "host.json").write_text(f'{{"version": "2.0", "extensionHost": {section}}}')
    first, second = hosting.extend(blueprint()), hosting.extend(blueprint())
    with_function(first, "health", lambda call: "well")
    with_function(second, "pay", pay if include else hosting.use("marking")(lambda call: "paid"))
    app = func.FunctionApp()
    app.register_functions(first)
    app.register_functions(second)
    assert invoke(app, "health", "pay") == ["well", "refused"]


def test_no_function_of_extended_blueprints_runs_where_their_guard_guards_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is known before the first invocation, and stays so."""
    monkeypatch.setenv("HOSTING_GUARDS", "marking")
    one = hosting.extend(blueprint())
    with_function(one, "pay")
    app = func.FunctionApp()
    app.register_functions(one)
    (function,) = [one.get_user_function() for one in app.get_functions()]
    for _ in range(2):
        with pytest.raises(ExtensionError, match="Guard 'marking' guards no function"):
            call_as_worker(function, "pay", call=func.HttpRequest("GET", "/", body=b""))


@pytest.mark.parametrize("uses", [False, True])
def test_v1_function_runs_only_if_the_guard_that_the_app_asks_for_guards_one(
    uses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of them are imported before the first invocation."""
    monkeypatch.setenv("HOSTING_GUARDS", "marking")
    other = hosting.extend(lambda call: "well")
    main = hosting.extend(hosting.use("marking")(pay) if uses else pay)
    request = func.HttpRequest("GET", "/", body=b"")
    if uses:
        assert call_as_worker(other, "other", call=request) == "well"
        return
    for one in (other, main):
        with pytest.raises(ExtensionError, match="Guard 'marking' guards no function"):
            call_as_worker(one, "main", call=request)
    assert pending.shared is not None
