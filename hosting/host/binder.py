"""Binding functions: from a function to what invokes it, and what is reported of one that cannot be bound."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from typing import TYPE_CHECKING, NamedTuple

from hosting._exceptions import error_text
from hosting._log import host_logger
from hosting._text import with_remedy
from hosting.bindings.generic.implicit import ImplicitOutput, has_implicit_output
from hosting.bindings.generic.provider import GenericTrigger
from hosting.bindings.http.provider import HttpProvider
from hosting.bindings.provider import Trigger
from hosting.bindings.registry import Providers, missing_provider_remedy
from hosting.core import Binding, Function, Problem
from hosting.errors import FunctionLoadError, HostingError, MissingSettingError
from hosting.host.binding import RETURN, BoundFunction, ProviderLookup, bind

if TYPE_CHECKING:
    from hosting.host.invocation import FunctionInvoke
    from hosting.host.missing_bindings import MissingBindingProvider

_logger = host_logger("bindings")


class ReadyFunction(NamedTuple):
    """A function that can be invoked: its trigger, and what invokes it."""

    trigger: Trigger
    invoke: FunctionInvoke


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
        missing: provides what no package provides, where host.json says so; None where it does not.
    """

    def __init__(
        self,
        providers: Providers,
        invocation: Callable[[BoundFunction], FunctionInvoke],
        problems: list[Problem],
        missing: MissingBindingProvider | None = None,
    ) -> None:
        self._providers = providers
        self._invocation = invocation
        self._problems = problems
        self._missing = missing
        self.never_triggered: list[NeverTriggered] = []
        self.replacements: list[Problem] = []
        """What to say about each function with an output that is logged, or an input that is read from a file."""

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
            failing.bindings, failing.error = (function.trigger,), with_remedy(error.message, error.remedy)
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
        unprovided = [binding for binding in function.bindings if not self._providers.supports(function, binding)]
        replaced = self._replaced(function, unprovided)
        missing = [binding for binding in unprovided if binding not in replaced]
        # A function that waits for HTTP cannot be run manually.
        manual_only = bool(missing) and function.trigger.type.lower() != "httptrigger"
        providers: ProviderLookup = self._providers.with_generic() if manual_only else self._providers
        bound = self._bind_replaced(function, providers, replaced) if replaced else bind(function, providers)
        if manual_only:
            bound = self._with_manual_result(function, missing, bound)
        if bound.result is None and any(map(has_implicit_output, function.bindings)):
            bound = bound._replace(result=ImplicitOutput(function))
        invoke = self._invocation(bound)
        if bound.trigger.answers or not (function.disabled or function.error or manual_only):
            bound.trigger.attach(invoke)
        return ReadyFunction(bound.trigger, invoke)

    def _replaced(self, function: Function, unprovided: list[Binding]) -> list[Binding]:
        """Return the bindings that are logged or read from files instead; warn of files that are not read."""
        if self._missing is None:
            return []
        provided = [binding for binding in function.bindings if binding not in unprovided]
        self._problems += self._missing.unused(function, provided)
        return [binding for binding in unprovided if self._missing.options.replaces(function, binding)]

    def _bind_replaced(self, function: Function, providers: ProviderLookup, replaced: list[Binding]) -> BoundFunction:
        from hosting.host.missing_bindings import ReplacedBindings  # few apps need it

        assert self._missing is not None
        bound = bind(function, ReplacedBindings(providers, self._missing, replaced))
        self.replacements.append(self._missing.notice(function, replaced))
        return bound

    def _with_manual_result(
        self, function: Function, missing: Iterable[Binding], bound: BoundFunction
    ) -> BoundFunction:
        """Return a function that can only be run manually; what it returns is logged where outputs are."""
        by_type = {binding.type.lower(): binding for binding in missing}
        self.never_triggered += [NeverTriggered(function, one) for one in by_type.values()]
        has_own = any(binding.name == RETURN for binding in function.bindings)
        if has_own or bound.result is None or self._missing is None or not isinstance(bound.trigger, GenericTrigger):
            return bound
        return bound._replace(result=self._missing.result(function) or bound.result)


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
