"""``hosting start``: a process, a port, real requests, signals."""

from __future__ import annotations

import contextlib
import json
import re
import signal
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from tests.conftest import MakeApp, Serve, launch
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
    served = serve(make_app(APP))
    printed = served.logs()
    assert "\nFunctions:\n\n\tBroken:  " in printed
    assert f"\tHello: [GET,POST] {served.url}/api/Hello\n\n" in printed
    assert f"\tItem:  {served.url}/api/items/{{id:int}}\n\n" in printed


def test_request_reaches_its_function_and_returns_the_response(make_app: MakeApp, serve: Serve) -> None:
    """Requests reach their functions, and their responses are returned."""
    served = serve(make_app(APP))
    hello = served.get("/API/hello/?name=Ada")
    assert (hello.status_code, hello.text) == (200, "Hello Ada: ")
    assert hello.headers["content-type"] == "text/plain; charset=utf-8"
    assert served.get("/api/items/7?x=1").text == f"7 {served.url}/api/items/7?x=1"
    cookies = served.get("/api/cookies")
    assert (cookies.status_code, cookies.content) == (201, b"\x00\xff")
    assert cookies.headers.get_list("set-cookie") == ["a=1", "b=2"]


def test_responses_to_wrong_requests_and_failures_have_no_body(make_app: MakeApp, serve: Serve) -> None:
    """A wrong path, a wrong method and a failing function are 404, 404 and 500, without a body."""
    served = serve(make_app(APP))
    for method, path, status in (
        ("GET", "/api/nothing", 404),
        ("DELETE", "/api/Hello", 404),
        ("GET", "/api/items/x", 404),
        ("GET", "/api/broken", 500),
        ("GET", "/admin/nothing", 404),
    ):
        response = httpx.request(method, served.url + path)
        assert (response.status_code, response.content, response.headers["content-length"]) == (status, b"", "0")


def test_chunked_body_and_head_request_work_with_a_warning(make_app: MakeApp, serve: Serve) -> None:
    """A chunked body arrives, HEAD on a GET function works; each logs once that Azure differs."""
    served = serve(make_app(APP))
    for _ in range(2):
        assert httpx.post(served.url + "/api/Hello", content=iter([b"a", b"b"])).text == "Hello None: ab"
        head = httpx.head(served.url + "/api/Hello")
        assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", "12")
    served.stop()
    assert served.logs().count("chunked request body") == 1
    assert served.logs().count("HEAD request") == 1


def test_home_page_ping_status_and_extensions_respond(make_app: MakeApp, serve: Serve) -> None:
    """The home page, ping, status, and the extensions' document."""
    served = serve(make_app(APP))
    assert served.get("/").headers["content-type"] == "text/html; charset=utf-8"
    assert (served.get("/admin/host/ping").status_code, served.get("/admin/host/ping").content) == (200, b"")
    assert served.get("/admin/host/status").json()["state"] == "Running"
    assert served.get("/Admin/host/extensions").json()["schema_version"] == 1
    assert httpx.post(served.url + "/admin/extensions/nothing/pause").status_code == 404


def test_home_page_that_is_disabled_is_empty(make_app: MakeApp, serve: Serve) -> None:
    """With ``AzureWebJobsDisableHomepage`` the root has no page."""
    served = serve(make_app(APP), env={"AzureWebJobsDisableHomepage": "True"})
    assert served.get("/").status_code == 204


def test_function_with_an_empty_route_prefix_may_use_the_root(make_app: MakeApp, serve: Serve) -> None:
    """With an empty routePrefix a function may have the route of the root."""
    files = {
        "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": ""}}}',
        "function_app.py": APP["function_app.py"] + '\n@app.route("/{*rest}")\n'
        "def zRoot(req: func.HttpRequest) -> str:\n    return 'root ' + req.route_params.get('rest', '')\n",
    }
    served = serve(make_app(files))
    assert served.get("/").text == "root "
    assert served.get("/x/y/").text == "root x/y/"
    assert served.get("/hello").text == "Hello None: "


def test_json_log_lines_have_their_function_and_invocation(make_app: MakeApp, serve: Serve) -> None:
    """With ``--log-format json`` every line of the host is an object with function and invocation."""
    served = serve(make_app(APP), "--log-format", "json")
    served.get("/api/Hello?name=Ada")
    served.get("/api/broken")
    assert served.stop() == 0
    lines = [json.loads(line) for line in served.logs().splitlines()]
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
    served = serve(make_app(APP))
    responses: list[httpx.Response] = []
    thread = threading.Thread(target=lambda: responses.append(served.get("/api/slow?seconds=1.5")))
    thread.start()
    served.wait_for("slow begins")
    assert served.stop(number) == code
    thread.join()
    assert [response.text for response in responses] == ["slept"]
    with pytest.raises(httpx.ConnectError):
        served.get("/")


@pytest.mark.parametrize("path", ["/api/slow?seconds=600", "/api/stuck"])
def test_request_beyond_the_grace_period_is_cancelled(make_app: MakeApp, serve: Serve, path: str) -> None:
    """A request that outlasts the grace period is cancelled, on the loop or in a thread, and the code is 0."""
    served = serve(make_app(APP), "--grace", "0.3")
    responses: list[int] = []
    thread = threading.Thread(target=lambda: responses.append(served.get(path).status_code))
    thread.start()
    served.wait_for("begins")
    assert served.stop() == 0
    thread.join()
    assert responses == [500]


def test_second_interrupt_ends_the_host_at_once(make_app: MakeApp, serve: Serve) -> None:
    """A second Ctrl-C ends the host at once, whatever still runs."""
    served = serve(make_app(APP), "--grace", "600")
    with socket.create_connection(("localhost", httpx.URL(served.url).port or 0)) as client:
        client.sendall(b"GET /api/stuck HTTP/1.1\r\nHost: x\r\n\r\n")
        served.wait_for("stuck begins")
        served.send(signal.SIGINT)
        code = None
        while code is None:  # the second may arrive before the first has been handled
            served.send(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                code = served.process.wait(0.2)
    assert code == 130


def test_start_on_a_port_in_use_exits_with_1(make_app: MakeApp, serve: Serve, run_hosting: RunHosting) -> None:
    """A second copy on the same port reports it in one line and exits with code 1."""
    app = make_app(APP)
    served = serve(app)
    port = str(httpx.URL(served.url).port)
    second = run_hosting("start", app, "--port", port)
    assert (second.returncode, second.stdout) == (1, "")
    assert second.stderr == (
        f"Port {port} is unavailable. Close the process using that port, or specify another port using --port.\n"
    )


def test_functions_option_selects_by_commas_and_repetition(make_app: MakeApp, serve: Serve) -> None:
    """``--functions`` accepts names separated by commas and by repetition."""
    served = serve(make_app(APP), "--functions", "hello,Item", "--functions", "Slow")
    assert re.findall(r"\t(\w+):", served.logs()) == ["Hello", "Item", "Slow"]
    assert served.get("/api/broken").status_code == 404


def test_sigterm_while_the_app_is_loading_exits_with_0(make_app: MakeApp, tmp_path: Path) -> None:
    """SIGTERM before anything is served ends the host with code 0."""
    app = make_app({**APP, "function_app.py": "import time\nprint('loading', flush=True)\ntime.sleep(600)\n"})
    served = launch(app, output=tmp_path / "output.txt")
    served.wait_for("loading")
    assert served.stop() == 0


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
    served = launch(make_app({**APP, "function_app.py": web}), output=tmp_path / "output.txt")
    served.wait_for("starting")
    assert served.stop(number) == code
    assert "Traceback" not in served.logs()


def test_request_while_the_app_is_loading_waits_for_its_response(make_app: MakeApp, tmp_path: Path) -> None:
    """A request that arrives while the app is loading has a response afterwards."""
    app = make_app(
        {
            **APP,
            "function_app.py": "import time\nprint('loading', flush=True)\ntime.sleep(0.5)\n" + APP["function_app.py"],
        }
    )
    with reserved_port() as port:
        served = launch(app, "--port", str(port), output=tmp_path / "output.txt")
        try:
            served.wait_for("loading")
            assert httpx.get(f"http://127.0.0.1:{port}/api/Hello", timeout=60).status_code == 200
        finally:
            served.stop()
