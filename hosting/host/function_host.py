"""The composition root: settings, extensions, app, bindings; then serve, drain, stop."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import azure.functions

from hosting._asyncio import is_being_cancelled
from hosting.apps.host_json import read_host_json
from hosting.apps.imports import add_to_path
from hosting.apps.load import load_app
from hosting.apps.local_settings import LocalSettings, apply_settings, read_local_settings
from hosting.bindings.generic.provider import GenericTrigger
from hosting.bindings.http.provider import HttpProvider, HttpTrigger
from hosting.bindings.http.routes import Router
from hosting.bindings.provider import Invoke, Provider, Result
from hosting.bindings.registry import Providers, missing_provider_remedy
from hosting.bindings.services import Services
from hosting.bindings.warmup import WarmupProvider
from hosting.core import App, Binding, Function, Problem
from hosting.errors import FunctionLoadError, HostingError
from hosting.extensions import ExtensionHost, ThreadPool
from hosting.host.binding import BoundFunction, Out, bind
from hosting.host.context import Context, RetryContext, TraceContext
from hosting.host.invocation import Invocation, Refuser, Running
from hosting.host.manual import ByHand
from hosting.host.pool import thread_count
from hosting.host.retry import Retrying
from hosting.host.timeouts import Timeouts, read_timeout

if TYPE_CHECKING:
    from hosting.bindings.services import Webhook

_TICK = 0.02
_PATIENCE = 5.0
"""Seconds that bindings have to stop, and to close."""

_logger = logging.getLogger("hosting.bindings")


class FunctionHost:
    """One function app with its extensions, in this process.

    In order: ``load``, ``start``, ``drain``, ``stop``.

    Args:
        root: the app's folder.
        environ: settings; those of ``local.settings.json`` are added to it. The process's environment by default.
        functions: names of the functions to load, ignoring case; empty for all.
        strict: any error of an extension at start is fatal.
        providers: finds who provides a binding type: installed packages, unless a test has its own.
        extensions: extensions by name, in place of those that are installed.
        loads: reads the app, as ``load_app`` does.
    """

    app: App
    extensions: ExtensionHost
    host_json: dict[str, Any]

    def __init__(
        self,
        root: Path,
        *,
        environ: MutableMapping[str, str] | None = None,
        functions: Collection[str] = (),
        strict: bool = False,
        providers: Callable[[Services], Providers] = Providers,
        extensions: Mapping[str, Any] | None = None,
        loads: Callable[..., App] = load_app,
    ) -> None:
        self.root = root.resolve()
        self.environ = os.environ if environ is None else environ
        self.running = Running()
        self.invocations: dict[str, Invoke] = {}
        self.by_hand = ByHand()
        self._draining = asyncio.Event()
        self._drained_by: float | None = None
        self._settings: LocalSettings | None = None
        self._wanted = functions
        self._strict = strict
        self._services = Services({}, self.environ, self.root)
        self._finder = providers
        self._own_extensions = extensions
        self._loads = loads
        self._providers: tuple[Provider, ...] = ()
        self._router: Router[HttpTrigger] = Router()

    def load(self, settings: LocalSettings | None = None) -> None:
        """Read settings and host.json, import extensions and app, and bind every function. Nothing listens yet.

        Args:
            settings: ``local.settings.json``, if it is read already.

        Raises:
            HostingError: the app, its settings or a required extension cannot be loaded.
        """
        register_types()
        settings = self.configure(settings)
        # An extension or a binding may be among the packages that the app brings along.
        add_to_path(self.root)
        section = self.host_json.get("extensionHost")
        self.extensions = ExtensionHost(environ=self.environ, section=section, strict=self._strict)
        self._find_extensions()
        self.app = self._loaded_app(settings, self.host_json)
        self.extensions.load([function for function in self.functions if function.error is None])
        self._bind()

    def configure(self, settings: LocalSettings | None = None) -> LocalSettings:
        """Apply the settings to the environment and read ``host_json``; ``load`` does it unless it is done.

        Raises:
            SettingsError: a file cannot be used as it stands.
        """
        if self._settings is None:
            self._settings = settings or read_local_settings(self.root)
            self.skipped_settings = apply_settings(self._settings, self.environ)
            self.host_json = read_host_json(self.root, self.environ)
        return self._settings

    @property
    def functions(self) -> tuple[Function, ...]:
        """The app's functions, in the order in which routes are tried: by name."""
        return self.app.functions

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What was wrong with the app and with single functions, without stopping the host."""
        return (*self.app.problems, *self._services.problems)

    @property
    def http(self) -> HttpProvider | None:
        """The built-in HTTP provider; None if no function uses it."""
        return next((provider for provider in self._providers if isinstance(provider, HttpProvider)), None)

    @property
    def webhooks(self) -> Mapping[str, Webhook]:
        """Who answers requests to ``/runtime/webhooks/NAME``, by name in lower case."""
        return self._services.webhooks

    def router(self) -> Router[HttpTrigger]:
        """The routes of the functions that can run."""
        return self._router

    def section(self, *path: str) -> Mapping[str, Any]:
        """An object inside host.json, empty where there is none."""
        return self._services.section(*path)

    async def warm_up(self) -> bool:
        """Run the app's warm-up functions, unless they have run; say whether they succeeded."""
        found = [provider for provider in self._providers if isinstance(provider, WarmupProvider)]
        return not found or await found[0].warm_up()

    async def start(self) -> None:
        """Run the extensions' startup hooks and start the app's own web app, then let every provider listen.

        Raises:
            HostingError: a required extension or a provider refuses; ``stop`` ends what has begun.
        """
        self._timeouts.start()
        await self.extensions.startup()
        if self.app.lifespan is not None:
            await self.app.lifespan.startup()
        for provider in self._providers:
            await _listen(provider)

    async def invoke(self, name: str, data: Any) -> Result:
        """Run a function by its name with what its trigger decodes.

        Raises:
            KeyError: there is no such function, or it cannot run.
        """
        return await self.invocations[name.lower()](data)

    async def drain(self, grace: float) -> bool:
        """Take no new work and wait for running invocations, ``grace`` seconds from the first call on at most.

        Returns:
            Whether all of them finished.
        """
        now = asyncio.get_running_loop().time
        if self._drained_by is None:
            self._drained_by = now() + grace
            await _each("stop", (provider.stop for provider in self._providers))
            # Now, so that a provider can tell a policy that is cut short from one that is used up.
            self._draining.set()
        while self.running.contexts and now() < self._drained_by:  # noqa: ASYNC110 - an event would cost each invocation
            await asyncio.sleep(_TICK)
        return not self.running.contexts

    async def stop(self) -> None:
        """Close the providers, end the app's own web app, run the shutdown hooks, and release the threads.

        Busy threads are not waited for.
        """
        await _each("close", (provider.close for provider in self._providers))
        await _each("close", (self._services.close,))
        if self.app.lifespan is not None:
            await self.app.lifespan.shutdown()
        await self.extensions.shutdown()
        self._timeouts.stop()
        self._pool.shutdown()

    def _find_extensions(self) -> None:
        if self._own_extensions is None:
            self.extensions.discover()
            return
        for name, target in self._own_extensions.items():
            self.extensions.register(name, target)

    def _loaded_app(self, settings: LocalSettings, host_json: dict[str, Any]) -> App:
        app = self._loads(
            self.root,
            environ=self.environ,
            host_json=host_json,
            settings=settings,
            importing=self.extensions.importing,
        )
        if self._wanted:
            app.functions = _selected(app, self._wanted)
        return app

    def _bind(self) -> None:
        count, problem = thread_count(self.environ)
        self._pool = ThreadPool(count)
        self._services.host_json = self.app.host_json
        threaded = [function.name for function in self.functions if not function.is_async]
        self._timeouts = Timeouts(self.running, read_timeout(self.app.host_json), threaded)
        self._services.problems.extend([problem] if problem else [])
        providers = self._finder(self._services)
        for function in self.functions:
            try:
                self._bind_one(function, providers)
            except FunctionLoadError as error:
                self._services.problems.append(_in_error(function, error))
            except HostingError:
                raise
            except (Exception, SystemExit) as error:  # a package's fault harms nobody but those who use it
                _logger.exception("A provider failed to bind function '%s'.", function.name)
                self._services.problems.append(_in_error(function, _unbound(function, error)))
        self._providers = providers.all()
        self._router = self.http.router() if self.http else Router()

    def _bind_one(self, function: Function, providers: Providers) -> None:
        missing = [binding for binding in function.bindings if not providers.supports(binding)]
        # What waits for HTTP cannot be run by hand.
        by_hand_only = bool(missing) and function.trigger.type.lower() != "httptrigger"
        bound = self._generic(function, providers, missing) if by_hand_only else bind(function, providers)
        invoker = Refuser(function) if function.error else self.extensions.invoker(function, self._pool)
        invocation = Invocation(bound, invoker, self.running, str(self.root) + os.sep)
        invoke = Retrying(invocation, function.retry, self._draining) if function.retry else invocation
        if bound.trigger.answers or not (function.disabled or function.error or by_hand_only):
            bound.trigger.attach(invoke)
        self.invocations[function.name.lower()] = invoke
        self.by_hand.add(function.name, bound.trigger, invoke)

    def _generic(self, function: Function, providers: Providers, missing: Iterable[Binding]) -> BoundFunction:
        """Bind a function with a type that nobody provides: who runs it by hand may do without its return value."""
        bound = bind(function, providers.with_generic())
        kinds = {binding.type.lower(): binding for binding in missing}
        self._services.problems.extend(_untriggered(function, one) for one in kinds.values())
        if bound.result is None and isinstance(bound.trigger, GenericTrigger):
            return bound._replace(result=bound.trigger.implicit_output)
        return bound


def register_types() -> None:
    """Let ``isinstance`` against the SDK's interfaces hold, without inheriting their cost."""
    abc = azure.functions._abc
    for interface, ours in (
        (abc.Context, Context),
        (abc.TraceContext, TraceContext),
        (abc.RetryContext, RetryContext),
        (abc.Out, Out),
    ):
        interface.register(ours)


async def _listen(provider: Provider) -> None:
    """Start one; a package's fault keeps no other from listening."""
    try:
        await provider.start()
    except HostingError:
        raise
    except (Exception, asyncio.CancelledError, SystemExit):
        if is_being_cancelled():
            raise
        _logger.exception("%s failed to start: nothing triggers its functions.", type(provider).__name__)


async def _each(what: str, ends: Iterable[Callable[[], Awaitable[None]]]) -> None:
    """Wait for all of them together, for a while; one that fails or hangs keeps nobody from ending."""

    async def end(one: Callable[[], Awaitable[None]]) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                await one()
        except TimeoutError:
            _logger.warning("A binding did not %s within %g s.", what, _PATIENCE)
        except (Exception, asyncio.CancelledError, SystemExit):
            # One that awaits what it has cancelled itself raises the same error as one that is cancelled by us.
            if is_being_cancelled():
                raise
            _logger.exception("A binding failed to %s.", what)

    await asyncio.gather(*map(end, ends))


def _selected(app: App, names: Collection[str]) -> tuple[Function, ...]:
    wanted = {name.lower() for name in names}
    missing = sorted(wanted - {function.name.lower() for function in app.functions})
    if missing:
        found = ", ".join(function.name for function in app.functions) or "no function"
        raise HostingError(
            f"--functions: the app has no function called {', '.join(repr(name) for name in missing)}.",
            remedy=f"It has {found}.",
        )
    return tuple(function for function in app.functions if function.name.lower() in wanted)


def _untriggered(function: Function, missing: Binding) -> Problem:
    return Problem(
        "error",
        f"Function '{function.name}' is never triggered: no installed package provides its binding type "
        f"'{missing.type}'.",
        f"{missing_provider_remedy(missing)} It can be run by hand: POST /admin/functions/{function.name}",
        function.file,
        function=function.name,
    )


def _unbound(function: Function, error: BaseException) -> FunctionLoadError:
    return FunctionLoadError(
        f"Function '{function.name}' cannot run: a provider of its bindings failed: {type(error).__name__}: {error}",
        remedy="Update or replace the package that brings it; the log has the traceback.",
        file=function.file,
    )


def _in_error(function: Function, error: FunctionLoadError) -> Problem:
    """What is wrong with a function, in a message that names it."""
    is_named = f"'{function.name}'" in error.message
    message = error.message if is_named else f"The '{function.name}' function is in error: {error.message}"
    return Problem("error", message, error.remedy, error.file, error.line, function=function.name)
