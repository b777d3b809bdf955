"""Names of the hooks by level and phase, and their arguments, read from the specification."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import NamedTuple

from hosting import hookspecs

MARKER = "hosting_impl"
"""The attribute that pluggy's marker sets on a function."""


class Level(NamedTuple):
    """The names of the four hooks that one invocation calls at one level."""

    scope: str
    around: str
    pre: str
    post: str
    error: str


APP = Level(
    "app",
    "invocation_app_level",
    "pre_invocation_app_level",
    "post_invocation_app_level",
    "invocation_error_app_level",
)
FUNCTION = Level("function", "invocation", "pre_invocation", "post_invocation", "invocation_error")
LEVELS = (APP, FUNCTION)

AROUND_HOOKS = frozenset({APP.around, FUNCTION.around})
POST_HOOKS = frozenset({APP.post, FUNCTION.post})
ERROR_HOOKS = frozenset({APP.error, FUNCTION.error})
ANSWERING_HOOKS = frozenset({APP.around, APP.pre, FUNCTION.around, FUNCTION.pre})
"""Hooks before the function, which may respond in its place."""
EDGE_HOOKS = ("binding_error", "gave_up", "invocation_end", "response_sent")
"""Hooks about what is around hooks and function. They run for the functions that their extension is for: every one, or
those that opt in to an extension of the group ``hosting.functions``."""
CALLED_AT_EDGES = (*EDGE_HOOKS, FUNCTION.error, APP.error)
"""The hooks that are called there; error hooks only for failures of inputs and outputs."""
APP_HOOKS = frozenset({"post_function_load_app_level", APP.around, APP.pre, APP.post, APP.error})
"""Hooks that run for every function; ``init``, ``configure``, ``startup`` and ``shutdown`` have no level."""
FUNCTION_HOOKS = frozenset(
    {
        "init_function",
        "configure_function",
        "post_function_load",
        FUNCTION.around,
        FUNCTION.pre,
        FUNCTION.post,
        FUNCTION.error,
    }
)
"""Hooks that run for functions that opt in."""


def level_of(hook: str) -> Level:
    """Return the level of a hook by its name."""
    return FUNCTION if hook in FUNCTION_HOOKS else APP


def spec_arguments() -> dict[str, tuple[str, ...]]:
    """Return the names of all hooks with the names of their arguments, in lifecycle order."""
    return {
        name: spec.__code__.co_varnames[: spec.__code__.co_argcount]
        for name, spec in vars(hookspecs).items()
        if inspect.isfunction(spec) and hasattr(spec, "hosting_spec")
    }


def spec_warnings(hook: str) -> tuple[Warning | None, Mapping[str, Warning]]:
    """Return the warning for implementations of a hook, if there is one, and those for taking some of its arguments."""
    options = getattr(hookspecs, hook).hosting_spec
    return options["warn_on_impl"], options["warn_on_impl_args"] or {}
