"""Opt-in: which functions an extension is for, and with which settings.

The sources are decorators, function.json and host.json. host.json comes before code, and its ``exclude`` before all.
Names are equal in any case.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hosting._text import did_you_mean
from hosting.authoring import Registrations, user_function
from hosting.core import Function, OptIn, Problem
from hosting.extensions._config import Config, ExtensionConfig, fold_name
from hosting.extensions._model import RUNNING, Extension
from hosting.extensions.settings.layers import Layer, RawSettings, merge


class OptIns:
    """The opt-ins and settings of one app.

    Args:
        functions: the app's functions, with the opt-ins of their decorators and of function.json.
        registrations: the app's calls of ``hosting.configure``, and of ``hosting.use`` for whole Blueprints and apps.
        config: the configuration of the host.
    """

    def __init__(self, functions: Sequence[Function], registrations: Registrations, config: Config) -> None:
        self._functions = functions
        self._config = config
        self._configured: dict[str, dict[str, Any]] = defaultdict(dict)
        for name, settings in registrations.settings.items():
            self._configured[fold_name(name)].update(settings)
        self._configured_names = tuple(registrations.settings)
        by_container = _by_size(registrations.containers)
        self._opt_ins = {
            function.name: [opt_in for members, opt_in in by_container if id(function.call) in members]
            + list(function.opt_ins)
            for function in functions
        }

    def wanted(self, extension: str) -> bool:
        """Return whether any function opts in to an extension, so that it has to be imported."""
        return any(self.at_function_level(extension, function) for function in self._functions)

    def at_app_level(self, extension: str, function: Function) -> bool:
        """Return whether an extension's app-level hooks run for a function; an ``include`` names the only ones."""
        config = self._config.of(extension)
        if config.excludes(function.name):
            return False
        return config.includes(function.name) if config.include else not _opted_out(extension, function)

    def at_function_level(self, extension: str, function: Function) -> bool:
        """Return whether an extension's function-level hooks run for a function; its ``include`` opts functions in."""
        config = self._config.of(extension)
        if config.excludes(function.name):
            return False
        if config.includes(function.name):
            return True
        return bool(self._opt_ins_to(extension, function)) and not _opted_out(extension, function)

    def names_webhook(self, extension: str, function: Function) -> bool:
        """Return whether ``exclude`` has the very name of a webhook: a pattern opens none by accident."""
        return fold_name(function.name) in map(fold_name, self._config.of(extension).exclude)

    def refused(self, extension: str, function: Function) -> bool:
        """Return whether host.json or the function itself keeps an extension from it, whatever else opts in."""
        config = self._config.of(extension)
        if config.excludes(function.name):
            return True
        return _opted_out(extension, function) and not config.includes(function.name)

    def app_settings(self, extension: str) -> RawSettings:
        """Return an extension's settings for the app: of the code, and of host.json, which comes first."""
        code, host_json = self._app_layers(extension)
        return merge((code, host_json), host_json.origin)

    def settings(self, extension: str, function: Function) -> RawSettings:
        """Return an extension's settings for a function; host.json comes first, then the function's, then the app's."""
        code, host_json = self._app_layers(extension)
        own = self.own_settings(extension, function)
        layers = [Layer(own.default, own.values)] if self._opt_ins_to(extension, function) else []
        return merge((code, *layers, host_json), own.default if layers else host_json.origin)

    def own_settings(self, extension: str, function: Function) -> RawSettings:
        """Return what a function itself, and the Blueprint or app that it is in, say of its settings."""
        place = f"function '{function.name}': hosting.use('{extension}')"
        return merge([Layer(place, opt_in.settings) for opt_in in self._opt_ins_to(extension, function)], place)

    def _app_layers(self, extension: str) -> tuple[Layer, Layer]:
        configured = self._configured.get(fold_name(extension), {})
        host_json = self._config.of(extension).settings
        return (
            Layer(f"hosting.configure('{extension}')", configured),
            Layer(f"extensionHost.extensions.{extension}.settings", host_json),
        )

    def problems(self, extensions: Iterable[Extension]) -> list[Problem]:
        """Return problems with names that do not exist, and with opt-ins that have no effect."""
        known = {fold_name(extension.name): extension for extension in extensions}
        return [*self._unknown_names(known), *self._without_effect(known), *self._unmatched_patterns()]

    def uses(self, extensions: Iterable[Extension]) -> dict[str, str]:
        """Return the names of the extensions that the app uses, each with the beginning of a sentence on where.

        Args:
            extensions: the extensions that are known; those that the app brings itself are left out.
        """
        uses = dict.fromkeys(self._config.extensions, "host.json configures")
        uses.update(dict.fromkeys(self._configured_names, "hosting.configure configures"))
        uses.update(
            (name, f"{_functions(users)} use{'s' * (len(users) == 1)}") for name, users in self._users().items()
        )
        uses.update(dict.fromkeys(self._config.required, "host.json requires"))
        own = {fold_name(one.name) for one in extensions if one.is_local}
        return {name: use for name, use in uses.items() if fold_name(name) not in own}

    @property
    def names_in_code(self) -> list[str]:
        """The names of the extensions that the app's code configures or uses."""
        return [*self._configured_names, *self._users()]

    def _opt_ins_to(self, extension: str, function: Function) -> list[OptIn]:
        name = fold_name(extension)
        return [opt_in for opt_in in self._opt_ins[function.name] if fold_name(opt_in.extension) == name]

    def _users(self) -> dict[str, list[str]]:
        """Return the names of the functions that use an extension, by its name in the code."""
        users: dict[str, list[str]] = defaultdict(list)
        for function in self._functions:
            for name in dict.fromkeys(opt_in.extension for opt_in in self._opt_ins[function.name]):
                users[name].append(function.name)
        return users

    def _mentions(self) -> dict[str, str]:
        """Return every name of an extension in the app's code, with the beginning of a sentence on what mentions it."""
        mentions = dict.fromkeys(self._configured_names, "hosting.configure configures")
        for function in self._functions:
            mentions.update((name, f"Function '{function.name}' opts out of") for name in sorted(function.opt_outs))
        for name, users in self._users().items():
            mentions[name] = f"{_functions(users)} use{'s' * (len(users) == 1)}"
        return mentions

    def _unknown_names(self, known: Mapping[str, Extension]) -> list[Problem]:
        installed = [extension.name for extension in known.values()]
        return [
            Problem(
                "warning",
                f"{mention} the extension '{name}', which is not installed.",
                did_you_mean(name, installed) or "Install the package that has it, or remove that line.",
                extension=name,
            )
            for name, mention in self._mentions().items()
            if fold_name(name) not in known
        ]

    def _without_effect(self, known: Mapping[str, Extension]) -> list[Problem]:
        return [
            Problem(
                "warning",
                f"{_functions(users)} use{'s' * (len(users) == 1)} '{name}', which is at app level and runs for "
                "every function anyway.",
                "Remove that line; to choose functions, set include or exclude in host.json.",
                extension=name,
            )
            for name, users in self._users().items()
            if fold_name(name) in known and _is_app_level_only(known[fold_name(name)])
        ]

    def _unmatched_patterns(self) -> list[Problem]:
        names = [function.name for function in self._functions]
        return [
            Problem(
                "warning",
                f"host.json: extensionHost.extensions.{name}.functions names '{pattern}', which no function matches.",
                did_you_mean(pattern, names) or "Correct the name; * and ? are wildcards.",
                extension=name,
            )
            for name, config in self._config.extensions.items()
            for pattern in (*config.include, *config.exclude)
            if not any(ExtensionConfig(include=(pattern,)).includes(function) for function in names)
        ]


def _by_size(containers: Iterable[tuple[Any, OptIn]]) -> list[tuple[set[int], OptIn]]:
    """Return the functions that each container has by now, the largest first: a Blueprint comes after its whole app."""
    members = [
        # not iter(): a Blueprint that is extended replaces its functions while an app iterates over them
        ({id(user_function(builder)) for builder in list.__iter__(container._function_builders)}, opt_in)
        for container, opt_in in containers
    ]
    return sorted(members, key=lambda one: -len(one[0]))


def _opted_out(extension: str, function: Function) -> bool:
    return fold_name(extension) in map(fold_name, function.opt_outs)


def _functions(names: Sequence[str]) -> str:
    return f"Function{'s' * (len(names) > 1)} {', '.join(repr(name) for name in names)}"


def _is_app_level_only(extension: Extension) -> bool:
    return extension.status in RUNNING and extension.scopes == ("app",)
