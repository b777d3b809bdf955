"""The composition root of a function app and its extensions: load, start, invoke, drain, stop."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, MutableMapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from hosting._asyncio import wait_for_event
from hosting._text import did_you_mean
from hosting.app_handle import Runner, SharedApp
from hosting.app_settings import AppSettings
from hosting.app_work import AddedHeader
from hosting.apps.host_json import apply_host_json, locate, read_host_json
from hosting.apps.imports import add_to_path
from hosting.apps.load import ignored_files, load_app
from hosting.apps.local_settings import LocalSettings, apply_settings, read_local_settings
from hosting.apps.telemetry import TELEMETRY_EXTENSION, telemetry_problems
from hosting.bindings.http.provider import HttpProvider, HttpTrigger
from hosting.bindings.http.routes import Router
from hosting.bindings.provider import Invoke, Provider, Result, Trigger
from hosting.bindings.registry import Providers
from hosting.bindings.services import Services
from hosting.bindings.warmup import WarmupProvider
from hosting.core import App, Function, Problem
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost, ThreadPool
from hosting.host.binder import Binder, NeverTriggered
from hosting.host.binding import BoundFunction
from hosting.host.health import HostHealth
from hosting.host.invocation import BoundInvoker, FailedFunction, FunctionInvoke, RunningInvocations
from hosting.host.late_extensions import LateExtensions
from hosting.host.lifecycle import end_all
from hosting.host.manual import ManualRuns
from hosting.host.process import read_thread_count
from hosting.host.retry import RetryingInvoker
from hosting.host.sdk_types import register_types
from hosting.host.timeouts import Timeouts, read_timeout
from hosting.host.trigger_figures import TriggerFigures
from hosting.host.triggers import Triggers

if TYPE_CHECKING:
    from hosting.bindings.services import Webhooks
    from hosting.bindings.storage import Lease
    from hosting.host.additions import Additions
    from hosting.host.missing_bindings import MissingBindingProvider
    from hosting.host.missing_options import MissingOptions, MissingOutputs

CAPABILITIES = frozenset(
    {"binding_error", "headers", "health", "leases", "outside_prefix", "response_sent", "routes", "shutdown", "tasks"}
)
"""What extensions can do under ``hosting start`` and in ``hosting.testing``."""

HostState = Literal["starting", "running", "stopping", "stopped"]

_DRAIN_POLL_SECONDS = 0.02


class FunctionHost:
    """One function app with its extensions, in this process.

    Its methods in the order in which they are called: ``load``, ``start``, ``invoke``, ``drain``, ``stop``.

    Args:
        root: the app's folder.
        environ: settings, to which those of ``local.settings.json`` are added. By default the process's environment.
        functions: names of the functions to load, ignoring case; empty for all.
        strict: whether any error of an extension at start is fatal.
        providers: makes the registry of binding providers; by default of installed packages.
        extensions: extensions by name, in place of the installed ones.
        loads: reads the app, with the arguments of ``load_app``.
        runner: what extensions see that runs the app.
        adapts: called with each function that an extension adds.
        acquire_lease: takes the lock of a background task that runs in one process only, by its name; by default from
            the host's storage.
        missing_outputs: what happens to outputs that no installed package provides; by default what host.json says.
    """

    app: App
    extensions: ExtensionHost
    host_json: dict[str, Any]
    response_headers: Sequence[AddedHeader] = ()
    """The headers that extensions add to every response."""
    listening: Triggers
    """Its providers, which listen, may be drained, and stop."""
    health: HostHealth
    """What is known about its health."""
    missing: MissingOptions | None
    """What host.json says about bindings that no installed package provides; None if it says nothing."""

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
        runner: Runner = "host",
        adapts: Callable[[Function], None] = lambda _function: None,
        acquire_lease: Callable[[str], Awaitable[Lease | None]] | None = None,
        missing_outputs: MissingOutputs | None = None,
    ) -> None:
        self.root = root.resolve()
        self.environ = os.environ if environ is None else environ
        self.running = RunningInvocations()
        self.invocations: dict[str, Invoke] = {}
        """What invokes each function that can run, by its name in lower case."""
        self.triggers: dict[str, Trigger] = {}
        """The trigger of each of these functions, by its name in lower case."""
        self.manual_runs = ManualRuns()
        self.file_problems: list[Problem] = []
        """What is wrong with the app's files, known before its code is imported."""
        self._draining = asyncio.Event()
        self._drained_by: float | None = None
        self._settings: LocalSettings | None = None
        self._function_names = functions
        self._strict = strict
        self._services = Services({}, self.environ, self.root)
        self._make_providers = providers
        self._given_extensions = extensions
        self._load_app = loads
        self._runner: Runner = runner
        self._adapts = adapts
        self._acquire_lease = acquire_lease or self._lock_task
        self._running_event = asyncio.Event()
        self._is_leaving = self._is_stopped = False
        self.listening, self.health = Triggers(), HostHealth(self, self._services)
        self._providers: tuple[Provider, ...] = ()
        self.never_triggered: tuple[NeverTriggered, ...] = ()
        """The functions with a binding type that no installed package provides, each with that type."""
        self.replacements: tuple[Problem, ...] = ()
        """A warning for each function with an output that is logged, or an input that is read from a file, instead of
        its service, in texts without secrets."""
        self._missing_outputs = missing_outputs
        self.missing = None
        self._router: Router[HttpTrigger] = Router()
        self._unavailable: Router[HttpTrigger] = Router()

    # Load

    def load(self, settings: LocalSettings | None = None) -> None:
        """Read settings and host.json, import extensions and app, and bind every function. Nothing listens yet.

        Args:
            settings: ``local.settings.json``, if it is read already.

        Raises:
            HostingError: the app, its settings or a required extension cannot be loaded.
        """
        register_types()
        settings = self.configure(settings)
        try:
            self._load(settings)
        except HostingError as error:
            locate(error, self.root)
            raise

    def _load(self, settings: LocalSettings) -> None:
        # An extension or a binding may be among the packages that the app brings along.
        add_to_path(self.root)
        self.missing = self._read_missing_options()
        section = self.host_json.get("extensionHost")
        self.extensions = ExtensionHost(environ=self.environ, section=section, strict=self._strict)
        self._find_extensions()
        self.app = self._read_app(settings)
        declared = self._add_functions()
        loaded = [function for function in self.functions if function.error is None]
        self.extensions.load(loaded, [function for function in declared if function not in loaded])
        self.app.problems = (*self.app.problems, *self.extensions.injections.problems, *self._telemetry_problems())
        self._bind()
        self._late = LateExtensions(self.extensions, self.running, in_test=self._runner == "testing")

    def configure(self, settings: LocalSettings | None = None) -> LocalSettings:
        """Apply the settings to the environment and read ``host_json``; ``load`` does it unless it is done.

        Raises:
            SettingsError: a file cannot be used as it stands.
        """
        if self._settings is None:
            self._settings = settings or read_local_settings(self.root)
            self.skipped_settings = apply_settings(self._settings, self.environ)
            self.host_json = read_host_json(self.root, self.environ, self.file_problems)
            self.file_problems += ignored_files(self.root)
        return self._settings

    def _read_missing_options(self) -> MissingOptions | None:
        if "hosting" not in self.host_json and self._missing_outputs is None:
            return None
        from hosting.host.missing_options import read_missing_options  # few apps need it

        return read_missing_options(self.host_json, self._missing_outputs)

    def _telemetry_problems(self) -> Iterable[Problem]:
        """Return a warning about settings for telemetry, unless an extension obeys them."""
        if any(one.name == TELEMETRY_EXTENSION and one.status == "active" for one in self.extensions.installed):
            return ()
        return telemetry_problems(self.environ, self.host_json)

    def _find_extensions(self) -> None:
        if self._given_extensions is None:
            self.extensions.discover()
            return
        for name, target in self._given_extensions.items():
            self.extensions.register(name, target)

    def _read_app(self, settings: LocalSettings) -> App:
        app = self._load_app(
            self.root,
            environ=self.environ,
            host_json=self.host_json,
            settings=settings,
            importing=self.extensions.importing,
        )
        apply_host_json(app.host_json, (*app.functions, *app.in_error))
        return app

    def _add_functions(self) -> Sequence[Function]:
        """Let extensions add functions, and keep those with the names that were asked for, if any were.

        Returns:
            The functions that the app declares, also those that were not asked for, or that cannot be loaded.
        """
        app, names = self.app, {name.lower() for name in self._function_names}
        declared = (*app.functions, *app.in_error)
        known = [function.name for function in app.functions]
        if names:
            app.functions, app.in_error = _named(app.functions, names), ()
        added = self._functions_of_extensions()
        if self.missing is not None and not self._has_unknown_bindings(declared):
            self.missing.check_names((*declared, *added))
        for function in added:
            self._adapts(function)
        if names:
            _check_names(self._function_names, [*known, *(function.name for function in added)])
            added = _named(added, names)
        app.functions = tuple(sorted((*app.functions, *added), key=lambda function: function.name.upper()))
        return declared

    def _has_unknown_bindings(self, declared: Iterable[Function]) -> bool:
        """Return whether the app has functions that were not read, so that their bindings are not known."""
        known = {function.name for function in declared}
        rejected = {problem.function for problem in self.app.problems if problem.function} - known
        return bool(rejected) or bool(self.host_json.get("functions"))

    def _functions_of_extensions(self) -> tuple[Function, ...]:
        app = self.app
        own = [function for function in app.functions if function.error is None]
        setting = AppSettings(self.environ).get
        shared = SharedApp(self._runner, CAPABILITIES, str(self.root), app.host_json, setting)
        shared.acquire_lease, shared.ask_triggers = self._acquire_lease, self.trigger_figures.all
        additions: list[Additions] = []

        def start() -> Additions:
            from hosting.apps.added import BlueprintReader  # only extensions that prepare need them
            from hosting.host.additions import Additions

            reader = BlueprintReader(self.root, self.environ, app.host_json, own, app.auth_level)
            failed = [function for function in app.functions if function.error is not None]
            additions.append(Additions(shared, own, [*failed, *app.in_error], reader.read))
            return additions[0]

        self.extensions.prepare(shared, own, start)
        shared.list_functions = lambda: [*app.functions, *app.in_error]
        self.response_headers = shared.headers
        return tuple(additions[0].added.values()) if additions else ()

    async def _lock_task(self, name: str) -> Lease | None:
        return await self._services.storage.lock(f"locks/{self._services.host_id}/Host.Tasks.{name}")

    def _bind(self) -> None:
        count, problem = read_thread_count(self.environ)
        self._pool = ThreadPool(count)
        self._services.host_json = self.app.host_json
        self._services.problems.extend([problem] if problem else [])
        limit = read_timeout(self.app.host_json)
        providers = self._make_providers(self._services)
        binder = Binder(providers, self._invocation, self._services.problems, self._missing_provider())
        for function in self.functions:
            ready = binder.bind(function)
            if ready is not None:
                self.invocations[function.name.lower()] = ready.invoke
                self.triggers[function.name.lower()] = ready.trigger
                self.manual_runs.add(function.name, ready.trigger, ready.invoke)
        in_threads = [function.name for function in self.functions if not function.is_async]
        self._timeouts = Timeouts(self.running, limit, in_threads)
        for function in self.app.in_error:
            binder.add_unavailable(function, Problem("error", function.error or "", function=function.name))
        if self.webhooks.guarded:
            from hosting.host.webhooks import guard_webhooks  # few bindings have a webhook that is guarded

            guard_webhooks(self.webhooks, self.extensions, self.root, self._invocation)
        self.never_triggered = tuple(binder.never_triggered)
        self.replacements = tuple(problem.redacted() for problem in binder.replacements)
        self._providers = providers.all()
        self.listening = Triggers(self._providers, self.running)
        if self.http:
            self._router, self._unavailable = self.http.router(), self.http.unavailable_router()

    def _missing_provider(self) -> MissingBindingProvider | None:
        """Return what provides bindings that no package provides; None where none is replaced, and in tests."""
        if self.missing is None or self._runner != "host":
            return None
        from hosting.host.missing_bindings import MissingBindingProvider

        return MissingBindingProvider(self._services, self.missing, self.manual_runs.kept_outputs)

    def _invocation(self, bound: BoundFunction) -> FunctionInvoke:
        function = bound.function
        invoker = FailedFunction(function) if function.error else self.extensions.invoker(function, self._pool)
        invocation = BoundInvoker(bound, invoker, self.running, self.root, self.extensions.edges(function))
        return (
            RetryingInvoker(invocation, function.retry, self._draining, self.running) if function.retry else invocation
        )

    # What was loaded

    @property
    def functions(self) -> tuple[Function, ...]:
        """The app's functions, in the order in which routes are tried: by name."""
        return self.app.functions

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What is wrong with the app and with single functions, without stopping the host, in texts without secrets."""
        never_triggered = (one.problem for one in self.never_triggered)
        return (*self.other_problems, *(problem.redacted() for problem in never_triggered), *self.replacements)

    @property
    def other_problems(self) -> tuple[Problem, ...]:
        """The problems without those of functions that are never triggered, and without ``replacements``."""
        found = (*self.file_problems, *self.app.problems, *self._services.problems)
        return tuple(problem.redacted() for problem in found)

    @property
    def providers(self) -> Sequence[Provider]:
        """The binding providers that the app's functions use."""
        return self._providers

    @property
    def http(self) -> HttpProvider | None:
        """The built-in HTTP provider; None if no function uses it."""
        return next((provider for provider in self._providers if isinstance(provider, HttpProvider)), None)

    @property
    def webhooks(self) -> Webhooks:
        """What answers requests to ``/runtime/webhooks/NAME``, by name in lower case."""
        return self._services.webhooks

    def router(self) -> Router[HttpTrigger]:
        """Return the routes of the functions that can run."""
        return self._router

    def unavailable_router(self) -> Router[HttpTrigger]:
        """Return the routes of HTTP functions that cannot run; each target has its ``problem``."""
        return self._unavailable

    def section(self, *path: str) -> Mapping[str, Any]:
        """Return an object inside host.json, empty where there is none."""
        return self._services.section(*path)

    @cached_property
    def trigger_figures(self) -> TriggerFigures:
        """What asks the triggers what they say about themselves."""
        return TriggerFigures(self.triggers)

    # Start, invoke, drain, stop

    async def start(self) -> None:
        """Run the extensions' startup hooks and start the app's own web app, then let every provider listen.

        Raises:
            HostingError: a required extension or a provider refuses; ``stop`` ends what has begun.
        """
        self._timeouts.start()
        self._late.open()
        with self._late.starting():
            await self.extensions.startup()
            if self.app.lifespan is not None:
                await self.app.lifespan.startup()
        await self.listening.start()
        self._running_event.set()

    @property
    def state(self) -> HostState:
        """Whether it starts, runs, stops (takes no new work), or has stopped."""
        if self._is_stopped:
            return "stopped"
        if self._is_leaving or self._drained_by is not None:
            return "stopping"
        return "running" if self._running_event.is_set() else "starting"

    async def wait_until_running(self, seconds: float) -> None:
        """Wait until the host has started, at most for some seconds."""
        if seconds and not self._running_event.is_set():
            await wait_for_event(self._running_event, seconds)

    async def warm_up(self) -> bool:
        """Run the app's warm-up functions, unless they have run; return whether they succeeded."""
        found = [provider for provider in self._providers if isinstance(provider, WarmupProvider)]
        return not found or await found[0].warm_up()

    async def invoke(self, name: str, data: Any) -> Result:
        """Run a function by its name, with data that its trigger decodes.

        Raises:
            KeyError: there is no such function, or it cannot run.
        """
        return await self.invocations[name.lower()](data)

    async def leave(self) -> None:
        """Take no more work but requests, because ``drain`` follows soon: the host is not ready any more."""
        self._is_leaving = True
        await self.listening.stop()

    async def drain(self, grace: float) -> bool:
        """Take no new work and wait for running invocations, until ``grace`` seconds after the first call.

        Returns:
            Whether all of them finished.
        """
        now = asyncio.get_running_loop().time
        if self._drained_by is None:
            self._drained_by = now() + grace
            await self.listening.stop()
            # Now, so that a provider can tell a retry policy that is cut short from one that is used up.
            self._draining.set()
        while self.running.invocations and now() < self._drained_by:  # noqa: ASYNC110 - an event would cost each invocation
            await asyncio.sleep(_DRAIN_POLL_SECONDS)
        return not self.running.invocations

    async def stop(self) -> None:
        """Close the providers, end the app's own web app, run the shutdown hooks, and release the threads.

        It does not wait for busy threads.
        """
        self._is_stopped = True
        self._late.close()
        self.health.stop()
        await self.listening.close()
        await self.extensions.stop_tasks()  # before the storage with their locks is closed
        await end_all("close", (self._services.close,))
        if self.app.lifespan is not None:
            await self.app.lifespan.shutdown()
        await self.extensions.shutdown()
        self._timeouts.stop()
        self._pool.shutdown()


def _named(functions: Iterable[Function], names: Collection[str]) -> tuple[Function, ...]:
    return tuple(function for function in functions if function.name.lower() in names)


def _check_names(names: Collection[str], known: Sequence[str]) -> None:
    missing = sorted(name for name in names if name.lower() not in {one.lower() for one in known})
    if missing:
        hints = " ".join(filter(None, (did_you_mean(name, known) for name in missing)))
        raise HostingError(
            f"--functions: the app has no function called {', '.join(repr(name) for name in missing)}.",
            remedy=f"{hints} It has {', '.join(known) or 'no function'}.".strip(),
        )
