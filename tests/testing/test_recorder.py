"""The extension that records its calls, and raises or waits on request."""

from __future__ import annotations

import azure.functions as func
import pytest

import hosting
from hosting.testing import RecordingExtension, make_host
from hosting.testing.recorder import HOOKS
from tests.docs.test_site import HOOKS as SPECIFIED


def app(*opt_ins: str) -> func.FunctionApp:
    """Return an app with one function that returns and one that raises."""
    app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

    @app.route("works")
    async def works(req: func.HttpRequest) -> str:
        return "done"

    @app.route("fails")
    def fails(req: func.HttpRequest) -> str:
        raise ValueError("no")

    for name in opt_ins:
        hosting.use(name)(works)
        hosting.use(name)(fails)
    return app


def test_recorder_has_every_hook_of_the_specification() -> None:
    """Whatever the specification has, it records."""
    assert sorted(HOOKS) == SPECIFIED


@pytest.mark.parametrize("is_async", [False, True])
def test_recorder_records_every_hook_in_order(is_async: bool) -> None:
    """App and function level, before, around and after, in the order of the calls."""
    recording = RecordingExtension(is_async=is_async)
    with make_host(app("recording"), extensions=[recording], raises=False) as host:
        assert set(recording.hooks) == set(HOOKS[:8])
        recording.calls.clear()
        host.get("/api/works")
        assert recording.hooks == [
            "invocation_app_level",
            "pre_invocation_app_level",
            "invocation",
            "pre_invocation",
            "post_invocation",
            "invocation",
            "post_invocation_app_level",
            "invocation_app_level",
            "invocation_end",
            "response_sent",
        ]
        recording.calls.clear()
        host.get("/api/fails")
    assert recording.hooks[4:] == [
        "invocation_error",
        "invocation",
        "invocation_error_app_level",
        "invocation_app_level",
        "invocation_end",
        "response_sent",
        "shutdown",
    ]


def test_recorded_call_has_arguments_function_invocation_and_outcome() -> None:
    """A call has its arguments as they were, and an around hook's outcome."""
    recording = RecordingExtension()
    with make_host(app(), extensions=[recording]) as host:
        reply = host.get("/api/works")
    (post,) = recording.calls_of("post_invocation_app_level")
    assert (post.function, post.invocation_id) == ("works", reply.invocation.id)
    assert post.arguments["func_ret"] == "done"
    assert list(post.arguments["func_args"]) == ["req"]
    before, after = recording.calls_of("invocation_app_level")
    assert before.outcome is None
    assert after.outcome is not None
    assert after.outcome.result == "done"
    (startup,) = recording.calls_of("startup")
    assert (startup.function, startup.invocation_id) == (None, None)
    assert {call.function for call in recording.calls_of("post_function_load_app_level")} == {"works", "fails"}


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize("hook", ["pre_invocation_app_level", "invocation_app_level", "startup"])
def test_recorder_with_raise_at_raises_in_that_hook(hook: str, is_async: bool) -> None:
    """The exception is recorded and contained; the second half of an around hook is recorded separately."""
    recording = RecordingExtension(is_async=is_async).raise_at(hook, ValueError("harm"))
    recording.raise_at("invocation_app_level", ValueError("late harm"), after=True)
    with make_host(app(), extensions=[recording]) as host:
        assert host.get("/api/works").text == "done"
        text = "\n".join(host.messages)
    assert hook in recording.hooks
    assert "ValueError: harm" in text
    assert ("ValueError: late harm" in text) == (hook != "invocation_app_level")


@pytest.mark.parametrize("is_async", [False, True])
def test_recorder_with_wait_at_waits_in_that_hook(is_async: bool) -> None:
    """The hook holds the invocation; past its budget an async hook is cancelled."""
    recording = RecordingExtension(is_async=is_async).delay_at("pre_invocation_app_level", 0.05)
    budget = {"extensionHost": {"budgets": {"hook": 0.01}}}
    with make_host(app(), extensions=[recording], host_json=budget) as host:
        assert host.get("/api/works").text == "done"
        assert any("budget" in message for message in host.messages)


def test_recorder_with_only_some_hooks_has_only_these() -> None:
    """It can have few hooks, as most extensions do; an unknown name is refused."""
    recording = RecordingExtension("few", hooks=["startup", "shutdown"], order=hosting.Order(before=("other",)))
    with make_host(app(), extensions=[recording]) as host:
        host.get("/api/works")
        assert host.diagnosis()["extensions"][0]["hooks"] == ["startup", "shutdown"]
    assert recording.hooks == ["startup", "shutdown"]
    with pytest.raises(ValueError, match="there is no hook 'nothing'; the hooks are init, "):
        RecordingExtension(hooks=["nothing"])
    with pytest.raises(ValueError, match="there is no hook 'nothing'"):
        recording.raise_at("nothing", ValueError())


async def test_two_recorders_end_in_reverse_order() -> None:
    """The extension that starts first ends last."""
    order: list[str] = []

    first, second = RecordingExtension("a"), RecordingExtension("b")
    async with make_host(app(), extensions=[second, first]) as host:
        for one in (first, second):
            one.calls = _Shared(one.name, order)
        await host.get("/api/works")
    assert order[:2] == ["a", "b"]
    # the last around hook, then twice each: invocation_end, response_sent and shutdown
    assert order[-7:] == ["a", "b", "a", "b", "a", "b", "a"]


class _Shared(list):  # type: ignore[type-arg]
    def __init__(self, name: str, order: list[str]) -> None:
        super().__init__()
        self._name, self._order = name, order

    def append(self, call: object) -> None:
        self._order.append(self._name)
