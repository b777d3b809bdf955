"""Which functions an extension is for: decorators, function.json, host.json, and who has the last word.

host.json beats code, and ``exclude`` beats everything. Names compare ignoring case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hosting._text import did_you_mean
from hosting.authoring import Registrations, merge_settings, user_function
from hosting.core import Function, OptIn, Problem
from hosting.extensions._config import Config, ExtensionConfig, folded
from hosting.extensions._model import RUNNING, Extension


class OptIns:
    """What the functions of one app asked for.

    Args:
        functions: the app's functions.
        pending: what the app's modules asked for with ``hosting.configure``, and with ``hosting.use`` of whole
            Blueprints and FunctionApps.
        config: host.json, which beats the code.
    """

    def __init__(self, functions: Sequence[Function], pending: Registrations, config: Config) -> None:
        self._functions = functions
        self._config = config
        self._configured: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, settings in pending.settings.items():
            self._configured[folded(name)].update(settings)
        self._configured_names = tuple(pending.settings)
        by_container = _by_size(pending.containers)
        self._asked = {
            function.name: [opt_in for members, opt_in in by_container if id(function.call) in members]
            + list(function.opt_ins)
            for function in functions
        }

    def wanted(self, extension: str) -> bool:
        """Whether some function opts in to the extension, so that it is worth importing."""
        return any(self.at_function_level(extension, function) for function in self._functions)

    def at_app_level(self, extension: str, function: Function) -> bool:
        """Whether the extension's app-level hooks run for this function: ``include`` means only these."""
        config = self._config.of(extension)
        if config.excludes(function.name):
            return False
        return config.includes(function.name) if config.include else not _opted_out(extension, function)

    def at_function_level(self, extension: str, function: Function) -> bool:
        """Whether the extension's function-level hooks run for this function: ``include`` opts it in."""
        config = self._config.of(extension)
        if config.excludes(function.name):
            return False
        if config.includes(function.name):
            return True
        return bool(self._asking(extension, function)) and not _opted_out(extension, function)

    def refused(self, extension: str, function: Function) -> bool:
        """Whether host.json or the function itself keeps the extension away, whoever asked for it."""
        config = self._config.of(extension)
        if config.excludes(function.name):
            return True
        return _opted_out(extension, function) and not config.includes(function.name)

    def app_settings(self, extension: str) -> dict[str, Any]:
        """The app's settings: those of its code, then host.json; the later wins, key by key."""
        return merge_settings(self._configured.get(folded(extension), {}), self._config.of(extension).settings)

    def settings(self, extension: str, function: Function) -> dict[str, Any]:
        """One function's settings: the app's code, then the function's, then host.json; the later wins, key by key."""
        asked = [opt_in.settings for opt_in in self._asking(extension, function)]
        configured = self._configured.get(folded(extension), {})
        return merge_settings(configured, *asked, self._config.of(extension).settings)

    def problems(self, extensions: Iterable[Extension]) -> list[Problem]:
        """Whatever names nobody, and opt-ins that cannot do what they say."""
        known = {folded(extension.name): extension for extension in extensions}
        return [*self._strangers(known), *self._needless(known), *self._unmatched()]

    def _asking(self, extension: str, function: Function) -> list[OptIn]:
        name = folded(extension)
        return [opt_in for opt_in in self._asked[function.name] if folded(opt_in.extension) == name]

    def _used(self) -> dict[str, list[str]]:
        """The functions that use an extension, by its name as they write it."""
        users: dict[str, list[str]] = defaultdict(list)
        for function in self._functions:
            for name in dict.fromkeys(opt_in.extension for opt_in in self._asked[function.name]):
                users[name].append(function.name)
        return users

    def _named(self) -> dict[str, str]:
        """Every name of an extension in the app's code, and what the code does with it."""
        named = dict.fromkeys(self._configured_names, "hosting.configure configures")
        for function in self._functions:
            named.update((name, f"Function '{function.name}' opts out of") for name in sorted(function.opt_outs))
        for name, users in self._used().items():
            named[name] = f"{_functions(users)} use{'s' * (len(users) == 1)}"
        return named

    def _strangers(self, known: Mapping[str, Extension]) -> list[Problem]:
        installed = [extension.name for extension in known.values()]
        return [
            Problem(
                "warning",
                f"{what} the extension '{name}', which is not installed.",
                did_you_mean(name, installed) or "Install the package that brings it, or take the line out.",
                extension=name,
            )
            for name, what in self._named().items()
            if folded(name) not in known
        ]

    def _needless(self, known: Mapping[str, Extension]) -> list[Problem]:
        return [
            Problem(
                "warning",
                f"{_functions(users)} use{'s' * (len(users) == 1)} '{name}', which is at app level and runs for "
                "every function anyway.",
                "Take the line out; to choose functions, set include or exclude in host.json.",
                extension=name,
            )
            for name, users in self._used().items()
            if folded(name) in known and _is_app_level_only(known[folded(name)])
        ]

    def _unmatched(self) -> list[Problem]:
        names = [function.name for function in self._functions]
        return [
            Problem(
                "warning",
                f"host.json: extensionHost.extensions.{name}.functions names '{pattern}', which no function matches.",
                did_you_mean(pattern, names) or "Mend the name; * and ? are wildcards.",
                extension=name,
            )
            for name, config in self._config.extensions.items()
            for pattern in (*config.include, *config.exclude)
            if not any(ExtensionConfig(include=(pattern,)).includes(function) for function in names)
        ]


def _by_size(containers: Iterable[tuple[Any, OptIn]]) -> list[tuple[set[int], OptIn]]:
    """What each container holds by now; the largest first, since a Blueprint has more to say than its whole app."""
    members = [
        # not iter(): where a Blueprint is extended, its functions are replaced as an app takes them over
        ({id(user_function(builder)) for builder in list.__iter__(container._function_builders)}, opt_in)
        for container, opt_in in containers
    ]
    return sorted(members, key=lambda one: -len(one[0]))


def _opted_out(extension: str, function: Function) -> bool:
    return folded(extension) in map(folded, function.opt_outs)


def _functions(names: Sequence[str]) -> str:
    return f"Function{'s' * (len(names) > 1)} {', '.join(repr(name) for name in names)}"


def _is_app_level_only(extension: Extension) -> bool:
    return extension.status in RUNNING and extension.scopes == ("app",)
