"""Denial: what an invocation ends with where a guard cannot decide, and the hook of a guard that does not run."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, NoReturn

from hosting._exceptions import is_a, own_attribute, type_name
from hosting.core import Function
from hosting.errors import GuardError
from hosting.extensions._hooks import ANSWERING_HOOKS, APP
from hosting.extensions._model import Extension, Hook
from hosting.extensions._sdk import LEFT_TO_WORKER
from hosting.extensions.dispatch.watchdog import is_late_error

if TYPE_CHECKING:
    from hosting.extensions._selection import Pair, Selection

FAILED, UNAVAILABLE = 500, 503
"""The statuses of responses: where a guard failed, and where the next attempt may find it at work."""
_CANCELLED = "_hosting_cancelled_guard"
"""The attribute of the cancellation that has ended a guard's hook."""
_REMEDY = "The log of the extension has the error."


class Unavailable(Exception):
    """A guard does not run: it is paused, or missing."""


def unavailable_hook(guard: Extension, reason: str) -> Hook:
    """Return the hook that denies each invocation in the place of a guard that does not run.

    Args:
        guard: the guard, whose statistics count it.
        reason: why it does not run, the second half of a sentence.
    """

    def deny() -> NoReturn:
        raise Unavailable(reason)

    hook = Hook(APP.pre, guard, deny, ())
    first = next((one for name, one in guard.hooks.items() if name in ANSWERING_HOOKS), hook)
    hook.statistics = first.statistics
    return hook


class Denials:
    """The hooks that deny in the place of guards that do not run: for the same guard and reason always the same one."""

    def __init__(self) -> None:
        self._hooks: dict[tuple[Extension, str], Hook] = {}

    def hooks(
        self,
        guards: Iterable[Extension],
        function: Function,
        selection: Selection,
        failed_setups: Collection[Pair],
    ) -> list[Hook]:
        """Return a hook for each guard that should guard a function, and does not run for it.

        Args:
            guards: the guards, in order.
            function: the function.
            selection: which extensions are for which functions.
            failed_setups: the guards that failed to be set up for a function.
        """
        hooks = []
        for guard in guards:
            reason = _reason(guard, is_set_up=(guard, function) not in failed_setups)
            if reason and (selection.selects(guard, function) or (guard, function) in failed_setups):
                key = guard, reason
                self._hooks[key] = self._hooks.get(key) or unavailable_hook(guard, reason)
                hooks.append(self._hooks[key])
        return hooks


def _reason(guard: Extension, *, is_set_up: bool) -> str:
    """Return why a guard does not run for a function; empty if it does, or if its functions run without it."""
    if guard.status == "paused":
        return "" if guard.is_open else "it is paused"
    if guard.reason == LEFT_TO_WORKER:
        return "Azure's worker calls it, and ignores its errors"
    if guard.status in ("active", "idle"):
        return "" if is_set_up else "its set-up for this function failed"
    return f"it is {guard.status}"


def denial(
    hook: Hook,
    exception: BaseException,
    of_function: BaseException | None,
    function: str,
    invocation: str,
    *,
    is_way_in: bool,
) -> GuardError:
    """Return the error with which an invocation ends because a guard's hook failed.

    Args:
        hook: the hook.
        exception: what it raised.
        of_function: what the function has raised.
        function: the function's name.
        invocation: the id of the invocation.
        is_way_in: whether the function has yet to run. If it has, no status invites the caller to try again.
    """
    guard, remedy, status = hook.extension.name, _REMEDY, FAILED
    if is_a(exception, Unavailable):
        text = f"Function '{function}' cannot run without its guard '{guard}': {exception}"
        remedy, status = "", UNAVAILABLE
    elif is_way_in:
        text = f"Guard '{guard}' did not let function '{function}' run: {_what(hook, exception)}"
        status = UNAVAILABLE if is_late_error(exception) else FAILED
    else:
        text = f"Guard '{guard}' withholds the result of function '{function}': {_what(hook, exception)}"
    error = GuardError(f"{text}.", guard=guard, status=status, invocation_id=invocation, remedy=remedy)
    error.__cause__, error.__context__ = exception, of_function
    return error


def _what(hook: Hook, exception: BaseException) -> str:
    return f"its hook {hook.name} raised {type_name(exception)}"


def note_cancelled(cancellation: BaseException) -> None:
    """Note that a cancellation has ended a guard's hook: the guard has not let the invocation pass."""
    own_attribute(cancellation, "__dict__")[_CANCELLED] = True


def is_denied(error: BaseException | None) -> bool:
    """Return whether a guard has denied an invocation, or was cancelled: no other extension can replace that."""
    return error is not None and (is_a(error, GuardError) or _CANCELLED in own_attribute(error, "__dict__"))
