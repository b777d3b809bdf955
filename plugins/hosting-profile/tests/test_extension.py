"""The profile extension on functions, as a host runs them."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Mapping
from importlib.metadata import entry_points
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from azure.functions import HttpRequest, HttpResponse
from hypothesis import given
from hypothesis import strategies as st

from hosting.core import Binding, Function, OptIn
from hosting.extensions import ExtensionHost, ThreadPool
from hosting.testing import assert_isolated
from hosting_profile import ProfileExtension
from hosting_profile.extension import MAX_CONCURRENT, Sampler
from hosting_profile.settings import ProfileSettings

RESPONSE = HttpResponse("done", headers={"X-One": "1"})
REQUEST = HttpRequest("GET", "http://localhost/api/Greet", body=b"")


def greet(req: HttpRequest) -> HttpResponse:
    """Respond, as a def function."""
    return RESPONSE


async def greet_async(req: HttpRequest) -> HttpResponse:
    """Respond, as an async def function."""
    await asyncio.sleep(0)
    return RESPONSE


def fail(req: HttpRequest) -> HttpResponse:
    """Raise an exception."""
    raise LookupError("no greeting")


class ProfiledFunction:
    """A function that opted in, and the extension that profiles it."""

    def __init__(self, call: Callable[..., Any], settings: Mapping[str, Any]) -> None:
        is_async = asyncio.iscoroutinefunction(call)
        self.function = Function(
            "Greet",
            "/app",
            "/app/x.py",
            "v2",
            call,
            is_async,
            (Binding("req", "httpTrigger", "in"),),
            opt_ins=(OptIn("profile", settings),),
        )
        unhurried = {"budgets": {"hook": 600, "shutdown": 600}}  # a report takes long on a busy machine
        self.host = ExtensionHost(environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"}, section=unhurried)
        self.host.register("profile", ProfileExtension)
        self.host.load([self.function])

    async def run(self, times: int = 1, req: object = REQUEST) -> list[Any]:
        """Invoke it ``times`` times at once, then let the extension finish its reports."""
        pool = ThreadPool(16)
        invoke = self.host.invoker(self.function, pool).invoke
        contexts = [SimpleNamespace(function_name="Greet", invocation_id=f"i{number}") for number in range(times)]
        tasks = [asyncio.ensure_future(invoke(context, {"req": req})) for context in contexts]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await self.host.shutdown()
        pool.shutdown()
        return results

    def errors(self) -> list[Any]:
        """Return the errors of the extension."""
        return [extension["error"] for extension in self.host.diagnosis()["extensions"] if extension["error"]]


@pytest.fixture
def messages(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """Return the messages that the extension logged."""
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records if record.name == "hosting.extensions.profile"]


@pytest.mark.parametrize("call", [greet, greet_async])
async def test_invocation_of_a_function_that_opts_in_is_logged_with_its_profile(
    call: Callable[..., Any], messages: Callable[[], list[str]]
) -> None:
    """Each invocation of a function that opts in is logged; the caller receives the function's own result."""
    profiled = ProfiledFunction(call, {})
    assert await profiled.run() == [RESPONSE]
    (line,) = messages()
    assert line.startswith("Greet took ")
    assert profiled.errors() == []


async def test_log_record_of_a_profile_has_function_and_invocation(caplog: pytest.LogCaptureFixture) -> None:
    """The record names function and invocation, although another thread writes it after the response."""
    caplog.set_level(logging.INFO)
    await ProfiledFunction(greet, {}).run()
    (record,) = [record for record in caplog.records if record.name == "hosting.extensions.profile"]
    assert (record.__dict__["function"], record.__dict__["invocation_id"]) == ("Greet", "i0")


async def test_function_that_fails_is_profiled_and_its_exception_is_raised(messages: Callable[[], list[str]]) -> None:
    """The exception reaches the caller, and the log has the time until it was raised."""
    (result,) = await ProfiledFunction(fail, {"output": ["log", "header"]}).run()
    assert isinstance(result, LookupError)
    assert messages()[0].startswith("Greet failed after ")


@pytest.mark.parametrize("call", [greet, greet_async])
async def test_header_output_adds_a_header_to_a_copy_of_the_response(call: Callable[..., Any]) -> None:
    """The response has one more header; the function's own object, which it may use again, is unchanged."""
    (result,) = await ProfiledFunction(call, {"output": "header"}).run()
    assert result.headers["Server-Timing"].startswith("function;dur=")
    assert result.headers["X-One"] == "1"
    assert result.get_body() == b"done"
    assert "Server-Timing" not in RESPONSE.headers


async def test_header_output_leaves_other_results_unchanged() -> None:
    """Text, and a response that a function with another trigger returns, are unchanged."""
    assert await ProfiledFunction(lambda req: "text", {"output": "header"}).run() == ["text"]
    assert await ProfiledFunction(greet, {"output": "header"}).run(req="message") == [RESPONSE]


async def test_file_output_writes_a_page_for_each_profile(tmp_path: Path, messages: Callable[[], list[str]]) -> None:
    """Each profile is a file in the folder, and the log names it."""
    await ProfiledFunction(greet, {"output": "file", "folder": str(tmp_path)}).run(3)
    assert len(list(tmp_path.glob("Greet-*.html"))) == 3
    assert all(str(tmp_path) in line for line in messages())


async def test_file_output_to_an_invalid_folder_is_logged(tmp_path: Path, messages: Callable[[], list[str]]) -> None:
    """The caller does not notice; the log names the function of the lost profile."""
    (tmp_path / "file").write_text("")
    profiled = ProfiledFunction(greet, {"output": "file", "folder": str(tmp_path / "file")})
    assert await profiled.run() == [RESPONSE]
    assert messages() == ["The profile of Greet could not be written"]


async def test_slower_than_reports_only_slow_invocations(messages: Callable[[], list[str]]) -> None:
    """With ``slower_than`` only slow invocations are reported, and only they get a header."""
    (result,) = await ProfiledFunction(greet, {"slower_than": 3600, "output": ["log", "header"]}).run()
    assert result is RESPONSE
    assert messages() == []
    await ProfiledFunction(lambda req: time.sleep(0.01), {"slower_than": 0.005}).run()
    assert len(messages()) == 1


async def test_every_profiles_the_first_of_that_many_invocations(messages: Callable[[], list[str]]) -> None:
    """With ``every: 4`` the first of each four invocations is profiled."""
    profiled = ProfiledFunction(greet, {"every": 4})
    assert await profiled.run(9) == [RESPONSE] * 9
    assert len(messages()) == 3


@given(st.integers(1, 50), st.integers(0, 300))
def test_sampler_with_every_picks_each_nth_invocation(every: int, invocations: int) -> None:
    """Of any number of invocations, each nth is selected, starting with the first."""
    sampler = Sampler(ProfileSettings(every=every))
    selected = [number for number in range(invocations) if sampler.picks()]
    assert selected == list(range(0, invocations, every))


def test_sampler_with_every_counts_invocations_of_all_threads() -> None:
    """Concurrent invocations are counted one by one."""
    sampler = Sampler(ProfileSettings(every=10))
    selected: list[bool] = []
    threads = [threading.Thread(target=lambda: selected.extend(sampler.picks() for _ in range(1000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(selected) == 800


@pytest.mark.parametrize(("rate", "picks"), [(0.0, {False}), (1.0, {True})])
def test_sampler_with_rate_0_or_1_picks_none_or_all(rate: float, picks: set[bool]) -> None:
    """A rate of 0 never picks and one of 1 always does."""
    sampler = Sampler(ProfileSettings(rate=rate))
    assert {sampler.picks() for _ in range(1000)} == picks


async def test_concurrent_invocations_beyond_the_limit_are_not_profiled(messages: Callable[[], list[str]]) -> None:
    """Invocations beyond the limit run without a profile, and free places are used again."""
    barrier = threading.Barrier(MAX_CONCURRENT + 4)

    def wait_for_all(req: HttpRequest) -> str:
        barrier.wait()
        return "met"

    profiled = ProfiledFunction(wait_for_all, {"measure": "io"})
    assert await profiled.run(MAX_CONCURRENT + 4) == ["met"] * (MAX_CONCURRENT + 4)
    assert len(messages()) == MAX_CONCURRENT
    assert profiled.errors() == []


async def test_interleaved_async_invocations_return_their_results(messages: Callable[[], list[str]]) -> None:
    """Invocations that interleave on the loop return their results, without an error of the extension."""
    profiled = ProfiledFunction(greet_async, {"measure": ["time", "memory", "io"]})
    assert await profiled.run(50) == [RESPONSE] * 50
    assert len(messages()) == MAX_CONCURRENT
    assert profiled.errors() == []


async def test_invalid_setting_disables_the_profile_of_a_function(messages: Callable[[], list[str]]) -> None:
    """The function runs without a profile, and the diagnosis has the reason."""
    profiled = ProfiledFunction(greet, {"rate": 2})
    assert await profiled.run() == [RESPONSE]
    (error,) = profiled.errors()
    assert error["message"] == "function 'Greet': hosting.use('profile') is not valid: rate must be 0 to 1, not 2"
    assert not [line for line in messages() if "took" in line]


def test_entry_point_loads_the_extension_class() -> None:
    """Installation makes the name known; it is imported only for a function that opts in."""
    (entry_point,) = entry_points(group="hosting.functions", name="profile")
    assert entry_point.load() is ProfileExtension


@pytest.mark.parametrize("settings", [{}, {"measure": ["time", "memory", "io"], "output": ["log", "header"]}])
def test_profile_extension_is_isolated(settings: dict[str, Any]) -> None:
    """Under adverse conditions it raises nothing and keeps nothing of an invocation, even after a second start."""
    assert_isolated("profile", settings=settings)
