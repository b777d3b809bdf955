"""Binding functions: from a function to what invokes it, and what is reported of one that cannot be bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import NamedTuple

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting.bindings.generic.implicit import ImplicitOutput, has_implicit_output
from hosting.bindings.generic.provider import GenericTrigger
from hosting.bindings.http.provider import HttpProvider
from hosting.bindings.provider import Invoke, Trigger
from hosting.bindings.registry import Providers, missing_provider_remedy
from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError, HostingError, MissingSettingError
from hosting.host.binding import BoundFunction, bind

_logger = host_logger("bindings")


class ReadyFunction(NamedTuple):
    """A function that can be invoked: its trigger, and what invokes it."""

    trigger: Trigger
    invoke: Invoke


class NeverTriggered(NamedTuple):
    """A function that can only be run manually, and the binding with the type that no installed package provides."""

    function: Function
    binding: Binding

    @property
    def problem(self) -> Problem:
        """The problem of this function alone."""
        name = self.function.name
        return Problem(
            "error",
            f"Function '{name}' is never triggered: no installed package provides its binding type "
            f"'{self.binding.type}'.",
            f"{missing_provider_remedy(self.binding)} Until then, run it manually: POST /admin/functions/{name}",
            self.function.file,
            function=name,
        )


def grouped_problems(functions: Iterable[NeverTriggered]) -> Iterator[Problem]:
    """Yield one problem for each binding type that no installed package provides, with all functions that have it."""
    by_type: dict[str, list[NeverTriggered]] = {}
    for one in functions:
        by_type.setdefault(one.binding.type.lower(), []).append(one)
    for same in by_type.values():
        names = ", ".join(f"'{one.function.name}'" for one in same)
        subject = f"Function {names} is" if len(same) == 1 else f"Functions {names} are"
        binding = same[0].binding
        yield Problem(
            "error",
            f"{subject} never triggered: no installed package provides the binding type '{binding.type}'.",
            f"{missing_provider_remedy(binding)} Until then, run it manually: POST /admin/functions/NAME",
        )


class Binder:
    """Binds functions to providers, and attaches their triggers.

    Args:
        providers: gives the provider of a binding type.
        invocation: makes what invokes a bound function.
        problems: gets what is wrong with functions.
    """

    def __init__(
        self, providers: Providers, invocation: Callable[[BoundFunction], Invoke], problems: list[Problem]
    ) -> None:
        self._providers = providers
        self._invocation = invocation
        self._problems = problems
        self.never_triggered: list[NeverTriggered] = []

    def bind(self, function: Function) -> ReadyFunction | None:
        """Bind a function; None if it is in error, which then is one of the problems.

        Raises:
            HostingError: a provider refuses to serve the app at all.
        """
        try:
            return self._bind(function)
        except MissingSettingError as error:
            return self._bind_failing(function, error)
        except FunctionLoadError as error:
            self._refuse(function, _in_error(function, error))
        except HostingError:
            raise
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a package's fault affects only the functions that use it
            _logger.exception("A provider failed to bind function '%s'.", function.name)
            self._refuse(function, _in_error(function, _provider_failed(function, error)))
        return None

    def _bind_failing(self, function: Function, error: MissingSettingError) -> ReadyFunction | None:
        """Let an HTTP function have its route although a connection is missing, as in Azure: each call of it fails."""
        if function.trigger.type.lower() == "httptrigger":
            failing = copy(function)
            failing.bindings, failing.error = (function.trigger,), f"{error.message} {error.remedy}".strip()
            ready = self.bind(failing)
            if ready is not None:
                self._problems.append(_in_error(function, error))
            return ready
        self._problems.append(_in_error(function, error))
        return None

    def add_unavailable(self, function: Function, problem: Problem) -> None:
        """Let requests to the route of a function that cannot run be answered with its problem, if it has a route."""
        trigger = function.trigger
        if trigger.type.lower() == "httptrigger":
            provider = self._providers.get(function, trigger)
            if isinstance(provider, HttpProvider):
                provider.add_unavailable(function, trigger, problem.redacted())

    def _refuse(self, function: Function, problem: Problem) -> None:
        self._problems.append(problem)
        self.add_unavailable(function, problem)

    def _bind(self, function: Function) -> ReadyFunction:
        missing = [binding for binding in function.bindings if not self._providers.supports(function, binding)]
        # A function that waits for HTTP cannot be run manually.
        manual_only = bool(missing) and function.trigger.type.lower() != "httptrigger"
        bound = self._bind_generic(function, missing) if manual_only else bind(function, self._providers)
        if bound.result is None and any(map(has_implicit_output, function.bindings)):
            bound = bound._replace(result=ImplicitOutput(function))
        invoke = self._invocation(bound)
        if bound.trigger.answers or not (function.disabled or function.error or manual_only):
            bound.trigger.attach(invoke)
        return ReadyFunction(bound.trigger, invoke)

    def _bind_generic(self, function: Function, missing: Iterable[Binding]) -> BoundFunction:
        """Bind a function with a binding type that no package provides, so that it can be run manually."""
        bound = bind(function, self._providers.with_generic())
        by_type = {binding.type.lower(): binding for binding in missing}
        self.never_triggered += [NeverTriggered(function, one) for one in by_type.values()]
        if bound.result is None and isinstance(bound.trigger, GenericTrigger):
            return bound._replace(result=bound.trigger.implicit_output)
        return bound


def _provider_failed(function: Function, error: BaseException) -> FunctionLoadError:
    return FunctionLoadError(
        f"Function '{function.name}' cannot run: a provider of its bindings failed: {error_text(error)}",
        remedy="Update or replace the package that brings it; the log has the traceback.",
        file=function.file,
    )


def _in_error(function: Function, error: FunctionLoadError) -> Problem:
    """Return what is wrong with a function, in a message that names it."""
    is_named = f"'{function.name}'" in error.message
    message = error.message if is_named else f"The '{function.name}' function is in error: {error.message}"
    return Problem("error", message, error.remedy, error.file, error.line, function=function.name)
