"""``/admin/functions``: descriptions of functions, and manual runs."""

from __future__ import annotations

import json

import httpx

from tests.conftest import MakeApp, Serve, Served

FILES = {
    "host.json": '{"version": "2.0", "extensions": {"http": {"routePrefix": "v1"}}}',
    "local.settings.json": '{"Values": {"AzureWebJobs.Off.Disabled": "1", "PLACE": "somewhere"}}',
    "function_app.py": """
import logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("Items/{id}", methods=["GET"])
def Item(req: func.HttpRequest) -> str:
    return "item"

@app.route("admin/x")
def Reserved(req: func.HttpRequest) -> str:
    return "never"

@app.service_bus_queue_trigger("msg", connection="Bus", queue_name="%PLACE%")
@app.service_bus_queue_output("out", connection="Bus", queue_name="other")
def Queue(msg: func.ServiceBusMessage, out: func.Out[str]) -> None:
    logging.info("queue got %r", msg.get_body())
    out.set("lost")

@app.timer_trigger("timer", "0 0 * * * *")
async def Off(timer: func.TimerRequest) -> None:
    logging.info("timer ran, past due: %s", timer.past_due)

@app.generic_trigger("thing", type="thingTrigger")
def Thing(thing):
    logging.info("thing got %r", thing)
    return "a value without a binding"

@app.generic_trigger("thing", type="thingTrigger")
@app.generic_input_binding("extra", type="thing")
def NeedsInput(thing, extra):
    return ""

@app.warm_up_trigger("warmup")
def Warm(warmup) -> None:
    logging.info("warmed up with a %s", type(warmup).__name__)
""",
}


JSON = {"Content-Type": "application/json"}


def run(served: Served, name: str, body: object) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{served.url}/admin/functions/{name}", content=content, headers=JSON, timeout=60)


def test_functions_are_listed_in_azures_format(make_app: MakeApp, serve: Serve) -> None:
    """Functions are described in the format of Azure's host: all of them, or one by its name in any case."""
    served = serve(make_app(FILES))
    listed = {function["name"]: function for function in served.get("/admin/functions").json()}
    assert list(listed) == ["Item", "NeedsInput", "Off", "Queue", "Reserved", "Thing", "Warm"]
    item = listed["Item"]
    assert item["invoke_url_template"] == f"{served.url}/v1/items/{{id}}"
    assert item["href"] == f"{served.url}/admin/functions/Item"
    assert (item["language"], item["isDisabled"], item["isDirect"], item["isProxy"]) == ("python", False, True, False)
    assert item["config"]["bindings"][0]["type"] == "httpTrigger"
    assert (listed["Queue"]["invoke_url_template"], listed["Off"]["isDisabled"]) == (None, True)
    assert served.get("/Admin/Functions/iTEM/").json() == item
    assert served.get("/admin/functions/nothing").status_code == 404
    assert served.get("/admin/functions/Item/more").status_code == 404


def test_status_lists_the_errors_of_a_function(make_app: MakeApp, serve: Serve) -> None:
    """A function's status is what is wrong with it; an unknown name is 404."""
    served = serve(make_app(FILES))
    assert served.get("/admin/functions/Item/status").json() == {}
    assert (
        "conflicts with one or more built in routes"
        in served.get("/admin/functions/reserved/status").json()["errors"][0]
    )
    assert "'thingTrigger'" in served.get("/admin/functions/Thing/status").json()["errors"][0]
    assert served.get("/admin/functions/nothing/status").status_code == 404


def test_function_runs_manually_in_the_background(make_app: MakeApp, serve: Serve) -> None:
    """A function runs with a text in place of what triggers it, a disabled one too, and one of any binding type."""
    served = serve(make_app(FILES))
    for name, body in (
        ("queue", {"input": "caf\xe9"}),
        ("Off", {}),
        ("Thing", {"Input": None}),
        ("Queue", {"input": "two"}),
    ):
        answer = run(served, name, body)
        assert (answer.status_code, answer.content) == (202, b"")
    served.wait_for(r"queue got b'caf\\xc3\\xa9'")
    served.wait_for("timer ran, past due: False")
    served.wait_for("thing got None")
    served.wait_for("'Queue': output 'out' is not written: no installed package provides its type 'serviceBus'")
    served.wait_for("'Thing': output '.return' is not written")
    for name in ("Queue", "Off", "Thing"):
        served.wait_for(rf"Executed 'Functions.{name}' \(Succeeded")
    assert run(served, "NeedsInput", {}).status_code == 202
    served.wait_for("input 'extra' cannot be read: no installed package provides its type 'thing'")


def test_function_that_cannot_run_manually_is_refused(make_app: MakeApp, serve: Serve) -> None:
    """An HTTP function, one in error and an unusable body are 400 with a sentence; an unknown name is 404."""
    served = serve(make_app(FILES))
    for name, body, sentence in (
        ("Item", {}, "'Item' is triggered by HTTP: send a request to its URL instead."),
        ("Reserved", {}, "cannot run: Function 'Reserved': the specified route conflicts"),
        ("Queue", b"", "must be a JSON object"),
        ("Queue", b"input", "must be a JSON object"),
        ("Queue", ["input"], "must be a JSON object"),
        ("Queue", {"input": {"a": 1}}, '"input" must be a text'),
    ):
        answer = run(served, name, body)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "text/plain; charset=utf-8")
        assert sentence in answer.text
    assert run(served, "nothing", {}).status_code == 404
