"""The endpoints that show a running host: their documents, who may read them, and what changes need of a page."""

from __future__ import annotations

import asyncio
import gzip
import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest

from hosting.bindings import Provider
from hosting.bindings.panels import Bar, Facts, Field, Form, Link, Panel, Part, Status, Table, Text, Timeline
from hosting.errors import HostingError
from hosting.host.recorder import attach_recorder
from hosting.logging.tail import LogTail
from hosting.server.app import HostApp
from hosting.server.cross_site import CrossSiteCheck
from hosting.server.keys import KeySource
from hosting.server.monitor.all_monitors import AllMonitors
from hosting.server.monitor.endpoints import MonitorEndpoints
from hosting.server.monitor.events import MAX_STREAMS, EventStreams
from hosting.server.monitor.monitor import Monitor
from hosting.server.monitor.token import HEADER, PageToken
from hosting.server.processes import Processes
from hosting.testing import Host, make_host

APP = """
import json
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("hello/{name:alpha}", methods=["GET", "POST"])
def Hello(req: func.HttpRequest) -> str:
    return "hello"

@app.route("fail")
async def Fail(req: func.HttpRequest) -> str:
    raise ValueError("<img src=x onerror=alert(1)> password=hunter2")

@app.timer_trigger("timer", "0 0 3 * * *")
def Nightly(timer: func.TimerRequest) -> None:
    pass

@app.generic_trigger("text", "strangeTrigger")
def Echo(text: str) -> str:
    if not text:
        raise KeyError("nothing")
    return text * 2

@app.generic_trigger("text", "strangeTrigger")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def Stubborn(text: str) -> None:
    raise RuntimeError("again")
"""
SETTINGS = {"AzureWebJobsOrders": "DefaultEndpointsProtocol=https;AccountKey=c2VjcmV0c2VjcmV0c2VjcmV0", "OTHER": "no"}


class Keys:
    """A master key."""

    def accepted(self, *names: str) -> Sequence[str]:
        """Return it."""
        return ["the-master-key"] if "master" in names else []


class Figures:
    """What a trigger says about itself.

    Args:
        figures: it; an exception is raised.
    """

    def __init__(self, figures: Any) -> None:
        self._figures = figures

    async def figures(self) -> Any:
        """Return or raise it."""
        if isinstance(self._figures, Exception):
            raise self._figures
        return self._figures


TRIGGERS: Mapping[str, Any] = {
    "nightly": Figures({"schedule": "0 0 3 * * *", "next": "2027-01-01T03:00:00+00:00"}),
    "echo": Figures(OSError("password=hunter2")),
    "stubborn": Figures({"source": "orders", "waiting": 7, "more": {"a": [0.5, math.nan, "password=hunter2"]}}),
}


class Shown:
    """A host that shows itself."""

    def __init__(self, host: Host, keys: KeySource | None = None) -> None:
        inner = host._session.host
        self.host = host
        inner.triggers.update(TRIGGERS)
        self.tail = LogTail()
        self.monitor = Monitor(inner, attach_recorder(inner.running), self.tail)
        self.token = PageToken()
        check = None if keys else CrossSiteCheck("127.0.0.1")
        host._session._app = HostApp(inner, keys=keys, cross_site=check, monitor=self._endpoints)

    def _endpoints(self, processes: Processes) -> MonitorEndpoints:
        return MonitorEndpoints(self.monitor, processes, self.token)

    def document(self, name: str, **params: str) -> Any:
        """Return one of the documents."""
        reply = self.host.get(f"/admin/host/{name}", params=params)
        assert (reply.status, reply.headers["cache-control"]) == (200, "no-store")
        return reply.json()


@contextmanager
def shown(files: str = APP, keys: KeySource | None = None) -> Iterator[Shown]:
    """Yield a host that shows itself."""
    with make_host({"function_app.py": files}, raises=False, settings=SETTINGS) as host:
        yield Shown(host, keys)


@pytest.fixture(scope="module")
def app() -> Iterator[Shown]:
    """Yield a host after a few requests."""
    with shown() as one:
        one.host.get("/api/hello/Ada?code=secret")
        one.host.get("/api/fail")
        yield one


def test_figures_describe_each_function(app: Shown) -> None:
    """Trigger, route, next run and last result; errors are text without secrets."""
    figures = app.document("figures")
    functions = {one["name"]: one for one in figures["functions"]}
    assert list(functions) == ["Echo", "Fail", "Hello", "Nightly", "Stubborn"]
    hello, fail = functions["Hello"], functions["Fail"]
    assert (hello["route"], hello["methods"], hello["authLevel"]) == (
        "/api/hello/{name:alpha}",
        ["GET", "POST"],
        "anonymous",
    )
    assert (hello["invocations"], hello["errors"], hello["last"]["status"]) == (1, 0, "Succeeded")
    assert (hello["last"]["statusCode"], hello["last"]["trigger"]) == (200, {"method": "GET", "path": "/api/hello/Ada"})
    assert (fail["errors"], fail["last"]["status"], fail["last"]["statusCode"]) == (1, "Failed", 500)
    assert fail["last"]["error"] == "ValueError: <img src=x onerror=alert(1)> password=***"
    assert functions["Nightly"]["state"] == {"schedule": "0 0 3 * * *", "next": "2027-01-01T03:00:00+00:00"}
    assert functions["Echo"]["state"] == {"error": "OSError: password=***"}
    more = {"a": [0.5, "nan", "password=***"]}
    assert functions["Stubborn"]["state"] == {"source": "orders", "waiting": 7, "more": more}
    assert figures["totals"]["invocations"] >= 2
    assert figures["host"]["state"] == "Running"


def test_documents_have_bounds_and_filters(app: Shown) -> None:
    """Invocations and lines since a number, of a function; the chart; the settings without secrets."""
    both = app.document("invocations")
    assert [one["function"] for one in both["invocations"]][:2] == ["Hello", "Fail"]
    only = app.document("invocations", last="1", function="fail")["invocations"]
    assert [one["function"] for one in only] == ["Fail"]
    app.tail.add_printed("stdout", "one", None)
    app.tail.add_printed("stdout", "two", None)
    assert [one["message"] for one in app.document("logs", last="1")["lines"]] == ["two"]
    assert app.document("logs", function="Hello")["lines"] == []
    assert sum(point["errors"] for point in app.document("chart")["points"]) >= 1
    settings = app.document("settings")
    assert settings["settings"]["AzureWebJobsOrders"] != SETTINGS["AzureWebJobsOrders"]
    assert "c2VjcmV0" not in json.dumps(settings)
    assert "OTHER" not in settings["settings"]
    assert settings["hostJson"]["version"] == "2.0"


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("host/logs?last=x", 400, "last: expected a whole number"),
        ("host/logs?last=-1", 400, "last: expected a whole number"),
        ("host/invocations?last=99999999999999999999", 400, "last: expected a whole number from 0 to 500"),
        ("host/events?past=501", 400, "past: expected a whole number from 0 to 500"),
        ("host/events?kinds=lines", 400, "kinds: expected invocations, logs"),
        ("host/nothing", 404, ""),
        ("host/figures/x", 404, ""),
    ],
)
def test_wrong_request_is_answered_with_a_sentence(app: Shown, path: str, status: int, text: str) -> None:
    """It names the parameter, what was expected and what was found."""
    reply = app.host.get(f"/admin/{path}")
    assert (reply.status, text in reply.text) == (status, True)


@pytest.mark.parametrize(
    ("name", "body", "status", "expected"),
    [
        ("Echo", {"input": "ab"}, 200, {"status": "Succeeded", "attempts": 1, "error": None}),
        ("echo", {"input": ""}, 200, {"status": "Failed", "returned": None, "error": "KeyError: 'nothing'"}),
        ("Stubborn", {}, 200, {"status": "Failed", "attempts": 3, "error": "RuntimeError: again"}),
        ("Nightly", {}, 200, {"status": "Succeeded", "returned": None}),
        ("Hello", {}, 400, None),
        ("None", {}, 404, None),
        ("Echo", {"input": 1}, 400, None),
    ],
)
def test_run_waits_for_the_end(app: Shown, name: str, body: Any, status: int, expected: dict[str, Any] | None) -> None:
    """The response has what the function returned, or its error, and the id of the invocation."""
    reply = app.host.post(f"/admin/functions/{name}/run", json=body)
    assert reply.status == status
    if expected is not None:
        document = reply.json()
        assert {key: document[key] for key in expected} == expected
        assert document["function"].lower() == name.lower()
        recorded = {one["invocationId"]: one for one in app.document("invocations")["invocations"]}
        assert recorded[document["invocationId"]]["attempt"] == document["attempts"]
        if expected["status"] == "Succeeded" and name == "Echo":
            assert document["returned"] == {"value": "abab", "length": 4}


POSTS = ("functions/Nightly/run", "host/panels/notes/add")
PAGE = {"origin": "http://localhost", "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize(
    "path", ["functions/Nightly", "functions/Nightly/run", "extensions/none/pause", "host/panels/notes/add"]
)
@pytest.mark.parametrize(
    ("headers", "is_refused"),
    [
        ({}, False),
        ({"sec-fetch-site": "none"}, False),
        (PAGE, True),
        ({**PAGE, HEADER: ""}, True),
        ({**PAGE, HEADER: "x" * 43}, True),
        ({"sec-fetch-site": "same-origin"}, True),
        ({**PAGE, HEADER: "the token"}, False),
        ({"origin": "https://evil.example", HEADER: "the token"}, True),
        ({"origin": "null", "sec-fetch-site": "cross-site", HEADER: "the token"}, True),
    ],
)
def test_page_needs_the_token_to_change_something(
    app: Shown, path: str, headers: dict[str, str], is_refused: bool
) -> None:
    """A page of the same origin without the token is refused as well; what no browser sends needs none."""
    if headers.get(HEADER) == "the token":
        headers = {**headers, HEADER: app.document("figures")["token"]}
    host = {"host": "localhost", "content-type": "application/json"}
    reply = app.host.post(f"/admin/{path}", body=b"{}", headers={**host, **headers})
    assert (reply.status == 403) == is_refused


def test_everything_needs_the_master_key() -> None:
    """The documents, the events and manual runs are for those with the key; a page needs its token as well."""
    with shown(keys=Keys()) as one:
        paths = [
            f"/admin/host/{name}"
            for name in ("figures", "chart", "logs", "invocations", "settings", "panels", "events")
        ]
        assert {one.host.get(path).status for path in paths} == {401}
        assert {one.host.post(f"/admin/{path}", json={}).status for path in POSTS} == {401}
        key = {"x-functions-key": "the-master-key"}
        assert {one.host.get(path, headers=key).status for path in paths[:-1]} == {200}
        assert {one.host.post(f"/admin/{path}", json={}, headers={**key, **PAGE}).status for path in POSTS} == {403}
        page = one.host.get("/admin/ui")
        assert (page.status, "Echo" in page.text, one.token.value in page.text) == (200, False, False)
        assert "up and running" in one.host.get("/").text


def test_page_has_headers_that_keep_it_safe(app: Shown) -> None:
    """It runs its own script only, loads nothing else, cannot be framed, and is small."""
    page = app.host.get("/admin/ui", headers={"accept-encoding": "br, gzip"})
    assert len(page.body) < 150_000
    text = gzip.decompress(page.body).decode()
    assert app.host.get("/").text == text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r"unsafe|\*|https?:", policy)
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text)
    assert text.count("<script>") == text.count("</script>") == 1


def test_host_without_the_monitor_has_none_of_it() -> None:
    """With --no-ui nothing is recorded, the endpoints are 404 and / is the plain home page."""
    with make_host({"function_app.py": APP}, raises=False) as host:
        paths = ("host/figures", "host/events", "host/logs", "host/panels", "ui")
        assert {host.get(f"/admin/{path}").status for path in paths} == {404}
        assert "up and running" in host.get("/").text
        assert host.post("/admin/functions/Echo/run", json={"input": "a"}).json()["invocationId"] is None


AT = datetime(2026, 1, 1, tzinfo=UTC)
PARTS: tuple[tuple[Part, dict[str, Any]], ...] = (
    (
        Table("T", ("a", "b"), [("password=hunter2", 1), (AT, None), (Link("more", {"x": "sig=1"}), True)]),
        {
            "columns": ["a", "b"],
            "rows": [
                ["password=***", 1],
                [{"time": 1767225600000.0}, None],
                [{"text": "more", "query": {"x": "sig=1"}}, True],
            ],
            "empty": "None.",
            "more": None,
        },
    ),
    (
        Facts("F", {"state": Status("x" * 600, "bad")}),
        {"facts": [["state", {"text": "x" * 500 + "...", "state": "bad"}]]},
    ),
    (
        Text("X", "token=abcdefgh " + "y" * 200_000),
        {"text": ("token=*** " + "y" * 100_000)[:100_000] + "...", "state": ""},
    ),
    (
        Timeline("L", [Bar("Pay", "activity", AT, None, Status("Waits", "waiting"), "sig=abc")]),
        {
            "bars": [
                {
                    "label": "Pay",
                    "kind": "activity",
                    "start": 1767225600000.0,
                    "end": None,
                    "status": {"text": "Waits", "state": "waiting"},
                    "detail": "sig=***",
                }
            ]
        },
    ),
    (
        Form(
            "O",
            "Add",
            [Field("k", "Key", "choice", "v", ("v", "w"), hint="h")],
            "add",
            {"id": "sig=abc"},
            "Sure?",
            True,
        ),
        {
            "button": "Add",
            "action": "add",
            "values": {"id": "sig=abc"},
            "confirm": "Sure?",
            "keepsValues": True,
            "fields": [
                {
                    "name": "k",
                    "label": "Key",
                    "kind": "choice",
                    "value": "v",
                    "choices": ["v", "w"],
                    "isRequired": False,
                    "hint": "h",
                }
            ],
        },
    ),
)


class Notes(Panel):
    """A panel with every kind of part; its query says what goes wrong."""

    name = "notes"
    title = "Notes"

    def __init__(self, name: str = "notes") -> None:
        self.name = name

    async def show(self, query: Mapping[str, str]) -> Sequence[Part]:
        """Return the parts."""
        match query.get("fail"):
            case "value":
                raise ValueError("no such note: password=hunter2")
            case "hosting":
                raise HostingError("no such note", remedy="Add it.")
            case "bug":
                raise RuntimeError("password=hunter2")
            case "part":
                return ["text"]  # type: ignore[list-item]
            case "hang":
                await asyncio.sleep(60)
            case "timeout":
                raise TimeoutError("the database is slow")
        return [Table("many", ("n",), [(n,) for n in range(1_000)])] if "many" in query else [part for part, _ in PARTS]

    async def act(self, action: str, values: Mapping[str, str]) -> Sequence[Part]:
        """Return the values, for one action."""
        if action == "wait":
            raise TimeoutError("the database is slow")
        return [Facts("", values)] if action == "add" else await super().act(action, values)


class NotesProvider(Provider):
    """Has panels.

    Args:
        panels: the panels, or what is raised.
    """

    def __init__(self, *panels: Panel | Exception) -> None:
        self._panels = panels

    def panels(self) -> Sequence[Panel]:
        """Return or raise them."""
        if isinstance(self._panels[0], Exception):
            raise self._panels[0]
        return self._panels  # type: ignore[return-value]


@pytest.fixture(scope="module")
def noted() -> Iterator[Shown]:
    """Yield a host with panels, some of which cannot be shown."""
    with shown() as one:
        inner = one.monitor.host
        broken = NotesProvider(OSError("no panels")), NotesProvider(Notes("Bad Name")), NotesProvider(Notes())
        inner._providers = (*inner.providers, NotesProvider(Notes()), *broken, NotesProvider(Notes("others")))
        yield one


def test_panels_of_packages_are_data_without_secrets_and_with_bounds(noted: Shown) -> None:
    """What is shown is redacted and cut, what is sent back is not; a broken provider hides no other's panel."""
    listed = [{"name": "notes", "title": "Notes"}, {"name": "others", "title": "Notes"}]
    assert noted.document("panels") == {"panels": listed}
    found = noted.document("panels/notes")
    assert (found["name"], found["title"]) == ("notes", "Notes")
    kinds = ("table", "facts", "text", "timeline", "form")
    for one, kind, (part, expected) in zip(found["parts"], kinds, PARTS, strict=True):
        assert one == {"kind": kind, "title": part.title, **expected}
    (many,) = noted.document("panels/notes", many="")["parts"]
    assert len(many["rows"]) == 500


@pytest.mark.parametrize(
    ("method", "path", "body", "status", "text"),
    [
        ("GET", "notes?fail=value", b"", 400, "no such note: password=***"),
        ("GET", "notes?fail=hosting", b"", 400, "no such note"),
        ("GET", "notes?fail=bug", b"", 500, "RuntimeError: password=***"),
        ("GET", "notes?fail=part", b"", 500, "a panel has a part of type str"),
        ("GET", "notes?fail=hang", b"", 504, "The panel has not answered within 0.05 s."),
        ("GET", "none", b"", 404, ""),
        ("POST", "notes/add", b'{"name": "x"}', 200, '"facts": [["name", "x"]]'),
        ("POST", "NOTES/add", b"", 200, '"facts": []'),
        ("POST", "notes/none", b"{}", 400, "This panel cannot do 'none'."),
        ("POST", "notes/add", b"[1]", 400, "a JSON object with texts as its values"),
        ("POST", "notes/add", b'{"a": 1}', 400, "a JSON object with texts as its values"),
        ("POST", "notes/add", b"[" * 100_000, 400, "a JSON object with texts as its values"),
        ("GET", "notes?fail=timeout", b"", 500, "the database is slow"),
        ("POST", "notes/wait", b"{}", 500, "the database is slow"),
        ("POST", "none/add", b"{}", 404, ""),
        ("POST", "notes", b"{}", 404, ""),
    ],
)
def test_panel_that_cannot_says_why(
    noted: Shown, monkeypatch: pytest.MonkeyPatch, method: str, path: str, body: bytes, status: int, text: str
) -> None:
    """A message of the package is passed on, an exception becomes one, without secrets; a panel may not hang."""
    monkeypatch.setattr("hosting.server.monitor.panels.SHOW_SECONDS", 0.05)
    headers = {"content-type": "application/json"}
    reply = noted.host.request(method, f"/admin/host/panels/{path}", body=body, headers=headers)
    assert (reply.status, text in reply.text) == (status, True), reply.text


async def test_slow_reader_of_events_misses_what_is_gone_and_is_told(anyio_backend: str) -> None:
    """A stream buffers nothing: it says how much is missing, and ends with the host; a thousand readers get 503."""
    async with make_host({"function_app.py": APP}, raises=False) as host:
        one = Shown(host)  # type: ignore[arg-type]
        processes = Processes()
        processes.add("monitor", one.monitor.answer)
        streams = EventStreams(one.monitor.host, AllMonitors(one.monitor, processes))
        sent: list[str] = []
        may_read = asyncio.Event()

        async def send(message: Any) -> None:
            sent.append(message.get("body", b"").decode())
            if "line 0" in sent[-1]:
                for number in range(5_000):
                    one.tail.add_printed("stdout", f"line {number}", None)
                await may_read.wait()

        one.tail.add_printed("stdout", "line 0", None)
        reply = streams.reply(["logs"], past=1)
        reading = asyncio.create_task(reply.send({"method": "GET"}, send))  # type: ignore[attr-defined]
        others = [streams.reply(["logs"]) for _ in range(MAX_STREAMS)]
        waiting = [asyncio.create_task(other.send({"method": "GET"}, _ignore)) for other in others]  # type: ignore[attr-defined]
        while streams.open <= MAX_STREAMS:  # noqa: ASYNC110 - nothing else says it
            await asyncio.sleep(0)
        assert {streams.reply(["logs"]).status for _ in range(1_000)} == {503}
        may_read.set()
        while "event: dropped" not in sent[-1]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert '"count": 4800' in sent[-1]
        assert "line 4999" in sent[-1]
        await host._session.host.drain(1)
        await asyncio.gather(reading, *waiting)
        assert (streams.open, sent[-1]) == (0, "")


def test_outputs_that_are_kept_are_counted_for_each_function(app: Shown) -> None:
    """The page offers them where there are some; what a manual run returned is one of them."""
    before = {one["name"]: one["outputs"] for one in app.document("figures")["functions"]}
    app.host.post("/admin/functions/Echo/run", json={"input": "kept"})
    after = {one["name"]: one["outputs"] for one in app.document("figures")["functions"]}
    assert {name: after[name] - before[name] for name in after if after[name] != before[name]} == {"Echo": 1}


async def _ignore(_message: Any) -> None:
    """Read a message."""


def test_processes_of_one_host_have_one_token(tmp_path: Any) -> None:
    """The first one writes it into the folder that they share."""
    assert PageToken(str(tmp_path)).value == PageToken(str(tmp_path)).value != PageToken().value
    assert [path.stat().st_mode & 0o077 for path in tmp_path.iterdir()] == [0]
