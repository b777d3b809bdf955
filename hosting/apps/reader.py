"""What is found while an app is read, whichever model it is written in."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hosting.apps.definition import check_name, read_bindings
from hosting.apps.expansion import AppSettings
from hosting.apps.retry import read_retry
from hosting.core import Binding, Function, Lifespan, Problem, Retry
from hosting.errors import FunctionLoadError

logger = logging.getLogger("hosting.apps")


@dataclass(slots=True)
class AppReader:
    """An app that is being read: what to read it with, and what was found so far."""

    root: Path
    settings: AppSettings
    allowed: frozenset[str] | None = None
    """The functions of host.json's ``functions``, in lower case; None for all."""
    retry: Retry | None = None
    """host.json's policy, for functions without one of their own."""
    functions: list[Function] = field(default_factory=list)
    failures: list[FunctionLoadError] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    lifespan: Lifespan | None = None
    _places: dict[str, tuple[str, str]] = field(default_factory=dict)

    def is_allowed(self, name: str) -> bool:
        return self.allowed is None or name.lower() in self.allowed

    def define(self, name: str, where: str, bindings: Any, retry: Any) -> tuple[tuple[Binding, ...], Retry | None]:
        """Check what Azure's host checks of a function, which is declared at ``where``.

        Raises:
            FunctionLoadError: it is in error; the other functions are not touched by it.
        """
        check_name(name)
        other, place = self._places.setdefault(name.lower(), (name, where))
        if place != where:
            raise FunctionLoadError(
                f"the name is taken by the function {other!r} of {place}; names that differ only in case are the same",
                remedy="Rename one of the two functions.",
            )
        return read_bindings(bindings, self.settings), self.retry if retry is None else read_retry(retry)

    def add_invalid_function(self, name: str, error: FunctionLoadError, file: str, line: int | None = None) -> None:
        """Note a function that Azure's host would not list, for want of a sound definition."""
        if error.file is None:
            error.file, error.line = file, line
        self._note(name, error, f"The {name!r} function is in error: {error.message}")

    def add_failed_function(self, name: str, error: FunctionLoadError) -> None:
        """Note a function that is listed, but whose code is not there to be called."""
        self._note(name, error, f"The {name!r} function cannot be loaded: {error.message}")

    def _note(self, name: str, error: FunctionLoadError, message: str) -> None:
        error.message = message
        self.failures.append(error)
        self.problems.append(Problem("error", message, error.remedy, error.file, error.line, name))
        logger.debug("%s", message, exc_info=error.__cause__)
