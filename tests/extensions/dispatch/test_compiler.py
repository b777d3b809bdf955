"""Hook chains: the order of hooks in one invocation, and which of them decides the result."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import hosting
from tests.support.invoking import function, invoke, load_host

LEVELS = ("_app_level", "")
WAY_IN = ("invocation", "pre_invocation")
WAY_OUT = ("post_invocation", "invocation_error")
ERRORS = {"raise": RuntimeError, "exit": SystemExit, "stop": StopIteration, "short": hosting.ShortCircuit}


@dataclass(frozen=True)
class Sketch:
    """A description of an extension: for each of its hooks, whether it is async and what it does."""

    name: str
    hooks: dict[str, tuple[bool, str]] = field(default_factory=dict)

    def behaviour(self, hook: str) -> str:
        return self.hooks[hook][1]


def act(action: str, origin: str) -> None:
    if action == "answer":
        raise hosting.ShortCircuit(f"answer of {origin}")
    if action in ERRORS:
        raise ERRORS[action](origin)


def build_extension(sketch: Sketch, trace: list[str]) -> Any:
    """Return the extension that a sketch describes; it records every hook that it runs."""
    return type(sketch.name, (), {hook: build_hook(sketch, hook, trace) for hook in sketch.hooks})


def build_hook(sketch: Sketch, hook: str, trace: list[str]) -> Any:
    is_async, action = sketch.hooks[hook]
    origin = f"{sketch.name}.{hook}"
    result = f"result of {origin}" if action == "replace" else None

    def plain(self: Any, context: Any) -> Any:
        trace.append(origin)
        act(action, origin)
        return result

    async def waiting(self: Any, context: Any) -> Any:
        await asyncio.sleep(0)
        return plain(self, context)

    def around(self: Any, context: Any) -> Any:
        trace.append(origin)
        act(action, origin)
        outcome = yield
        trace.append(f"{origin} ends")
        if action == "late":
            outcome.set_result("never")
            raise RuntimeError(origin)
        if action == "replace":
            outcome.set_result(result)

    async def waiting_around(self: Any, context: Any) -> Any:
        steps = around(self, context)
        next(steps)
        outcome = yield
        await asyncio.sleep(0)
        for _ in [*steps_to_end(steps, outcome)]:
            pass

    if hook.startswith("invocation") and "error" not in hook:
        return hosting.hookimpl(waiting_around if is_async else around)
    return hosting.hookimpl(waiting if is_async else plain)


def steps_to_end(steps: Any, outcome: Any) -> Any:
    try:
        yield steps.send(outcome)
    except StopIteration:
        return


class ReferenceModel:
    """The rules of one invocation, written plainly: what the compiled chain must do."""

    def __init__(self, sketches: list[Sketch], failing: bool) -> None:
        self.line = sorted(sketches, key=lambda sketch: sketch.name)
        self.failing = failing
        self.trace: list[str] = []
        self.result: Any = None
        self.error: str | None = None
        self.entered: dict[str, list[str]] = {level: [] for level in LEVELS}
        self.around: dict[str, list[Sketch]] = {level: [] for level in LEVELS}
        self.reached: list[str] = []

    def run(self) -> tuple[list[str], Any, str | None]:
        if not self._answered_on_the_way_in():
            self.trace.append("function")
            self.error, self.result = ("failed", None) if self.failing else (None, "returned")
        for level in reversed(self.reached):
            self._way_out(level)
        return self.trace, self.result, self.error

    def _answered_on_the_way_in(self) -> bool:
        for level in LEVELS:
            self.reached.append(level)
            for phase in WAY_IN:
                for sketch in self.line:
                    if self._answers(sketch, f"{phase}{level}", level, phase):
                        return True
        return False

    def _answers(self, sketch: Sketch, hook: str, level: str, phase: str) -> bool:
        if hook not in sketch.hooks:
            if phase == "pre_invocation":
                self.entered[level].append(sketch.name)
            return False
        self.trace.append(f"{sketch.name}.{hook}")
        if sketch.behaviour(hook) == "answer":
            self.result = f"answer of {sketch.name}.{hook}"
            self.entered[level] = [name for name in self.entered[level] if name != sketch.name]
            return True
        if sketch.behaviour(hook) == "short":
            self.result = f"{sketch.name}.{hook}"
            self.entered[level] = [name for name in self.entered[level] if name != sketch.name]
            return True
        self.entered[level].append(sketch.name)
        if phase == "invocation" and sketch.behaviour(hook) not in ERRORS:
            self.around[level].append(sketch)
        return False

    def _way_out(self, level: str) -> None:
        for sketch in reversed(self.line):
            hook = f"{WAY_OUT[0] if self.error is None else WAY_OUT[1]}{level}"
            if hook in sketch.hooks and sketch.name in self.entered[level]:
                self.trace.append(f"{sketch.name}.{hook}")
                if sketch.behaviour(hook) == "replace" and self.error is None:
                    self.result = f"result of {sketch.name}.{hook}"
        for sketch in reversed(self.around[level]):
            hook = f"invocation{level}"
            self.trace.append(f"{sketch.name}.{hook} ends")
            if sketch.behaviour(hook) == "replace":
                self.result, self.error = f"result of {sketch.name}.{hook}", None


HOOKS = [f"{phase}{level}" for level in LEVELS for phase in (*WAY_IN, *WAY_OUT)]
actions = st.tuples(
    st.booleans(), st.sampled_from(["nothing"] * 6 + ["raise", "exit", "stop", "short", "answer", "replace", "late"])
)
sketches = st.lists(st.sampled_from("abcdef"), unique=True, max_size=5).flatmap(
    lambda names: st.tuples(
        *(
            st.builds(Sketch, st.just(name), st.dictionaries(st.sampled_from(HOOKS), actions, min_size=1))
            for name in names
        )
    )
)


@pytest.mark.parametrize("is_async", [False, True])
@given(sketches_drawn=sketches, failing=st.booleans(), observed=st.booleans())
def test_compiled_chain_behaves_as_the_reference_model(
    is_async: bool, sketches_drawn: tuple[Sketch, ...], failing: bool, observed: bool
) -> None:
    """Whatever extensions do, the order of calls, the result and the exception are those of the model.

    An observer sees just these calls, and changes nothing.
    """
    trace: list[str] = []
    calls: list[hosting.HookCall] = []

    def plain() -> str:
        trace.append("function")
        if failing:
            raise LookupError("failed")
        return "returned"

    async def waiting() -> str:
        await asyncio.sleep(0)
        return plain()

    target = function(waiting if is_async else plain, "F", *(sketch.name for sketch in sketches_drawn))
    host = load_host(
        {sketch.name: build_extension(sketch, trace) for sketch in sketches_drawn},
        target,
        section={"budgets": {"hook": 60}},
        observer=(lambda _, call: calls.append(call)) if observed else None,
    )
    result, error = None, None
    try:
        result = invoke(host, target)
    except LookupError as exception:
        error = str(exception)
    assert (trace, result, error) == ReferenceModel(list(sketches_drawn), failing).run()
    if observed:
        names = [f"{call.extension}.{call.hook}{' ends' if call.is_resumed else ''}" for call in calls]
        assert names == [one for one in trace if one != "function"]


@given(sketches_drawn=sketches, failing=st.booleans(), observed=st.booleans())
def test_statistics_count_every_hook_call_exactly(
    sketches_drawn: tuple[Sketch, ...], failing: bool, observed: bool
) -> None:
    """Calls are counted exactly, also where hooks were skipped."""
    trace: list[str] = []

    def call() -> None:
        if failing:
            raise LookupError

    target = function(call, "F", *(sketch.name for sketch in sketches_drawn))
    host = load_host(
        {sketch.name: build_extension(sketch, trace) for sketch in sketches_drawn},
        target,
        section={"budgets": {"hook": 60}},
        observer=(lambda _, call: None) if observed else None,
    )
    with contextlib.suppress(LookupError):
        invoke(host, target)
    entries = {entry["name"]: entry for entry in host.extension_entries()}
    for sketch in sketches_drawn:
        counts = {hook: figures["calls"] for hook, figures in entries[sketch.name]["statistics"].items()}
        assert counts == {hook: trace.count(f"{sketch.name}.{hook}") for hook in sketch.hooks}


def test_around_hook_gets_the_result_or_the_exception() -> None:
    """``outcome = yield`` has the result, or the exception that the function raised."""
    seen: list[Any] = []

    class Around:
        @hosting.hookimpl
        def invocation_app_level(self) -> Any:
            outcome = yield
            seen.append((outcome.result, outcome.exception))

    def returns() -> str:
        return "fine"

    def raises() -> str:
        raise problem

    problem = LookupError("no such thing")
    good, bad = function(returns, "Good"), function(raises, "Bad")
    assert invoke(load_host({"around": Around}, good), good) == "fine"
    with pytest.raises(LookupError) as caught:
        invoke(load_host({"around": Around}, bad), bad)
    assert caught.value is problem
    assert seen == [("fine", None), (None, problem)]


def test_assignment_to_an_outcome_is_refused() -> None:
    """A result is replaced with ``set_result`` only."""
    outcome = hosting.Outcome("before")
    with pytest.raises(AttributeError):
        outcome.result = "after"  # type: ignore[misc]
    outcome.set_result(None)
    assert (outcome.result, outcome.exception) == (None, None)


def test_pre_hook_that_changes_func_args_changes_what_the_function_receives() -> None:
    """``func_args`` is the live dictionary of the call."""

    class Upper:
        @hosting.hookimpl
        def pre_invocation_app_level(self, func_args: dict[str, Any]) -> None:
            func_args["name"] = func_args["name"].upper()

    target = function(lambda name: f"Hello {name}")
    assert invoke(load_host({"upper": Upper}, target), target, name="ada") == "Hello ADA"


def test_sync_hooks_run_on_the_thread_of_a_sync_function() -> None:
    """Thread-local state of a pre hook is visible in the function, also with async hooks in between."""
    import threading

    threads: list[int] = []

    class Where:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None:
            threads.append(threading.get_ident())

        @hosting.hookimpl
        async def invocation_app_level(self) -> Any:
            yield

        @hosting.hookimpl
        def post_invocation_app_level(self) -> None:
            threads.append(threading.get_ident())

    def call() -> None:
        threads.append(threading.get_ident())

    target = function(call)
    invoke(load_host({"where": Where}, target), target)
    assert len(threads) == 3
    assert len(set(threads)) == 1
    assert threads[0] != threading.get_ident()


def test_traceback_through_a_chain_shows_lines_of_chain_and_function() -> None:
    """Every frame of the traceback has a source line, and the last is the function's."""
    import traceback

    class Pre:
        @hosting.hookimpl
        def pre_invocation_app_level(self) -> None: ...

    def breaks() -> None:
        raise LookupError("here")

    target = function(breaks)
    with pytest.raises(LookupError) as caught:
        invoke(load_host({"pre": Pre}, target), target)
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert frames[-1].name == "breaks"
    assert all(frame.line for frame in frames)
