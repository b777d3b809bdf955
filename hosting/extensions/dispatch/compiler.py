"""Compiler of hook chains: one function's hooks, written as Python source and compiled before the first invocation.

Scope, order, opt-in, the arguments that each hook takes, and whether it is async are decided before, so that an
invocation is a straight line of plain calls. A chain has one of three forms:

* ``sync``: a function, for a sync function with sync hooks only. It runs on a pool thread.
* ``stepwise``: a generator, for a sync function with some async hooks. It runs on a pool thread and yields each
  coroutine to its driver, which runs it on the event loop.
* ``async``: a coroutine function, for async functions.

Each chain is compiled twice, the second time with a timer around every hook. The second runs in those invocations whose
number is a power of two, and, in the long run, in every 256th. Where an extension observes the hooks of others, there
is one function, which measures and reports every hook.
"""

from __future__ import annotations

import asyncio
import linecache
import time
from collections.abc import Callable
from functools import cached_property, partial
from types import CodeType, CoroutineType
from typing import TYPE_CHECKING, Any, Literal, cast

from hosting._invocation import invocation_of
from hosting.authoring import Outcome
from hosting.core import Function
from hosting.extensions._hooks import AROUND_HOOKS, POST_HOOKS
from hosting.extensions._injection import Injection
from hosting.extensions._model import Hook
from hosting.extensions.dispatch import chain_template as template
from hosting.extensions.dispatch.chain_template import fill
from hosting.extensions.dispatch.denial import is_denied
from hosting.extensions.dispatch.plan import Exit, LevelPlan, Plan
from hosting.extensions.dispatch.quarantine import Quarantine
from hosting.extensions.dispatch.runtime import (
    HookRuntime,
    close_provider,
    close_provider_async,
    first_value,
    refuse_coroutine,
)
from hosting.extensions.dispatch.watchdog import Watchdog

if TYPE_CHECKING:
    from hosting.extensions.dispatch.observation import Observers

Form = Literal["sync", "stepwise", "async"]
Mode = Literal["plain", "timed", "observed"]
"""Whether a chain measures the time of its hooks, and reports each to observers."""

INVOCATIONS_BETWEEN_SAMPLES = 256
"""The distance between two invocations whose hooks are timed, in the long run."""
ARGUMENTS = {
    "context": "context",
    "func_args": "func_args",
    "func_ret": "result",
    "exception": "error",
    "invocation": "whole",
}
"""What a chain passes for each argument of a hook, besides the logger."""
CHAINS = {"plain": template.CHAIN, "timed": template.TIMED_CHAIN, "observed": template.OBSERVED_CHAIN}
"""The template of the function in each mode."""


class Chain:
    """A function's hooks.

    Args:
        find_form: returns what kind of callable ``run`` is. Called at the first use: a binding package may have made an
            async function run in a thread.
        plan: the hooks.
        runtime: the slow paths and the figures.
        compile_source: compiles the source of the chain.
        injection: what gives the values of the function's parameters, if extensions supply some.
        is_observed: returns whether an extension observes the hooks of others; called at the first use.
    """

    def __init__(
        self,
        find_form: Callable[[], Form],
        plan: Plan,
        runtime: HookRuntime,
        compile_source: Callable[[str], Callable[..., Any]],
        injection: Injection | None = None,
        is_observed: Callable[[], bool] = bool,
    ) -> None:
        self._is_observed = is_observed
        self.injection = injection
        self._find_form = find_form
        self.plan = plan
        self.runtime = runtime
        self._compile_source = compile_source

    @cached_property
    def form(self) -> Form:
        """What kind of callable ``run`` is."""
        return self._find_form()

    @property
    def steps(self) -> tuple[Hook, ...]:
        """The hooks, each in the order of its first call."""
        return self.plan.steps

    @property
    def source(self) -> str:
        """The Python source that most invocations run."""
        mode: Mode = "observed" if self._is_observed() else "plain"
        return _Writer(self.form, self.plan, self.injection, mode).whole_source()

    @cached_property
    def run(self) -> Callable[..., Any]:
        """``run(context, func_args)``; compiled at its first use, so that hundreds of functions load and pause fast."""
        timed = _Writer(self.form, self.plan, self.injection, "timed").source()
        return self._compile_source(self.source if self._is_observed() else self.source + timed)


class Compiler:
    """Compiles the chains of one host; functions with the same hooks share one code object.

    A chain is kept when another one replaces it: invocations under way end on it and are counted there, and the same
    hooks get the same chain again.

    Args:
        watchdog: the watchdog of the host.
        quarantine: the quarantine of the host.
        observers: returns what observes the hooks; called when a chain is compiled.
    """

    def __init__(self, watchdog: Watchdog, quarantine: Quarantine, observers: Callable[[], Observers] = tuple) -> None:
        self._observers = observers
        self._watchdog = watchdog
        self._quarantine = quarantine
        self._codes: dict[str, CodeType] = {}
        self._chains: dict[Any, Chain] = {}

    @property
    def chains(self) -> list[Chain]:
        """Every chain so far, also those that were replaced: a hook's figures are spread over all that have it."""
        return list(self._chains.values())

    def chain(self, function: Function, plan: Plan, injection: Injection | None = None) -> Chain | None:
        """Return the chain of one function; None if the plan has no hooks, and no extension supplies a parameter."""
        if not plan.steps and injection is None:
            return None
        key = (function, plan.key, injection)
        if key not in self._chains:
            runtime = HookRuntime(function.name, plan.steps, self._watchdog, self._quarantine)

            def compile_source(source: str) -> Callable[..., Any]:
                namespace = _namespace(function, runtime, self._watchdog)
                namespace.update(_providers(injection, runtime))
                if observers := self._observers():
                    from hosting.extensions.dispatch.observation import Observation

                    namespace["observe"] = Observation(function, plan.steps, observers).observe
                exec(self._code(source), namespace)
                run: Callable[..., Any] = namespace["chain"]
                return run

            find_form, is_observed = partial(_form, function, plan, injection), lambda: bool(self._observers())
            self._chains[key] = Chain(find_form, plan, runtime, compile_source, injection, is_observed)
        return self._chains[key]

    def _code(self, source: str) -> CodeType:
        """Compile a source once; ``linecache`` has its lines for tracebacks and debuggers."""
        if source not in self._codes:
            name = f"<hosting chain {id(self):x}-{len(self._codes)}>"
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            self._codes[source] = compile(source, name, "exec")
        return self._codes[source]


def _form(function: Function, plan: Plan, injection: Injection | None) -> Form:
    if function.is_async:
        return "async"
    is_injection_async = injection is not None and injection.is_async
    return "stepwise" if is_injection_async or any(hook.is_async for hook in plan.steps) else "sync"


def _providers(injection: Injection | None, runtime: HookRuntime) -> dict[str, Any]:
    """Return the global names of a chain with providers."""
    if injection is None:
        return {}
    return {
        **{f"provide_{index}": one.call for index, one in enumerate(injection.providers)},
        "close_provider": close_provider,
        "close_provider_async": close_provider_async,
        "first_value": first_value,
        "on_provider_error": runtime.on_provider_error,
        "refuse_coroutine": partial(refuse_coroutine, injection.providers),
        "CoroutineType": CoroutineType,
    }


def _namespace(function: Function, runtime: HookRuntime, watchdog: Watchdog) -> dict[str, Any]:
    """Return the global names of a chain.

    What every invocation reads comes first: a dict keeps its entries in order, and these share a few cache lines.
    """
    names: dict[str, Any] = {
        "started": runtime.started,
        "ticks": watchdog.ticks,
        "call": function.call,
        "failing": runtime.failing,
        **{f"hook_{index}": hook.function for index, hook in enumerate(runtime.steps)},
        "__name__": __name__,
        "accept_result": runtime.accept_result,
        "after_cancelled": runtime.after_cancelled,
        "called": runtime.called,
        "CancelledError": asyncio.CancelledError,
        "check_deadline": runtime.check_deadline,
        "check_no_result": runtime.check_no_result,
        "current_task": asyncio.current_task,
        "end_invocation": runtime.end_invocation,
        "enter": runtime.enter,
        "enter_async": runtime.enter_async,
        "function": function,
        "invocation_of": invocation_of,
        "idle_deadlines": watchdog.idle,
        "is_denied": is_denied,
        "mark_answered_by": runtime.mark_answered_by,
        "mark_stopped_by": runtime.mark_stopped_by,
        "new_deadline": watchdog.new_deadline,
        "now": time.perf_counter,
        "on_hook_error": runtime.on_hook_error,
        "on_late_hook_error": runtime.on_late_hook_error,
        "Outcome": Outcome,
        "resume": runtime.resume,
        "resume_async": runtime.resume_async,
        "skipped": runtime.skipped,
    }
    for index, hook in enumerate(runtime.steps):
        names[f"logger_{index}"] = hook.extension.logger
        names[f"add_time_{index}"] = hook.statistics.add_time
    return names


class _Writer:
    """Writes the source of one chain: chooses templates, and puts together what they give.

    A sync hook's time is checked when it has returned, against the ``tick`` that was read before it. One reading serves
    for several hooks in a row; ``_is_tick_stale`` says that something else has taken time since the last one. The time
    of an async hook is the watchdog's to check.
    """

    def __init__(self, form: Form, plan: Plan, injection: Injection | None, mode: Mode) -> None:
        self._form = form
        self._plan = plan
        self._mode = mode
        self._index = {id(hook): index for index, hook in enumerate(plan.steps)}
        self._has_deadline = form == "async" and any(hook.is_async for hook in plan.steps)
        self._injection = injection
        self._reads_invocation = any("invocation" in (*hook.positional, *hook.keywords) for hook in plan.steps)
        self._reads_invocation |= injection is not None and injection.reads_invocation
        self._has_guards = any(hook.extension.is_guard for hook in plan.steps)
        self._late_guards = plan.late_guards
        self._is_tick_stale = True

    def whole_source(self) -> str:
        """The function that most invocations run, after the function of its guards if there is one."""
        return self._guards() + self.source()

    def source(self) -> str:
        """The function."""
        with_deadline, without = template.INVOCATION_WITH_DEADLINE, template.INVOCATION
        lines = fill(
            CHAINS[self._mode],
            define="async def" if self._form == "async" else "def",
            interval=INVOCATIONS_BETWEEN_SAMPLES,
            call_timed_chain=self._delegated("timed_chain(context, func_args)"),
            invocation=fill(
                with_deadline if self._has_deadline else without,
                read_invocation=[template.READ_INVOCATION] if self._reads_invocation else [],
                body=self._body(),
            ),
        )
        return "\n".join((*lines, ""))

    def _delegated(self, call: str) -> str:
        return {"sync": call, "async": f"await {call}", "stepwise": f"(yield from {call})"}[self._form]

    def _body(self) -> list[str]:
        around = [self._number(hook) for level in self._plan.levels for hook in level.around]
        hooks_in = [line for level in self._plan.levels for line in self._hooks_in(level)]
        self._is_tick_stale = False  # it is read right after the function
        hooks_out = [line for level in reversed(self._plan.levels) for line in self._hooks_out(level)]
        return fill(
            template.BODY,
            way_in=self._plan.way_in,
            around_is_none=[line for index in around for line in fill(template.AROUND_IS_NONE, index=index)],
            hooks_in=hooks_in,
            stop_if_cancelled=fill(template.STOP_IF_CANCELLED) if self._has_deadline else [],
            run_function=self._run_function(),
            hooks_out=hooks_out,
        )

    def _run_function(self) -> list[str]:
        awaits = "await " if self._form == "async" else ""
        if self._injection is None:
            return fill(template.RUN_FUNCTION, call_function=f"{awaits}call(**func_args)")
        values = "".join(f", {name}=value_{index}" for name, index in self._injection.parameters.items())
        generators = [index for index, one in enumerate(self._injection.providers) if "generator" in one.kind]
        return fill(
            template.INJECT,
            generators_are_none=[template.GENERATOR_IS_NONE.format(index=index) for index in generators],
            provide=[line for index in range(len(self._injection.providers)) for line in self._provide(index)],
            call_function=f"{awaits}call(**func_args{values})",
            close=[line for index in reversed(generators) for line in self._close(index)],
        )

    def _provide(self, index: int) -> list[str]:
        """Set ``value_N`` to what a provider gives."""
        injection = cast("Injection", self._injection)
        arguments = injection.arguments[index].items()
        values = ", ".join(f"{name}={'whole' if other is None else f'value_{other}'}" for name, other in arguments)
        call, kind = f"provide_{index}({values})", injection.providers[index].kind
        check = fill(template.CHECK_VALUE, index=index) if injection.providers[index].checks_value else []
        if kind in ("def", "async def"):
            call = self._awaited(call) if kind == "async def" else call
            return fill(template.PROVIDE, index=index, call=call, check=check)
        value = "next(generator)" if kind == "generator" else self._awaited("first_value(generator)")
        return fill(template.OPEN, index=index, call=call, value=value, check=check)

    def _close(self, index: int) -> list[str]:
        arguments = f"(generator_{index}, result, error)"
        is_async = cast("Injection", self._injection).providers[index].is_async
        call = self._awaited(f"close_provider_async{arguments}") if is_async else f"close_provider{arguments}"
        return fill(template.CLOSE, index=index, call=call)

    def _awaited(self, call: str) -> str:
        return f"await {call}" if self._form == "async" else f"yield {call}"

    def _guards(self) -> str:
        """The function that runs the guards' hooks of the way in which another extension has overtaken."""
        if not self._late_guards:
            return ""
        steps: list[str] = []
        for hook in self._late_guards:
            self._is_tick_stale = True
            index = self._number(hook)
            call = self._enter(hook, late=True) if hook.name in AROUND_HOOKS else self._check_late(hook)
            answering = fill(template.ANSWER_OF_GUARD, index=index)
            own = tuple(self._number(other) for other in self._plan.steps if other.extension is hook.extension)
            steps += fill(template.GUARD, index=index, own=own, hook=self._hook(hook, call, answering))
        self._is_tick_stale = True
        define = "async def" if self._form == "async" else "def"
        return "\n".join((*fill(template.GUARDS, define=define, steps=steps), "", ""))

    def _check_late(self, hook: Hook) -> list[str]:
        return fill(template.CHECK_LATE, index=self._number(hook), call=self._ignoring(hook))

    def _hooks_in(self, level: LevelPlan) -> list[str]:
        hooks = [(hook, self._enter(hook)) for hook in level.around]
        hooks += [(hook, self._ignoring(hook)) for hook in level.pre]
        return [line for hook, call in hooks for line in self._hook(hook, call, self._answer_on_way_in(hook))]

    def _enter(self, hook: Hook, *, late: bool = False) -> list[str]:
        enter = f"{'enter_async' if hook.is_async else 'enter'}(generator)"
        entering = template.ENTER_LATE_AROUND if late else template.ENTER_AROUND
        generator, call = self._hook_call(hook), self._value_of(hook, enter)
        return fill(entering, index=self._number(hook), generator=generator, call=call)

    def _hooks_out(self, level: LevelPlan) -> list[str]:
        exits = [line for exit_ in level.exits for line in self._exit(exit_)]
        return exits + [line for hook in reversed(level.around) for line in self._resume(hook)]

    def _exit(self, exit_: Exit) -> list[str]:
        lines: list[str] = []
        for hook, condition in ((exit_.post, template.AFTER_RESULT), (exit_.error, template.AFTER_ERROR)):
            if hook is not None:
                lines += self._conditionally(condition, hook, self._leaving(hook), was_entered=self._was_entered(exit_))
        return lines

    def _resume(self, hook: Hook) -> list[str]:
        index = self._number(hook)
        resume = f"{'resume_async' if hook.is_async else 'resume'}(around_{index}, outcome)"
        unless_denied = template.UNLESS_DENIED if self._has_guards else ""
        value = self._value_of(hook, resume)
        call = fill(template.RESUME_AROUND, index=index, call=value, unless_denied=unless_denied)
        return self._conditionally(template.AFTER_AROUND, hook, call, calls=0)

    def _conditionally(
        self, condition: str, hook: Hook, call: list[str], *, calls: int = 1, was_entered: str = ""
    ) -> list[str]:
        """Write a hook of the way out; it may be skipped, so that a tick that was stale before is stale after it."""
        was_stale = self._is_tick_stale
        on_answer = fill(template.ANSWER_ON_WAY_OUT)
        lines = self._hook(hook, call, on_answer, calls=calls, on_error="on_late_hook_error")
        self._is_tick_stale = self._is_tick_stale or was_stale
        return fill(condition, index=self._number(hook), was_entered=was_entered, hook=lines)

    def _leaving(self, hook: Hook) -> list[str]:
        """Only what a post hook of ours returns replaces the result; what Azure's classes return does not."""
        if hook.name not in POST_HOOKS or hook.extension.kind == "sdk":
            return self._ignoring(hook)
        call = self._value_of(hook, self._hook_call(hook))
        return fill(template.ACCEPT_RESULT, index=self._number(hook), call=call)

    def _ignoring(self, hook: Hook) -> list[str]:
        call = self._value_of(hook, self._hook_call(hook))
        return fill(template.IGNORE_RESULT, index=self._number(hook), call=call)

    def _hook(
        self,
        hook: Hook,
        call: list[str],
        on_answer: list[str],
        *,
        calls: int = 1,
        on_error: Literal["on_hook_error", "on_late_hook_error"] = "on_hook_error",
    ) -> list[str]:
        index, is_timed, is_async = self._number(hook), self._mode == "timed", hook.is_async
        read_tick = self._is_tick_stale and not is_async
        self._is_tick_stale = is_async
        return fill(
            template.OBSERVED_HOOK if self._mode == "observed" else template.HOOK,
            name=hook.name,
            extension=repr(hook.extension.name),
            index=index,
            read_tick=[template.READ_TICK] if read_tick else [],
            start_timer=[template.START_TIMER] if is_timed else [],
            call=call,
            calls=calls,
            on_error=on_error,
            on_answer=on_answer,
            stop_timer=fill(template.STOP_TIMER, index=index, calls=calls) if is_timed else [],
            check_deadline=[] if is_async else fill(template.CHECK_DEADLINE, index=index),
            read_tick_again=[] if is_async else [template.READ_TICK],
        )

    def _value_of(self, hook: Hook, call: str) -> list[str]:
        """Set ``value`` to what a call returns, awaited in the way of this form."""
        if not hook.is_async:
            return fill(template.CALL, call=call)
        if self._form == "stepwise":
            return fill(template.CALL_STEPWISE, call=call)
        return fill(template.CALL_ASYNC, call=call, index=self._number(hook))

    def _hook_call(self, hook: Hook) -> str:
        """The call of a hook with just the arguments that it takes."""
        index = self._number(hook)
        values = {**ARGUMENTS, "logger": f"logger_{index}"}
        arguments = [values[name] for name in hook.positional] + [f"{name}={values[name]}" for name in hook.keywords]
        return f"hook_{index}({', '.join(arguments)})"

    def _answer_on_way_in(self, hook: Hook) -> list[str]:
        index, guards = self._number(hook), self._late_guards
        rest = [other for other in self._plan.steps[index + 1 : self._plan.way_in] if other not in guards]
        skip_rest = [line for other in rest for line in fill(template.SKIP, index=self._number(other))]
        if not guards:
            return fill(template.ANSWER_ON_WAY_IN, index=index, skip_rest=skip_rest)
        after = [self._number(guard) for guard in guards if self._number(guard) > index and guard.name in AROUND_HOOKS]
        return fill(
            template.ANSWER_BEFORE_GUARDS,
            index=index,
            skip_rest=skip_rest,
            call_guards=self._call_guards(index),
            take_around=[line for other in after for line in fill(template.TAKE_LATE_AROUND, index=other)],
        )

    def _call_guards(self, index: int) -> str:
        whole = "whole" if self._reads_invocation else None
        call = f"run_guards({index}, answer, late, context, func_args, invocation, {whole}, deadline)"
        is_generator = any(hook.is_async for hook in self._late_guards)
        return call if self._form == "stepwise" and not is_generator else self._delegated(call)

    def _was_entered(self, exit_: Exit) -> str:
        """The condition of an exit: its extension was entered, and did not answer itself."""
        entry, answering = exit_.entered_by or exit_.follows, exit_.answers_by
        if entry is None:
            return ""
        condition = template.WAS_REACHED.format(index=self._number(entry))
        if exit_.entered_by is not None and answering is not None and answering is not exit_.entered_by:
            condition += template.DID_NOT_ANSWER.format(index=self._number(answering))
        return self._or_entered_late(condition, exit_) if exit_.entered_by in self._late_guards else condition

    def _or_entered_late(self, condition: str, exit_: Exit) -> str:
        """The condition of a guard's exit: its hooks of the way in may have run after another one's answer."""
        entry, answering = exit_.entered_by, exit_.answers_by or exit_.entered_by
        assert entry is not None
        assert answering is not None
        late = template.OR_ENTERED_LATE.format(index=self._number(entry), answering=self._number(answering))
        return f" and ({condition.removeprefix(' and ')}{late})"

    def _number(self, hook: Hook) -> int:
        return self._index[id(hook)]
