"""A provider of ``noteTrigger`` and ``note`` that records its calls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import importlib_metadata

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
    """Serves ``noteTrigger`` and ``note``; records its calls in ``steps``."""

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


def load_note_host(make_app: MakeApp, code: str, **environ: str) -> tuple[FunctionHost, Notes]:
    root = make_app({"function_app.py": HEAD + "steps = []\n" + code, "host.json": '{"version": "2.0"}'})
    host = FunctionHost(root, environ=environ, providers=noting)
    host.load()
    notes: Any = next((one for one in host._providers if type(one).__name__ == "Notes"), None)
    for function in host.functions:
        function.call.__globals__["steps"] = notes.steps if notes else []
    return host, notes


async def call(host: FunctionHost, data: Any, **options: Any) -> Result:
    """Invoke the function ``f``."""
    return await host.invocations["f"](data, **options)
