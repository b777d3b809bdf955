"""Blob triggers in host processes: killed, stopped, several at once, without storage."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

import httpx
import pytest
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobLeaseClient
from storage_support.apps import Serve
from storage_support.blobs import Blobs, eventually
from storage_support.ports import reserved_ports
from storage_support.queues import Queues

from hosting.testing import Server
from hosting.testing.server import environment as clean_environment
from hosting_storage.blobs.files import HOSTS
from hosting_storage.testing import SERVICES, Azurite, connection_string, run_azurite

UPPER = """
import os
import time

import azure.functions as func
import hosting_storage.blobs.receipts
import hosting_storage.queues.listener

if "IS_KILLED" in os.environ:  # other hosts soon receive what a killed host had
    hosting_storage.queues.listener.LEASE_SECONDS = 3.0
    hosting_storage.blobs.receipts._LEASE_SECONDS = 15

app = func.FunctionApp()


@app.blob_trigger(arg_name="blob", path="%CONTAINER%/in/{name}.txt", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="out", path="%CONTAINER%/out/{name}.up", connection="AzureWebJobsStorage")
def Upper(blob: func.InputStream, out: func.Out[str]) -> None:
    text = blob.read().decode()
    with open(os.environ["EFFECTS"], "a") as effects:
        effects.write(f"{text}\\n")
    time.sleep(float(os.environ.get("TAKES", "0")))
    out.set(text.upper())
"""

CLIENTS = """
import azure.functions as func
import azurefunctions.extensions.bindings.blob as blob

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.blob_trigger(arg_name="client", path="%CONTAINER%/in/{name}", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="out", path="%CONTAINER%/client/{name}", connection="AzureWebJobsStorage")
def ByClient(client: blob.BlobClient, out: func.Out[bytes]):
    out.set(client.download_blob().read(size=client.get_blob_properties().size))


@app.blob_trigger(arg_name="client", path="%CONTAINER%/in/{name}", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="out", path="%CONTAINER%/container/{name}", connection="AzureWebJobsStorage")
async def ByContainer(client: blob.ContainerClient, out: func.Out[str]):
    out.set(" ".join(client.list_blob_names(name_starts_with="in")))


@app.blob_trigger(arg_name="stream", path="%CONTAINER%/in/{name}", connection="AzureWebJobsStorage")
@app.blob_output(arg_name="out", path="%CONTAINER%/stream/{name}", connection="AzureWebJobsStorage")
def ByStream(stream: blob.StorageStreamDownloader, out: func.Out[bytes]):
    out.set(b"".join(stream.chunks()))


@app.route(route="client/{name}")
@app.blob_input(arg_name="client", path="%CONTAINER%/in/{name}", connection="AzureWebJobsStorage")
def ReadClient(req: func.HttpRequest, client: blob.BlobClient):
    return str(client.exists())


@app.route(route="container")
@app.blob_input(arg_name="client", path="%CONTAINER%", connection="AzureWebJobsStorage")
def ReadContainer(req: func.HttpRequest, client: blob.ContainerClient):
    return client.get_container_properties().name


@app.route(route="stream/{name}")
@app.blob_input(arg_name="stream", path="%CONTAINER%/in/{name}", connection="AzureWebJobsStorage")
def ReadStream(req: func.HttpRequest, stream: blob.StorageStreamDownloader):
    return b"".join(stream.chunks()).decode()


@app.route(route="text/{name}")
@app.blob_input(arg_name="text", path="%CONTAINER%/in/{name}", connection="AzureWebJobsStorage")
def ReadText(req: func.HttpRequest, text: str):
    return "nothing" if text is None else text
"""


class BlobApp:
    """An app in a folder, its container, and the effects of its functions."""

    def __init__(self, storage: str, folder: Path, serve: Serve, code: str = UPPER) -> None:
        unique = uuid.uuid4().hex[:12]
        self.container = f"blobs-{unique}"
        self.host_id = f"host-{unique}"
        self.blobs = Blobs(storage)
        self._serve = serve
        self._root = folder / "app"
        self._root.mkdir()
        (self._root / "function_app.py").write_text(code)
        (self._root / "host.json").write_text('{"version": "2.0"}')
        self._effects = folder / "effects.txt"
        self._effects.touch()
        self._environ = {
            "AzureWebJobsStorage": storage,
            "AzureFunctionsWebHost__hostid": self.host_id,
            "CONTAINER": self.container,
            "EFFECTS": str(self._effects),
        }

    def start(self, *flags: str, environ: Mapping[str, str] | None = None) -> Server:
        return self._serve(self._root, *flags, env={**self._environ, **(environ or {})})

    def key(self, name: str, environ: Mapping[str, str]) -> str:
        """Return a system key of the app."""
        command = [sys.executable, "-m", "hosting", "keys", str(self._root), "--json"]
        environment = clean_environment({**self._environ, **environ})
        return str(json.loads(subprocess.check_output(command, env=environment))["system"][name])

    def put(self, name: str, content: str) -> None:
        self.blobs.put(f"{self.container}/{name}", content)

    def effects(self) -> Counter[str]:
        """Return how often the function ran, for each content."""
        return Counter(self._effects.read_text().splitlines())

    def outputs(self) -> dict[str, bytes | None]:
        """Return the blobs that the function wrote, by name."""
        names = self.blobs.names(self.container, "out/")
        return {name: self.blobs.get(f"{self.container}/{name}") for name in names}

    def break_lock(self, name: str = "Upper") -> None:
        """Break the lock of a killed host, which otherwise expires later."""
        path = f"locks/{self.host_id}/Host.Functions.{name}.Listener"
        with suppress(HttpResponseError):  # the host was killed before it had the lock
            BlobLeaseClient(self.blobs.service.get_blob_client(HOSTS, path)).break_lease(0)


def _has_total(size: int, effects: Counter[str]) -> bool:
    return effects.total() >= size


@pytest.fixture
def app(azurite: Azurite, tmp_path: Path, serve: Serve) -> Iterator[BlobApp]:
    app = BlobApp(azurite.connection_string, tmp_path, serve)
    yield app
    app.blobs.close()


def test_blob_trigger_runs_once_and_its_output_is_written(app: BlobApp) -> None:
    """A function runs once for a new blob, and its output is written to the path that the trigger's name gives."""
    host = app.start("--verbose")
    app.put("in/a b/ü.txt", "grün")
    app.put("in/other.png", "no")
    assert eventually(app.outputs) == {"out/a b/ü.up": "GRÜN".encode()}
    host.wait_for(rf"\(Reason='New blob detected\(LogsAndContainerScan\): {app.container}/in/a b/ü.txt'")
    host.wait_for("Trigger Details: MessageId: ")
    assert host.stop() == 0
    assert app.effects() == {"grün": 1}


def test_manual_run_of_a_blob_function_needs_an_existing_blob(app: BlobApp) -> None:
    """``POST /admin/functions/NAME`` runs it for the blob at a path, and refuses a path without a blob."""
    host = app.start()
    app.put("in/a.txt", "one")
    eventually(app.outputs)
    url = f"{host.url}/admin/functions/Upper"
    assert httpx.post(url, json={"input": f"{app.container}/in/a.txt"}).status_code == 202
    eventually(app.effects, lambda effects: effects == {"one": 2}, host.logs)
    answer = httpx.post(url, json={"input": f"{app.container}/in/b.txt"})
    assert answer.status_code == 400
    assert "needs the path of an existing blob" in answer.text


def test_host_after_a_restart_runs_only_new_blobs(app: BlobApp) -> None:
    """After a restart, new and changed blobs run, and none runs a second time."""
    app.put("in/a.txt", "one")
    host = app.start()
    eventually(app.outputs)
    assert host.stop() == 0
    app.put("in/b.txt", "two")
    app.put("in/a.txt", "three")
    host = app.start()
    eventually(app.effects, lambda values: len(values) == 3, host.logs)
    assert host.stop() == 0
    assert app.effects() == {"one": 1, "two": 1, "three": 1}


def test_host_killed_during_work_loses_no_blob(app: BlobApp) -> None:
    """A host that is killed repeatedly during its work loses no blob; only blobs in progress run again."""
    for number in range(40):
        app.put(f"in/{number}.txt", f"{number}")
    kills = 3
    for _ in range(kills):
        before = app.effects().total()
        host = app.start(environ={"TAKES": "0.1", "IS_KILLED": "1"})
        eventually(app.effects, partial(_has_total, before + 5), host.logs)
        host.send(signal.SIGKILL)
        assert host.wait() == -signal.SIGKILL
        app.break_lock()
    host = app.start(environ={"IS_KILLED": "1"})
    eventually(app.outputs, lambda values: len(values) == 40, host.logs)
    assert host.stop() == 0
    effects = app.effects()
    assert len(effects) == 40
    concurrent = 8 * (os.cpu_count() or 1)
    assert effects.total() - 40 <= kills * concurrent
    assert app.outputs() == {f"out/{number}.up": str(number).encode() for number in range(40)}


def test_host_stopped_during_work_runs_no_blob_twice(app: BlobApp) -> None:
    """A host that is stopped during its work finishes the blobs in progress, and none runs twice."""
    for number in range(40):
        app.put(f"in/{number}.txt", f"{number}")
    for _ in range(2):
        before = app.effects().total()
        host = app.start(environ={"TAKES": "0.1"})
        eventually(app.effects, partial(_has_total, before + 5), host.logs)
        assert host.stop() == 0
    host = app.start()
    eventually(app.outputs, lambda values: len(values) == 40, host.logs)
    assert host.stop() == 0
    assert set(app.effects().values()) == {1}


def test_workers_of_one_host_run_each_blob_once(app: BlobApp) -> None:
    """The processes of one host share the blobs, and each blob runs once."""
    host = app.start("--workers", "2", environ={"TAKES": "0.05"})
    for number in range(30):
        app.put(f"in/{number}.txt", f"{number}")
    eventually(app.outputs, lambda values: len(values) == 30, host.logs)
    assert host.stop() == 0
    assert app.effects() == {str(number): 1 for number in range(30)}


def test_host_without_its_storage_logs_each_outage_and_recovers(tmp_path: Path, serve: Serve) -> None:
    """A host starts without its storage, logs what to do, works once it is there, and survives an outage."""
    with reserved_ports() as ports:
        app = BlobApp(connection_string(dict(zip(SERVICES, ports, strict=True))), tmp_path, serve)
        host = app.start()
        host.wait_for("cannot be used for .*Is Azurite running")
        with run_azurite(tmp_path, "--skipApiVersionCheck", ports=ports):
            app.put("in/a.txt", "one")
            eventually(app.outputs)
            host.wait_for("responds again")
            outages = host.logs().count("Is Azurite running")
        host.wait_for(f"(?s)(Is Azurite running.*){{{outages + 1}}}")
        with run_azurite(tmp_path, "--skipApiVersionCheck", ports=ports):
            app.put("in/b.txt", "two")
            eventually(app.outputs, lambda values: len(values) == 2, host.logs)
            assert host.stop() == 0
    assert app.effects() == {"one": 1, "two": 1}
    assert "Traceback" not in host.logs()
    app.blobs.close()


def test_blob_functions_receive_the_clients_of_the_sdk(azurite: Azurite, tmp_path: Path, serve: Serve) -> None:
    """Triggers and inputs can be the SDK's clients, as in the samples of Azure's package."""
    app = BlobApp(azurite.connection_string, tmp_path, serve, CLIENTS)
    host = app.start()
    app.put("in/a", "grün")
    for name, content in (("client", "grün"), ("stream", "grün"), ("container", "in/a")):
        assert eventually(partial(app.blobs.get, f"{app.container}/{name}/a")) == content.encode()
    for _ in range(2):
        assert host.get("/api/stream/a").text == "grün"
    assert (host.get("/api/client/a").text, host.get("/api/client/b").text) == ("True", "False")
    assert host.get("/api/container").text == app.container
    assert (host.get("/api/text/a").text, host.get("/api/text/b").text) == ("grün", "nothing")
    assert host.stop() == 0
    app.blobs.close()


def test_blob_function_without_azurewebjobsstorage_is_in_error(tmp_path: Path, serve: Serve) -> None:
    """Without AzureWebJobsStorage blob functions are in error with a remedy; the host runs."""
    root = tmp_path / "app"
    root.mkdir()
    (root / "function_app.py").write_text(UPPER)
    host = serve(root, env={"CONTAINER": "images"})
    host.wait_for("Storage account connection string 'AzureWebJobsStorage' does not exist.")
    assert host.stop() == 0


def test_blob_function_that_always_fails_ends_in_the_poison_queue(app: BlobApp, azurite: Azurite) -> None:
    """A function that always fails runs five times, writes nothing, and its blob goes to the poison queue."""
    app.put("in/a.txt", "bad")
    queues = Queues(azurite)
    queues.create("webjobs-blobtrigger-poison")
    host = app.start(environ={"TAKES": "no number"})
    (text,) = eventually(lambda: queues.visible("webjobs-blobtrigger-poison"))
    assert '"BlobName": "in/a.txt"' in text
    assert host.stop() == 0
    queues.close()
    assert (app.effects(), app.outputs()) == ({"bad": 5}, {})


EVENT_GRID = UPPER.replace(
    'connection="AzureWebJobsStorage")', 'connection="AzureWebJobsStorage", source="EventGrid")', 1
)


def test_event_grid_delivery_needs_the_system_key(azurite: Azurite, tmp_path: Path, serve: Serve) -> None:
    """With keys required, a delivery needs the system key that ``hosting keys`` prints; any other is refused."""
    app = BlobApp(azurite.connection_string, tmp_path, serve, EVENT_GRID)
    state = {"XDG_STATE_HOME": str(tmp_path)}
    host = app.start("--enable-auth", environ=state)
    app.put("in/a b.txt", "one")
    blob = app.blobs.service.get_blob_client(app.container, "in/a b.txt")
    data = {"url": blob.url, "eTag": blob.get_blob_properties().etag}
    event = {"eventType": "Microsoft.Storage.BlobCreated", "data": data}
    hook = f"{host.url}/runtime/webhooks/blobs?functionName=Host.Functions.Upper"
    headers = {"aeg-event-type": "Notification"}
    assert httpx.post(hook, json=[event], headers=headers).status_code == 401
    key = app.key("blobs_extension", state)
    assert httpx.post(f"{hook}&code={key}", json=[event], headers=headers).status_code == 202
    assert eventually(app.outputs) == {"out/a b.up": b"ONE"}
    assert host.stop() == 0
    app.blobs.close()
