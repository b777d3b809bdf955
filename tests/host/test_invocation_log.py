"""The log lines of an invocation."""

from __future__ import annotations

import logging

import pytest

from hosting.testing import HostFactory
from tests.conftest import MakeApp
from tests.support.note_providers import ECHO, call, load_note_host


def app_with(code: str) -> dict[str, str]:
    head = "import azure.functions as func\napp = func.FunctionApp(http_auth_level='ANONYMOUS')\n"
    return {"function_app.py": head + code}


async def test_reason_and_details_of_a_trigger_are_logged(make_app: MakeApp, caplog: pytest.LogCaptureFixture) -> None:
    """The log says why a function runs, with the details that its trigger gives."""
    host, _ = load_note_host(make_app, ECHO, AREA="x")
    with caplog.at_level(logging.INFO):
        await call(host, "7", reason="A note came.", details="NoteId: 7")
    messages = [record.getMessage() for record in caplog.records if record.name == "hosting.function.f"]
    assert messages[0].startswith("Executing 'Functions.f' (Reason='A note came.', Id=")
    assert messages[1] == "Trigger Details: NoteId: 7"


def test_invocation_is_logged_at_its_start_and_end(hosting_host: HostFactory) -> None:
    """Both lines have the same invocation id."""
    host = hosting_host(app_with("@app.route('f')\ndef f(req: func.HttpRequest) -> str:\n    return 'x'\n"))
    reply = host.get("/api/f")
    assert {record.name for record in reply.logs} == {"hosting.function.f"}
    first, last = reply.messages
    invocation_id = first.rpartition("Id=")[2][:-1]
    assert invocation_id == reply.invocation.id
    assert first.startswith(
        "Executing 'Functions.f' (Reason='This function was programmatically called via the host APIs.'"
    )
    assert last.startswith(f"Executed 'Functions.f' (Succeeded, Id={invocation_id}, Duration=")
