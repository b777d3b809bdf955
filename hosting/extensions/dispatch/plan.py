"""Which hooks one function's chain has, level by level, in the order they are called."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hosting.extensions._hooks import LEVELS, Level
from hosting.extensions._model import Extension, Hook
from hosting.extensions._ordering import Ordering
from hosting.extensions.dispatch.compiler import Exit, Plan

Chosen = Callable[[Level, Extension], bool]


def plans(ordering: Ordering, sdk: Sequence[Extension], chosen: Chosen) -> list[Plan]:
    """One plan a level, app level first.

    Args:
        ordering: the extensions with pluggy hooks, in line.
        sdk: Azure's extension classes, in the order of registration. They stand inside the others, and keep that order
            on the way out too, as in Azure's worker.
        chosen: whether a level's hooks of an extension are for this function.
    """
    made: list[Plan] = []
    before: Hook | None = None
    for level in LEVELS:
        plan = _plan(level, ordering, [one for one in sdk if chosen(level, one)], chosen, before)
        before = ([before, *plan.around, *plan.pre])[-1]
        made.append(plan)
    return made


def _plan(level: Level, ordering: Ordering, sdk: Sequence[Extension], chosen: Chosen, before: Hook | None) -> Plan:
    around = [hook for hook in ordering.hooks(level.around) if chosen(level, hook.extension)]
    pre = [hook for hook in ordering.hooks(level.pre) if chosen(level, hook.extension)]
    own = [one for one in _line(level, ordering) if chosen(level, one)]
    sdk_pre = [one.hooks[level.pre] for one in sdk if level.pre in one.hooks]
    follows = {
        **_follows(own, level, around[-1] if around else before),
        **_follows(sdk, level, ([before, *around, *pre])[-1]),
    }
    exits = [exit_ for one in (*sdk, *reversed(own)) for exit_ in _exits(level, one, follows[one])]
    return Plan(around, [*pre, *sdk_pre], exits)


def _line(level: Level, ordering: Ordering) -> list[Extension]:
    """Extensions in the order of this level's way in; who has no hook there stands by its own mark."""
    hooks = ordering.hooks_of_any((level.pre, level.around, level.post, level.error))
    return [hook.extension for hook in hooks]


def _follows(line: Sequence[Extension], level: Level, first: Hook | None) -> dict[Extension, Hook | None]:
    """For each extension the last hook that is called before its place on the way in."""
    follows: dict[Extension, Hook | None] = {}
    last = first
    for extension in line:
        follows[extension] = last
        last = extension.hooks.get(level.pre, last)
    return follows


def _exits(level: Level, extension: Extension, follows: Hook | None) -> list[Exit]:
    post, error = extension.hooks.get(level.post), extension.hooks.get(level.error)
    if post is None and error is None:
        return []
    pre, around = extension.hooks.get(level.pre), extension.hooks.get(level.around)
    return [Exit(post, error, entered_by=around or pre, answers_by=pre, follows=follows)]
