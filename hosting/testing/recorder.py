"""An extension that records calls of its hooks, and that raises or waits on request."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping
from typing import Any, NamedTuple

from hosting import hookspecs
from hosting.authoring import Order, Outcome, hookimpl

AROUND = frozenset({"invocation_app_level", "invocation"})


class HookCall(NamedTuple):
    """One call of a hook. An around hook has two: before its yield and after it."""

    hook: str
    """The hook's name."""
    arguments: Mapping[str, Any]
    """The hook's arguments. ``func_args`` is a copy made at the time of the call."""
    outcome: Outcome | None = None
    """The outcome that an around hook received from its yield; None before the yield and for other hooks."""

    @property
    def function(self) -> str | None:
        """The name of the function that the hook was called for."""
        invocation = self.arguments.get("invocation")
        name: str | None = invocation.function.name if invocation is not None else self.arguments.get("function_name")
        return name

    @property
    def invocation_id(self) -> str | None:
        """The id of the invocation that the hook was called in."""
        invocation = self.arguments.get("invocation")
        return None if invocation is None else str(invocation.id)


class RecordingExtension:
    """An extension with every hook, at app level and at function level, that records each call.

    Use it as ``make_host(app, extensions=[RecordingExtension()])``. As with any extension, its function-level hooks run
    for functions that opt in by its name.

    Args:
        name: the extension's name.
        is_async: whether its hooks are ``async def``.
        hooks: the names of the hooks to implement (default: all).
        order: its position relative to other extensions.

    Raises:
        ValueError: a name in ``hooks`` is not a hook.
    """

    def __init__(
        self,
        name: str = "recording",
        *,
        is_async: bool = False,
        hooks: Collection[str] = (),
        order: Order | None = None,
    ) -> None:
        self.name = name
        self.order = order or Order()
        self.calls: list[HookCall] = []
        """All calls, oldest first."""
        self._is_async = is_async
        self._errors: dict[tuple[str, bool], BaseException] = {}
        self._delays: dict[tuple[str, bool], float] = {}
        for hook in hooks or HOOKS:
            setattr(self, _known(hook), hookimpl(self._implementation(hook)))

    @property
    def hooks(self) -> list[str]:
        """The names of the called hooks, oldest first; an around hook appears twice."""
        return [call.hook for call in self.calls]

    def calls_of(self, hook: str) -> list[HookCall]:
        """Return the calls of one hook."""
        return [call for call in self.calls if call.hook == _known(hook)]

    def raise_at(self, hook: str, exception: BaseException, *, after: bool = False) -> RecordingExtension:
        """Make a hook raise from now on, with ``after`` behind the yield of an around hook. Returns the extension."""
        self._errors[_known(hook), after] = exception
        return self

    def delay_at(self, hook: str, seconds: float, *, after: bool = False) -> RecordingExtension:
        """Make a hook wait from now on, before it does anything else; see ``raise_at``."""
        self._delays[_known(hook), after] = seconds
        return self

    def _implementation(self, hook: str) -> Callable[..., Any]:
        factories = (self._async_around, self._async) if self._is_async else (self._around, self._sync)
        implementation = factories[hook not in AROUND](hook)
        implementation.__name__ = hook
        return implementation

    def _sync(self, hook: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> None:
            time.sleep(self._record(hook, arguments))
            self._raise_if_asked(hook)

        return call

    def _async(self, hook: str) -> Callable[..., Any]:
        async def call(**arguments: Any) -> None:
            await asyncio.sleep(self._record(hook, arguments))
            self._raise_if_asked(hook)

        return call

    def _around(self, hook: str) -> Callable[..., Any]:
        def around(**arguments: Any) -> Generator[None, Outcome, None]:
            time.sleep(self._record(hook, arguments))
            self._raise_if_asked(hook)
            outcome = yield
            time.sleep(self._record(hook, arguments, outcome))
            self._raise_if_asked(hook, after=True)

        return around

    def _async_around(self, hook: str) -> Callable[..., Any]:
        async def around(**arguments: Any) -> AsyncGenerator[None, Outcome]:
            await asyncio.sleep(self._record(hook, arguments))
            self._raise_if_asked(hook)
            outcome = yield
            await asyncio.sleep(self._record(hook, arguments, outcome))
            self._raise_if_asked(hook, after=True)

        return around

    def _record(self, hook: str, arguments: Mapping[str, Any], outcome: Outcome | None = None) -> float:
        """Record a call; return the seconds to wait."""
        copied = {name: dict(value) if name == "func_args" else value for name, value in arguments.items()}
        self.calls.append(HookCall(hook, copied, outcome))
        return self._delays.get((hook, outcome is not None), 0.0)

    def _raise_if_asked(self, hook: str, *, after: bool = False) -> None:
        if (hook, after) in self._errors:
            raise self._errors[hook, after]


HOOKS = tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "hosting_spec"))
"""The names of all hooks, in lifecycle order."""


def _known(hook: str) -> str:
    if hook not in HOOKS:
        raise ValueError(f"there is no hook '{hook}'; the hooks are {', '.join(HOOKS)}")
    return hook
