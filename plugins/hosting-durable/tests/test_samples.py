"""Samples of Microsoft, apps of Azure's worker suite and an agent run unmodified, and give what they should.

- ``HOSTING_DURABLE_SAMPLES`` is the folder of a checkout of Azure/azure-functions-durable-python. Not among its samples
  here: ``monitor`` and ``aml_monitoring``, which wait for minutes for services in the internet.
- ``HOSTING_DURABLE_WORKER`` is that of a checkout of Azure/azure-functions-python-worker.
- ``HOSTING_DURABLE_AGENT_PYTHON`` is a Python with hosting, hosting-durable and agent-framework-azurefunctions.

Nothing of them is part of this repository.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from durable_support.installed import install

from hosting.testing.server import Server, serve

SAMPLES = Path(os.environ.get("HOSTING_DURABLE_SAMPLES", ""))
WORKER = Path(os.environ.get("HOSTING_DURABLE_WORKER", "")) / "tests" / "endtoend" / "durable_functions"
AGENT_PYTHON = os.environ.get("HOSTING_DURABLE_AGENT_PYTHON", "")
SECONDS = 60
HELLOS = ["Hello Tokyo!", "Hello Seattle!", "Hello London!"]

pytestmark = [pytest.mark.long, pytest.mark.slow]
needs_samples = pytest.mark.skipif(not (SAMPLES / "samples-v2").is_dir(), reason="HOSTING_DURABLE_SAMPLES is not set")
needs_worker = pytest.mark.skipif(not WORKER.is_dir(), reason="HOSTING_DURABLE_WORKER is not set")
needs_agent = pytest.mark.skipif(not AGENT_PYTHON, reason="HOSTING_DURABLE_AGENT_PYTHON is not set")
# Folder, path that starts the orchestration, its body, and its output.
CASES: list[tuple[str, str, Any, Any]] = [
    ("samples/function_chaining", "orchestrators/E1_HelloSequence", None, HELLOS),
    ("samples/function_chaining_custom_status", "orchestrators/DurableOrchestration", None, 3),
    ("samples/simple_sub_orchestration", "orchestrators/DurableOrchestrator", None, "Hello Seattle!"),
    ("samples/counter_entity", "orchestrators/DurableOrchestration", None, 3),
    ("samples/serialize_arguments", "orchestrators/DurableOrchestration", None, 5),
    ("samples-v2/function_chaining", "orchestrators/my_orchestrator", None, HELLOS),
    ("samples-v2/blueprint", "startOrchestrator", None, HELLOS),
    ("samples/fan_in_fan_out", "orchestrators/E2_BackupSiteContent", "site", "bytes"),
    ("samples-v2/fan_in_fan_out", "orchestrators/E2_BackupSiteContent", "site", "bytes"),
]


class Blobs(BaseHTTPRequestHandler):
    """A service that takes containers and blobs, and counts bytes."""

    def do_PUT(self) -> None:
        """Take one."""
        length = int(self.headers.get("content-length", 0))
        is_blob = "restype=container" not in self.path
        self.server.taken += len(self.rfile.read(length)) if is_blob else 0  # type: ignore[attr-defined]
        self.send_response(201)
        for name, value in (
            ("etag", '"1"'),
            ("last-modified", "Tue, 01 Dec 2026 00:00:00 GMT"),
            ("content-length", "0"),
        ):
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def blobs() -> Iterator[tuple[Any, str]]:
    """Run the service, and give it with its connection string."""
    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Blobs)
    server.taken = 0
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    address = f"http://127.0.0.1:{server.server_address[1]}/devstoreaccount1"
    try:
        yield server, f"AccountName=devstoreaccount1;AccountKey=a2V5;BlobEndpoint={address};"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def sample(name: str, tmp_path: Path, *flags: str, **settings: str) -> Iterator[tuple[Server, Path]]:
    """Serve a copy of a sample."""
    app = tmp_path / "app"
    shutil.copytree(SAMPLES / name, app)
    text = (app / "host.json").read_text()
    if "}{" in text:  # one sample has two documents in it, which no host can read: the first one counts here
        (app / "host.json").write_text(text.partition("}{")[0] + "}")
    packages = {"PYTHONPATH": str(install(tmp_path / "packages")), "XDG_STATE_HOME": str(tmp_path / "state")}
    with serve(app, *flags, settings={**packages, **settings}) as server:
        yield server, app


def send(server: Server, method: str, address: str, **options: Any) -> Any:
    """Send a request to an address, and return its JSON; None for an empty response."""
    parts = urlsplit(address)
    reply = server.request(method, f"{parts.path}?{parts.query}", **options)
    assert reply.status < 400, reply.text
    return reply.json() if reply.body else None


def started(server: Server, path: str, body: Any = None) -> dict[str, Any]:
    """Start an orchestration, and return its addresses."""
    found: dict[str, Any] = send(server, "POST", f"http://host/api/{path}", json=body)
    return found


def ended(server: Server, links: dict[str, Any]) -> dict[str, Any]:
    """Return the status of an orchestration at its end."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found: dict[str, Any] = send(server, "GET", links["statusQueryGetUri"])
        if found["runtimeStatus"] not in ("Pending", "Running"):
            return found
        time.sleep(0.1)
    raise AssertionError(server.logs())


@needs_samples
@pytest.mark.parametrize(("name", "path", "body", "output"), CASES, ids=[name for name, *_ in CASES])
def test_sample_gives_what_its_readme_says(name: str, path: str, body: Any, output: Any, tmp_path: Path) -> None:
    """It starts, answers with the addresses of the orchestration, and that completes with the output."""
    site = tmp_path / "site" / "E2_x"
    site.mkdir(parents=True)
    for file in ("__init__.py", "function.json"):
        (site / file).write_text("x" * 1000)
    given = str(site.parent) if body == "site" else body
    with blobs() as (service, connection), sample(name, tmp_path, AzureWebJobsStorage=connection) as (server, _):
        found = ended(server, started(server, path, given))
        assert found["runtimeStatus"] == "Completed", found
        assert found["output"] == (2000 if output == "bytes" else output)
        assert service.taken == (2000 if output == "bytes" else 0)
        if name.endswith("custom_status"):
            assert found["customStatus"] == "1 -> 2 -> 3"
        if name.endswith("counter_entity"):
            state = send(server, "GET", "http://host/api/entity/Counter/myCounter")
            assert state == {"entity": "Counter", "key": "myCounter", "state": 3}


@needs_samples
def test_phone_is_verified_by_the_code_that_was_sent(tmp_path: Path) -> None:
    """A wrong answer is followed by the right one; the message, which Twilio would send, is logged."""
    settings = {"TwilioPhoneNumber": "+1", "TwilioAccountSid": "sid", "TwilioAuthToken": "token"}
    flags = ("--missing-outputs", "log")
    with sample("samples/human_interaction", tmp_path, *flags, **settings) as (server, _):
        links = started(server, "orchestrators/E4_SMSPhoneVerification", "+15550100")
        server.wait_for("Your verification code is")
        status = links["statusQueryGetUri"] + "&showHistory=true&showHistoryOutput=true"
        events: list[dict[str, Any]] = []
        deadline = time.monotonic() + SECONDS
        while not events and time.monotonic() < deadline:
            history = send(server, "GET", status).get("historyEvents", [])
            events = [one for one in history if one["EventType"] == "TaskCompleted"]
        event = links["sendEventPostUri"].replace("{eventName}", "SmsChallengeResponse")
        for answer in ("wrong", str(events[0]["Result"])):
            send(server, "POST", event, json=answer)
        assert ended(server, links)["output"] is True


@needs_worker
@pytest.mark.parametrize("name", ["", "durable_functions_stein"], ids=["v1", "v2"])
def test_durable_app_of_the_worker_suite_completes(name: str, tmp_path: Path) -> None:
    """Its test asks for the status at the address in the response, and expects these words."""
    app = tmp_path / "app"
    shutil.copytree(WORKER / name, app, ignore=shutil.ignore_patterns("durable_functions_*"))
    (app / "host.json").write_text('{"version": "2.0"}')
    packages = {"PYTHONPATH": str(install(tmp_path / "packages")), "XDG_STATE_HOME": str(tmp_path / "state")}
    with serve(app, settings={**packages, "WEBSITE_HOSTNAME": "http:"}) as server:
        found = ended(server, started(server, "orchestrators/DurableFunctionsOrchestrator"))
        assert (found["runtimeStatus"], found["output"]) == ("Completed", HELLOS)


AGENT = """
import azure.functions as func
from agent_framework import Agent, BaseChatClient, ChatResponse, ChatResponseUpdate, Content, Message
from agent_framework_azurefunctions import AgentFunctionApp


class Model(BaseChatClient):
    def _inner_get_response(self, *, messages, stream=False, options=None, **kwargs):
        text = f"heard {messages[-1].text} after {len(messages) - 1}"

        async def pieces():
            yield ChatResponseUpdate(role="assistant", contents=[Content.from_text(text)])

        async def whole():
            return ChatResponse(messages=[Message("assistant", [text])])

        return self._build_response_stream(pieces()) if stream else whole()


agent = Agent(client=Model(), name="Echo", instructions="Repeat.")
app = AgentFunctionApp(agents=[agent], http_auth_level=func.AuthLevel.ANONYMOUS)
"""


@needs_agent
def test_agent_of_the_agent_framework_keeps_its_conversation(tmp_path: Path) -> None:
    """The agent is an entity: its second answer knows the first one, also after a restart of the host."""
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text(AGENT)
    script = "import sys; from hosting.__main__ import main; sys.exit(main())"
    environ = {**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "PYTHONPATH": ""}
    for text, expected in (("one", "heard one after 0"), ("two", "heard two after 2")):
        log = tmp_path / f"{text}.log"
        with log.open("wb") as output:
            command = [AGENT_PYTHON, "-c", script, "start", str(app), "--port", "0"]
            process = subprocess.Popen(command, env=environ, stdout=output, stderr=output)
        try:
            server = Server(process, log)
            server.wait_until_listening()
            reply = server.post("/api/agents/Echo/run", json={"message": text, "thread_id": "t"})
            assert (reply.status, reply.json()["response"]) == (200, expected), server.logs()
        finally:
            process.terminate()
            process.wait()
