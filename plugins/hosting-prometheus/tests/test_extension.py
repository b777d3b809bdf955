"""The figures that an app really gives, in ``hosting.testing``."""

from __future__ import annotations

import math
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import azure.functions as func
import pytest
from prometheus_client import REGISTRY, Counter
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_text

import hosting
from hosting.testing import Host, make_host, queue_message, timer_request
from hosting_prometheus import PrometheusExtension
from hosting_prometheus.extension import ROUTE_FUNCTION

Figures = Mapping[tuple[str, frozenset[tuple[str, str]]], float]


def app() -> func.FunctionApp:
    """Return an app with functions of several kinds."""
    functions = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @functions.route("greet")
    def greet(req: func.HttpRequest) -> str:
        return "hello"

    @functions.route("wait")
    async def wait(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("later", status_code=202)

    @functions.route("odd")
    def odd(req: func.HttpRequest) -> func.HttpResponse:
        return func.HttpResponse("x", status_code=299)

    @functions.route("fail")
    async def fail(req: func.HttpRequest) -> str:
        raise ValueError("no")

    @functions.route("wrong")
    def wrong(req: func.HttpRequest):  # type: ignore[no-untyped-def]
        return {"not": "a response"}

    @functions.queue_trigger("msg", "in", "Storage")
    def work(msg: func.QueueMessage) -> None: ...

    @functions.timer_trigger("tick", "0 0 * * * *")
    @functions.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
    def often(tick: func.TimerRequest) -> None:
        raise ValueError("again")

    return functions


class Refuser:
    """Refuses requests that ask for it, and fails in others."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
        request = invocation.request
        if request is not None and "refuse" in request.query:
            raise hosting.ShortCircuit(invocation.respond(403, "no"))
        if request is not None and "break" in request.query:
            raise ValueError("broken")


def host_json(**settings: Any) -> Mapping[str, Any]:
    """Return the host.json of an app with settings of the extension."""
    return {"extensionHost": {"extensions": {"prometheus": {"settings": settings}}}}


def started(functions: Any = None, **settings: Any) -> Any:
    """Return a host for a ``with`` block."""
    extensions = {"prometheus": PrometheusExtension, "refuser": Refuser}
    return make_host(functions or app(), extensions=extensions, host_json=host_json(**settings), raises=False)


@pytest.fixture(name="host", scope="module")
def fixture_host() -> Iterator[Host]:
    """Return a host with the extension, for all tests that read how its figures change."""
    with started() as host:
        yield host


def figures(text: str) -> Figures:
    """Return the samples of a page."""
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for family in parse_text(text)
        for sample in family.samples
    }


def figure(host: Host, name: str, **labels: str) -> float | None:
    """Return one sample of the page."""
    return figures(host.get("/metrics").text).get((name, frozenset(labels.items())))


HTTP, QUEUE, TIMER = {"trigger": "httpTrigger"}, {"trigger": "queueTrigger"}, {"trigger": "timerTrigger"}
OLD = datetime.now(UTC) - timedelta(hours=2)


@pytest.mark.parametrize(
    ("act", "name", "labels", "expected"),
    [
        (lambda h: h.get("/api/greet"), "invocations_total", {"function": "greet", "outcome": "succeeded", **HTTP}, 1),
        (lambda h: h.get("/api/wait"), "invocations_total", {"function": "wait", "outcome": "succeeded", **HTTP}, 1),
        (lambda h: h.get("/api/fail"), "invocations_total", {"function": "fail", "outcome": "failed", **HTTP}, 1),
        (lambda h: h.get("/api/wrong"), "invocations_total", {"function": "wrong", "outcome": "failed", **HTTP}, 1),
        (
            lambda h: h.get("/api/greet?refuse"),
            "invocations_total",
            {"function": "greet", "outcome": "refused", **HTTP},
            1,
        ),
        (lambda h: None, "invocations_total", {"function": "greet", "outcome": "cancelled", **HTTP}, 0),
        (lambda h: h.get("/api/greet"), "invocation_duration_seconds_count", {"function": "greet", **HTTP}, 1),
        (lambda h: h.get("/api/greet"), "invocations_in_flight", {"function": "greet", **HTTP}, 0),
        (lambda h: h.get("/api/fail"), "invocations_in_flight", {"function": "fail", **HTTP}, 0),
        (lambda h: h.get("/api/greet"), "responses_total", {"function": "greet", "status": "200"}, 1),
        (lambda h: h.get("/api/wait"), "responses_total", {"function": "wait", "status": "202"}, 1),
        (lambda h: h.get("/api/odd"), "responses_total", {"function": "odd", "status": "299"}, 1),
        (lambda h: h.get("/api/fail"), "responses_total", {"function": "fail", "status": "500"}, 1),
        (lambda h: h.get("/api/greet?refuse"), "responses_total", {"function": "greet", "status": "403"}, 1),
        (lambda h: h.get("/api/greet"), "response_bytes_total", {"function": "greet"}, 5),
        (lambda h: h.get("/api/greet"), "response_duration_seconds_count", {"function": "greet"}, 1),
        (lambda h: h.get("/api/wrong"), "binding_errors_total", {"function": "wrong", "phase": "encode"}, 1),
        (
            lambda h: h.invoke("work", queue_message("x")),
            "invocations_total",
            {"function": "work", "outcome": "succeeded", **QUEUE},
            1,
        ),
        (
            lambda h: h.invoke("work", queue_message("x", insertion_time=OLD)),
            "message_age_seconds_bucket",
            {"function": "work", "le": "3600.0"},
            0,
        ),
        (
            lambda h: h.invoke("work", queue_message("x", insertion_time=OLD)),
            "message_age_seconds_bucket",
            {"function": "work", "le": "21600.0"},
            1,
        ),
        (
            lambda h: h.invoke("work", queue_message("x", dequeue_count=2)),
            "messages_redelivered_total",
            {"function": "work"},
            1,
        ),
        (
            lambda h: h.invoke("work", queue_message("x", dequeue_count=1)),
            "messages_redelivered_total",
            {"function": "work"},
            0,
        ),
        (lambda h: h.invoke("often", timer_request()), "retries_total", {"function": "often", **TIMER}, 2),
        (lambda h: h.invoke("often", timer_request()), "given_up_total", {"function": "often", **TIMER}, 1),
        (
            lambda h: h.invoke("often", timer_request()),
            "invocations_total",
            {"function": "often", "outcome": "failed", **TIMER},
            3,
        ),
        (
            lambda h: h.get("/api/greet?break"),
            "hook_errors_total",
            {"extension": "refuser", "hook": "pre_invocation_app_level"},
            1,
        ),
        (lambda h: None, "extension_active", {"extension": "refuser"}, 1),
        (lambda h: None, "processes", {}, 1),
        (lambda h: None, "functions", {}, 7),
    ],
)
def test_figure_follows_what_an_app_does(
    host: Host, act: Callable[[Host], object], name: str, labels: Mapping[str, str], expected: float
) -> None:
    """A counter rises by what the act says, and a gauge has its value, whatever the kind of function is."""
    before = figure(host, f"hosting_{name}", **labels)
    act(host)
    after = figure(host, f"hosting_{name}", **labels)
    is_counter = name.endswith(("_total", "_count", "_bucket"))
    assert after is not None
    assert after - ((before or 0) if is_counter else 0) == expected


def test_page_is_text_openmetrics_or_compressed_as_the_caller_asks(host: Host) -> None:
    """Both formats are valid, and have the same names."""
    host.get("/api/greet")
    text = host.get("/metrics")
    assert (text.status, text.headers["content-type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    accept = "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"
    openmetrics = host.get("/metrics", headers={"accept": accept})
    assert openmetrics.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert openmetrics.text.endswith("# EOF\n")
    families = parse_openmetrics(openmetrics.text)  # type: ignore[no-untyped-call]
    names = {sample.name for family in families for sample in family.samples}
    assert {name for name, _ in figures(text.text) if not name.endswith("_created")} == {
        name for name in names if not name.endswith("_created")
    }
    small = host.get("/metrics", headers={"accept-encoding": "gzip"})
    assert small.headers["content-encoding"] == "gzip"
    assert len(small.body) < len(text.body) / 4


def test_labels_come_from_the_app_and_not_from_requests(host: Host) -> None:
    """Paths, queries, names of users and exceptions make no series: their number does not rise."""
    host.get("/api/greet")
    host.get("/api/fail")
    before = figures(host.get("/metrics").text).keys()
    for number in range(20):
        host.get(f"/api/greet?user={number}", headers={"user-agent": f"agent {number}"})
        host.get(f"/api/missing/{number}")
        host.get(f"/api/fail?{number}")
    assert figures(host.get("/metrics").text).keys() == before


def test_scrapes_are_not_counted(host: Host) -> None:
    """The function that serves the page is not in its figures."""
    host.get("/metrics")
    found = {name: dict(labels) for name, labels in figures(host.get("/metrics").text)}
    assert not [labels for labels in found.values() if labels.get("function") == ROUTE_FUNCTION]


def test_metrics_of_the_app_itself_are_on_the_page(host: Host) -> None:
    """What the app keeps in prometheus_client's own registry is served with the rest; of two hosts each has its own."""
    orders = Counter("shop_orders", "Orders.")
    try:
        orders.inc(3)
        assert figure(host, "shop_orders_total") == 3
    finally:
        REGISTRY.unregister(orders)
    host.get("/api/greet")
    with started() as other:
        assert figure(other, "hosting_responses_total", function="greet", status="200") is None


class Level:
    """Keeps the functions of the app."""

    functions: Mapping[str, Any]

    @hosting.hookimpl
    def startup(self, app: hosting.AppHandle) -> None:
        Level.functions = {one.name: one for one in app.functions}


@pytest.mark.parametrize(
    ("settings", "route", "level"),
    [
        ({}, "metrics", "function"),
        ({"route": "/internal/metrics", "auth_level": "admin"}, "internal/metrics", "admin"),
        ({"auth_level": "anonymous"}, "metrics", "anonymous"),
        ({"port": 0, "route": "m"}, "m", "function"),
        ({"port": 0}, None, None),
    ],
)
def test_route_needs_a_key_unless_the_settings_say_otherwise(
    settings: Mapping[str, Any], route: str | None, level: str | None
) -> None:
    """With a port there is no route, unless it is asked for."""
    with make_host(
        app(), extensions={"prometheus": PrometheusExtension, "level": Level}, host_json=host_json(**settings)
    ):
        found = Level.functions.get(ROUTE_FUNCTION)
    assert (found and found.route, found and found.auth_level) == (route, level)


def test_port_of_its_own_serves_until_the_host_stops() -> None:
    """The log has the URL; after the end nothing listens there."""
    with started(port=0) as host:
        host.get("/api/greet")
        (line,) = [message for message in host.messages if message.startswith("Metrics are served at ")]
        url = line.rpartition(" ")[2]
        with urllib.request.urlopen(url, timeout=60) as response:
            text = response.read().decode()
        assert figures(text)["hosting_responses_total", frozenset({("function", "greet"), ("status", "200")})] == 1
        assert host.get("/metrics").status == 404
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=60)


def test_port_that_is_taken_is_named_with_what_to_do() -> None:
    """The app runs; the diagnosis names the port and the setting."""
    with started(port=0) as first:
        port = int(first.messages[-1].rpartition(":")[2].partition("/")[0])
        with started(port=port) as second:
            assert second.get("/api/greet").status == 200
            errors = [one["error"]["message"] for one in second.diagnosis()["extensions"] if one["error"]]
    (message,) = errors
    assert f"metrics cannot be served at 127.0.0.1:{port}: " in message
    assert message.endswith("Set another port or address for the extension 'prometheus'")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"port": 70000}, "port must be from 0 to 65535, found 70000"),
        ({"port": "many"}, "port must be"),
        ({"route": "/"}, "route must not be empty"),
        ({"buckets": [1, 1]}, "buckets must be numbers above zero, each larger than the one before it"),
        ({"buckets": [0, 1]}, "buckets must be numbers above zero"),
        ({"buckets": []}, "buckets must be numbers above zero"),
        ({"auth_level": "none"}, "auth_level must be"),
        ({"prot": 9100}, "settings.prot is not a setting"),
    ],
)
def test_setting_that_is_wrong_is_named(settings: Mapping[str, Any], message: str) -> None:
    """The app runs without the extension, and the diagnosis says what is wrong."""
    with started(**settings) as host:
        assert host.get("/api/greet").status == 200
        assert host.get("/metrics").status == 404
        (entry,) = [one for one in host.diagnosis()["extensions"] if one["name"] == "prometheus"]
    assert (entry["status"], message in entry["error"]["message"]) == ("failed", True), entry["error"]["message"]


def test_length_of_a_queue_is_what_its_storage_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """With the name of the queue; where the storage stops to answer, it is not a number, and not the last one."""
    answers: list[Any] = [{"source": "in", "waiting": 3, "poisoned": 0}, {"error": "no answer within 2 s"}]

    async def trigger_figures(_self: Any) -> Any:
        return {"work": answers.pop(0), "tick": {"schedule": "0 0 * * * *"}}

    monkeypatch.setattr(hosting.AppHandle, "trigger_figures", trigger_figures)
    labels = {"function": "work", "source": "in"}
    with started() as host:
        assert figure(host, "hosting_messages_waiting", **labels) == 3
        assert math.isnan(figure(host, "hosting_messages_waiting", **labels) or 0)


def test_route_of_the_app_with_the_same_name_stays() -> None:
    """The extension fails and says so; the app's own route answers."""
    functions = app()

    @functions.route("metrics")
    def own(req: func.HttpRequest) -> str:
        return "mine"

    with started(functions, route="api/metrics") as other:
        assert other.get("/api/metrics").text == "mine"
        assert other.get("/api/greet").status == 200


def test_import_of_the_extension_does_not_import_prometheus_client() -> None:
    """An app that has it switched off does not pay for the library."""
    code = "import sys, hosting_prometheus; sys.exit('prometheus_client' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env={"PYTHONPATH": ":".join(sys.path)}).returncode == 0


def test_buckets_of_the_settings_are_those_of_the_histograms() -> None:
    """The bounds are the ones of the settings, and infinity."""
    with started(buckets=[0.5, 2]) as host:
        host.get("/api/greet")
        bounds = {
            dict(labels)["le"]
            for name, labels in figures(host.get("/metrics").text)
            if name == "hosting_invocation_duration_seconds_bucket"
        }
    assert bounds == {"0.5", "2.0", "+Inf"}
