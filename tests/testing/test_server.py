"""A real host in a process of its own, started by a test."""

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


def test_server_serves_on_its_own_port_with_the_settings_of_the_test(server: Server) -> None:
    """The test can wait for the host's output."""
    reply = server.get("/api/f")
    assert (reply.status, reply.text) == (201, "yes")
    assert reply.headers["content-type"].startswith("text/plain")
    assert server.post("/api/f", json={"a": 1}).json() == {"a": 1}
    assert '"it runs"' in server.wait_for(r"Executed 'Functions\.f'")
    with pytest.raises(LookupError, match="the host itself responded"):
        _ = reply.invocation


def test_server_drains_on_a_signal_and_ends_with_the_hosts_exit_code(server: Server) -> None:
    """Waiting for output then fails at once."""
    assert server.stop() == 0
    assert server.stop(signal.SIGINT) == 0
    with pytest.raises(AssertionError, match="the host ended with 0:\n"):
        server.wait_for("what it never printed")


def test_two_servers_ignore_the_developers_environment(hosting_server: ServerFactory) -> None:
    """Several run at once; the settings in a developer's environment reach none of them."""
    first, second = hosting_server(FILES), hosting_server(FILES, settings={"MINE": "two"})
    assert (first.get("/api/f").text, second.get("/api/f").text) == ("nothing", "two")
    assert first.url != second.url


def test_serve_works_without_pytest() -> None:
    """The block of serve() is all that a script needs."""
    with serve(FILES) as server:
        assert server.get("/api/f").status == 201
    assert server.process.returncode == 0


def test_server_whose_app_does_not_load_raises_its_output() -> None:
    """The output of the host is the message of the exception."""
    broken = {"function_app.py": "import nothing_like_this\n"}
    with pytest.raises(AssertionError, match=r"the host ended with 1:(.|\n)*nothing_like_this"), serve(broken):
        pass


def test_server_environment_leaves_out_the_variables_of_hosts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other variables stay, and the test's settings have precedence."""
    for name in ("AzureWebJobsStorage", "PYTHON_ENABLE_WORKER_EXTENSIONS", "HOSTING_DISABLE", "PYTHONHASHSEED"):
        monkeypatch.setenv(name, "1")
    variables = environment({"HOSTING_ALLOW": "x"})
    assert variables["PYTHONHASHSEED"] == "1"
    assert {name for name in variables if name.startswith(("Azure", "PYTHON_", "HOSTING_"))} == {"HOSTING_ALLOW"}
