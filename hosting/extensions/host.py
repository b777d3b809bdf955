"""The extension host: finds, orders, configures, runs and explains the extensions of one function app."""

from __future__ import annotations

import functools
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, Any

from hosting.authoring import Pending, pending
from hosting.core import Function, Problem
from hosting.errors import ExtensionError, FrozenError
from hosting.extensions import _config, _sdk
from hosting.extensions._discovery import installed_entry_points
from hosting.extensions._failures import report
from hosting.extensions._hooks import FUNCTION, Level, level_of
from hosting.extensions._lifespan import call_now, call_on_loop
from hosting.extensions._model import Extension, Hook, Status
from hosting.extensions._optin import OptIns
from hosting.extensions._registry import Roster
from hosting.extensions.diagnostics import document
from hosting.extensions.dispatch.invoker import Invoker
from hosting.extensions.dispatch.runtime import Monitor
from hosting.extensions.dispatch.watchdog import Clock

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.extensions.dispatch.compiler import Chain, Compiler
    from hosting.extensions.dispatch.thread_pool import ThreadPool


class ExtensionHost:
    """The extensions of one app, from discovery to shutdown. Hosts share nothing with each other.

    The calls come in this order: ``discover``, the app's import inside ``importing``, ``load``, ``invoker`` for each
    function, ``startup``, invocations, ``shutdown``. After ``load`` the host is frozen.

    Args:
        environ: where the flags are read from.
        section: host.json's ``extensionHost``.
        strict: whether any extension that errs before the host serves is fatal.
        worker: whether Azure's worker imports the app: its extension classes are those that the SDK has registered, and
            where that worker calls them itself (until Python 3.12) they are left to it.

    Raises:
        SettingsError: the section is not what it should be.
    """

    def __init__(
        self,
        *,
        environ: Mapping[str, str],
        section: Mapping[str, Any] | None = None,
        strict: bool = False,
        worker: bool = False,
    ) -> None:
        self._config = _config.read(section, environ)
        self._environ = dict(environ)
        self._strict = strict
        self._frozen = False
        self._worker = worker
        self._roster = Roster(self._config, worker=worker)
        self._pending = Pending()
        self._root: Path | None = None
        self._functions: Sequence[Function] = ()
        self._optins = OptIns((), self._pending, self._config)
        self._configured: set[Extension] = set()
        self._left_out: set[tuple[Extension, str]] = set()
        self._chains: dict[Function, Chain | None] = {}
        self._invokers: list[Invoker] = []
        self._changing = threading.RLock()
        self._clock = Clock(self._config.budgets.hook)
        self._monitor = Monitor(self._config.quarantine_after, self._quarantine)

    @property
    def enabled(self) -> bool:
        """Whether ``PYTHON_ENABLE_WORKER_EXTENSIONS`` is true; if not, nothing is imported and no hook runs."""
        return self._config.enabled

    @property
    def _info(self) -> dict[str, Any]:
        return document.tree(self._roster.line, {one.name: self._serving(one) for one in self._functions})

    def discover(self) -> None:
        """Find the installed extensions, import those of group ``hosting`` and call their ``init``.

        Raises:
            FrozenError: the host is loaded already.
        """
        self._refuse_frozen("discover")
        if self.enabled:
            self._roster.find()
            self._roster.import_eager()
            self._roster.initialise()

    def register(self, name: str, target: Any) -> None:
        """Add an extension that no entry point names, for instance in a test; ``load`` calls its ``init``.

        Args:
            name: its name, as an entry point would give it.
            target: a module, an object, or a class, with hook implementations.

        Raises:
            FrozenError: the host is loaded already.
        """
        self._refuse_frozen("register")
        self._roster.add(name, target)

    @contextmanager
    def importing(self, root: Path) -> Iterator[None]:
        """Stand by while the app at ``root`` is imported: takes over what its modules register and configure."""
        self._refuse_frozen("importing")
        pending.take()
        self._root = root
        pending.hosted = True
        try:
            with _sdk.script_root(root), self._roster.collecting() if self.enabled else nullcontext():
                yield
        finally:
            pending.hosted = False
            self._pending = pending.take()

    def load(self, functions: Sequence[Function]) -> None:
        """Settle who is for which function, configure, call the load hooks, compile the chains, and freeze.

        Raises:
            ExtensionError: a required extension is not there; or, where strict, any extension erred.
            FrozenError: the host is loaded already.
        """
        self._refuse_frozen("load")
        self._frozen = True
        self.admit(functions)
        self._judge()

    def admit(self, functions: Sequence[Function]) -> None:
        """Take in functions after ``load``, for a worker that loads them one at a time; extensions stay as they are."""
        self._functions = [*self._functions, *functions]
        self._chains.update(dict.fromkeys(functions, None))
        if not self.enabled:
            return
        self._pending.add(pending.take())
        if self._worker:
            self._roster.take_registered(self._environ.get(_sdk.SCRIPT_ROOT, "."))
        self._optins = OptIns(self._functions, self._pending, self._config)
        self._roster.import_wanted(self._optins.wanted)
        self._roster.initialise()
        self._configure()
        self._configure_functions(functions)
        self._call_load_hooks(functions)
        with self._changing:
            self._compile()
        if any(self._chains.values()):
            self._clock.start()

    def invoker(self, function: Function, pool: ThreadPool) -> Invoker:
        """Bind one function with its hooks: its ``invoke`` is what the host awaits for each invocation.

        An async function runs in the caller's task, a sync one in ``pool``.
        """
        with self._changing:
            invoker = Invoker(function, self._chains.get(function), pool, self.budget)
            self._invokers.append(invoker)
        return invoker

    def chain(self, function: Function) -> Chain | None:
        """One function's compiled hooks as of now; None where no hook is for it."""
        return self._chains.get(function)

    @property
    def left_to_worker(self) -> list[str]:
        """The names of those extension classes that Azure's worker calls itself, so that this host does not."""
        return [one.name for one in self._roster.sdk if one.reason == _sdk.BY_WORKER]

    @property
    def budget(self) -> float:
        """Seconds that one hook may take."""
        return self._config.budgets.hook

    async def startup(self) -> None:
        """The host begins to serve: call the ``startup`` hooks on this loop, in order.

        Raises:
            ExtensionError: one failed, and the host is strict.
        """
        for hook in self._roster.hooks("startup"):
            await call_on_loop(hook, self._config.budgets.startup)
        self._judge()

    async def shutdown(self) -> None:
        """The host has drained: call the ``shutdown`` hooks on this loop, in reverse order."""
        for hook in reversed(self._roster.hooks("shutdown")):
            await call_on_loop(hook, self._config.budgets.shutdown)
        self._clock.stop()

    def pause(self, name: str) -> None:
        """Take an extension out of every chain until ``resume``.

        Raises:
            ExtensionError: no such extension is loaded.
        """
        self._switch(name, "paused")

    def resume(self, name: str) -> None:
        """Put a paused or quarantined extension back.

        Raises:
            ExtensionError: no such extension is loaded.
        """
        self._switch(name, "active")

    def verify(self) -> list[dict[str, Any]]:
        """Check the files of each distribution that brings an extension, a binding or a storage against its RECORD.

        Returns:
            The document's ``verification``; a ``status`` of ``tampered`` means that files differ. Imports nothing.
        """
        from hosting.extensions.diagnostics import integrity

        return integrity.verify(installed_entry_points())

    def diagnosis(self, *, verify: bool = False) -> dict[str, Any]:
        """The whole state as a JSON document, live on a running host.

        Where extensions are switched off it lists, from metadata alone, what would be activated.

        Args:
            verify: whether to add ``verification``, and a problem for each distribution that is tampered with.
        """
        if not (self.enabled and self._frozen):
            self._roster.find()
        line = self._roster.line
        problems, verification = self._problems(), []
        if verify:
            from hosting.extensions.diagnostics.integrity import tampering

            verification = self.verify()
            problems += tampering(verification)
        told = {
            "schema_version": document.SCHEMA_VERSION,
            "enabled": self.enabled,
            "_info": self._info,
            "environment": document.environment(self._environ),
            "extensions": document.extensions_told(line, self._compiler.chains),
            "functions": [document.function_told(one, self._hooks_for(one)) for one in self._functions],
            "problems": [document.problem_told(problem) for problem in problems],
        }
        return {**told, "verification": verification} if verify else told

    def _refuse_frozen(self, what: str) -> None:
        if self._frozen:
            raise FrozenError(f"{what}: this host is loaded and can no longer change; make a new ExtensionHost")

    def _configure(self) -> None:
        """Settings reach every extension once, also the empty ones."""
        for extension in self._roster.line:
            extension.settings = self._optins.app_settings(extension.name)
        for hook in self._roster.hooks("configure"):
            if hook.extension in self._configured:
                continue
            self._configured.add(hook.extension)
            if not call_now(hook, {"settings": dict(hook.extension.settings)}, self._config.budgets.hook):
                self._roster.fail(hook.extension, "its configure raised")
        with nullcontext() if self._root is None else _sdk.script_root(self._root):
            self._roster.configure_sdk(self._functions, self._optins.at_function_level)

    def _configure_functions(self, functions: Sequence[Function]) -> None:
        """A function whose opt-in cannot be set up goes without that extension's function-level hooks."""
        for name in ("init_function", "configure_function"):
            for function in functions:
                for hook in self._roster.hooks(name):
                    if self._is_for(FUNCTION, hook.extension, function):
                        self._set_up(hook, function)

    def _set_up(self, hook: Hook, function: Function) -> None:
        arguments = {
            "function_name": function.name,
            "function_directory": function.directory,
            "settings": self._optins.settings(hook.extension.name, function),
        }
        if not call_now(hook, arguments, self._config.budgets.hook, function=function.name):
            self._left_out.add((hook.extension, function.name))

    def _call_load_hooks(self, functions: Sequence[Function]) -> None:
        for function in functions:
            arguments = {"function_name": function.name, "function_directory": function.directory}
            for hook in self._load_hooks(function):
                call_now(hook, arguments, self._config.budgets.hook, function=function.name)

    def _load_hooks(self, function: Function) -> list[Hook]:
        """App level first; for Azure's classes the function level first, as in Azure's worker."""
        app, own = "post_function_load_app_level", "post_function_load"
        sdk = [one for one in self._roster.sdk if one.status == "active"]
        hooks = [*self._roster.hooks(app), *self._roster.hooks(own)]
        hooks += [one.hooks[name] for name in (own, app) for one in sdk if name in one.hooks]
        return [hook for hook in hooks if self._is_for(level_of(hook.name), hook.extension, function)]

    def _hooks_for(self, function: Function) -> list[Hook]:
        """Every hook that runs for this function, in the order they are called."""
        set_up = [hook for name in ("init_function", "configure_function") for hook in self._roster.hooks(name)]
        chain = self._chains.get(function)
        return [
            *(hook for hook in set_up if self._is_for(FUNCTION, hook.extension, function)),
            *self._load_hooks(function),
            *(chain.guard.steps if chain else ()),
        ]

    def _serving(self, function: Function) -> list[str]:
        """The extensions that serve this function at function level, in line."""
        there = [one for one in self._roster.line if "function" in one.scopes]
        return list(dict.fromkeys(one.name for one in there if self._is_for(FUNCTION, one, function)))

    def _is_for(self, level: Level, extension: Extension, function: Function) -> bool:
        """Whether an extension's hooks of this level run for this function now."""
        if extension.status != "active":
            return False
        if level is not FUNCTION:
            return self._optins.at_app_level(extension.name, function)
        if extension.kind == "sdk":
            return _sdk.is_for(extension, function) and not self._optins.refused(extension.name, function)
        wanted = self._optins.at_function_level(extension.name, function)
        return wanted and (extension, function.name) not in self._left_out

    @cached_property
    def _compiler(self) -> Compiler:
        from hosting.extensions.dispatch.compiler import Compiler  # not before there is something to compile

        return Compiler(self._clock, self._monitor)

    def _compile(self) -> None:
        """Settle every chain anew; invocations under way end on the old one."""
        from hosting.extensions.dispatch.plan import plans

        for function in self._functions:
            chosen = functools.partial(self._chosen, function)
            made = plans(self._roster.ordering, self._roster.sdk, chosen)
            self._chains[function] = self._compiler.chain(function, made)
        for invoker in self._invokers:
            invoker.follow(self._chains.get(invoker.function))

    def _chosen(self, function: Function, level: Level, extension: Extension) -> bool:
        return self._is_for(level, extension, function)

    def _switch(self, name: str, status: Status) -> None:
        found = [one for one in self._roster.by_name(name) if one.status in ("active", "paused", "quarantined")]
        if not found:
            raise ExtensionError(f"no extension '{name}' is loaded", remedy="GET /admin/host/extensions lists them.")
        for extension in found:
            self._monitor.absolve(extension)
            extension.status = status
        with self._changing:
            self._compile()

    def _quarantine(self, extension: Extension) -> None:
        """Said once, also where several threads see the last error at a time."""
        with self._changing:
            if extension.status != "active":
                return
            extension.status = "quarantined"
            self._compile()
        report(
            extension,
            "Extension '%s' (%s) is taken out: it erred in %d invocations in a row. It comes back after a restart or "
            "POST /admin/extensions/%s/resume.",
            extension.name,
            extension.origin,
            extension.errors_in_row,
            extension.name,
        )

    def _problems(self) -> list[Problem]:
        line = self._roster.line
        found = [*self._missing(), *document.problems_of(line)]
        if not self.enabled:
            return [*found, *document.switched_off(line)]
        return [*found, *self._roster.problems(), *self._optins.problems(line), *_sdk.astray(line, self._functions)]

    def _judge(self) -> None:
        """Stop the start where a required extension is missing or, when strict, where any extension erred."""
        wrong = [problem.message for problem in self._missing()]
        if self._strict:
            wrong += [problem.message for problem in document.breaches(self._roster.line)]
        if wrong:
            self._clock.stop()
            raise ExtensionError("\n".join(wrong), remedy="'hosting diag' tells more.")

    def _missing(self) -> list[Problem]:
        return document.missing(self._roster.missing(), self._roster.line, self.enabled)
