"""``hosting new extension``: the files of a package with one extension in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import hosting
from hosting._text import did_you_mean
from hosting.errors import HostingError
from hosting.scaffold.names import ExtensionNames
from hosting.scaffold.renderer import tree

Level = Literal["app", "function"]

SUFFIX = "_app_level"
DEFAULT_HOOKS = ("invocation",)
_OF_BOTH = (
    "init",
    "post_function_load",
    "startup",
    "invocation",
    "pre_invocation",
    "post_invocation",
    "invocation_error",
    "shutdown",
)
_OF_FUNCTIONS = (*_OF_BOTH[:1], "init_function", *_OF_BOTH[1:])
_WITHOUT_SUFFIX = frozenset({"init", "init_function", "startup", "shutdown"})


def hooks_of(level: Level) -> tuple[str, ...]:
    """The hooks that can be asked for, in lifecycle order; the one that takes the settings is always there."""
    return _OF_BOTH if level == "app" else _OF_FUNCTIONS


def full_name(hook: str, level: Level) -> str:
    """A hook's name in the contract: ``pre_invocation_app_level`` for ``pre_invocation`` of the app level."""
    return hook if level == "function" or hook in _WITHOUT_SUFFIX else hook + SUFFIX


def chosen_hooks(names: Sequence[str], level: Level) -> tuple[str, ...]:
    """Check the hooks that were asked for, by their whole names or without ``_app_level``.

    Raises:
        HostingError: there is no such hook, or not at this level.
    """
    known = {spelling: hook for hook in hooks_of(level) for spelling in (hook, full_name(hook, level))}
    for name in names:
        if name not in known:
            raise HostingError(
                f"no hook of the {level} level is called {name!r}. {did_you_mean(name, known)}".rstrip(),
                remedy=f"The hooks are: {', '.join(hooks_of(level))}.",
            )
    asked = {known[name] for name in names or DEFAULT_HOOKS}
    return tuple(hook for hook in hooks_of(level) if hook in asked)


def extension_files(
    names: ExtensionNames, level: Level, hooks: Sequence[str], *, is_async: bool = False
) -> dict[str, str]:
    """The text of each file of the project, by path.

    Args:
        names: the extension's.
        level: whether it speaks of the whole app, or of functions that ask for it.
        hooks: what ``chosen_hooks`` gave.
        is_async: whether the hooks that can wait for something are ``async def``.
    """
    values = {**names._asdict(), **_spelling(names, level, is_async), "hosting_version": version()}
    chosen = {level, *hooks} | ({"silent"} if set(hooks) == {"invocation_error"} else set())
    files = tree("extension", values, chosen)
    return {path.replace("/package/", f"/{names.package}/"): text for path, text in files.items()}


def version() -> str:
    """The oldest host that what is made here runs on."""
    return ".".join(hosting.__version__.split(".")[:2])


def _spelling(names: ExtensionNames, level: Level, is_async: bool) -> dict[str, str]:
    at_app = level == "app"
    group = "hosting" if at_app else "hosting.functions"
    prefix = "self._prefix" if at_app else "self._prefixes[{}]"
    configure = "configure(settings)" if at_app else 'configure_function("greet", settings)'
    return {
        "suffix": SUFFIX if at_app else "",
        "plain_group": group,
        "group": group if at_app else f'"{group}"',
        "prefix": prefix.format("name"),
        "prefix_of_function": prefix.format("function_name"),
        "define": "async def" if is_async else "def",
        "generator": "AsyncGenerator[None, Outcome]" if is_async else "Generator[None, Outcome, None]",
        "configure_wrongly": f"{names.class_name}().{configure}",
    }
