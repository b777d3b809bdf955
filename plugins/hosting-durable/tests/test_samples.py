"""Samples of Microsoft run unmodified, and give what their READMEs say.

``HOSTING_DURABLE_SAMPLES`` is the folder of a checkout of Azure/azure-functions-durable-python; none is part of this
repository. Not among them: ``monitor`` and ``aml_monitoring``, which wait for minutes for services in the internet.
"""

from __future__ import annotations

import os
import shutil
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
SECONDS = 60
HELLOS = ["Hello Tokyo!", "Hello Seattle!", "Hello London!"]

pytestmark = [
    pytest.mark.long,
    pytest.mark.slow,
    pytest.mark.skipif(not (SAMPLES / "samples-v2").is_dir(), reason="HOSTING_DURABLE_SAMPLES is not set"),
]
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
