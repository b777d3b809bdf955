"""An extension that notes how it is called, and that does harm where it is told to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable, Collection, Generator, Mapping
from typing import Any, NamedTuple

from hosting import hookspecs
from hosting.authoring import Order, Outcome, hookimpl

AROUND = frozenset({"invocation_app_level", "invocation"})


class HookCall(NamedTuple):
    """One call of a hook; an around hook leaves two, one for each of its halves."""

    hook: str
    """The hook's name."""
    arguments: Mapping[str, Any]
    """What it was called with. ``func_args`` is a copy, as it was then."""
    outcome: Outcome | None = None
    """What an around hook's ``yield`` gave; None for everything else, its first half included."""

    @property
    def function(self) -> str | None:
        """The name of the function that it was called for."""
        context = self.arguments.get("context")
        name: str | None = context.function_name if context is not None else self.arguments.get("function_name")
        return name

    @property
    def invocation_id(self) -> str | None:
        """The invocation that it was called in."""
        context = self.arguments.get("context")
        return None if context is None else str(context.invocation_id)


class RecordingExtension:
    """Has every hook, at app and at function level, and notes each call of them.

    ``make_host(app, extensions=[RecordingExtension()])``. Its function-level hooks run for functions that opt in to it
    by its name, as with any extension.

    Args:
        name: the extension's name.
        is_async: whether its hooks are ``async def``.
        hooks: the names of the only hooks that it has; empty for all.
        order: where it stands among others.

    Raises:
        ValueError: there is no hook of that name.
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
        """In the order in which they were made."""
        self._is_async = is_async
        self._errors: dict[tuple[str, bool], BaseException] = {}
        self._delays: dict[tuple[str, bool], float] = {}
        for hook in hooks or HOOKS:
            setattr(self, _known(hook), hookimpl(self._implementation(hook)))

    @property
    def hooks(self) -> list[str]:
        """The names of the hooks that were called, in order; an around hook's stands there twice."""
        return [call.hook for call in self.calls]

    def calls_of(self, hook: str) -> list[HookCall]:
        """The calls of one hook."""
        return [call for call in self.calls if call.hook == _known(hook)]

    def raise_at(self, hook: str, exception: BaseException, *, after: bool = False) -> RecordingExtension:
        """From now on let a hook raise; ``after`` is for the second half of an around hook. Gives the extension."""
        self._errors[_known(hook), after] = exception
        return self

    def delay_at(self, hook: str, seconds: float, *, after: bool = False) -> RecordingExtension:
        """From now on let a hook wait before it does anything else; as ``raise_at``."""
        self._delays[_known(hook), after] = seconds
        return self

    def _implementation(self, hook: str) -> Callable[..., Any]:
        makers = (self._async_around, self._async) if self._is_async else (self._around, self._sync)
        made = makers[hook not in AROUND](hook)
        made.__name__ = hook
        return made

    def _sync(self, hook: str) -> Callable[..., Any]:
        def call(**arguments: Any) -> None:
            time.sleep(self._noted(hook, arguments))
            self._harm(hook)

        return call

    def _async(self, hook: str) -> Callable[..., Any]:
        async def call(**arguments: Any) -> None:
            await asyncio.sleep(self._noted(hook, arguments))
            self._harm(hook)

        return call

    def _around(self, hook: str) -> Callable[..., Any]:
        def around(**arguments: Any) -> Generator[None, Outcome, None]:
            time.sleep(self._noted(hook, arguments))
            self._harm(hook)
            outcome = yield
            time.sleep(self._noted(hook, arguments, outcome))
            self._harm(hook, after=True)

        return around

    def _async_around(self, hook: str) -> Callable[..., Any]:
        async def around(**arguments: Any) -> AsyncGenerator[None, Outcome]:
            await asyncio.sleep(self._noted(hook, arguments))
            self._harm(hook)
            outcome = yield
            await asyncio.sleep(self._noted(hook, arguments, outcome))
            self._harm(hook, after=True)

        return around

    def _noted(self, hook: str, arguments: Mapping[str, Any], outcome: Outcome | None = None) -> float:
        """Note a call; give the seconds to wait."""
        copied = {name: dict(value) if name == "func_args" else value for name, value in arguments.items()}
        self.calls.append(HookCall(hook, copied, outcome))
        return self._delays.get((hook, outcome is not None), 0.0)

    def _harm(self, hook: str, *, after: bool = False) -> None:
        if (hook, after) in self._errors:
            raise self._errors[hook, after]


HOOKS = tuple(name for name, value in vars(hookspecs).items() if hasattr(value, "hosting_spec"))
"""Every hook that there is, in lifecycle order."""


def _known(hook: str) -> str:
    if hook not in HOOKS:
        raise ValueError(f"there is no hook '{hook}'; there are {', '.join(HOOKS)}")
    return hook
