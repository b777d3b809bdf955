"""Hooks at the edges of invocations, in the host and in Azure's worker: what each of them sees of each way to end."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting.bindings.http.response import HttpReply
from hosting.extensions._edges import EdgeLimits
from hosting.extensions._model import ON_DEMAND, Extension, Hook
from hosting.extensions._selection import Selection
from hosting.host.context import Context, InvocationLocal, RetryContext
from hosting.host.function_host import FunctionHost
from hosting.server.disconnect import disconnect
from hosting.server.observation import observe
from hosting.server.replies import respond
from hosting.testing import Host, make_host, queue_message
from tests.conftest import MakeApp
from tests.support.azure_worker import azure_worker
from tests.support.invoking import ON, function
from tests.support.note_providers import HEAD, NoteOutput, call, noting


class Seeing:
    """Records what hooks at the edges see, and refuses whoever asks for it."""

    def __init__(self) -> None:
        self.seen: list[tuple[Any, ...]] = []
        self.raises: Exception | None = None

    def note(self, *what: Any) -> None:
        self.seen.append(what)
        if self.raises:
            raise self.raises

    @hosting.hookimpl
    def pre_invocation_app_level(self, invocation: hosting.Invocation) -> None:
        if invocation.request and "refuse" in invocation.request.query:
            raise hosting.ShortCircuit(invocation.respond(401))
        if invocation.request and "cache" in invocation.request.query:
            raise hosting.ShortCircuit(invocation.respond(200))

    @hosting.hookimpl
    def binding_error(self, invocation: hosting.Invocation, phase: str, exception: BaseException) -> None:
        self.note("binding", invocation.function.name, phase, type(exception).__name__)

    @hosting.hookimpl
    def invocation_error_app_level(self, context: Any, exception: BaseException) -> None:
        self.note("error", type(exception).__name__)

    @hosting.hookimpl
    def gave_up(self, attempts: int, exception: BaseException) -> None:
        self.note("gave up", attempts, type(exception).__name__)

    @hosting.hookimpl
    def invocation_end(
        self, invocation: hosting.Invocation, outcome: hosting.InvocationOutcome, seconds: float
    ) -> None:
        assert seconds >= 0
        error = None if outcome.exception is None else type(outcome.exception).__name__
        self.note("end", outcome.kind, error, outcome.status)

    @hosting.hookimpl
    def response_sent(self, status: int, bytes: int, seconds: float, exception: BaseException | None) -> None:  # noqa: A002
        assert seconds > 0
        self.note("sent", status, bytes, None if exception is None else type(exception).__name__)


class SeeingAsync(Seeing):
    """Does the same in async def hooks."""

    @hosting.hookimpl
    async def invocation_end(self, outcome: hosting.InvocationOutcome) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        error = None if outcome.exception is None else type(outcome.exception).__name__
        self.note("end", outcome.kind, error, outcome.status)

    @hosting.hookimpl
    async def gave_up(self, attempts: int, exception: BaseException) -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        self.note("gave up", attempts, type(exception).__name__)


APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

class Odd(LookupError):
    status_code = "four"

@app.route("web")
KEYWORD web(req: func.HttpRequest):
    if "raise" in req.params:
        raise LookupError
    if "odd" in req.params:
        raise Odd
    return {} if "dict" in req.params else func.HttpResponse("hello")

@app.route("retried")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:01")
KEYWORD retried(req):
    raise LookupError

@app.queue_trigger("msg", "q", "Storage")
KEYWORD job(msg: func.QueueMessage):
    if msg.get_body() == b"raise":
        raise LookupError
    return 1 if msg.get_body() == b"return" else None

@app.event_grid_trigger("event")
KEYWORD grid(event: func.EventGridEvent):
    pass

@app.queue_trigger("msg", "q", "Storage")
@app.blob_input("data", "box/x", "Storage")
KEYWORD reading(msg: func.QueueMessage, data: str):
    pass
"""


def get(path: str) -> Callable[[Host], Any]:
    return lambda host: host.get(path, raises=False)


def push(name: str, text: str, count: int = 1) -> Callable[[Host], Any]:
    return lambda host: host.invoke(name, queue_message(text, dequeue_count=count), raises=False)


FAILED = ("error", "LookupError"), ("end", "failed", "LookupError", 500)
ODD = ("error", "Odd"), ("end", "failed", "Odd", 500)
ROWS: list[tuple[str, Callable[[Host], Any], list[tuple[Any, ...]]]] = [
    ("answered", get("api/web"), [("end", "succeeded", None, 200), ("sent", 200, 5, None)]),
    ("raised", get("api/web?raise=1"), [*FAILED, ("sent", 500, 0, None)]),
    ("raised with an odd status", get("api/web?odd=1"), [*ODD, ("sent", 500, 0, None)]),
    (
        "returned a dict",
        get("api/web?dict=1"),
        [
            ("binding", "web", "encode", "TypeError"),
            ("error", "TypeError"),
            ("end", "failed", "TypeError", 500),
            ("sent", 500, 0, None),
        ],
    ),
    ("refused", get("api/web?refuse"), [("end", "refused", None, 401), ("sent", 401, 0, None)]),
    ("answered by a hook", get("api/web?cache"), [("end", "succeeded", None, 200), ("sent", 200, 0, None)]),
    ("no function", get("api/none"), []),
    (
        "retried",
        get("api/retried"),
        [*FAILED, *FAILED, FAILED[0], ("gave up", 3, "LookupError"), FAILED[1], ("sent", 500, 0, None)],
    ),
    ("queue", push("job", "x"), [("end", "succeeded", None, None)]),
    ("queue raised", push("job", "raise", 4), [FAILED[0], ("end", "failed", "LookupError", None)]),
    (
        "queue raised for the last time",
        push("job", "raise", 5),
        [FAILED[0], ("gave up", 5, "LookupError"), ("end", "failed", "LookupError", None)],
    ),
    (
        "returned without a binding",
        push("job", "return"),
        [
            ("binding", "job", "encode", "RuntimeError"),
            ("error", "RuntimeError"),
            ("end", "failed", "RuntimeError", None),
        ],
    ),
    (
        "no input",
        push("reading", "x"),
        [("binding", "reading", "input", "LookupError"), *FAILED[:1], ("end", "failed", "LookupError", None)],
    ),
    (
        "no event",
        lambda host: host.invoke("grid", b"\xff", raises=False),
        [
            ("binding", "grid", "decode", "UnicodeDecodeError"),
            ("error", "UnicodeDecodeError"),
            ("end", "failed", "UnicodeDecodeError", None),
        ],
    ),
]


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("kind", [Seeing, SeeingAsync])
def test_hooks_at_the_edges_see_how_invocations_end(kind: type[Seeing], keyword: str) -> None:
    """Every hook sees the same end, whichever part of the invocation it comes from."""
    seeing = kind()
    with make_host({"function_app.py": APP.replace("KEYWORD", keyword)}, extensions={"seeing": seeing}) as host:
        for name, act, expected in ROWS:
            seeing.seen.clear()
            act(host)
            without_bodies = [
                (*one[:2], 0, *one[3:]) if one[0] == "sent" and one[1] == 500 else one for one in seeing.seen
            ]
            assert without_bodies == expected, name
        entry = next(one for one in host.diagnosis()["functions"] if one["name"] == "web")
        assert entry["extensions"]["invocation_end"] == ["seeing"]
        [extension] = host.diagnosis()["extensions"]
        assert extension["statistics"]["invocation_end"]["calls"] == len(
            [one for _, _, rows in ROWS for one in rows if one[0] == "end"]
        )


@pytest.mark.parametrize("kind", [Seeing, SeeingAsync])
def test_hook_that_raises_changes_nothing_and_is_quarantined(kind: type[Seeing]) -> None:
    """The caller gets the function's answer; after enough errors in a row the extension is not called any more."""
    seeing = kind()
    seeing.raises = ValueError("on purpose")
    section = {"extensionHost": {"quarantine": {"consecutiveErrors": 3}}}
    code = APP.replace("KEYWORD", "def")
    with make_host({"function_app.py": code}, extensions={"seeing": seeing}, host_json=section) as host:
        assert [host.get("api/web").body for _ in range(5)] == [b"hello"] * 5
        [entry] = host.diagnosis()["extensions"]
    assert (entry["status"], entry["statistics"]["invocation_end"]["errors"]) == ("quarantined", 3)
    assert len(seeing.seen) == 5  # three ends, and the two responses before the last


class Guarding(Seeing):
    """A guard that fails where the request asks for it, and later at the edges."""

    guard = True

    @hosting.hookimpl
    def pre_invocation(self, invocation: hosting.Invocation) -> None:
        """Take the place of the hook for functions that opt in."""

    @hosting.hookimpl
    async def invocation_app_level(self, invocation: hosting.Invocation) -> AsyncIterator[None]:
        if invocation.request and "broken" in invocation.request.query:
            raise ValueError("no verdict")
        yield


class Early:
    """Answers before the guard's turn."""

    order = hosting.Order(before=("guarding",))

    @hosting.hookimpl
    def invocation_app_level(self, invocation: hosting.Invocation) -> Iterator[None]:
        if invocation.request and "early" in invocation.request.query:
            raise hosting.ShortCircuit(invocation.respond(403))
        yield


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_invocation_that_a_guard_denies_is_refused(keyword: str) -> None:
    """The outcome names the guard's failure; a guard that errs at the edges is not taken out."""
    guarding, observing = Guarding(), Seeing()
    section = {"extensionHost": {"quarantine": {"consecutiveErrors": 1}}}
    files = {"function_app.py": APP.replace("KEYWORD", keyword)}
    extensions = {"early": Early, "guarding": guarding, "observing": observing}
    with make_host(files, extensions=extensions, host_json=section, raises=False) as host:
        assert host.get("api/web?broken").status == 500
        assert host.get("api/web?early").status == 403
        ends = [(one[1], one[3]) for one in observing.seen if one[0] == "end"]
        assert ends == [("refused", 500), ("refused", 403)]
        guarding.raises = OSError("on purpose")
        assert [host.get("api/web").status for _ in range(3)] == [200] * 3
        statuses = {one["name"]: one["status"] for one in host.diagnosis()["extensions"]}
        assert statuses["guarding"] == "active"
        assert host.get("api/web?broken").status == 500


async def test_cancelled_invocation_is_seen_as_cancelled() -> None:
    """A cancellation by the host is neither a success nor a failure."""
    started, seeing = asyncio.Event(), Seeing()
    app = func.FunctionApp()

    @app.queue_trigger("msg", "q", "Storage")
    async def waiting(msg: str) -> None:
        started.set()
        await asyncio.Event().wait()

    async with make_host(app, extensions={"seeing": seeing}) as host:
        invocation = asyncio.ensure_future(host.invoke("waiting", "x"))
        await started.wait()
        invocation.cancel()
        await asyncio.wait({invocation})
    assert seeing.seen == [("error", "CancelledError"), ("end", "cancelled", "CancelledError", None)]


STREAM = """
import azure.functions as func
from azurefunctions.extensions.http.fastapi import Request, StreamingResponse
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

async def parts(req):
    yield b"one"
    if "raise" in req.query_params:
        raise LookupError
    yield b"two"

@app.route("stream")
async def stream(req: Request):
    return StreamingResponse(parts(req))
"""


def test_response_sent_knows_how_a_stream_ended() -> None:
    """An invocation that succeeded may have a response that did not."""
    seeing = Seeing()
    with make_host({"function_app.py": STREAM}, extensions={"seeing": seeing}) as host:
        host.get("api/stream")
        host.get("api/stream?raise=1", raises=False)
    end = ("end", "succeeded", None, 200)
    assert seeing.seen == [end, ("sent", 200, 6, None), end, ("sent", 200, 3, "LookupError")]


WRITING = """
@app.generic_trigger("msg", type="noteTrigger")
@app.generic_output_binding("$return", type="note", path="out")
async def f(msg: str) -> str:
    return msg
"""


async def test_output_that_cannot_be_written_is_seen_as_failed(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The function has returned, and hooks around it have seen that; nevertheless the invocation failed."""

    async def write(self: Any, encoded: Any, properties: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(NoteOutput, "write", write)
    seeing = Seeing()
    root = make_app({"function_app.py": f"{HEAD}{WRITING}", "host.json": '{"version": "2.0"}'})
    host = FunctionHost(root, environ={**ON}, providers=noting, extensions={"seeing": seeing})
    host.load()
    result = await call(host, "x")
    await host.stop()
    assert isinstance(result.exception, OSError)
    assert seeing.seen == [
        ("binding", "f", "write", "OSError"),
        ("error", "OSError"),
        ("end", "failed", "OSError", None),
    ]


@pytest.mark.parametrize("fault", [None, ConnectionError("reset"), "gone"])
async def test_observer_of_a_response_gets_what_was_sent_and_what_went_wrong(fault: Any) -> None:
    """A connection may break while a response is sent, or before."""
    seen: list[tuple[Any, ...]] = []
    scope: dict[str, Any] = {"method": "GET"}

    async def send(message: Any) -> None:
        if isinstance(fault, Exception) and message["type"] == "http.response.body":
            raise fault

    if fault == "gone":
        disconnect(scope)
    with contextlib.suppress(ConnectionError):
        await observe(lambda *what: seen.append(what), scope, send, HttpReply(201, [], b"12345"), respond)
    [(status, size, error)] = seen
    assert (status, size) == (201, 0 if isinstance(fault, Exception) else 5)
    assert type(error) is {None: type(None), "gone": ConnectionResetError}.get(fault, ConnectionError)


def test_hooks_of_an_extension_on_demand_run_for_functions_that_opt_in() -> None:
    """An extension of the group for functions does not see the others."""
    extension = Extension("mine", group=ON_DEMAND, status="active")
    hook = Hook("invocation_end", extension, print, ())
    mine, other = function(print, "Mine", "mine"), function(print, "Other")

    class OptIns:
        def at_app_level(self, name: str, one: Any) -> bool:
            return True

        def at_function_level(self, name: str, one: Any) -> bool:
            return one is mine

    selection = Selection([mine, other], [extension], OptIns())  # type: ignore[arg-type]
    assert (selection.hooks([hook], mine), selection.hooks([hook], other)) == ([hook], [])


seeing: Seeing


@pytest.fixture(params=[Seeing, SeeingAsync])
def worker(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Seeing]:
    """Set this process up as Azure's worker does."""
    module = sys.modules[__name__]
    monkeypatch.setattr(module, "seeing", request.param(), raising=False)
    with azure_worker(tmp_path, monkeypatch, __name__, "seeing"):
        yield module.seeing


def http(query: str = "") -> dict[str, Any]:
    return {"req": func.HttpRequest("GET", f"/api/web?{query}", params=dict.fromkeys(query.split("&"), "1"), body=b"")}


AZURE_ROWS: list[tuple[str, dict[str, Any], RetryContext, list[tuple[Any, ...]]]] = [
    ("web", http(), RetryContext(), [("end", "succeeded", None, 200)]),
    ("web", http("raise"), RetryContext(), [*FAILED]),
    ("web", http("odd"), RetryContext(), [*ODD]),
    ("web", http("refuse"), RetryContext(), [("end", "refused", None, 401)]),
    ("web", http("raise"), RetryContext(1, 2), [*FAILED]),
    ("web", http("raise"), RetryContext(2, 2), [FAILED[0], ("gave up", 3, "LookupError"), FAILED[1]]),
    ("job", {"msg": queue_message("x")}, RetryContext(), [("end", "succeeded", None, None)]),
    (
        "job",
        {"msg": queue_message("raise", dequeue_count=2)},
        RetryContext(),
        [FAILED[0], ("gave up", 2, "LookupError"), ("end", "failed", "LookupError", None)],
    ),
]


@pytest.mark.parametrize("keyword", ["def", "async def"])
async def test_hooks_at_the_edges_in_azures_worker(worker: Seeing, keyword: str, tmp_path: Path) -> None:
    """They see how the function ended, and by the settings of host.json that no attempt follows."""
    (tmp_path / "host.json").write_text('{"version": "2.0", "extensions": {"queues": {"maxDequeueCount": 2}}}')
    (tmp_path / "function_app.py").write_text(APP.replace("KEYWORD", keyword))
    names: dict[str, Any] = {"__name__": "app_of_edges"}
    exec(compile(APP.replace("KEYWORD", keyword), str(tmp_path / "function_app.py"), "exec"), names)
    built = {one.get_function_name(): one for one in hosting.extend(names["app"]).get_functions()}
    for number, (name, arguments, retry, expected) in enumerate(AZURE_ROWS):
        worker.seen.clear()
        context = Context(str(number), name, "/", InvocationLocal())
        context.retry_context = retry
        wrapper = built[name].get_user_function()
        try:
            if keyword == "def":
                await asyncio.to_thread(wrapper, **arguments, context=context)
            else:
                await wrapper(**arguments, context=context)
        except LookupError:
            pass
        assert worker.seen == expected, number


async def test_calls_that_nothing_awaits_are_waited_for_within_the_budget_of_one_hook() -> None:
    """One that takes longer does not keep the host from stopping; without a call there is nothing to wait for."""
    limits = EdgeLimits(0.01, 20, lambda extension: None)
    await limits.drain()
    ending, endless = asyncio.create_task(asyncio.sleep(0)), asyncio.create_task(asyncio.sleep(60))
    limits.unawaited |= {ending, endless}
    await asyncio.wait_for(limits.drain(), 30)
    assert (ending.done(), endless.done()) == (True, False)
    endless.cancel()
