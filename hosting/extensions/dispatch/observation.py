"""Observation of hooks: what a chain calls after each of its hooks where an extension has asked for that."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from hosting._invocation import Invocation, invocation_of
from hosting.app_work import HookCall, HookObserver
from hosting.extensions._failures import NEVER_CAUGHT, describe_error, record_failure

if TYPE_CHECKING:
    from hosting.core import Function
    from hosting.extensions._model import Extension, Hook

Observers: TypeAlias = "Sequence[tuple[Extension, HookObserver]]"
"""The observers of a host, each with its extension."""


class Observation:
    """The observers of the hooks of one chain.

    Args:
        function: the chain's function.
        steps: the chain's hooks.
        observers: the observers. One that raises is not called again.
    """

    def __init__(self, function: Function, steps: Sequence[Hook], observers: Observers) -> None:
        self._function = function
        self._steps = steps
        self._observers = list(observers)

    def observe(
        self,
        index: int,
        seconds: float,
        calls: int,
        exception: BaseException | None,
        context: Any,
        func_args: dict[str, Any],
    ) -> None:
        """Count the time of a call, and tell the observers of other extensions that are active.

        Args:
            index: the hook.
            seconds: how long it took.
            calls: 0 for the second half of an around hook.
            exception: what it raised.
            context: the invocation's context.
            func_args: the arguments of the function.
        """
        hook = self._steps[index]
        hook.statistics.add_time(seconds, calls)
        call = HookCall(hook.extension.name, hook.name, not calls, seconds, exception)
        for observer in tuple(self._observers):
            extension = observer[0]
            if extension is not hook.extension and extension.status == "active":
                self._notify(observer, invocation_of(context, self._function, func_args), call)

    def _notify(self, observer: tuple[Extension, HookObserver], invocation: Invocation, call: HookCall) -> None:
        extension, notify = observer
        try:
            notify(invocation, call)
        except NEVER_CAUGHT:
            raise
        except BaseException as exception:
            if observer in self._observers:
                self._observers.remove(observer)
            name, id_ = self._function.name, invocation.id
            failure = describe_error("observer of hooks", exception, function=name, invocation_id=id_)
            record_failure(extension, failure)
