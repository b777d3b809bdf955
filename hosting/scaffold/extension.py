"""``hosting new extension``: create a package with one extension."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from hosting._text import did_you_mean
from hosting.errors import HostingError
from hosting.scaffold.names import ExtensionNames
from hosting.scaffold.renderer import render_tree
from hosting.scaffold.requirements import template_values

Level = Literal["app", "function"]

APP_SUFFIX = "_app_level"
DEFAULT_HOOKS = ("invocation",)
_HOOKS_OF_BOTH_LEVELS = (
    "init",
    "prepare",
    "post_function_load",
    "startup",
    "invocation",
    "pre_invocation",
    "post_invocation",
    "invocation_error",
    "binding_error",
    "gave_up",
    "invocation_end",
    "response_sent",
    "shutdown",
)
_FUNCTION_HOOKS = (*_HOOKS_OF_BOTH_LEVELS[:2], "init_function", *_HOOKS_OF_BOTH_LEVELS[2:])
_WITHOUT_SUFFIX = frozenset(
    {
        *("init", "prepare", "init_function", "startup", "binding_error", "gave_up", "invocation_end", "response_sent"),
        "shutdown",
    }
)
_SILENT = frozenset({"invocation_error", "binding_error", "gave_up"})
"""Hooks that are not called when a function succeeds."""


def hooks_of(level: Level) -> tuple[str, ...]:
    """Return the hooks that can be chosen, in lifecycle order; the hook with the settings is always generated."""
    return _HOOKS_OF_BOTH_LEVELS if level == "app" else _FUNCTION_HOOKS


def full_name(hook: str, level: Level) -> str:
    """Return the name of a hook's function: ``pre_invocation_app_level`` for ``pre_invocation`` at app level."""
    return hook if level == "function" or hook in _WITHOUT_SUFFIX else hook + APP_SUFFIX


def chosen_hooks(names: Sequence[str], level: Level) -> tuple[str, ...]:
    """Return the chosen hooks in lifecycle order.

    Args:
        names: their names, with or without ``_app_level``; empty for the default.
        level: the level of the extension.

    Raises:
        HostingError: the level does not have a hook of this name.
    """
    known = {spelling: hook for hook in hooks_of(level) for spelling in (hook, full_name(hook, level))}
    for name in names:
        if name not in known:
            raise HostingError(
                f"the {level} level has no hook {name!r}. {did_you_mean(name, known)}".rstrip(),
                remedy=f"The hooks are: {', '.join(hooks_of(level))}.",
            )
    chosen = {known[name] for name in names or DEFAULT_HOOKS}
    return tuple(hook for hook in hooks_of(level) if hook in chosen)


def extension_files(
    names: ExtensionNames, level: Level, hooks: Sequence[str], *, is_async: bool = False
) -> dict[str, str]:
    """Return the files of an extension's project: their texts by their paths.

    Args:
        names: the names of the extension.
        level: ``app`` for an extension of the whole app, ``function`` for one of functions that opt in.
        hooks: the result of ``chosen_hooks``.
        is_async: whether hooks that can be ``async def`` are.
    """
    values, chosen = template_values()
    files = render_tree(
        "extension",
        {**names._asdict(), **values, **_level_values(names, level, is_async)},
        {level, *hooks, *chosen, *({"silent"} if _SILENT.issuperset(hooks) else ())},
    )
    return {path.replace("/package/", f"/{names.package}/"): text for path, text in files.items()}


def _level_values(names: ExtensionNames, level: Level, is_async: bool) -> dict[str, str]:
    at_app = level == "app"
    group = "hosting" if at_app else "hosting.functions"
    prefix = "self._prefix" if at_app else "self._prefixes[{}]"
    configure = "configure(settings)" if at_app else 'configure_function("greet", settings)'
    return {
        "suffix": APP_SUFFIX if at_app else "",
        "plain_group": group,
        "group": group if at_app else f'"{group}"',
        "prefix": prefix.format("name"),
        "prefix_of_function": prefix.format("function_name"),
        "define": "async def" if is_async else "def",
        "generator": "AsyncGenerator[None, Outcome]" if is_async else "Generator[None, Outcome, None]",
        "configure_wrongly": f"{names.class_name}().{configure}",
    }
