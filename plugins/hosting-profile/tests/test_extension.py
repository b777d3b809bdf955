"""The extension on functions, as a host runs them."""

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
from hosting_profile.settings import Settings

ANSWER = HttpResponse("done", headers={"X-One": "1"})
REQUEST = HttpRequest("GET", "http://localhost/api/Greet", body=b"")


def greet(req: HttpRequest) -> HttpResponse:
    """A def function."""
    return ANSWER


async def greet_async(req: HttpRequest) -> HttpResponse:
    """An async def function."""
    await asyncio.sleep(0)
    return ANSWER


def fail(req: HttpRequest) -> HttpResponse:
    """One that raises."""
    raise LookupError("no greeting")


class Profiled:
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
        self.host = ExtensionHost(environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
        self.host.register("profile", ProfileExtension)
        self.host.load([self.function])

    async def run(self, times: int = 1, req: object = REQUEST) -> list[Any]:
        """Invoke it so many times at once, then let the extension finish its reports."""
        pool = ThreadPool(16)
        invoke = self.host.invoker(self.function, pool).invoke
        contexts = [SimpleNamespace(function_name="Greet", invocation_id=f"i{number}") for number in range(times)]
        tasks = [asyncio.ensure_future(invoke(context, {"req": req})) for context in contexts]
        results = await asyncio.gather(*tasks, return_exceptions=True)
        await self.host.shutdown()
        pool.shutdown()
        return results

    def errors(self) -> list[Any]:
        """What the host has against the extension."""
        return [one["error"] for one in self.host.diagnosis()["extensions"] if one["error"]]


@pytest.fixture
def told(caplog: pytest.LogCaptureFixture) -> Callable[[], list[str]]:
    """What the extension logged."""
    caplog.set_level(logging.INFO)
    return lambda: [record.getMessage() for record in caplog.records if record.name == "hosting.extensions.profile"]


@pytest.mark.parametrize("call", [greet, greet_async])
def test_a_profile_is_logged(call: Callable[..., Any], told: Callable[[], list[str]]) -> None:
    """Each invocation of a function that opts in leaves its figures, and the caller gets the function's own object."""
    profiled = Profiled(call, {})
    assert asyncio.run(profiled.run()) == [ANSWER]
    (line,) = told()
    assert line.startswith("Greet took ")
    assert profiled.errors() == []


def test_a_profile_belongs_to_its_invocation(caplog: pytest.LogCaptureFixture) -> None:
    """The record names function and invocation, though it is written after the answer, in another thread."""
    caplog.set_level(logging.INFO)
    asyncio.run(Profiled(greet, {}).run())
    (record,) = [record for record in caplog.records if record.name == "hosting.extensions.profile"]
    assert (record.__dict__["function"], record.__dict__["invocation_id"]) == ("Greet", "i0")


def test_a_failing_function_is_profiled_and_still_fails(told: Callable[[], list[str]]) -> None:
    """The exception reaches the caller, and the log tells the time until it was raised."""
    (result,) = asyncio.run(Profiled(fail, {"output": ["log", "header"]}).run())
    assert isinstance(result, LookupError)
    assert told()[0].startswith("Greet failed after ")


@pytest.mark.parametrize("call", [greet, greet_async])
def test_the_header_is_all_that_changes(call: Callable[..., Any]) -> None:
    """The response has one more header; the function's own object, which it may use again, has not."""
    (result,) = asyncio.run(Profiled(call, {"output": "header"}).run())
    assert result.headers["Server-Timing"].startswith("function;dur=")
    assert result.headers["X-One"] == "1"
    assert result.get_body() == b"done"
    assert "Server-Timing" not in ANSWER.headers


def test_other_results_get_no_header() -> None:
    """Text, and a response that a function of another trigger returns, stay as they are."""
    assert asyncio.run(Profiled(lambda req: "text", {"output": "header"}).run()) == ["text"]
    assert asyncio.run(Profiled(greet, {"output": "header"}).run(req="message")) == [ANSWER]


def test_pages_are_written(tmp_path: Path, told: Callable[[], list[str]]) -> None:
    """Each profile is a file in the folder, and the log says which."""
    asyncio.run(Profiled(greet, {"output": "file", "folder": str(tmp_path)}).run(3))
    assert len(list(tmp_path.glob("Greet-*.html"))) == 3
    assert all(str(tmp_path) in line for line in told())


def test_a_folder_that_cannot_be_written_is_logged(tmp_path: Path, told: Callable[[], list[str]]) -> None:
    """The caller does not notice; the log says which profile is lost, with the reason."""
    (tmp_path / "file").write_text("")
    profiled = Profiled(greet, {"output": "file", "folder": str(tmp_path / "file")})
    assert asyncio.run(profiled.run()) == [ANSWER]
    assert told() == ["The profile of Greet could not be written"]


def test_what_is_fast_enough_is_not_told(told: Callable[[], list[str]]) -> None:
    """With ``slower_than`` only slow invocations are reported, and only they get a header."""
    (result,) = asyncio.run(Profiled(greet, {"slower_than": 3600, "output": ["log", "header"]}).run())
    assert result is ANSWER
    assert told() == []
    asyncio.run(Profiled(lambda req: time.sleep(0.01), {"slower_than": 0.005}).run())
    assert len(told()) == 1


def test_one_of_so_many_is_profiled(told: Callable[[], list[str]]) -> None:
    """With ``every`` the first invocation is profiled, and one of so many after it."""
    profiled = Profiled(greet, {"every": 4})
    assert asyncio.run(profiled.run(9)) == [ANSWER] * 9
    assert len(told()) == 3


@given(st.integers(1, 50), st.integers(0, 300))
def test_every_picks_evenly(every: int, invocations: int) -> None:
    """Of any number of invocations, one of so many is picked, the first among them."""
    sampler = Sampler(Settings(every=every))
    picked = [number for number in range(invocations) if sampler.picks()]
    assert picked == list(range(0, invocations, every))


def test_every_counts_right_in_threads() -> None:
    """Invocations that begin at a time are counted one by one."""
    sampler = Sampler(Settings(every=10))
    picked: list[bool] = []
    threads = [threading.Thread(target=lambda: picked.extend(sampler.picks() for _ in range(1000))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(picked) == 800


@pytest.mark.parametrize(("rate", "picks"), [(0.0, {False}), (1.0, {True})])
def test_the_ends_of_rate_are_exact(rate: float, picks: set[bool]) -> None:
    """A rate of 0 never picks and one of 1 always does."""
    sampler = Sampler(Settings(rate=rate))
    assert {sampler.picks() for _ in range(1000)} == picks


def test_only_so_many_are_profiled_at_a_time(told: Callable[[], list[str]]) -> None:
    """Invocations beyond the limit run without a profile, and the places are free again afterwards."""
    everybody = threading.Barrier(MAX_CONCURRENT + 4)

    def meet(req: HttpRequest) -> str:
        everybody.wait()
        return "met"

    profiled = Profiled(meet, {"measure": "io"})
    assert asyncio.run(profiled.run(MAX_CONCURRENT + 4)) == ["met"] * (MAX_CONCURRENT + 4)
    assert len(told()) == MAX_CONCURRENT
    assert profiled.errors() == []


def test_many_async_invocations_at_once(told: Callable[[], list[str]]) -> None:
    """Invocations that interleave on the loop all end as they should, and without an error of the extension."""
    profiled = Profiled(greet_async, {"measure": ["time", "memory", "io"]})
    assert asyncio.run(profiled.run(50)) == [ANSWER] * 50
    assert len(told()) == MAX_CONCURRENT
    assert profiled.errors() == []


def test_a_wrong_setting_leaves_the_function_alone(told: Callable[[], list[str]]) -> None:
    """The function runs without profile, and the diagnosis has the reason."""
    profiled = Profiled(greet, {"rate": 2})
    assert asyncio.run(profiled.run()) == [ANSWER]
    (error,) = profiled.errors()
    assert error["message"] == "profile: rate must be 0 to 1, not 2"
    assert not [line for line in told() if "took" in line]


def test_the_entry_point_names_the_class() -> None:
    """Installing the distribution makes the name known; only a function that opts in has it imported."""
    (entry_point,) = entry_points(group="hosting.functions", name="profile")
    assert entry_point.load() is ProfileExtension


@pytest.mark.parametrize("settings", [{}, {"measure": ["time", "memory", "io"], "output": ["log", "header"]}])
def test_it_harms_nobody(settings: dict[str, Any]) -> None:
    """Whatever happens around it, nobody notices, and nothing of an invocation is kept; not even in a second start."""
    assert_isolated("profile", settings=settings)
