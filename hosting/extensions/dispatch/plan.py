"""Plan of a chain: which hooks one function's invocations call, level by level and in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting.core import Function
from hosting.extensions._hooks import APP, LEVELS, Level
from hosting.extensions._model import Extension, Hook
from hosting.extensions._ordering import Ordering

if TYPE_CHECKING:
    from hosting.extensions._selection import Selection


class Exit(NamedTuple):
    """What one extension does on the way out of a level."""

    post: Hook | None
    error: Hook | None
    entered_by: Hook | None
    """The first of its hooks on the way in: if that was not reached, the extension is not called on the way out."""
    answers_by: Hook | None
    """Its pre hook: if that answered in the function's place, the extension's post hook is not called."""
    follows: Hook | None
    """For an extension without a hook on the way in: the last hook that stands before it."""

    @property
    def hooks(self) -> tuple[Hook, ...]:
        """Its hooks on the way out."""
        return tuple(hook for hook in (self.post, self.error) if hook)


class LevelPlan(NamedTuple):
    """The hooks of one level: around and pre hooks in the order of the way in, exits in the order of the way out."""

    around: Sequence[Hook]
    pre: Sequence[Hook]
    exits: Sequence[Exit]


class Plan:
    """All hooks of one function's chain.

    Args:
        levels: the plans of the levels, app level first.
    """

    def __init__(self, levels: Sequence[LevelPlan]) -> None:
        self.levels = levels
        way_in = [hook for level in levels for hook in (*level.around, *level.pre)]
        way_out = [hook for level in reversed(levels) for exit_ in level.exits for hook in exit_.hooks]
        self.steps = (*way_in, *way_out)
        """Each hook in the order of its first call; a chain names a hook by its index here."""
        self.way_in = len(way_in)
        """The number of hooks on the way in."""

    @property
    def late_guards(self) -> tuple[Hook, ...]:
        """The guards' hooks of the way in, if another extension could answer before one of them; else none."""
        way_in = self.steps[: self.way_in]
        guards = tuple(hook for hook in way_in if hook.extension.is_guard)
        before = {id(hook.extension) for hook in way_in[: way_in.index(guards[-1]) + 1]} if guards else ()
        return guards if len(before) > 1 else ()

    @property
    def key(self) -> tuple[Any, ...]:
        """A value that is equal for plans with the same hooks at the same places."""
        return tuple((*level.around, None, *level.pre, *level.exits) for level in self.levels)


def plan_chain(
    function: Function,
    ordering: Ordering,
    sdk: Sequence[Extension],
    selection: Selection,
    denials: Sequence[Hook] = (),
) -> Plan:
    """Plan the chain of one function.

    Args:
        function: the function.
        ordering: the extensions with pluggy hooks, in order.
        sdk: Azure's extension classes, in the order of registration. Their hooks run inside those of the others, and
            in that order also on the way out, as in Azure's worker.
        selection: which extensions are for which functions.
        denials: hooks in the place of guards that do not run: only the app's around hooks come before them.
    """
    levels: list[LevelPlan] = []
    before: Hook | None = None
    for level in LEVELS:
        plan = _plan_level(
            level,
            selection.hooks(ordering.hooks(level.around), function),
            selection.hooks(ordering.hooks(level.pre), function),
            [one for one in _in_order(level, ordering) if selection.includes(level, one, function)],
            [one for one in sdk if selection.includes(level, one, function)],
            before,
        )
        if level is APP and denials:
            plan = plan._replace(pre=[*denials, *plan.pre])
        before = ([before, *plan.around, *plan.pre])[-1]
        levels.append(plan)
    return Plan(levels)


def _plan_level(
    level: Level,
    around: list[Hook],
    pre: list[Hook],
    own: Sequence[Extension],
    sdk: Sequence[Extension],
    before: Hook | None,
) -> LevelPlan:
    sdk_pre = [one.hooks[level.pre] for one in sdk if level.pre in one.hooks]
    follows = {
        **_follows(own, level, around[-1] if around else before),
        **_follows(sdk, level, ([before, *around, *pre])[-1]),
    }
    exits = [exit_ for one in (*sdk, *reversed(own)) for exit_ in _exits(level, one, follows[one])]
    return LevelPlan(around, [*pre, *sdk_pre], exits)


def _in_order(level: Level, ordering: Ordering) -> list[Extension]:
    """Return all extensions in the order of the way in; one without a hook there goes by its hook on the way out."""
    hooks = ordering.hooks_of_any((level.pre, level.around, level.post, level.error))
    return [hook.extension for hook in hooks]


def _follows(extensions: Sequence[Extension], level: Level, first: Hook | None) -> dict[Extension, Hook | None]:
    """Return for each extension the last hook that is called before its place on the way in."""
    follows: dict[Extension, Hook | None] = {}
    last = first
    for extension in extensions:
        follows[extension] = last
        last = extension.hooks.get(level.pre, last)
    return follows


def _exits(level: Level, extension: Extension, follows: Hook | None) -> list[Exit]:
    post, error = extension.hooks.get(level.post), extension.hooks.get(level.error)
    if post is None and error is None:
        return []
    pre, around = extension.hooks.get(level.pre), extension.hooks.get(level.around)
    return [Exit(post, error, entered_by=around or pre, answers_by=pre, follows=follows)]
