"""Extension host: discovers, orders, configures, runs and diagnoses the extensions of one function app."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

from hosting.authoring import Registrations, pending
from hosting.core import Function, Problem
from hosting.errors import ExtensionError, FrozenError
from hosting.extensions import _config, _sdk
from hosting.extensions._discovery import installed_entry_points
from hosting.extensions._hooks import FUNCTION
from hosting.extensions._model import Extension, Hook
from hosting.extensions._registry import Registry
from hosting.extensions._start_monitor import SLOW_AFTER_SECONDS, StartMonitor
from hosting.extensions.diagnostics import document

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.app_handle import SharedApp
    from hosting.extensions._app_hooks import AppHooks
    from hosting.extensions._background import Background
    from hosting.extensions._chains import PauseWord
    from hosting.extensions._edges import Edges
    from hosting.extensions._injection import Injections
    from hosting.extensions._preparation import Preparation
    from hosting.extensions.dispatch.compiler import Chain
    from hosting.extensions.dispatch.invoker import Invoker
    from hosting.extensions.dispatch.thread_pool import ThreadPool
    from hosting.extensions.dispatch.watchdog import Watchdog


class ExtensionHost:
    """The extensions of one app, from discovery to shutdown. Hosts share nothing with each other.

    The order of the calls: ``discover``, the app's import inside ``importing``, ``prepare``, ``load``, ``invoker`` for
    each function, ``startup``, invocations, ``shutdown``. After ``load`` the host is frozen.

    Args:
        environ: the environment variables, from which the flags are read.
        section: the ``extensionHost`` section of host.json.
        strict: whether an error of any extension before the host serves stops the start.
        in_azure_worker: whether Azure's worker imports the app. Then the classes of Azure's interface are those that
            the SDK has registered; where Azure's worker calls them itself (up to Python 3.12), this host does not.
        slow_after: the seconds after which the log names an extension that the start waits for.

    Raises:
        SettingsError: the section has an unknown key or a wrong value.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        section: Mapping[str, Any] | None = None,
        strict: bool = False,
        in_azure_worker: bool = False,
        slow_after: float = SLOW_AFTER_SECONDS,
    ) -> None:
        self._config = _config.read(section, environ)
        self._environ = dict(environ)
        self._strict = strict
        self._frozen = False
        self._in_azure_worker = in_azure_worker
        self._monitor = StartMonitor(slow_after)
        self._registry = Registry(self._config, self._monitor, in_azure_worker=in_azure_worker)
        self._registrations = Registrations()
        self._root: Path | None = None
        self._background: Background | None = None
        self._has_imported_local = False
        self._uncalled: list[str] = []
        self._functions: Sequence[Function] = ()
        self.guard_problems: Sequence[Problem] = ()
        """Guards that guard no function, which the app does not ask for."""

    @cached_property
    def _hooks(self) -> AppHooks:
        from hosting.extensions._app_hooks import AppHooks  # imports more than the discovery of extensions

        return AppHooks(self._config, self._environ, self._registry, self._monitor)

    @property
    def _watchdog(self) -> Watchdog:
        return self._hooks.watchdog

    @property
    def enabled(self) -> bool:
        """Whether ``PYTHON_ENABLE_WORKER_EXTENSIONS`` is true; if not, nothing is imported and no hook runs."""
        return self._config.enabled

    @property
    def background(self) -> Background:
        """What extensions have added besides functions: services, health checks and tasks."""
        if self._background is None:
            from hosting.extensions._background import Background  # only a host that runs or is diagnosed needs it

            registry = self._registry
            extension, guards = lambda name: registry.by_name(name)[0], lambda: registry.guards
            self._background = Background(self._hooks.app, extension, self._config.budgets, guards)
        return self._background

    @property
    def _info(self) -> dict[str, Any]:
        return document.tree(self._registry.ordered, self._functions, partial(self._hooks.selection.includes, FUNCTION))

    def discover(self) -> None:
        """Find the installed extensions, import those of the group ``hosting``, and call their ``init``.

        Raises:
            FrozenError: the host is loaded.
        """
        self._check_not_frozen("discover")
        if not self.enabled:
            self._registry.find_guards()
            return
        self._registry.find()
        self._registry.import_eager()
        self._registry.initialize()

    def register(self, name: str, target: Any) -> None:
        """Add an extension that has no entry point, for instance in a test; ``load`` calls its ``init``.

        Args:
            name: its name.
            target: a module, an object, or a class, with hooks.

        Raises:
            ExtensionError: another extension has this name.
            FrozenError: the host is loaded.
        """
        self._check_not_frozen("register")
        self._registry.add(name, target)

    @contextmanager
    def importing(self, root: Path) -> Iterator[None]:
        """Take over what modules register and configure while the app at ``root`` is imported.

        Raises:
            FrozenError: the host is loaded.
        """
        self._check_not_frozen("importing")
        pending.take()
        self._root = root
        pending.hosted = True
        noting = self._registry.collecting() if self.enabled else _sdk.noting_classes(self._uncalled)
        try:
            with _sdk.script_root(root), noting:
                self._import_local()
                yield
        finally:
            pending.hosted = False
            self._registrations = pending.take()

    def prepare(self, app: SharedApp, functions: Sequence[Function], start: Callable[[], Preparation]) -> None:
        """Configure the extensions, and call their ``prepare``, which may add functions.

        Args:
            app: what extensions see of the app.
            functions: the app's functions.
            start: called once, if an extension has the hook; the result gets what extensions add. Pass to ``load`` all
                functions that it has then.
        """
        self._hooks.app, self._background, self._hooks.chains.observers = app, None, app.observers
        app.list_extensions = self.extension_entries
        if not self._has_extensions():
            return
        self._configure_wanted(functions)
        preparation: Preparation | None = None
        while hooks := self._registry.to_prepare():
            preparation = preparation or start()
            for hook in hooks:
                self._registry.prepare(hook, app, preparation)
            # An added function may opt in to an extension that no other function opts in to.
            self._configure_wanted(preparation.functions)

    def load(self, functions: Sequence[Function], others: Sequence[Function] | None = ()) -> None:
        """Select extensions for functions, configure them, call the load hooks, choose the chains, and freeze the host.

        Args:
            functions: the functions that can run.
            others: the app's other functions; None if more may come: then call ``check_guards`` when all are added.

        Raises:
            ExtensionError: a required extension or a guard is missing, or a guard that the app asks for guards no
                function; or the host is strict, and an extension has an error.
            FrozenError: the host is loaded.
        """
        self._check_not_frozen("load")
        self._frozen = True
        self.add_functions(functions)
        try:
            self._check_start()
            if others is not None:
                self.check_guards(others)
        except ExtensionError:
            self._watchdog.stop()
            raise

    def check_guards(self, others: Sequence[Function] = ()) -> None:
        """Raise ExtensionError where a guard that the app asks for guards none of its functions; see ``load``."""
        from hosting.extensions._guard_scope import check_scope

        functions = (*self._functions, *others)
        self.guard_problems = check_scope(self._registry.guards, functions, self._registrations, self._config)

    def add_functions(self, functions: Sequence[Function]) -> None:
        """Add functions; after ``load`` only for a worker that loads them one by one, or registers an extension."""
        self._functions = [*self._functions, *functions]
        self._hooks.chains.add(functions)
        if not self._has_extensions():
            self._inject(functions)
            return
        if self._in_azure_worker and self.enabled:
            self._registry.take_registered(self._environ.get(_sdk.SCRIPT_ROOT, "."))
        self._configure_wanted(self._functions)
        with nullcontext() if self._root is None else _sdk.script_root(self._root):
            self._registry.configure_sdk(self._functions, self._hooks.opt_ins.at_function_level)
        self._hooks.select(self._functions)
        self._hooks.setup.set_up(self._functions, self._hooks.selection, self._hooks.opt_ins)
        self._hooks.setup.call_load_hooks(self._functions, self._hooks.selection)
        self._inject(functions)
        self._hooks.chains.choose(self._hooks.selection)
        self._hooks.find_edges(self._functions)
        self._monitor.stop()
        if any(self._hooks.chains.by_function.values()):
            self._watchdog.start()

    def add_late(self, name: str, target: Any) -> None:
        """Report an extension that the app registers after ``load``; if it is a guard, deny the app's functions."""
        late = self._registry.add_late(name, target)
        if late and late.is_guard:
            self._hooks.opt_in(self._functions, self._registrations)
            self._hooks.select(self._functions)
            self._hooks.chains.choose(self._hooks.selection)

    def _import_local(self) -> None:
        """Import the modules of ``extensionHost.load``, once; in Azure's worker the app is being imported already."""
        if self._config.load and not self._has_imported_local:
            self._has_imported_local = True
            self._registry.import_local(self._config.load, self._app_root, self._environ)

    @property
    def _app_root(self) -> str:
        return str(self._root or self._environ.get(_sdk.SCRIPT_ROOT, "."))

    def _has_extensions(self) -> bool:
        """Return whether any extension may run: an installed one, or one of the app, which is imported now."""
        self._import_local()
        return self.enabled or self._registry.has_local or bool(self._registrations.extensions or pending.extensions)

    def _inject(self, functions: Sequence[Function]) -> None:
        needing = [function for function in functions if function.injected or function.returned]
        if needing and self._hooks.chains.injections.add(needing, self.installed, enabled=self.enabled):
            # Also where extensions are off: a test may supply the values.
            self._hooks.chains.choose(self._hooks.selection)

    def invoker(self, function: Function, pool: ThreadPool) -> Invoker:
        """Return the invoker of a function, which follows its chain when extensions are paused or resumed.

        Args:
            function: an async function runs in the caller's task, a sync one in ``pool``.
            pool: the threads.
        """
        return self._hooks.chains.invoker(function, pool, self.budget)

    def chain(self, function: Function) -> Chain | None:
        """Return the compiled hooks of a function as of now; None if it has none."""
        return self._hooks.chains.by_function.get(function)

    def edges(self, function: Function) -> Edges | None:
        """Return the hooks at the edges of a function's invocations; None if it has none."""
        return self._hooks.edges.get(function)

    @property
    def left_to_worker(self) -> list[str]:
        """The names of those classes of Azure's interface that Azure's worker calls in place of this host."""
        return [one.name for one in self._registry.sdk if one.reason == _sdk.LEFT_TO_WORKER]

    @property
    def budget(self) -> float:
        """The seconds that one hook may take in an invocation."""
        return self._config.budgets.hook

    async def startup(self) -> None:
        """Call the ``startup`` hooks on this event loop, in order.

        Raises:
            ExtensionError: the hook of a guard failed, and its functions are denied from now on; or the host is strict,
                and an extension has an error.
        """
        from hosting.extensions._lifespan import call_on_loop

        for hook in self._registry.hooks("startup"):
            succeeded = await call_on_loop(hook, self._handle(hook), self._config.budgets.startup, self._monitor)
            if not succeeded and hook.extension.is_guard:
                hook.extension.fail_hook("startup")
                self._hooks.chains.refresh()
        self._hooks.app.note_start()
        self._monitor.stop()
        self._check_start()
        if self._hooks.app.tasks:
            self.background.start()

    async def settle(self) -> None:
        """Wait for hooks that nothing awaits: those about responses that are sent."""
        if self._hooks.edge_limits is not None:
            await self._hooks.edge_limits.drain()

    async def stop_tasks(self) -> None:
        """Stop the background tasks and the health checks of extensions, if there are any."""
        if self._background is not None:
            await self._background.stop_tasks()

    async def shutdown(self) -> None:
        """Stop tasks, call the ``shutdown`` hooks in reverse order, close services, and end time limits."""
        from hosting.extensions._lifespan import call_on_loop

        await self.settle()
        await self.stop_tasks()
        for hook in reversed(self._registry.hooks("shutdown")):
            await call_on_loop(hook, self._handle(hook), self._config.budgets.shutdown, self._monitor)
        if self._hooks.app.services.has_made:
            await self.background.close_services()
        self._monitor.stop()
        self._watchdog.stop()

    @property
    def injections(self) -> Injections:
        """The values for parameters of functions that extensions supply."""
        return self._hooks.chains.injections

    def pause(self, name: str, word: PauseWord = "") -> None:
        """Stop calling the hooks of an extension until ``resume``.

        Args:
            name: its name, in any case.
            word: for a guard: ``deny`` to deny its functions, or ``open`` to run them without it.

        Raises:
            GuardPauseError: the word is missing, or the extension is not a guard.
            ExtensionError: no extension of this name is loaded.
        """
        self._hooks.chains.pause(name, word)

    def resume(self, name: str) -> None:
        """Call the hooks of a paused or quarantined extension again.

        Raises:
            ExtensionError: no extension of this name is loaded.
        """
        self._hooks.chains.resume(name)

    def verify(self) -> list[dict[str, Any]]:
        """Compare the files of each distribution with extensions, bindings or storage with its RECORD; imports nothing.

        Returns:
            ``verification`` of the document. Where a ``status`` is ``tampered``, files differ.
        """
        from hosting.extensions.diagnostics import integrity

        return integrity.verify(installed_entry_points())

    @property
    def installed(self) -> Sequence[Extension]:
        """The extensions in order; where they are switched off, by metadata alone those that would run."""
        if not (self.enabled and self._frozen):
            self._registry.find()
        return self._registry.ordered

    def uses(self) -> dict[str, str]:
        """Return which extensions the app uses, installed or not, each with the beginning of a sentence on where."""
        from hosting.extensions._optin import OptIns

        return OptIns(self._functions, self._registrations, self._config).uses(self._registry.ordered)

    def diagnosis(self, *, verify: bool = False) -> dict[str, Any]:
        """Return the state of this host as a JSON document; on a running host with live figures.

        Where extensions are switched off, it lists from metadata alone those that would run.

        Args:
            verify: whether to add ``verification``, and a problem for each distribution with files that differ.
        """
        from hosting.extensions._commands import installed_commands
        from hosting.extensions.diagnostics.integrity import tampering

        extensions, verification = self.extension_entries(), self.verify() if verify else []
        commands = installed_commands(installed_entry_points(), self._environ)
        problems = [*self._problems(), *document.command_problems(commands), *tampering(verification)]
        whole = {
            "schema_version": document.SCHEMA_VERSION,
            "enabled": self.enabled,
            "_info": self._info,
            "environment": document.environment(self._environ),
            "extensions": extensions,
            "unguarded": self.unguarded(),
            "functions": [document.function_entry(one, self._hooks_for(one)) for one in self._functions],
            "commands": [document.command_entry(one) for one in commands],
            **self.background.document(),
            "problems": [document.problem_entry(problem) for problem in problems],
        }
        return {**whole, "verification": verification} if verify else whole

    def extension_entries(self) -> list[dict[str, Any]]:
        """Return the part of the diagnosis about the extensions, which takes a fraction of the time of the whole."""
        return document.extension_entries(self.installed, self._hooks.chains.compiler.chains)

    @property
    def has_guards(self) -> bool:
        """Whether an extension is a guard, or is named as one."""
        return bool(self._registry.guards or self._config.guards)

    def unguarded(self) -> list[str]:
        """Return the names of the functions that no guard stands before, in order; none where the app has no guard."""
        return document.unguarded(self._hooks.chains.by_function) if self._registry.guards else []

    def describe_chain(self, function_name: str) -> dict[str, str]:
        """Return the compiled hooks of one function, as the document's ``chain``.

        Args:
            function_name: the name of a function that is loaded, in any case.

        Raises:
            ExtensionError: there is no such function, extensions are switched off, or no hook is for the function.
        """
        return document.chain_entry(
            function_name, self._functions, self._hooks.chains.by_function, enabled=self.enabled
        )

    def _handle(self, hook: Hook) -> dict[str, Any]:
        return {"app": self._hooks.app.handle(hook.extension.name)}

    def _check_not_frozen(self, method: str) -> None:
        if self._frozen:
            raise FrozenError(f"{method}: this host is loaded and can no longer change; create a new ExtensionHost")

    def _configure_wanted(self, functions: Sequence[Function]) -> None:
        """Import the extensions that functions opt in to, and configure those that are not configured yet."""
        self._registrations.add(pending.collect())
        self._registry.add_local(self._registrations.extensions, is_late=self._frozen)
        self._hooks.opt_in(functions, self._registrations)
        self._registry.import_wanted(self._hooks.opt_ins.wanted)
        self._registry.initialize()
        self._hooks.typed_settings.root = self._app_root
        self._registry.configure(self._hooks.opt_ins.app_settings, self._hooks.typed_settings)

    def _hooks_for(self, function: Function) -> list[Hook]:
        """Return every hook that runs for this function, in the order of the calls."""
        set_up = [hook for name in ("init_function", "configure_function") for hook in self._registry.hooks(name)]
        chain, edges = self._hooks.chains.by_function.get(function), self._hooks.edges.get(function)
        return [
            *self._hooks.selection.hooks(set_up, function),
            *self._hooks.setup.load_hooks(function, self._hooks.selection),
            *(chain.steps if chain else ()),
            *(edges.hooks if edges else ()),
        ]

    def name_problems(self) -> list[Problem]:
        """Return problems with what the app and host.json say about extensions, which the log has not reported yet.

        They are about names that do not exist, and, where extensions are switched off, about classes of Azure's
        interface that the app has all the same.
        """
        problems = self.loose_hooks()
        if not self.enabled:
            problems += document.uncalled_problems(self._uncalled)
            if not self._registry.has_local:
                return problems
            self._registry.find()  # so that the names of installed extensions are known
        extensions = self._registry.ordered
        unused = _sdk.unused_instances(extensions, self._functions)
        own = [*self._hooks.opt_ins.problems(extensions), *self._hooks.selection.problems(), *self.guard_problems]
        return [*problems, *self._registry.problems(), *own, *unused, *self._hooks.app.problems]

    def loose_hooks(self) -> list[Problem]:
        """Return a problem for each module of the app with hooks that nothing registers."""
        from hosting.extensions._loose_hooks import loose_hooks

        return loose_hooks(self._app_root, self._registry.ordered, self._config.load) if self._frozen else []

    def _problems(self) -> list[Problem]:
        extensions = self._registry.ordered
        problems = document.missing_problems(self._registry, enabled=self.enabled)
        problems += document.extension_problems(extensions)
        problems += [] if self.enabled else document.switched_off_problems(extensions)
        problems += self.name_problems()
        return [*(one for one in self._registry.unreadable if one not in problems), *problems]

    def _check_start(self) -> None:
        """Stop the start where an extension is missing, or the host is strict and an extension has an error."""
        problems = document.missing_problems(self._registry, enabled=self.enabled)
        if self._strict:
            problems += document.strict_problems(self._registry.ordered)
        document.raise_errors(problems)
