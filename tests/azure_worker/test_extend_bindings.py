"""What Azure's own worker library binds to an extended function: SDK types, HTTP streams, durable functions."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, MakeApp, clean_environment
from tests.support.driving import DISTRIBUTION, PACKAGES, driver_report

HEAD = "import azure.functions as func\nimport hosting\n"


OBSERVING = """
import hosting

trace = []

class Tracing:
    @hosting.hookimpl
    def invocation_app_level(self, context, func_args):
        trace.append([context.function_name, {name: type(value).__name__ for name, value in func_args.items()}])
        outcome = yield
        trace.append(type(outcome.result).__name__)
"""
OBSERVED = {**DISTRIBUTION, ".python_packages/lib/site-packages/tracing_extension.py": OBSERVING}
OBSERVED[".python_packages/lib/site-packages/tracing-1.0.dist-info/entry_points.txt"] = (
    "[hosting]\ntracing = tracing_extension:Tracing\n"
)


def observe_calls(make_app: MakeApp, code: str, *calls: Any, runtime: str = "v2", **environ: Any) -> dict[str, Any]:
    """Return the answers of an app, and what an around hook gets in its calls."""
    report = driver_report(runtime, make_app({**OBSERVED, "function_app.py": HEAD + code}), list(calls), **environ)
    return {"answers": report["answers"], "trace": report["trace"]}


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_deferred_binding_reaches_the_function_and_hooks(make_app: MakeApp, future: str) -> None:
    """A BlobClient parameter is recognised by its annotation, converted by Azure's own code, and passed to hooks."""
    code = """
import azurefunctions.extensions.bindings.blob as blob

app = hosting.extend(func.FunctionApp())

@app.blob_trigger(arg_name="client", path="box/{name}", connection="Storage")
async def Read(client: blob.BlobClient) -> None:
    assert (client.container_name, client.blob_name) == ("box", "thing")
"""
    content = json.dumps({"Connection": "Storage", "ContainerName": "box", "BlobName": "thing"})
    data = {"version": "1.0", "source": "AzureStorageBlobs", "content_type": "application/json", "content": content}
    files = {**OBSERVED, "function_app.py": f"{future}{HEAD}{code}"}
    call = ("Read", {"parameter": "client", "data": {"model_binding_data": data}})
    report = driver_report("v2", make_app(files), [call], Storage="UseDevelopmentStorage=true")
    assert report["answers"] == ["None"]
    assert report["trace"] == [["Read", {"client": "BlobClient"}], "NoneType"]


@pytest.mark.parametrize("future", ["", "from __future__ import annotations\n"])
def test_http_stream_reaches_function_hooks_and_caller(make_app: MakeApp, future: str) -> None:
    """The FastAPI extension's request reaches function and hooks, and its streaming response reaches the caller."""
    code = """
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse

app = hosting.extend(func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS))

@app.route("stream")
async def Stream(req: Request) -> StreamingResponse:
    chunks = [chunk async for chunk in req.stream()]
    return StreamingResponse(iter([chunk.upper() for chunk in chunks]))
"""
    root = make_app({**OBSERVED, "function_app.py": f"{future}{HEAD}{code}"})
    report = driver_report("v2", root, [("Stream", "abc")], warnings="ignore")
    assert "ABC" in report["answers"][0]
    assert report["trace"] == [["Stream", {"req": "Request"}], "StreamingResponse"]


DURABLE = """
import azure.durable_functions as df

app = hosting.extend(df.DFApp(http_auth_level=func.AuthLevel.ANONYMOUS))

@app.route("start")
@app.durable_client_input(client_name="client")
async def Start(req: func.HttpRequest, client) -> str:
    return type(client).__name__

@app.orchestration_trigger(context_name="context")
def Orchestrate(context: df.DurableOrchestrationContext):
    yield context.call_activity("Work", "x")

@app.entity_trigger(context_name="context")
def Count(context: df.DurableEntityContext):
    context.set_result(1)

@app.activity_trigger(input_name="what")
def Work(what: str) -> str:
    return f"worked on {what}"
"""


def test_starters_and_activities_of_a_durable_app_are_extended(make_app: MakeApp) -> None:
    """Starters and activities have hooks around them."""
    work = ("Work", {"parameter": "what", "data": {"string": "tea"}})
    report = observe_calls(make_app, DURABLE, work, warnings="ignore")
    assert [json.loads(answer) for answer in report["answers"]] == ["worked on tea"]
    assert report["trace"] == [["Work", {"what": "str"}], "str"]


def test_orchestrators_and_entities_of_a_durable_app_are_unchanged(make_app: MakeApp) -> None:
    """Their code replays: they stay the durable library's own, and extensions do not load them."""
    code = """
import function_app
[*built] = function_app.app.get_functions()
print({one.get_function_name(): hasattr(one.get_user_function(), "__hosting_replaces__") for one in built})
"""
    root = make_app({**OBSERVED, "function_app.py": HEAD + DURABLE, "check.py": code})
    assert run_check(root) == {"Start": True, "Orchestrate": False, "Count": False, "Work": True}


def run_check(root: Path) -> Any:
    """Return what an app's check.py prints, as a Python literal."""
    environment = clean_environment({"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "HOSTING_ALLOW": "tracing"})
    environment["PYTHONPATH"] = f"{ROOT}:{root / PACKAGES}:{root}"
    done = subprocess.run(
        [sys.executable, "check.py"], cwd=root, env=environment, capture_output=True, text=True, check=True
    )
    return ast.literal_eval(done.stdout.splitlines()[-1])
