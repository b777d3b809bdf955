"""Collecting the functions and the problems of an app while it is loaded, for both programming models."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from hosting._log import host_logger
from hosting._text import with_remedy
from hosting.app_settings import AppSettings
from hosting.apps.definition import check_name, read_bindings, trigger_of
from hosting.apps.retry import read_retry
from hosting.core import Binding, Function, Lifespan, Problem, Retry
from hosting.errors import FunctionLoadError

logger = host_logger("apps")


@dataclass(slots=True)
class AppReader:
    """Reads one app: its settings, and the functions and problems found so far."""

    root: Path
    settings: AppSettings
    allowed: frozenset[str] | None = None
    """The functions listed in ``functions`` of host.json, in lower case; None if all functions are allowed."""
    retry: Retry | None = None
    """The retry policy of host.json, for functions without their own."""
    functions: list[Function] = field(default_factory=list)
    failures: list[FunctionLoadError] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    in_error: list[Function] = field(default_factory=list)
    """The functions with an invalid definition that names a trigger."""
    lifespan: Lifespan | None = None
    auth_level: Any = None
    """The authorization level of a v2 app's HTTP functions that have none of their own."""
    _locations: dict[str, tuple[str, str]] = field(default_factory=dict)

    def is_allowed(self, name: str) -> bool:
        """Return whether host.json allows a function to be loaded."""
        return self.allowed is None or name.lower() in self.allowed

    def read_definition(
        self, name: str, location: str, bindings: Any, retry: Any
    ) -> tuple[tuple[Binding, ...], Retry | None]:
        """Return a function's bindings and retry policy, with the checks of Azure's host.

        Args:
            name: the function's name.
            location: where it is declared; a function of the same name at another location is an error.
            bindings: its bindings in their JSON form.
            retry: its retry policy in its JSON form; None for the one of host.json.

        Raises:
            FunctionLoadError: the definition is invalid; other functions are not affected.
        """
        check_name(name)
        first, first_location = self._locations.setdefault(name.lower(), (name, location))
        if first_location != location:
            raise FunctionLoadError(
                f"the name is already used by the function {first!r} in {first_location}; "
                "names that differ only in case are the same",
                remedy="Rename one of the two functions.",
            )
        return read_bindings(bindings, self.settings), self.retry if retry is None else read_retry(retry)

    def add_invalid_function(
        self, name: str, error: FunctionLoadError, file: str, line: int | None = None, *, bindings: Any = None
    ) -> None:
        """Record a function with an invalid definition, which Azure's host would not list.

        Args:
            name: the function's name.
            error: why it is invalid; it gets ``file`` and ``line`` if it has no file.
            file: where the function is declared.
            line: the line there, counted from 1.
            bindings: its bindings in their JSON form, as far as they are known.
        """
        if error.file is None:
            error.file, error.line = file, line
        self._add_failure(name, error, f"The {name!r} function is in error: {error.message}")
        trigger = trigger_of(bindings)
        if trigger is not None and self.is_allowed(name):
            self.in_error.append(_in_error(name, file, trigger, with_remedy(error.message, error.remedy)))

    def add_failed_function(self, name: str, error: FunctionLoadError) -> None:
        """Record a function with a valid definition but with code that cannot be loaded; Azure's host lists it."""
        self._add_failure(name, error, f"The {name!r} function cannot be loaded: {error.message}")

    def _add_failure(self, name: str, error: FunctionLoadError, message: str) -> None:
        error.message = message
        self.failures.append(error)
        self.problems.append(Problem("error", message, error.remedy, error.file, error.line, name))
        logger.debug("%s", message, exc_info=error.__cause__)


def _in_error(name: str, file: str, trigger: Binding, reason: str) -> Function:
    def call() -> NoReturn:
        raise FunctionLoadError(reason)

    return Function(name, str(Path(file).parent), file, "v2", call, is_async=False, bindings=(trigger,), error=reason)
