"""Blob triggers in real hosts, each a process of its own: killed, stopped, several at once, without storage."""

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


class Scene:
    """An app in a folder, its container, and what its functions did."""

    def __init__(self, storage: str, folder: Path, serve: Serve, code: str = UPPER) -> None:
        unique = uuid.uuid4().hex[:12]
        self.container = f"scene-{unique}"
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
        """A system key of the app."""
        command = [sys.executable, "-m", "hosting", "keys", str(self._root), "--json"]
        environment = clean_environment({**self._environ, **environ})
        return str(json.loads(subprocess.check_output(command, env=environment))["system"][name])

    def put(self, name: str, content: str) -> None:
        self.blobs.put(f"{self.container}/{name}", content)

    def effects(self) -> Counter[str]:
        """How often the function ran, for each content."""
        return Counter(self._effects.read_text().splitlines())

    def outputs(self) -> dict[str, bytes | None]:
        """What the function wrote."""
        names = self.blobs.names(self.container, "out/")
        return {name: self.blobs.get(f"{self.container}/{name}") for name in names}

    def free_the_lock(self, name: str = "Upper") -> None:
        """Let the lock of a killed host run out."""
        path = f"locks/{self.host_id}/Host.Functions.{name}.Listener"
        with suppress(HttpResponseError):  # it was killed before it had it
            BlobLeaseClient(self.blobs.service.get_blob_client(HOSTS, path)).break_lease(0)


def _grown(size: int, seen: Counter[str]) -> bool:
    return seen.total() >= size


@pytest.fixture
def scene(azurite: Azurite, tmp_path: Path, serve: Serve) -> Iterator[Scene]:
    found = Scene(azurite.connection_string, tmp_path, serve)
    yield found
    found.blobs.close()


def test_pipeline(scene: Scene) -> None:
    """A blob comes in, the function runs once, what it sets goes out under the name that the path gives it."""
    host = scene.start("--verbose")
    scene.put("in/a b/ü.txt", "grün")
    scene.put("in/other.png", "no")
    assert eventually(scene.outputs) == {"out/a b/ü.up": "GRÜN".encode()}
    host.wait_for(rf"\(Reason='New blob detected\(LogsAndContainerScan\): {scene.container}/in/a b/ü.txt'")
    host.wait_for("Trigger Details: MessageId: ")
    assert host.stop() == 0
    assert scene.effects() == {"grün": 1}


def test_by_hand(scene: Scene) -> None:
    """``POST /admin/functions/NAME`` runs it for a blob that its path names, and refuses one that is not there."""
    host = scene.start()
    scene.put("in/a.txt", "one")
    eventually(scene.outputs)
    url = f"{host.url}/admin/functions/Upper"
    assert httpx.post(url, json={"input": f"{scene.container}/in/a.txt"}).status_code == 202
    eventually(scene.effects, lambda seen: seen == {"one": 2})
    answer = httpx.post(url, json={"input": f"{scene.container}/in/b.txt"})
    assert answer.status_code == 400
    assert "needs the path of an existing blob" in answer.text


def test_restart(scene: Scene) -> None:
    """After a restart what came meanwhile is worked on, and nothing for a second time."""
    scene.put("in/a.txt", "one")
    host = scene.start()
    eventually(scene.outputs)
    assert host.stop() == 0
    scene.put("in/b.txt", "two")
    scene.put("in/a.txt", "three")
    host = scene.start()
    eventually(scene.effects, lambda seen: len(seen) == 3)
    assert host.stop() == 0
    assert scene.effects() == {"one": 1, "two": 1, "three": 1}


def test_killed(scene: Scene) -> None:
    """Killed again and again in the middle of its work, a host loses no blob; only what it was at runs again."""
    for number in range(40):
        scene.put(f"in/{number}.txt", f"{number}")
    kills = 3
    for _ in range(kills):
        before = scene.effects().total()
        host = scene.start(environ={"TAKES": "0.1", "IS_KILLED": "1"})
        eventually(scene.effects, partial(_grown, before + 5))
        host.send(signal.SIGKILL)
        assert host.wait() == -signal.SIGKILL
        scene.free_the_lock()
    host = scene.start(environ={"IS_KILLED": "1"})
    eventually(scene.outputs, lambda seen: len(seen) == 40)
    assert host.stop() == 0
    effects = scene.effects()
    assert len(effects) == 40
    at_once = 8 * (os.cpu_count() or 1)
    assert effects.total() - 40 <= kills * at_once
    assert scene.outputs() == {f"out/{number}.up": str(number).encode() for number in range(40)}


def test_stopped(scene: Scene) -> None:
    """Asked to stop in the middle of its work, a host ends what it is at, and nothing runs twice."""
    for number in range(40):
        scene.put(f"in/{number}.txt", f"{number}")
    for _ in range(2):
        before = scene.effects().total()
        host = scene.start(environ={"TAKES": "0.1"})
        eventually(scene.effects, partial(_grown, before + 5))
        assert host.stop() == 0
    host = scene.start()
    eventually(scene.outputs, lambda seen: len(seen) == 40)
    assert host.stop() == 0
    assert set(scene.effects().values()) == {1}


def test_workers(scene: Scene) -> None:
    """Several processes share the work, and each blob is worked on once."""
    host = scene.start("--workers", "2", environ={"TAKES": "0.05"})
    for number in range(30):
        scene.put(f"in/{number}.txt", f"{number}")
    eventually(scene.outputs, lambda seen: len(seen) == 30)
    assert host.stop() == 0
    assert scene.effects() == {str(number): 1 for number in range(30)}


def test_storage_that_comes_and_goes(tmp_path: Path, serve: Serve) -> None:
    """A host starts without its storage, says what to do, works when it is there, and gets over an outage."""
    with reserved_ports() as ports:
        scene = Scene(connection_string(dict(zip(SERVICES, ports, strict=True))), tmp_path, serve)
        host = scene.start()
        host.wait_for("cannot be used for .*Is Azurite running")
        with run_azurite(tmp_path, "--skipApiVersionCheck", ports=ports):
            scene.put("in/a.txt", "one")
            eventually(scene.outputs)
            host.wait_for("responds again")
            outages = host.logs().count("Is Azurite running")
        host.wait_for(f"(?s)(Is Azurite running.*){{{outages + 1}}}")
        with run_azurite(tmp_path, "--skipApiVersionCheck", ports=ports):
            scene.put("in/b.txt", "two")
            eventually(scene.outputs, lambda seen: len(seen) == 2)
            assert host.stop() == 0
    assert scene.effects() == {"one": 1, "two": 1}
    assert "Traceback" not in host.logs()
    scene.blobs.close()


def test_clients(azurite: Azurite, tmp_path: Path, serve: Serve) -> None:
    """Functions may take the SDK's own clients, in triggers and in inputs, as the samples of Azure's package do."""
    scene = Scene(azurite.connection_string, tmp_path, serve, CLIENTS)
    host = scene.start()
    scene.put("in/a", "grün")
    for name, content in (("client", "grün"), ("stream", "grün"), ("container", "in/a")):
        assert eventually(partial(scene.blobs.get, f"{scene.container}/{name}/a")) == content.encode()
    for _ in range(2):
        assert host.get("/api/stream/a").text == "grün"
    assert (host.get("/api/client/a").text, host.get("/api/client/b").text) == ("True", "False")
    assert host.get("/api/container").text == scene.container
    assert (host.get("/api/text/a").text, host.get("/api/text/b").text) == ("grün", "nothing")
    assert host.stop() == 0
    scene.blobs.close()


def test_without_storage(tmp_path: Path, serve: Serve) -> None:
    """An app without AzureWebJobsStorage has its blob functions in error, with what to do; the host runs."""
    root = tmp_path / "app"
    root.mkdir()
    (root / "function_app.py").write_text(UPPER)
    host = serve(root, env={"CONTAINER": "images"})
    host.wait_for("Storage account connection string 'AzureWebJobsStorage' does not exist.")
    assert host.stop() == 0


def test_failing_function(scene: Scene, azurite: Azurite) -> None:
    """A function that always fails is run five times, nothing is written, and the blob goes to the poison queue."""
    scene.put("in/a.txt", "bad")
    queues = Queues(azurite)
    queues.make("webjobs-blobtrigger-poison")
    host = scene.start(environ={"TAKES": "no number"})
    (text,) = eventually(lambda: queues.seen("webjobs-blobtrigger-poison"))
    assert '"BlobName": "in/a.txt"' in text
    assert host.stop() == 0
    queues.close()
    assert (scene.effects(), scene.outputs()) == ({"bad": 5}, {})


TOLD = UPPER.replace('connection="AzureWebJobsStorage")', 'connection="AzureWebJobsStorage", source="EventGrid")', 1)


def test_event_grid(azurite: Azurite, tmp_path: Path, serve: Serve) -> None:
    """With keys on, Event Grid delivers with the system key that ``hosting keys`` tells; nobody else is let in."""
    scene = Scene(azurite.connection_string, tmp_path, serve, TOLD)
    state = {"XDG_STATE_HOME": str(tmp_path)}
    host = scene.start("--enable-auth", environ=state)
    scene.put("in/a b.txt", "one")
    blob = scene.blobs.service.get_blob_client(scene.container, "in/a b.txt")
    data = {"url": blob.url, "eTag": blob.get_blob_properties().etag}
    event = {"eventType": "Microsoft.Storage.BlobCreated", "data": data}
    hook = f"{host.url}/runtime/webhooks/blobs?functionName=Host.Functions.Upper"
    headers = {"aeg-event-type": "Notification"}
    assert httpx.post(hook, json=[event], headers=headers).status_code == 401
    key = scene.key("blobs_extension", state)
    assert httpx.post(f"{hook}&code={key}", json=[event], headers=headers).status_code == 202
    assert eventually(scene.outputs) == {"out/a b.up": b"ONE"}
    assert host.stop() == 0
    scene.blobs.close()
