"""Drained, resumed and idle hosts with queues and blobs of a real Azurite."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
import pytest
from storage_support.apps import TIMEOUT_SECONDS, MakeApp, Serve
from storage_support.blobs import Blobs, eventually
from storage_support.queues import Queues

from hosting_storage.testing import Azurite

HOST_JSON = json.dumps(
    {
        "version": "2.0",
        "extensions": {"queues": {"batchSize": 1, "newBatchThreshold": 0, "maxPollingInterval": "00:00:00.2"}},
    }
)
WORK = """
import asyncio, os
import azure.functions as func
app = func.FunctionApp()

def note(*words):
    with open(os.environ["EFFECTS"], "a") as effects:
        effects.write(" ".join(map(str, words)) + "\\n")

@app.queue_trigger(arg_name="msg", queue_name="%NAME%", connection="Storage")
async def work(msg: str) -> None:
    note("begin", msg, os.getpid())
    while msg.startswith("slow") and not os.path.exists(os.environ["EFFECTS"] + ".go"):
        await asyncio.sleep(0.02)
    note("end", msg)

@app.blob_trigger(arg_name="blob", path="%NAME%/{name}", connection="Storage")
def seen(blob: func.InputStream) -> None:
    note("blob", blob.name)
"""
CHAIN = """
import os
import azure.functions as func
app = func.FunctionApp()

@app.queue_trigger(arg_name="msg", queue_name="%NAME%", connection="Storage")
@app.blob_output(arg_name="$return", path="%NAME%/in/{rand-guid}", connection="Storage")
def first(msg: str) -> str:
    return msg

@app.blob_trigger(arg_name="blob", path="%NAME%/in/{name}", connection="Storage")
@app.blob_output(arg_name="$return", path="%NAME%-out/{name}", connection="Storage")
def second(blob: func.InputStream) -> str:
    return blob.read().decode().upper()
"""


@pytest.fixture
def environ(azurite: Azurite, name: str, tmp_path: Path) -> dict[str, str]:
    """The settings of an app."""
    return {
        "AzureWebJobsStorage": azurite.connection_string,
        "NAME": name,
        "EFFECTS": str(tmp_path / "effects"),
        "AZURE_FUNCTIONS_ENVIRONMENT": "Development",
    }


def test_drained_host_takes_neither_messages_nor_blobs_and_completes_what_runs(
    environ: dict[str, str], azurite: Azurite, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """All processes of the host do, and take what has arrived meanwhile when they are resumed."""
    effects = Path(environ["EFFECTS"])
    server = serve(make_app({"function_app.py": WORK, "host.json": HOST_JSON}), "--workers", "2", env=environ)

    def notes() -> list[str]:
        return effects.read_text().splitlines() if effects.exists() else []

    def admin(method: str, path: str) -> tuple[int, Any]:
        answer = httpx.request(method, f"{server.url}/admin/{path}", timeout=TIMEOUT_SECONDS)
        return answer.status_code, answer.json()

    queues.put(name, "slow 1", "slow 2")
    eventually(lambda: len({note.split()[-1] for note in notes() if note.startswith("begin")}) == 2)
    assert admin("POST", "host/drain") == (
        202,
        {"state": "InProgress", "outstandingInvocations": 2, "outstandingRetries": 0},
    )
    queues.put(name, "late")
    blobs = Blobs(azurite.connection_string)
    blobs.put(f"{name}/late.txt")
    assert admin("POST", "host/drain")[0] == 202, "once more changes nothing"
    assert admin("GET", "health/ready")[0] == 503
    Path(f"{effects}.go").touch()
    eventually(lambda: admin("GET", "host/drain/status")[1]["state"] == "Completed")
    assert sorted(note for note in notes() if note.startswith("end")) == ["end slow 1", "end slow 2"]
    assert queues.visible(name) == ["late"]
    assert admin("POST", "host/resume") == (200, {"state": "Running"})
    eventually(lambda: {"end late", f"blob {name}/late.txt"} <= set(notes()))
    assert len([note for note in notes() if note.startswith("begin")]) == 3
    assert admin("GET", "health/ready")[0] == 200
    blobs.close()
    assert server.stop() == 0


def test_host_until_idle_looks_for_blobs_that_its_functions_have_written(
    environ: dict[str, str], azurite: Azurite, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A job does not end before the containers of its blob triggers were listed since its last function."""
    queues.put(name, "one", "two")
    server = serve(make_app({"function_app.py": CHAIN, "host.json": HOST_JSON}), "--until-idle", env=environ)
    assert server.process.wait(120) == 0
    blobs = Blobs(azurite.connection_string)
    texts = sorted(blobs.get(f"{name}-out/{one}") or b"" for one in blobs.names(f"{name}-out"))
    blobs.close()
    assert texts == [b"ONE", b"TWO"]
