"""The extension in a host, and what it does to an app's results and logs."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

import azure.functions as func
import pytest

from hosting.testing import HostFactory, Invocation, Reply, assert_isolated, make_host
from hosting_timer import TimerExtension

NOTE = re.compile(r" \(TimeElapsed: \d+\.\d{6} sec\)")


def app() -> func.FunctionApp:
    """Functions that answer, that fail and that send a message."""
    made = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    released = asyncio.Event()

    @made.route("Greet")
    def greet(req: func.HttpRequest) -> str:
        return "hi"

    @made.route("Fail")
    def fail(req: func.HttpRequest) -> str:
        raise ValueError("no")

    @made.route("Wait")
    async def wait(req: func.HttpRequest) -> str:
        await released.wait()
        return str(req.params["name"])

    @made.queue_trigger("msg", "in", "Storage")
    @made.queue_output("$return", "out", "Storage")
    def send(msg: str) -> str:
        return "message"

    @made.route("Release")
    async def release(req: func.HttpRequest) -> str:
        released.set()
        return "released"

    return made


def appending(**settings: Any) -> Mapping[str, Any]:
    """The host.json of an app that configures the timer."""
    return {"extensionHost": {"extensions": {"timer": {"settings": settings or {"append_to_http_response": True}}}}}


def timed(ran: Reply | Invocation) -> list[str]:
    """What the timer logged, its figures replaced."""
    lines = [re.sub(r"\d+\.\d{6}", "T", message) for message in ran.messages]
    return [line for line in lines if "T sec" in line]


def test_the_time_is_logged(hosting_host: HostFactory) -> None:
    """Each invocation leaves one line with the function's name and its time."""
    host = hosting_host(app(), extensions=["timer"])
    assert timed(host.get("/api/Greet")) == ["greet took T sec"]
    assert timed(host.invoke("send", "x")) == ["send took T sec"]


def test_a_failing_function_is_measured_and_still_fails(hosting_host: HostFactory) -> None:
    """The exception stays, and the log tells the time until it was raised."""
    host = hosting_host(app(), extensions=["timer"], host_json=appending())
    reply = host.get("/api/Fail", raises=False)
    assert (reply.status, str(reply.exception)) == (500, "no")
    assert timed(reply) == ["fail failed after T sec"]


def test_results_stay_as_they_are_unless_the_app_asks(hosting_host: HostFactory) -> None:
    """Without the setting, a response is the function's own."""
    assert hosting_host(app(), extensions=["timer"]).get("/api/Greet").text == "hi"


def test_the_time_is_appended_when_the_app_asks(hosting_host: HostFactory) -> None:
    """With the setting, a text response ends in the time."""
    text = hosting_host(app(), extensions=["timer"], host_json=appending()).get("/api/Greet").text
    assert text.startswith("hi")
    assert NOTE.fullmatch(text.removeprefix("hi"))


def test_only_http_functions_are_appended_to(hosting_host: HostFactory) -> None:
    """Text that a queue function returns is a message, and reaches its reader unchanged."""
    host = hosting_host(app(), extensions=["timer"], host_json=appending())
    assert host.invoke("send", "x").outputs == {"$return": "message"}


def test_two_hosts_have_settings_of_their_own(hosting_host: HostFactory) -> None:
    """What one app configures does not reach another app in the same process."""
    appended = hosting_host(app(), extensions=["timer"], host_json=appending())
    plain = hosting_host(app(), extensions=["timer"])
    assert NOTE.search(appended.get("/api/Greet").text)
    assert plain.get("/api/Greet").text == "hi"


def test_interleaved_invocations_do_not_meet() -> None:
    """An invocation that began first may end last, and each is measured with its own result."""

    async def run() -> None:
        async with make_host(app(), extensions=["timer"], host_json=appending()) as host:
            waiting = [asyncio.ensure_future(host.get(f"/api/Wait?name={name}")) for name in "ab"]
            await asyncio.sleep(0)
            await host.get("/api/Release")
            replies = await asyncio.gather(*waiting)
            assert [NOTE.sub("", reply.text) for reply in replies] == ["a", "b"]
            assert [timed(reply) for reply in replies] == [["wait took T sec"]] * 2

    asyncio.run(run())


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"apend": True}, "unknown setting apend; expected: append_to_http_response"),
        ({"append_to_http_response": "true"}, "append_to_http_response must be true or false, not 'true'"),
        ({"append_to_http_response": 1}, "append_to_http_response must be true or false, not 1"),
        ({"append_to_http_response": None}, "append_to_http_response must be true or false, not None"),
    ],
)
def test_wrong_settings(hosting_host: HostFactory, settings: dict[str, Any], message: str) -> None:
    """A misspelt setting and a wrong type are told, and the app runs without the timer."""
    host = hosting_host(app(), extensions=["timer"], host_json=appending(**settings))
    (told,) = host.diagnosis()["extensions"]
    assert told["status"] == "failed"
    assert message in told["error"]["message"]
    assert host.get("/api/Greet").text == "hi"


def test_a_wrong_setting_is_raised() -> None:
    """Whoever configures the class by hand gets the exception itself."""
    with pytest.raises(ValueError, match="unknown setting apend"):
        TimerExtension().configure({"apend": True})
    with pytest.raises(TypeError, match="must be true or false"):
        TimerExtension().configure({"append_to_http_response": "true"})
    TimerExtension().configure({})


@pytest.mark.parametrize("settings", [{}, {"append_to_http_response": True}])
def test_it_harms_nobody(settings: dict[str, Any]) -> None:
    """Whatever goes wrong around it, it raises nothing, keeps nothing and leaves nothing running."""
    assert_isolated(TimerExtension, settings=settings)


def test_the_entry_point_names_the_class() -> None:
    """Installing the distribution is what activates it."""
    (entry_point,) = entry_points(group="hosting", name="timer")
    assert entry_point.load() is TimerExtension
