"""A function with bindings that a package provides: read before it, written after it, told when the host ends."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import importlib_metadata
import pytest

from hosting._install import install_command
from hosting.bindings import Input, Invoke, Output, Provider, Result, Services, Trigger
from hosting.bindings.registry import Providers
from hosting.core import Binding, Function
from hosting.host.function_host import FunctionHost
from tests.conftest import MakeApp

HEAD = """
import azure.functions as func
app = func.FunctionApp()
"""
ECHO = """
@app.generic_trigger("msg", type="noteTrigger")
@app.generic_input_binding("one", type="note", path="in/{id}/%AREA%/{{x}}", plain="{id}")
@app.generic_output_binding("two", type="note", path="out/{id}")
def f(msg, one, two: func.Out[str]):
    steps.append(("function", msg, one))
    two.set("written")
"""

V1 = '{"bindings": [{"type": "noteTrigger", "direction": "in", "name": "msg"}]}'


class NoteTrigger(Trigger):
    def __init__(self) -> None:
        self.invoke: Invoke | None = None

    def decode(self, data: Any) -> Any:
        return data

    def binding_data(self, data: Any) -> Mapping[str, Any]:
        return {"id": data}

    def attach(self, invoke: Invoke) -> None:
        self.invoke = invoke


class NoteInput(Input):
    expressions = ("path",)

    async def read(self, data: Any, properties: Mapping[str, Any]) -> Any:
        return properties["path"], properties["plain"]


class NoteOutput(Output):
    expressions = ("PATH",)

    def __init__(self, steps: list[Any]) -> None:
        self.steps = steps

    def quote(self, name: str, value: str) -> str:
        return f"<{name}:{value}>"

    def encode(self, value: Any) -> Any:
        self.steps.append(("encoded", value))
        return value

    async def write(self, encoded: Any, properties: Mapping[str, Any]) -> None:
        self.steps.append(("written", encoded, properties["PATH"]))


class Notes(Provider):
    """Serves ``noteTrigger`` and ``note``; what happens is noted in ``steps``."""

    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.triggers: dict[str, NoteTrigger] = {}
        self.steps: list[Any] = []

    def trigger(self, function: Function, binding: Binding) -> NoteTrigger:
        return self.triggers.setdefault(function.name, NoteTrigger())

    def input(self, function: Function, binding: Binding) -> NoteInput:
        return NoteInput()

    def output(self, function: Function, binding: Binding) -> NoteOutput:
        return NoteOutput(self.steps)

    async def start(self) -> None:
        self.steps.append("start")

    async def stop(self) -> None:
        self.steps.append("stop")
        raise OSError("cannot stop")

    async def close(self) -> None:
        self.steps.append("close")


def noting(services: Services) -> Providers:
    entries = [
        importlib_metadata.EntryPoint(name, f"{__name__}:Notes", "hosting.bindings") for name in ("noteTrigger", "note")
    ]
    return Providers(services, lambda: importlib_metadata.EntryPoints(entries))


def loaded(make_app: MakeApp, code: str, **environ: str) -> tuple[FunctionHost, Notes]:
    root = make_app({"function_app.py": HEAD + "steps = []\n" + code, "host.json": '{"version": "2.0"}'})
    host = FunctionHost(root, environ=environ, providers=noting)
    host.load()
    notes: Any = next((one for one in host._providers if type(one).__name__ == "Notes"), None)
    for function in host.functions:
        function.call.__globals__["steps"] = notes.steps if notes else []
    return host, notes


def call(host: FunctionHost, data: Any, **options: Any) -> Result:
    return asyncio.run(host.invocations["f"](data, **options))


def test_expressions(make_app: MakeApp) -> None:
    """Where a binding asks for it, expressions are filled in from what triggered the function, quoted as it says."""
    host, notes = loaded(make_app, ECHO, AREA="north")
    assert call(host, "7").exception is None
    assert notes.steps == [
        ("function", "7", ("in/7/north/{x}", "{id}")),
        ("encoded", "written"),
        ("written", "written", "out/<PATH:7>"),
    ]


def test_unknown_name(make_app: MakeApp) -> None:
    """A name that nothing gives a value to fails the invocation before the function runs, outputs included."""
    host, notes = loaded(make_app, ECHO.replace("out/{id}", "out/{nothing}"), AREA="north")
    assert "No value for named parameter 'nothing'" in str(call(host, "7").exception)
    assert notes.steps == []


def test_malformed_expression(make_app: MakeApp) -> None:
    """An expression that cannot be read puts its function in error, and nothing is left of it in the provider."""
    host, notes = loaded(make_app, ECHO.replace("out/{id}", "out/{id"), AREA="north")
    (problem,) = host.problems
    assert problem.function == "f"
    assert "'PATH' of binding 'two'" in problem.message
    assert notes.triggers == {}


def test_function_that_fails(make_app: MakeApp) -> None:
    """What a function set before it raised is not written."""
    host, notes = loaded(make_app, ECHO + "    raise ValueError('no')\n", AREA="x")
    assert isinstance(call(host, "7").exception, ValueError)
    assert [step[0] for step in notes.steps] == ["function"]


def test_lifecycle(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """A provider starts, stops before running invocations are waited for, and closes after; one that fails is told."""
    host, notes = loaded(make_app, ECHO, AREA="x")

    async def live() -> None:
        await host.start()
        assert await host.drain(1)
        notes.steps.append("drained")
        await host.stop()

    asyncio.run(live())
    assert notes.steps == ["start", "stop", "drained", "close"]
    assert "A binding failed to stop." in caplog.text
    assert "cannot stop" in caplog.text


@pytest.mark.parametrize("wrong", ["disabled", "broken"])
def test_who_does_not_listen(make_app: MakeApp, wrong: str) -> None:
    """No listener is attached to a function that is disabled or could not be loaded: its events wait."""
    files = dict.fromkeys(("Good/function.json", "Other/function.json"), V1)
    files |= {"Good/__init__.py": "def main(msg): ...", "host.json": '{"version": "2.0"}'}
    files["Other/__init__.py"] = "def main(msg): ..." if wrong == "disabled" else "import nothing_like_this"
    environ = {"AzureWebJobs.Other.Disabled": "1"} if wrong == "disabled" else {}
    host = FunctionHost(make_app(files), environ=environ, providers=noting)
    host.load()
    notes: Any = host._providers[0]
    assert notes.triggers["Good"].invoke is not None
    assert notes.triggers["Other"].invoke is None


def test_output_that_nobody_provides(make_app: MakeApp) -> None:
    """A function one of whose outputs nobody provides takes no events, which would be lost in part; by hand it runs."""
    host, notes = loaded(make_app, ECHO.replace('"two", type="note"', '"two", type="queue"'), AREA="x")
    (problem,) = host.problems
    assert "never triggered: no installed package provides its binding type 'queue'" in problem.message
    assert install_command("hosting-storage") in problem.remedy
    assert notes.triggers["f"].invoke is None
    assert call(host, "7").exception is None
    assert notes.steps[0][0] == "function"


def test_several_types_that_nobody_provides(make_app: MakeApp) -> None:
    """Each of them is told, once, so that one round of installing is enough."""
    host, _ = loaded(make_app, ECHO.replace('"note"', '"rabbit"').replace('"noteTrigger"', '"hareTrigger"'), AREA="x")
    told = [problem.message.rpartition(" ")[2] for problem in host.problems]
    assert sorted(told) == ["'hareTrigger'.", "'rabbit'."]


def test_reason(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why a function runs and the details of what triggered it, as the trigger tells them."""
    host, _ = loaded(make_app, ECHO, AREA="x")
    with caplog.at_level(logging.INFO):
        call(host, "7", reason="A note came.", details="NoteId: 7")
    messages = [record.getMessage() for record in caplog.records if record.name == "hosting.function.f"]
    assert messages[0].startswith("Executing 'Functions.f' (Reason='A note came.', Id=")
    assert messages[1] == "Trigger Details: NoteId: 7"


def test_expressions_without_their_comma(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """A provider whose expressions are one text is told what to write: letters are no properties."""
    monkeypatch.setattr(NoteInput, "expressions", "path")
    host, _ = loaded(make_app, ECHO, AREA="x")
    (problem,) = host.problems
    assert "NoteInput.expressions is a str; to name one property, write a tuple: ('path',)" in problem.message
