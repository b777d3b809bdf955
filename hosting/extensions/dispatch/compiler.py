"""One function's chain, written out as Python source and compiled once, when the app is loaded.

Scope, order, opt-in, the arguments each hook takes, and sync or async are all settled here, so that an invocation is a
straight line of plain calls. Three forms come from the same templates:

* ``sync``: a function, for a sync function with sync hooks; it runs on the worker thread.
* ``stepwise``: a generator, for a sync function with some async hooks; it runs on the worker thread and yields each
  coroutine to its driver, which has the event loop run it.
* ``async``: a coroutine function, for async functions.

Each form is compiled twice, the second time with a clock around every hook. Some invocations take that one: those
whose number is a power of two, and every 256th in the long run.
"""

from __future__ import annotations

import asyncio
import linecache
import time
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property, partial
from types import CodeType
from typing import Any, Literal, NamedTuple

from hosting.authoring import Outcome
from hosting.core import Function
from hosting.extensions._hooks import POST_HOOKS
from hosting.extensions._model import Hook
from hosting.extensions.dispatch.runtime import Guard, Monitor
from hosting.extensions.dispatch.watchdog import Clock, Watch

Form = Literal["sync", "stepwise", "async"]

SAMPLED = 256
"""Invocations from one whose hooks are timed to the next, in the long run."""
LEAVE_OUT = ["result, error = left"]
VALUES = {"context": "context", "func_args": "func_args", "func_ret": "result", "exception": "error"}


class Exit(NamedTuple):
    """What one extension does on the way out of a level."""

    post: Hook | None
    error: Hook | None
    entered_by: Hook | None
    """The first of its hooks on the way in: only who was entered unwinds."""
    answers_by: Hook | None
    """Its pre hook: who answered in the function's place gets no post hook of its own."""
    follows: Hook | None
    """For an extension with no hook on the way in: the last hook that stands before it."""

    @property
    def hooks(self) -> tuple[Hook, ...]:
        return tuple(hook for hook in (self.post, self.error) if hook)


class Plan(NamedTuple):
    """One level of a chain: around and pre hooks in order, and what goes out, already in the order out."""

    around: Sequence[Hook]
    pre: Sequence[Hook]
    exits: Sequence[Exit]


class Chain:
    """A function's chain.

    Args:
        form: what kind of callable it is.
        guard: its hooks and their figures.
        write: writes and compiles it.
    """

    def __init__(self, form: Form, guard: Guard, write: Callable[[], Callable[..., Any]]) -> None:
        self.form = form
        self.guard = guard
        self._write = write

    @cached_property
    def run(self) -> Callable[..., Any]:
        """``run(context, func_args)``, compiled when first asked for: hundreds of functions load and pause fast."""
        return self._write()


class Compiler:
    """Compiles the chains of one host; functions with the same hooks share one code object.

    A chain is kept when another takes its place: invocations under way end on it and are counted there, and it comes
    back when its hooks do.
    """

    def __init__(self, clock: Clock, monitor: Monitor) -> None:
        self._clock = clock
        self._monitor = monitor
        self._codes: dict[str, CodeType] = {}
        self._chains: dict[Any, Chain] = {}

    @property
    def chains(self) -> list[Chain]:
        """Every chain there has been: the figures of a hook are in all that have it."""
        return list(self._chains.values())

    def chain(self, function: Function, plans: Sequence[Plan]) -> Chain | None:
        """The chain of one function, app level first in ``plans``; None where no hook is for it."""
        steps = [hook for plan in plans for hook in (*plan.around, *plan.pre)]
        way_in = len(steps)
        steps += [hook for plan in reversed(plans) for exit_ in plan.exits for hook in exit_.hooks]
        if not steps:
            return None
        form: Form = "async" if function.is_async else "stepwise" if any(hook.is_async for hook in steps) else "sync"
        key = (id(function), *((*plan.around, None, *plan.pre, *plan.exits) for plan in plans))
        if key not in self._chains:
            guard = Guard(function.name, steps, self._clock, self._monitor)
            writers = [_Writer(form, steps, way_in, plans, timed=timed) for timed in (False, True)]
            self._chains[key] = Chain(form, guard, partial(self._written, function, guard, writers))
        return self._chains[key]

    def _written(self, function: Function, guard: Guard, writers: Sequence[_Writer]) -> Callable[..., Any]:
        source = "\n".join(line for writer in writers for line in writer.lines())
        namespace = _namespace(function.call, guard, self._clock)
        exec(self._code(source), namespace)
        run: Callable[..., Any] = namespace["chain"]
        return run

    def _code(self, source: str) -> CodeType:
        """The source compiled; ``linecache`` shows its lines in a traceback."""
        if source not in self._codes:
            name = f"<hosting chain {id(self):x}-{len(self._codes)}>"
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            self._codes[source] = compile(source, name, "exec")
        return self._codes[source]


def _namespace(call: Callable[..., Any], guard: Guard, clock: Clock) -> dict[str, Any]:
    """What the source speaks of: hooks, their loggers, and the guard's slow paths.

    What every invocation reads comes first: a dict has its entries in order, and these then share a few cache lines.
    """
    hooks = {f"hook_{index}": hook.function for index, hook in enumerate(guard.steps)}
    names: dict[str, Any] = {
        "begun": guard.begun,
        "tick": clock.tick,
        "call": call,
        "suspects": guard.suspects,
        **hooks,
        "__name__": __name__,
        "caught": guard.caught,
        "credit": guard.credit,
        "CancelledError": asyncio.CancelledError,
        "current_task": asyncio.current_task,
        "enter": guard.enter,
        "enter_async": guard.enter_async,
        "forget": clock.watches.pop,
        "forgive": guard.forgive,
        "ignored": guard.ignored,
        "late": guard.late,
        "tally": guard.tally,
        "now": time.perf_counter,
        "Outcome": Outcome,
        "overran": guard.overran,
        "resume": guard.resume,
        "resume_async": guard.resume_async,
        "taken": guard.taken,
        "Watch": Watch,
        "watches": clock.watches,
    }
    for index, hook in enumerate(guard.steps):
        names[f"logger_{index}"] = hook.extension.logger
        names[f"spent_{index}"] = hook.statistics.spent
    return names


class _Writer:
    """Writes one form of one chain; each method writes one phase, in the order of an invocation.

    A sync hook's time is looked at when it is done, against the tick of ``then``; ``_stale`` says that something else
    has taken time since. An async hook has the clock's watch on it.
    """

    def __init__(self, form: Form, steps: list[Hook], way_in: int, plans: Sequence[Plan], *, timed: bool) -> None:
        self._form = form
        self._steps = steps
        self._index = {id(hook): index for index, hook in enumerate(steps)}
        self._way_in = way_in
        self._plans = plans
        self._timed = timed
        self._stale = True
        self._watched = form == "async" and any(hook.is_async for hook in steps)

    def lines(self) -> Iterator[str]:
        """The whole function."""
        keyword = "async def" if self._form == "async" else "def"
        yield f"{keyword} {'timed' if self._timed else 'chain'}(context, func_args):"
        yield from _indented(self._body())

    def _body(self) -> Iterator[str]:
        if not self._timed:
            yield "begun[0] = number = begun[0] + 1"
            yield "if number >= begun[1]:"
            yield f"    begun[1] = number + min(number or 1, {SAMPLED})"
            yield f"    return {self._delegated('timed(context, func_args)')}"
        yield "invocation = context.invocation_id"
        if self._watched:
            yield "task = current_task()"
            yield "cancelled = task.cancelling()"
            yield "watch = Watch()"
            yield "watch.task, watch.step, watch.cancels = task, -1, 0"
            yield "watches[watch] = None"
            yield "try:"
            yield from _indented(self._passage())
            yield "finally:"
            yield "    watch.step = -1"
            yield "    forget(watch, None)"
            yield "    watch = task = None"
        else:
            yield "watch = None"
            yield from self._passage()

    def _passage(self) -> Iterator[str]:
        yield "result = error = None"
        yield f"answered = {self._way_in}"
        yield from (f"around_{self._index[id(hook)]} = None" for plan in self._plans for hook in plan.around)
        yield "while True:"
        yield from _indented(self._in())
        yield from self._out()
        yield from self._epilogue()

    def _delegated(self, call: str) -> str:
        return {"sync": call, "async": f"await {call}", "stepwise": f"(yield from {call})"}[self._form]

    def _in(self) -> Iterator[str]:
        for plan in self._plans:
            for hook in plan.around:
                yield from self._around_in(hook)
            for hook in plan.pre:
                yield from self._pre(hook)
        if self._watched:
            yield "watch.step = -1"
            yield "if task.cancelling() > cancelled:"
            yield "    result, error = None, CancelledError()"
            yield "    break"
        yield "try:"
        yield f"    result = {'await ' if self._form == 'async' else ''}call(**func_args)"
        yield "except GeneratorExit:"
        yield "    raise"
        yield "except BaseException as exception:"
        yield "    error = exception"
        self._stale = True
        yield "break"

    def _pre(self, hook: Hook) -> Iterator[str]:
        index = self._index[id(hook)]
        call = self._call(hook)
        yield from self._tried(hook, [*self._obtain(hook, call), *self._drop(index)], self._leave_in(index))

    def _around_in(self, hook: Hook) -> Iterator[str]:
        index = self._index[id(hook)]
        enter = (
            f"enter_async({index}, generator, invocation)"
            if hook.is_async
            else f"enter({index}, generator, invocation)"
        )
        attempt = [
            f"generator = {self._call(hook)}",
            *self._obtain(hook, enter),
            f"if value: around_{index} = generator",
        ]
        yield from self._tried(hook, attempt, self._leave_in(index))

    def _out(self) -> Iterator[str]:
        yield "then = tick[0]"
        self._stale = False
        for plan in reversed(self._plans):
            for exit_ in plan.exits:
                yield from self._exit(exit_)
            for hook in reversed(plan.around):
                yield from self._around_out(hook)

    def _exit(self, exit_: Exit) -> Iterator[str]:
        """Either branch may be passed by, so that neither may vouch for the tick of ``then``."""
        condition = self._entered(exit_)
        if exit_.post is not None:
            yield f"if error is None{condition}:"
            yield from _indented(self._branch(self._leaving(exit_.post)))
            yield "else:"
            yield f"    tally[{self._index[id(exit_.post)]}] += 1"
        if exit_.error is not None:
            yield f"if error is not None{condition}:"
            yield f"    tally[{self._index[id(exit_.error)]}] += 1"
            yield from _indented(self._branch(self._leaving(exit_.error)))

    def _branch(self, lines: Iterator[str]) -> Iterator[str]:
        stale = self._stale
        yield from lines
        self._stale = self._stale or stale

    def _leaving(self, hook: Hook) -> Iterator[str]:
        index = self._index[id(hook)]
        attempt = [*self._obtain(hook, self._call(hook))]
        attempt += self._take(hook, index) if hook.name in POST_HOOKS else self._drop(index)
        yield from self._tried(hook, attempt, LEAVE_OUT)

    def _take(self, hook: Hook, index: int) -> list[str]:
        """Only what a post hook of ours returns counts; what Azure's classes return does not."""
        if hook.extension.kind == "sdk":
            return self._drop(index)
        return ["if value is not None:", f"    result = taken({index}, value, result, invocation, context)"]

    def _around_out(self, hook: Hook) -> Iterator[str]:
        index = self._index[id(hook)]
        name = "resume_async" if hook.is_async else "resume"
        attempt = [
            "outcome = Outcome(result, error)",
            *self._obtain(hook, f"{name}({index}, around_{index}, outcome, invocation)"),
            "if outcome._replaced:",
            "    result, error = outcome._result, None",
            f"    credit({index}, context)",
        ]
        yield f"if around_{index} is not None:"
        yield from _indented(self._branch(self._tried(hook, attempt, LEAVE_OUT, calls=0)))

    def _epilogue(self) -> Iterator[str]:
        yield "if suspects:"
        yield "    forgive(invocation)"
        yield "if error is not None:"
        yield "    try:"
        yield "        raise error"
        yield "    finally:"
        yield "        error = outcome = left = None"
        yield "return result"

    def _call(self, hook: Hook) -> str:
        """The call of a hook with just the arguments it takes."""
        index = self._index[id(hook)]
        values = {**VALUES, "logger": f"logger_{index}"}
        arguments = [values[name] for name in hook.positional] + [f"{name}={values[name]}" for name in hook.keywords]
        return f"hook_{index}({', '.join(arguments)})"

    def _obtain(self, hook: Hook, call: str) -> list[str]:
        """``value`` becomes what the call gives, awaited the way this form awaits."""
        if not hook.is_async:
            return [f"value = {call}"]
        if self._form == "stepwise":
            return [f"value = yield {call}"]
        index = self._index[id(hook)]
        return [
            f"watch.since, watch.step = tick[0], {index}",
            f"value = await {call}",
            "if watch.cancels:",
            f"    overran({index}, invocation, watch)",
        ]

    def _drop(self, index: int) -> list[str]:
        return ["if value is not None:", f"    ignored({index}, value, invocation)"]

    def _tried(self, hook: Hook, attempt: list[str], leave: list[str], *, calls: int = 1) -> Iterator[str]:
        index = self._index[id(hook)]
        yield f"# {hook.name} of {hook.extension.name!r}"
        if self._stale and not hook.is_async:
            yield "then = tick[0]"
        if self._timed:
            yield "begin = now()"
        yield "try:"
        yield from _indented(attempt)
        yield "except BaseException as exception:"
        yield f"    left = caught({index}, exception, invocation, watch)"
        yield "    if left is not None:"
        yield from _indented(_indented(leave))
        if self._timed:
            yield f"spent_{index}(now() - begin, {calls})"
        if not hook.is_async:
            yield f"if tick[0] != then: then = late({index}, then, invocation)"
        self._stale = hook.is_async

    def _leave_in(self, index: int) -> list[str]:
        missed = [f"tally[{other}] += 1" for other in range(index + 1, self._way_in)]
        return [f"answered, (result, error) = {index}, left", f"credit({index}, context)", *missed, "break"]

    def _entered(self, exit_: Exit) -> str:
        """Who was not entered does not unwind; who answered gets no post hook of its own."""
        told = exit_.entered_by or exit_.follows
        if told is None:
            return ""
        entered, answers = self._index[id(told)], exit_.answers_by
        if exit_.entered_by is None:
            return f" and answered > {entered}"
        own = f" and answered != {self._index[id(answers)]}" if answers and answers is not exit_.entered_by else ""
        return f" and answered > {entered}{own}"


def _indented(lines: Iterator[str] | list[str]) -> Iterator[str]:
    return (f"    {line}" for line in lines)
