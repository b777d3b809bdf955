"""A real host in a process of its own, from a test."""

from __future__ import annotations

import signal

import pytest

from hosting.testing import Server, ServerFactory, serve
from hosting.testing.server import environment

FILES = {
    "function_app.py": """
import os, logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
@app.route("f")
def f(req: func.HttpRequest) -> func.HttpResponse:
    logging.info("it runs")
    return func.HttpResponse(req.get_body() or os.environ.get("MINE", "nothing"), status_code=201)
"""
}


@pytest.fixture
def server(hosting_server: ServerFactory) -> Server:
    return hosting_server(FILES, "--log-format", "json", settings={"MINE": "yes"})


def test_a_server(server: Server) -> None:
    """It serves on a port of its own with the settings of the test, and what it prints can be waited for."""
    reply = server.get("/api/f")
    assert (reply.status, reply.text) == (201, "yes")
    assert reply.headers["content-type"].startswith("text/plain")
    assert server.post("/api/f", json={"a": 1}).json() == {"a": 1}
    assert '"it runs"' in server.wait_for(r"Executed 'Functions\.f'")
    with pytest.raises(LookupError, match="the host itself responded"):
        _ = reply.invocation


def test_its_end(server: Server) -> None:
    """It drains on a signal and ends with the exit code of a host; then nothing is waited for."""
    assert server.stop() == 0
    assert server.stop(signal.SIGINT) == 0
    with pytest.raises(AssertionError, match="the host ended with 0:\n"):
        server.wait_for("what it never printed")


def test_two_servers(hosting_server: ServerFactory) -> None:
    """Several run at once; what a developer has in the environment reaches none of them."""
    first, second = hosting_server(FILES), hosting_server(FILES, settings={"MINE": "two"})
    assert (first.get("/api/f").text, second.get("/api/f").text) == ("nothing", "two")
    assert first.url != second.url


def test_without_pytest() -> None:
    """The block of serve() is all that a script needs."""
    with serve(FILES) as server:
        assert server.get("/api/f").status == 201
    assert server.process.returncode == 0


def test_an_app_that_does_not_load() -> None:
    """What the host printed is the message of the test."""
    broken = {"function_app.py": "import nothing_like_this\n"}
    with pytest.raises(AssertionError, match=r"the host ended with 1:(.|\n)*nothing_like_this"), serve(broken):
        pass


def test_what_the_environment_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """Variables that hosts read are left out, the rest stays, and the test has the last word."""
    for name in ("AzureWebJobsStorage", "PYTHON_ENABLE_WORKER_EXTENSIONS", "HOSTING_DISABLE", "PYTHONHASHSEED"):
        monkeypatch.setenv(name, "1")
    made = environment({"HOSTING_ALLOW": "x"})
    assert made["PYTHONHASHSEED"] == "1"
    assert {name for name in made if name.startswith(("Azure", "PYTHON_", "HOSTING_"))} == {"HOSTING_ALLOW"}
