"""The commands that work with a running host: what they print about a host with two processes, and their errors."""

from __future__ import annotations

import json
import os
import re
import signal
import ssl
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from hosting.cli.connection import tls_context
from hosting.cli.functions import where_text
from hosting.cli.main import main
from hosting.server.keys import Keys
from hosting.testing import Server
from hosting.testing.server import environment, serve
from tests.conftest import PATIENCE

APP = """
import logging
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("hello")
def Hello(req: func.HttpRequest) -> str:
    logging.warning("hello \\x1b[31mred\\x1b[0m token=abcdefghij")
    return req.get_body().decode() or "hello"

@app.route("item/{id:int}", methods=["DELETE"])
def Item(req: func.HttpRequest) -> func.HttpResponse:
    return func.HttpResponse("no", status_code=404)

@app.generic_trigger("text", "strangeTrigger")
def Echo(text: str) -> str:
    print("printed", text)
    return text.upper()

@app.generic_trigger("text", "strangeTrigger")
def Fail(text: str) -> str:
    raise ValueError("no \\x1b[2J password=hunter2")
"""
REQUESTS = 12


@pytest.fixture(scope="module")
def host() -> Iterator[Server]:
    """Yield a host with two processes, after some requests."""
    with serve({"function_app.py": APP, "host.json": '{"version": "2.0"}'}, "--workers", "2") as served:
        for _ in range(REQUESTS):  # each in a connection of its own, which either process may take
            assert served.get("/api/hello").status == 200
        yield served


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Return exit code, output and errors of a command."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.mark.parametrize(
    ("command", "code", "output", "errors"),
    [
        ("functions URL", 0, rf"Hello +httpTrigger +any /api/hello +{REQUESTS} +0 +0 +Succeeded 200 \d+ ms", ""),
        (
            "top URL",
            0,
            rf"(?s)at http\S+: Running for .* hosting .*{REQUESTS} invocations, 0 errors.*last hour.*Item",
            "",
        ),
        ("invoke Hello URL --data {DATA}", 0, r'"a": 1', ""),
        ("invoke hello URL", 0, "^hello$", ""),
        ("invoke Echo URL --data abc", 0, "^ABC$", ""),
        ("invoke Echo URL --data abc --json", 0, r'(?s)"status": "Succeeded".*"value": "ABC"', ""),
        ("invoke Fail URL", 1, "^$", r"Fail: ValueError: no .*password=\*\*\*"),
        ("invoke Item URL --path /api/item/7", 1, "^no$", "Item: status 404"),
        ("invoke Item URL", 2, "", r"has parameters: /api/item/\{id:int\}\.\n  Fill them in: --path PATH"),
        ("invoke Ekho URL", 1, "", "has no function 'Ekho'.\n  Did you mean 'Echo'"),
        ("invoke Echo URL --path /x", 2, "", "'Echo' has no HTTP trigger"),
        (
            "invoke Hello URL --path api/hello",
            2,
            "",
            "'api/hello' does not begin with a slash.\n  Write it as --path /api/hello",
        ),
        ("invoke Hello URL --path /api/hello?name=Zoë{b}", 0, "^hello$", ""),
        ("invoke Item URL --path /api/item/é", 1, "", "Item: status 404"),
        ("invoke Hello URL --method A/B", 2, "", "'A/B' is not a method of HTTP.\n  Write it as --method POST"),
        ("invoke Echo URL --data @missing.txt", 2, "", "missing.txt cannot be read: No such file"),
        (
            "logs URL --function hello",
            0,
            r"Hello: WARNING hello red token=\*\*\*(?s:.)*succeeded 200 .* GET /api/hello",
            "",
        ),
        ("logs URL --last 0", 0, "^$", ""),
    ],
)
def test_command_prints_what_the_host_does(
    host: Server, capsys: pytest.CaptureFixture[str], command: str, code: int, output: str, errors: str
) -> None:
    """Figures are those of both processes; nothing that a terminal would obey is printed."""
    words = [{"URL": host.url, "{DATA}": '{"a": 1}'}.get(word, word) for word in command.split()]
    if command.startswith(("functions", "top")):
        # Rows before have added invocations of their own.
        output = output.replace(str(REQUESTS), r"\d+", 1)
    result = run(capsys, *words)
    assert (result[0], "\x1b" in result[1] + result[2]) == (code, False), result
    assert re.search(output, result[1].strip()), result
    assert re.search(errors, result[2]), result


def test_place_of_a_function_is_what_its_trigger_says() -> None:
    """Its queue with the number of messages, the source that another trigger names, or why it cannot be known."""
    for state, text in (
        ({"source": "orders", "waiting": 7, "poisoned": 1}, "orders: 7 waiting, 1 poisoned"),
        ({"source": "greet", "tool": {"name": "greet"}}, "greet"),
        ({"error": "no answer", "source": "greet"}, "no answer"),
        ({}, ""),
    ):
        assert where_text({"state": state}) == text


@pytest.mark.parametrize(
    "variables",
    [{"TERM": "dumb"}, {"TERM": "xterm", "FORCE_COLOR": "1"}],
    ids=["terminal that renews nothing", "colours in a pipe"],
)
def test_top_prints_once_where_a_view_cannot_be_renewed(host: Server, variables: dict[str, str]) -> None:
    """A terminal without a cursor would stay empty, and a pipe whose colours are forced would never end."""
    command = [sys.executable, "-m", "hosting", "top", host.url]
    outer, inner = pytest.importorskip("pty", reason="the platform has no such terminals").openpty()
    output = subprocess.PIPE if "FORCE_COLOR" in variables else inner
    with closing(os.fdopen(outer, "rb", 0)) as terminal:
        process = subprocess.Popen(command, env=environment(variables), stdout=output, stderr=subprocess.DEVNULL)
        os.close(inner)
        try:
            assert process.wait(PATIENCE) == 0
        finally:
            process.kill()
        with process:
            shown = process.stdout.read() if process.stdout else terminal.read(65536)
        assert b"at http" in shown


def test_json_has_the_figures_of_both_processes(host: Server, capsys: pytest.CaptureFixture[str]) -> None:
    """Both have served; the token of the page is not printed; lines of the log say their process."""
    document = json.loads(run(capsys, "top", host.url, "--json")[1])
    functions = {one["name"]: one for one in json.loads(run(capsys, "functions", host.url, "--json")[1])}
    assert functions["Hello"]["invocations"] >= REQUESTS
    assert (len(document["host"]["processes"]), "token" in document) == (2, False)
    assert sum(point["invocations"] for point in document["chart"]["points"]) == document["totals"]["invocations"]
    lines = [json.loads(line) for line in run(capsys, "logs", host.url, "--json", "--last", "500")[1].splitlines()]
    assert {one["event"] for one in lines} == {"logs", "invocations"}
    assert {one["process"] for one in lines} <= {1, 2}
    assert (times := [one.get("ended", one["time"]) for one in lines]) == sorted(times)
    by_id = next(one for one in lines if one.get("function") == "Hello")["invocationId"]
    found = run(capsys, "logs", host.url, "--json", "--invocation", by_id, "--last", "500")[1].splitlines()
    assert {json.loads(line)["invocationId"] for line in found} == {by_id}


class Strange(BaseHTTPRequestHandler):
    """A server that is no host of this project; the path of its address does not matter, its port decides."""

    def do_GET(self) -> None:
        """Respond as the key of the request says."""
        key = self.headers.get("x-functions-key", "401 ")
        status, _, body = (key if key[:3].isdigit() and key[3] == " " else f"503 {key}").partition(" ")
        self.send_response(int(status))
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body.encode())

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Log nothing."""


@pytest.fixture(scope="module")
def strange() -> Iterator[str]:
    """Yield the address of a strange server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Strange) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("command", ["functions", "top", "logs", "logs -f", "invoke Echo"])
@pytest.mark.parametrize(
    ("url", "key", "code", "message"),
    [
        ("STRANGE", "", 1, "needs its master key.\n  Set HOSTING_MASTER_KEY, or pass --key"),
        ("STRANGE", "401 ", 1, "does not accept this key"),
        ("STRANGE", "404 ", 1, "started with --no-ui"),
        ("STRANGE", "503 too many readers", 1, "refuses: too many readers"),
        ("STRANGE", "200 []", 1, "is not a host that 'hosting start' has started"),
        ("STRANGE", '200 {"functions": {}}', 1, "is not a host that 'hosting start' has started"),
        ("STRANGE", '200 {"functions": [1], "lines": 1}', 1, "is not a host that 'hosting start' has started"),
        ("STRANGE", '200 {"functions": [{}], "lines": [{}], "invocations": []}', 1, "or one of another version"),
        ("STRANGE", "200 \u20ac", 2, "is not a key"),
        ("STRANGE", "200 a\nb", 2, "is not a key"),
        ("http://127.0.0.1:1", "", 1, "No host answers at http://127.0.0.1:1: Connection refused."),
        ("ftp://localhost", "", 2, "'ftp://localhost' is not the address of a host"),
        ("http://localhost:x", "", 2, "is not the address of a host"),
    ],
)
def test_error_is_one_sentence_and_what_to_do(
    strange: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    command: str,
    url: str,
    key: str,
    code: int,
    message: str,
) -> None:
    """No traceback; the key comes from the environment, and is not in the message."""
    monkeypatch.setenv("HOSTING_MASTER_KEY", key)
    monkeypatch.chdir(tmp_path)
    result = run(capsys, *command.split(), url.replace("STRANGE", strange))
    assert (result[0], result[1]) == (code, "")
    assert message in result[2]
    assert len(result[2].splitlines()) <= 2


@pytest.mark.parametrize(
    ("secret", "message"), [("ab" * 32, f"refuses: {Keys(bytes.fromhex('ab' * 32)).master}"), ("x", "its master key")]
)
def test_key_comes_from_where_the_host_has_it(
    strange: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    secret: str,
    message: str,
) -> None:
    """In a container, its variables have the secret; no keys are created for an app that has none."""
    monkeypatch.delenv("HOSTING_MASTER_KEY", raising=False)
    monkeypatch.setenv("HOSTING_KEYS_SECRET", secret)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "host.json").write_text("{}")
    result = run(capsys, "functions", strange, "--app", str(tmp_path))
    assert (result[0], message in result[2]) == (1, True), result
    monkeypatch.delenv("HOSTING_KEYS_SECRET")
    assert "needs its master key" in run(capsys, "functions", strange, "--app", str(tmp_path))[2]
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(("name", "is_checked"), [("localhost", False), ("::1", False), ("shop.example", True)])
def test_certificates_of_other_machines_are_checked(name: str, is_checked: bool) -> None:
    """That of a host on this machine is for another name."""
    context = tls_context(name)
    assert (context.check_hostname, context.verify_mode == ssl.CERT_REQUIRED) == (is_checked, is_checked)


@pytest.mark.parametrize(
    ("number", "code", "said"),
    [
        (signal.SIGTERM, 0, "The host at URL stops."),
        (signal.SIGKILL, 1, "Error: The connection to the host at URL"),
    ],
)
def test_logs_that_are_followed_say_that_their_host_has_ended(number: signal.Signals, code: int, said: str) -> None:
    """Who follows them learns whether the host has stopped or is gone."""
    files = {"function_app.py": APP, "host.json": '{"version": "2.0"}'}
    with serve(files) as served:
        command = [sys.executable, "-m", "hosting", "logs", "--follow", served.url]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as following:
            assert served.get("/api/hello").status == 200
            assert following.stdout is not None
            assert any("hello" in line for line in following.stdout)
            served.process.send_signal(number)
            _, errors = following.communicate(timeout=60)
    assert (following.returncode, errors.replace(served.url, "URL")[: len(said)]) == (code, said), errors
