"""What the host tells of its functions, and running them by hand."""

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
    return "a value that nobody takes"

@app.generic_trigger("thing", type="thingTrigger")
@app.generic_input_binding("extra", type="thing")
def NeedsInput(thing, extra):
    return ""

@app.warm_up_trigger("warmup")
def Warm(warmup) -> None:
    logging.info("warmed up with a %s", type(warmup).__name__)
""",
}


def run(served: Served, name: str, body: object) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return httpx.post(f"{served.url}/admin/functions/{name}", content=content, timeout=60)


def test_listing(make_app: MakeApp, serve: Serve) -> None:
    """Functions are told in the form of Azure's host: all, or one by its name in any case."""
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


def test_status(make_app: MakeApp, serve: Serve) -> None:
    """A function's status is what is wrong with it; a name that nobody has is 404."""
    served = serve(make_app(FILES))
    assert served.get("/admin/functions/Item/status").json() == {}
    assert (
        "conflicts with one or more built in routes"
        in served.get("/admin/functions/reserved/status").json()["errors"][0]
    )
    assert "'thingTrigger'" in served.get("/admin/functions/Thing/status").json()["errors"][0]
    assert served.get("/admin/functions/nothing/status").status_code == 404


def test_by_hand(make_app: MakeApp, serve: Serve) -> None:
    """A function runs in the background with a text for its trigger, a disabled one too, and one of any type."""
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


def test_not_by_hand(make_app: MakeApp, serve: Serve) -> None:
    """An HTTP function, one in error and a body that says nothing are 400 with a sentence; an unknown name is 404."""
    served = serve(make_app(FILES))
    for name, body, sentence in (
        ("Item", {}, "'Item' is triggered by HTTP: send a request to its own URL instead."),
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


def test_warm_up(make_app: MakeApp, serve: Serve) -> None:
    """The warm-up function runs when it is first asked for, and not again; without one there is just an answer."""
    served = serve(make_app(FILES))
    assert [served.get("/admin/warmup").status_code for _ in range(3)] == [200] * 3
    served.wait_for(r"Executed 'Functions.Warm' \(Succeeded")
    assert served.logs().count("warmed up with a WarmUpContext") == 1
    plain = FILES["function_app.py"].partition("@app.warm_up_trigger")[0]
    assert serve(make_app({**FILES, "function_app.py": plain})).get("/admin/warmup").status_code == 200


def test_warm_up_fails(make_app: MakeApp, serve: Serve) -> None:
    """A warm-up function that fails is 500, each time it is asked about."""
    code = (
        "import azure.functions as func\napp = func.FunctionApp()\n"
        "@app.warm_up_trigger('w')\ndef W(w): raise ValueError\n"
    )
    served = serve(make_app({**FILES, "function_app.py": code}))
    assert [served.get("/admin/warmup").status_code for _ in range(2)] == [500] * 2
    assert served.wait_for(r"Executed 'Functions.W' \(Failed").count("Executing 'Functions.W'") == 1
