"""Binding functions: a binding error affects its function only, and disabled functions have no listener."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import importlib_metadata
import pytest

from hosting._install import install_command
from hosting.bindings import Output, Services
from hosting.bindings.registry import Providers
from hosting.core import Binding, Function
from hosting.errors import SettingsError
from hosting.host.function_host import FunctionHost
from tests.conftest import MakeApp
from tests.support.broken_providers import load_broken_host
from tests.support.note_providers import ECHO, V1, NoteOutput, Notes, NoteTrigger, call, load_note_host, noting


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        ("CannotBeMade", "RuntimeError: no broker"),
        ("Leaves", "SystemExit: no broker"),
        ("CannotBind", "KeyError: 'no broker'"),
        ("RaisesOdd", "Odd: <Odd: its text cannot be read>"),
        ("BindsOdd", "Odd: <Odd: its text cannot be read>"),
        ("GivesNothing", r"GivesNothing gave a value of type 'NoneType' in place of its Trigger"),
        ("CannotAttach", "TypeError: 'NoneType' object is not callable"),
        ("NoProvider", "created a NoProvider, expected a Provider"),
        ("NO_CLASS", "'int' object is not callable"),
    ],
)
async def test_provider_that_fails_affects_only_its_functions(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, broken: str, reason: str
) -> None:
    """The function is in error, the log has the traceback for the provider's author, and the other function runs."""
    host = load_broken_host(make_app, broken)
    (problem,) = host.problems
    assert (problem.function, problem.severity) == ("Broken", "error")
    assert "Function 'Broken' cannot run" in problem.message
    assert reason in problem.message
    assert "Traceback" in caplog.text
    assert (await host.invoke("Sound", 1)).exception is None


def test_provider_that_refuses_settings_stops_the_load(make_app: MakeApp) -> None:
    """A section of host.json that cannot be used stops the start, in one message."""
    with pytest.raises(SettingsError, match="no such broker"):
        load_broken_host(make_app, "RefusesSettings")


@pytest.mark.parametrize("wrong", ["disabled", "broken"])
def test_disabled_and_broken_functions_do_not_listen(make_app: MakeApp, wrong: str) -> None:
    """Nothing is attached to a function that is disabled or could not be loaded: its events wait."""
    files = dict.fromkeys(("Good/function.json", "Other/function.json"), V1)
    files |= {"Good/__init__.py": "def main(msg): ...", "host.json": '{"version": "2.0"}'}
    files["Other/__init__.py"] = "def main(msg): ..." if wrong == "disabled" else "import nothing_like_this"
    environ = {"AzureWebJobs.Other.Disabled": "1"} if wrong == "disabled" else {}
    host = FunctionHost(make_app(files), environ=environ, providers=noting)
    host.load()
    notes: Any = host._providers[0]
    assert notes.triggers["Good"].invoke is not None
    assert notes.triggers["Other"].invoke is None


async def test_function_with_an_unknown_output_runs_manually_only(make_app: MakeApp) -> None:
    """It takes no events, whose results would be lost in part."""
    host, notes = load_note_host(make_app, ECHO.replace('"two", type="note"', '"two", type="queue"'), AREA="x")
    (problem,) = host.problems
    assert "never triggered: no installed package provides its binding type 'queue'" in problem.message
    assert install_command("hosting-storage") in problem.remedy
    assert notes.triggers["f"].invoke is None
    assert (await call(host, "7")).exception is None
    assert notes.steps[0][0] == "function"


def test_each_unknown_type_is_reported_once(make_app: MakeApp) -> None:
    """Each is one problem, so that one round of installing is enough."""
    host, _ = load_note_host(
        make_app, ECHO.replace('"note"', '"rabbit"').replace('"noteTrigger"', '"hareTrigger"'), AREA="x"
    )
    types = [problem.message.rpartition(" ")[2] for problem in host.problems]
    assert sorted(types) == ["'hareTrigger'.", "'rabbit'."]


class AskedTrigger(NoteTrigger):
    """Has an output for what its function returns: one that replies to the caller, or one that is written."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    @property
    def implicit_output(self) -> Output:
        return self._output


class ReplyOutput(NoteOutput):
    replies = True

    def encode(self, value: Any) -> Any:
        return f"reply: {super().encode(value)}"


class PlainOutput(NoteOutput):
    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        self.steps.append(("written", encoded, dict(properties)))


class Asked(Notes):
    """Serves triggers that take what their functions return."""

    def trigger(self, function: Function, binding: Binding) -> NoteTrigger:
        kind = ReplyOutput if binding.get("replies") else PlainOutput
        return AskedTrigger(kind(self.steps))


def asking(services: Services) -> Providers:
    entries = [
        importlib_metadata.EntryPoint(name, f"{__name__}:Asked", "hosting.bindings") for name in ("noteTrigger", "note")
    ]
    return Providers(services, lambda: importlib_metadata.EntryPoints(entries))


IMPLICIT = """
import azure.functions as func
app = func.FunctionApp()

@app.generic_trigger("msg", type="noteTrigger", replies=True)
def replies(msg):
    return msg

@app.generic_trigger("msg", type="noteTrigger", replies=True)
@app.generic_output_binding("two", type="note", path="a")
async def with_output(msg, two: func.Out[str]):
    two.set("set")
    return msg

@app.generic_trigger("msg", type="noteTrigger")
def written(msg):
    return msg

@app.generic_trigger("msg", type="noteTrigger", replies=True)
@app.generic_output_binding("$return", type="note", path="a")
def explicit(msg):
    return msg
"""


@pytest.mark.parametrize(
    ("name", "value", "reply", "steps"),
    [
        ("replies", 7, "reply: 7", [("encoded", 7)]),
        ("replies", None, "reply: None", [("encoded", None)]),
        ("with_output", 7, "reply: 7", [("encoded", 7), ("encoded", "set"), ("written", "set", "a")]),
        ("written", 7, None, [("encoded", 7), ("written", 7, {})]),
        ("explicit", 7, None, [("encoded", 7), ("written", 7, "a")]),
    ],
)
async def test_trigger_takes_what_a_function_without_return_binding_returns(
    make_app: MakeApp, name: str, value: object, reply: object, steps: list[object]
) -> None:
    """The trigger's implicit output takes it, as a reply or by writing it; a ``$return`` binding comes first."""
    host = FunctionHost(make_app({"function_app.py": IMPLICIT, "host.json": '{"version": "2.0"}'}), providers=asking)
    host.load()
    result = await host.invoke(name, value)
    assert (result.exception, result.reply) == (None, reply)
    notes: Any = host._providers[0]
    assert notes.steps == steps
