"""``hosting start``: a process, a port, real requests, signals."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from tests.conftest import PATIENCE, MakeApp, Serve, launch
from tests.support.ports import reserved_port

APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import asyncio, logging, threading, time
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("Hello", methods=["GET", "POST"])
def Hello(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    logging.warning("hi %s", req.params.get("name"))
    def in_thread():
        context.thread_local_storage.invocation_id = context.invocation_id
        logging.info("from a thread")
    thread = threading.Thread(target=in_thread)
    thread.start()
    thread.join()
    print("printed")
    return func.HttpResponse(f"Hello {req.params.get('name')}: {req.get_body().decode()}")

@app.route("items/{id:int}")
async def Item(req: func.HttpRequest) -> str:
    return req.route_params["id"] + " " + req.url

@app.route("slow")
async def Slow(req: func.HttpRequest) -> str:
    logging.warning("slow begins")
    await asyncio.sleep(float(req.params["seconds"]))
    return "slept"

@app.route("stuck")
def Stuck(req: func.HttpRequest) -> str:
    logging.warning("stuck begins")
    time.sleep(600)

@app.route("broken")
def Broken(req: func.HttpRequest) -> str:
    raise ValueError("a secret")

@app.route("cookies")
def Cookies(req: func.HttpRequest) -> func.HttpResponse:
    response = func.HttpResponse(b"\\x00\\xff", mimetype="image/png", status_code=201)
    response.headers.add("Set-Cookie", "a=1")
    response.headers.add("Set-Cookie", "b=2")
    return response
""",
}
RunHosting = Callable[..., "CompletedProcess[str]"]


def test_start_prints_the_functions_with_methods_and_urls(make_app: MakeApp, serve: Serve) -> None:
    """The functions are printed with methods and URLs, as Core Tools prints them."""
    server = serve(make_app(APP))
    printed = server.logs()
    assert "\nFunctions:\n\n\tBroken:  " in printed
    assert f"\tHello: [GET,POST] {server.url}/api/Hello\n\n" in printed
    assert f"\tItem:  {server.url}/api/items/{{id:int}}\n\n" in printed


def test_request_reaches_its_function_and_returns_the_response(make_app: MakeApp, serve: Serve) -> None:
    """Requests reach their functions, and their responses are returned."""
    server = serve(make_app(APP))
    hello = server.get("/API/hello/?name=Ada")
    assert (hello.status_code, hello.text) == (200, "Hello Ada: ")
    assert hello.headers["content-type"] == "text/plain; charset=utf-8"
    assert server.get("/api/items/7?x=1").text == f"7 {server.url}/api/items/7?x=1"
    cookies = server.get("/api/cookies")
    assert (cookies.status_code, cookies.content) == (201, b"\x00\xff")
    assert cookies.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_responses_to_wrong_requests_and_failures_have_no_body(make_app: MakeApp, serve: Serve) -> None:
    """A wrong path, a wrong method and a failing function are 404, 404 and 500, without a body."""
    server = serve(make_app(APP))
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/Hello", 404),
        ("GET", "/api/items/x", 404),
        ("GET", "/api/broken", 500),
        ("GET", "/admin/nothing", 404),
    ):
        response = httpx.request(method, server.url + path)
        assert (response.status_code, response.content, response.headers["content-length"]) == (status, b"", "0")


def test_chunked_body_and_head_request_work_with_a_warning(make_app: MakeApp, serve: Serve) -> None:
    """A chunked body arrives, HEAD on a GET function works; each logs once that Azure differs."""
    server = serve(make_app(APP))
    for _ in range(2):
        assert httpx.post(server.url + "/api/Hello", content=iter([b"a", b"b"])).text == "Hello None: ab"
        head = httpx.head(server.url + "/api/Hello")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "12")
    server.stop()
    assert server.logs().count("chunked request body") == 1
    assert server.logs().count("HEAD request") == 1


def test_home_page_ping_status_and_extensions_respond(make_app: MakeApp, serve: Serve) -> None:
    """The home page, ping, status, and the extensions' document."""
    server = serve(make_app(APP))
    assert server.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert (server.get("/admin/host/ping").status_code, server.get("/admin/host/ping").content) == (200, b"")
    assert server.get("/admin/host/status").json()["state"] == "Running"
    assert server.get("/Admin/host/extensions").json()["schema_version"] == 1
    assert httpx.post(server.url + "/admin/extensions/nothing/pause").status_code == 404


def test_home_page_that_is_disabled_is_empty(make_app: MakeApp, serve: Serve) -> None:
    """With ``AzureWebJobsDisableHomepage`` the root has no page."""
    server = serve(make_app(APP), env={"AzureWebJobsDisableHomepage": "True"})
    assert server.get("/").status_code == 204


def test_function_with_an_empty_route_prefix_may_use_the_root(make_app: MakeApp, serve: Serve) -> None:
    """With an empty routePrefix a function may have the route of the root."""
    files = {
        "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}',
        "function_app.py": APP["function_app.py"] + '\n@app.route("/{*rest}")\n'
        "def zRoot(req: func.HttpRequest) -> str:\n    return 'root ' + req.route_params.get('rest', '')\n",
    }
    server = serve(make_app(files))
    assert server.get("/").text == "root "
    assert server.get("/x/y/").text == "root x/y/"
    assert server.get("/hello").text == "Hello None: "


def test_json_log_lines_have_their_function_and_invocation(make_app: MakeApp, serve: Serve) -> None:
    """With ``--log-format json`` every line of the host is an object with function and invocation."""
    server = serve(make_app(APP), "--log-format", "json")
    server.get("/api/Hello?name=Ada")
    server.get("/api/broken")
    assert server.stop() == 0
    lines = [json.loads(line) for line in server.logs().splitlines()]
    assert all(list(line)[:4] == ["timestamp", "level", "category", "message"] for line in lines)
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["timestamp"]) for line in lines)
    by_message = {line["message"]: line for line in lines}
    user, thread = by_message["hi Ada"], by_message["from a thread"]
    assert (user["level"], user["category"], user["function"]) == ("warning", "Function.Hello.User", "Hello")
    assert (thread["function"], thread["invocation_id"]) == ("Hello", user["invocation_id"])
    executed = next(line for line in lines if line["message"].startswith("Executed 'Functions.Broken' (Failed"))
    assert executed["exception"].splitlines()[1].strip().startswith("File")
    assert "function_app.py" in executed["exception"].splitlines()[1]
    assert executed["exception"].endswith("ValueError: a secret")
    assert (by_message["printed"]["category"], by_message["printed"]["stream"]) == ("Function.Hello.User", "stdout")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_lets_running_requests_finish(
    make_app: MakeApp, serve: Serve, number: signal.Signals, code: int
) -> None:
    """After SIGTERM or Ctrl-C a running request finishes; the port is closed; the exit code names the signal."""
    server = serve(make_app(APP))
    responses: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: responses.append(server.get("/api/slow?seconds=1.5")))
    thread.start()
    server.wait_for("slow begins")
    assert server.stop(number) == code
    thread.join()
    assert [response.text for response in responses] == ["slept"]
    with pytest.raises(httpx.ConnectError):
        server.get("/")


@pytest.mark.parametrize("path", ["/api/slow?seconds=600", "/api/stuck"])
def test_request_beyond_the_grace_period_is_cancelled(make_app: MakeApp, serve: Serve, path: str) -> None:
    """A request that outlasts the grace period is cancelled, on the loop or in a thread, and the code is 0."""
    server = serve(make_app(APP), "--grace", "0.3")
    responses: list[int] = []
    thread = threading.Thread(target=lambda: responses.append(server.get(path).status_code))
    thread.start()
    server.wait_for("begins")
    assert server.stop() == 0
    thread.join()
    assert responses == [500]


def test_second_interrupt_ends_the_host_at_once(make_app: MakeApp, serve: Serve) -> None:
    """A second Ctrl-C ends the host at once, whatever still runs."""
    server = serve(make_app(APP), "--grace", "600")
    with socket.create_connection(("localhost", httpx.URL(server.url).port or 0)) as client:
        client.sendall(b"GET /api/stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        server.wait_for("stuck begins")
        server.send(signal.SIGINT)
        server.wait_for("Still running: Stuck. The host waits up to 600 s for it. Press Ctrl-C again to end it now.")
        server.send(signal.SIGINT)
        assert server.process.wait(PATIENCE) == 130


def test_start_on_a_port_in_use_exits_with_1(make_app: MakeApp, serve: Serve, run_hosting: RunHosting) -> None:
    """A second copy on the same port reports it in one line and exits with code 1."""
    app = make_app(APP)
    server = serve(app)
    port = str(httpx.URL(server.url).port)
    second = run_hosting("start", app, "--port", port)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == (
        f"Error: Port {port} is unavailable. Close the process using that port, or specify another port using --port.\n"
    )


def test_functions_option_selects_by_commas_and_repetition(make_app: MakeApp, serve: Serve) -> None:
    """``--functions`` accepts names separated by commas and by repetition."""
    server = serve(make_app(APP), "--functions", "hello,Item", "--functions", "Slow")
    assert re.findall(r"\t(\w+):", server.logs()) == ["Hello", "Item", "Slow"]
    assert server.get("/api/broken").status_code == 404


def test_sigterm_while_the_app_is_loading_exits_with_0(make_app: MakeApp, tmp_path: Path) -> None:
    """SIGTERM before anything is served ends the host with code 0."""
    app = make_app({**APP, "function_app.py": "import time\nprint('loading', flush=True)\ntime.sleep(600)\n"})
    server = launch(app, output=tmp_path / "output.txt")
    server.wait_for("loading")
    assert server.stop() == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_signal_during_a_hanging_start_ends_it_silently(
    make_app: MakeApp, tmp_path: Path, number: signal.Signals, code: int
) -> None:
    """A start that hangs, as of a web app that waits for its database, ends at a signal without a traceback."""
    web = """
import asyncio
import azure.functions as func

async def web(scope, receive, send):
    print("starting", flush=True)
    await asyncio.sleep(600)

app = func.AsgiFunctionApp(app=web, http_auth_level=func.AuthLevel.ANONYMOUS)
"""
    server = launch(make_app({**APP, "function_app.py": web}), output=tmp_path / "output.txt")
    server.wait_for("starting")
    assert server.stop(number) == code
    assert "Traceback" not in server.logs()


def test_request_while_the_app_is_loading_waits_for_its_response(make_app: MakeApp, tmp_path: Path) -> None:
    """A request that arrives while the app is loading has a response afterwards."""
    app = make_app(
        {
            **APP,
            "function_app.py": "import time\nprint('loading', flush=True)\ntime.sleep(0.5)\n" + APP["function_app.py"],
        }
    )
    with reserved_port() as port:
        server = launch(app, "--port", str(port), output=tmp_path / "output.txt")
        try:
            server.wait_for("loading")
            assert httpx.get(f"http://127.0.0.1:{port}/api/Hello", timeout=60).status_code == 200
        finally:
            server.stop()
