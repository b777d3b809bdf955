"""Injection: which providers give the values of a function's parameters, in the order in which they are called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextvars import ContextVar
from inspect import isfunction
from typing import Any

from hosting._injection import INVOCATION, Marked, Provider, describe_provider, name_of
from hosting._text import with_remedy
from hosting.core import NOTHING, Function, Problem
from hosting.errors import FunctionLoadError, HostingError
from hosting.extensions._config import FLAG
from hosting.extensions._model import RUNNING, Extension

overrides: ContextVar[Mapping[Any, Any]] = ContextVar("hosting_overrides", default=NOTHING)
"""What stands for the values of a type in tests: a function that gives them, or a value."""


class Injection:
    """The providers of one function, the first to be called first.

    Args:
        parameters: the index of the provider for each parameter of the function.
        providers: the providers.
        arguments: for each provider the index of the provider of each of its parameters; None for the invocation.
    """

    def __init__(
        self,
        parameters: Mapping[str, int],
        providers: Sequence[Provider],
        arguments: Sequence[Mapping[str, int | None]],
    ) -> None:
        self.parameters, self.providers, self.arguments = parameters, providers, arguments

    @property
    def is_async(self) -> bool:
        """Whether any value is awaited."""
        return any(one.is_async for one in self.providers)

    @property
    def reads_invocation(self) -> bool:
        """Whether any provider takes the invocation."""
        return any(None in arguments.values() for arguments in self.arguments)


class Injections:
    """The injections of all functions of a host."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        """What is wrong with parameters of functions; each such function has its ``error``."""
        self._by_function: dict[Function, Injection] = {}

    def get(self, function: Function) -> Injection | None:
        """Return the injection of a function; None if it needs none."""
        return self._by_function.get(function)

    def add(self, functions: Iterable[Function], extensions: Sequence[Extension], *, enabled: bool) -> bool:
        """Resolve the parameters of functions. A function for which that is not possible gets its ``error``.

        Args:
            functions: the functions.
            extensions: all extensions.
            enabled: whether extensions are switched on.

        Returns:
            Whether any function needs a value.
        """
        for function in functions:
            if not function.injected and not function.returned:
                continue
            try:
                if function.injected:
                    self._by_function[function] = _Resolver(function, extensions, enabled=enabled).injection()
                _check_result(function, enabled=enabled or any(one.status in RUNNING for one in extensions))
            except HostingError as error:
                function.error = with_remedy(error.message, error.remedy)
                message = f"The '{function.name}' function is in error: {error.message}"
                self.problems.append(Problem("error", message, error.remedy, function.file, function=function.name))
        return bool(self._by_function)


def _check_result(function: Function, *, enabled: bool) -> None:
    if function.returned and not enabled:
        raise FunctionLoadError(
            f"the result of function '{function.name}' is {name_of(function.returned)}, which needs an extension",
            remedy=f"Extensions are switched off: set {FLAG}=1, in the environment or in local.settings.json.",
        )


class _Resolver:
    """Finds the providers of one function, and of their own parameters, depth first.

    Args:
        function: the function.
        extensions: all extensions.
        enabled: whether extensions are switched on.
    """

    def __init__(self, function: Function, extensions: Sequence[Extension], *, enabled: bool) -> None:
        self._function = function
        self._extensions = extensions
        self._enabled = enabled
        self._providers: list[Provider] = []
        self._arguments: list[Mapping[str, int | None]] = []
        self._index: dict[Any, int] = {}

    def injection(self) -> Injection:
        """Return the injection of the function.

        Raises:
            FunctionLoadError: a type has no provider, or several, or one that needs itself.
        """
        parameters = {
            name: self._resolve(type_, f"parameter '{name}' of function '{self._function.name}'", ())
            for name, type_ in self._function.injected.items()
        }
        return Injection(parameters, self._providers, self._arguments)

    def _resolve(self, type_: Any, wanted_by: str, path: tuple[Any, ...]) -> int:
        if type_ in path:
            names = " -> ".join(name_of(one) for one in (*path[path.index(type_) :], type_))
            raise FunctionLoadError(
                f"{wanted_by}: the providers need each other in a circle: {names}",
                remedy="Let one of them do without the other.",
            )
        if type_ not in self._index:
            provider = self._provider(type_, wanted_by)
            subject = f"the provider {provider.call.__name__} of {name_of(type_)}"
            arguments = {
                name: None if name == INVOCATION else self._resolve(need, f"{name!r} of {subject}", (*path, type_))
                for name, need in provider.needs.items()
            }
            self._index[type_] = len(self._providers)
            self._providers.append(provider.for_parameter(type_))
            self._arguments.append(arguments)
        return self._index[type_]

    def _provider(self, type_: Any, wanted_by: str) -> Provider:
        type_in_tests, key = (type_.type, type_.mark_class) if isinstance(type_, Marked) else (type_, type_)
        if _is_key(type_in_tests) and type_in_tests in overrides.get():
            return _overriding(type_, overrides.get()[type_in_tests])
        found = [one.providers[key] for one in self._extensions if one.status in RUNNING and key in one.providers]
        if len(found) == 1:
            return found[0]
        if found:
            names = " and ".join(f"'{one.extension}'" for one in found)
            raise FunctionLoadError(
                f"{wanted_by}: the extensions {names} both provide {name_of(type_)}",
                remedy="Disable one of them: extensionHost.disabled in host.json, or HOSTING_DISABLE.",
            )
        raise FunctionLoadError(
            f"{wanted_by} needs a {name_of(type_)}, which no extension that runs provides",
            remedy=self._remedy(key),
        )

    def _remedy(self, type_: Any) -> str:
        """Say how to get a provider: switch extensions on, start the one of the type's package, or install one."""
        package = str(getattr(type_, "__module__", "")).partition(".")[0]
        own = next((one for one in self._extensions if _package(one) == package), None)
        own = own or next((one for one in self._extensions if one.is_local and one.status == "failed"), None)
        if not self._enabled and not (own and own.is_local):
            known = f" Then extension '{own.name}' ({own.origin}) can provide it." if own else ""
            return f"Extensions are switched off: set {FLAG}=1, in the environment or in local.settings.json.{known}"
        if own is not None and own.status not in RUNNING:
            return f"Extension '{own.name}' ({own.origin}) is {own.status}: {own.reason or 'see hosting diag'}."
        if own is not None:
            return f"Extension '{own.name}' ({own.origin}) runs, but has no @hosting.provider({name_of(type_)})."
        return (
            f"Install the package with the extension that provides it; the class comes from {package or 'the app'!r}."
        )


def _is_key(type_: Any) -> bool:
    """Return whether a type can be one of those that a test supplies: metadata in an annotation may not be hashable."""
    try:
        hash(type_)
    except TypeError:
        return False
    return True


def _package(extension: Extension) -> str | None:
    return extension.entry_point.partition(":")[0].partition(".")[0] if extension.entry_point else None


def _overriding(type_: Any, fake: Any) -> Provider:
    if isfunction(fake):
        return describe_provider(type_, fake, "override")

    def value() -> Any:
        return fake

    call: Callable[[], Any] = value
    return Provider(type_, call, "def", NOTHING, "override")
