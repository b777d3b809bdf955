"""The timer extension in a host: results and log lines."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from importlib.metadata import entry_points
from typing import Any

import azure.functions as func
import pytest

from hosting.testing import HostFactory, Invocation, Reply, assert_isolated, make_host
from hosting_timer import TimerExtension, TimerSettings

NOTE = re.compile(r" \(TimeElapsed: \d+\.\d{6} sec\)")


def app() -> func.FunctionApp:
    """Return an app with functions that respond, fail, wait and send a message."""
    functions = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
    released = asyncio.Event()

    @functions.route("Greet")
    def greet(req: func.HttpRequest) -> str:
        return "hi"

    @functions.route("Fail")
    def fail(req: func.HttpRequest) -> str:
        raise ValueError("no")

    @functions.route("Wait")
    async def wait(req: func.HttpRequest) -> str:
        await released.wait()
        return str(req.params["name"])

    @functions.queue_trigger("msg", "in", "Storage")
    @functions.queue_output("$return", "out", "Storage")
    def send(msg: str) -> str:
        return "message"

    @functions.route("Release")
    async def release(req: func.HttpRequest) -> str:
        released.set()
        return "released"

    return functions


def host_json(**settings: Any) -> Mapping[str, Any]:
    """Return the host.json of an app that configures the timer."""
    return {"extensionHost": {"extensions": {"timer": {"settings": settings or {"append_to_http_response": True}}}}}


def timer_lines(result: Reply | Invocation) -> list[str]:
    """Return the lines that the timer logged, with T for their figures."""
    lines = [re.sub(r"\d+\.\d{6}", "T", message) for message in result.messages]
    return [line for line in lines if "T sec" in line]


def test_time_of_an_invocation_is_logged(hosting_host: HostFactory) -> None:
    """Each invocation logs one line with the function's name and its time."""
    host = hosting_host(app(), extensions=["timer"])
    assert timer_lines(host.get("/api/Greet")) == ["greet took T sec"]
    assert timer_lines(host.invoke("send", "x")) == ["send took T sec"]


def test_function_that_fails_is_timed_and_its_exception_is_raised(hosting_host: HostFactory) -> None:
    """The exception is raised, and the log has the time until then."""
    host = hosting_host(app(), extensions=["timer"], host_json=host_json())
    reply = host.get("/api/Fail", raises=False)
    assert (reply.status, str(reply.exception)) == (500, "no")
    assert timer_lines(reply) == ["fail failed after T sec"]


def test_result_without_the_setting_is_unchanged(hosting_host: HostFactory) -> None:
    """Without the setting, a response is the function's own."""
    assert hosting_host(app(), extensions=["timer"]).get("/api/Greet").text == "hi"


def test_result_with_the_setting_ends_with_the_time(hosting_host: HostFactory) -> None:
    """With the setting, a text response ends with the time."""
    text = hosting_host(app(), extensions=["timer"], host_json=host_json()).get("/api/Greet").text
    assert text.startswith("hi")
    assert NOTE.fullmatch(text.removeprefix("hi"))


def test_result_of_a_queue_function_is_unchanged(hosting_host: HostFactory) -> None:
    """Text that a queue function returns is a message, and is sent unchanged."""
    host = hosting_host(app(), extensions=["timer"], host_json=host_json())
    assert host.invoke("send", "x").outputs == {"$return": "message"}


def test_settings_of_two_hosts_are_separate(hosting_host: HostFactory) -> None:
    """The settings of one app do not affect another app in the same process."""
    annotating = hosting_host(app(), extensions=["timer"], host_json=host_json())
    plain = hosting_host(app(), extensions=["timer"])
    assert NOTE.search(annotating.get("/api/Greet").text)
    assert plain.get("/api/Greet").text == "hi"


async def test_interleaved_invocations_have_their_own_times() -> None:
    """Each of two interleaved invocations is timed with its own result."""
    async with make_host(app(), extensions=["timer"], host_json=host_json()) as host:
        waiting = [asyncio.ensure_future(host.get(f"/api/Wait?name={name}")) for name in "ab"]
        await asyncio.sleep(0)
        await host.get("/api/Release")
        replies = await asyncio.gather(*waiting)
        assert [NOTE.sub("", reply.text) for reply in replies] == ["a", "b"]
        assert [timer_lines(reply) for reply in replies] == [["wait took T sec"]] * 2


PATH = "extensionHost.extensions.timer.settings"


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"apend": True}, f"{PATH}.apend is not a setting"),
        ({"append_to_http_respons": True}, f"{PATH}.append_to_http_respons is not a setting"),
        ({"append_to_http_response": "true"}, f"{PATH}.append_to_http_response must be true or false, found 'true'"),
        ({"append_to_http_response": 1}, f"{PATH}.append_to_http_response must be true or false, found 1"),
        ({"append_to_http_response": None}, f"{PATH}.append_to_http_response must be true or false, found null"),
    ],
)
def test_invalid_setting_disables_the_extension(
    hosting_host: HostFactory, settings: dict[str, Any], message: str
) -> None:
    """A misspelt setting and a wrong type are reported, and the app runs without the timer."""
    host = hosting_host(app(), extensions=["timer"], host_json=host_json(**settings))
    (extension,) = host.diagnosis()["extensions"]
    assert extension["status"] == "failed"
    assert extension["error"]["message"] == message
    assert host.get("/api/Greet").text == "hi"


def test_code_that_makes_the_extension_itself_passes_an_object_with_its_settings() -> None:
    """The class of the settings is public, and refuses a name that is not one of them."""
    TimerExtension().configure(TimerSettings(append_to_http_response=True))
    with pytest.raises(TypeError, match="apend"):
        TimerSettings(apend=True)  # type: ignore[call-arg]


@pytest.mark.parametrize("settings", [{}, {"append_to_http_response": True}])
def test_timer_extension_is_isolated(settings: dict[str, Any]) -> None:
    """Under adverse conditions it raises nothing, keeps nothing and leaves nothing running."""
    assert_isolated(TimerExtension, settings=settings)


def test_entry_point_loads_the_extension_class() -> None:
    """Installation activates the extension."""
    (entry_point,) = entry_points(group="hosting", name="timer")
    assert entry_point.load() is TimerExtension
