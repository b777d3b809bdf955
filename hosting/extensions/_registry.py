"""Registry of a host's extensions: discovers, imports, registers and orders them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import TYPE_CHECKING, Any

from hosting._exceptions import as_repr
from hosting._text import did_you_mean
from hosting.core import Function, Problem
from hosting.errors import ExtensionError, OrderCycleError
from hosting.extensions import _sdk
from hosting.extensions._config import Config, fold_name
from hosting.extensions._discovery import DISABLED, OFF, EntryPoint, discover, has_guards, read_installed
from hosting.extensions._failures import describe_error, record_failure, record_late, run_isolated
from hosting.extensions._hooks import ANSWERING_HOOKS
from hosting.extensions._model import EAGER, GUARDS, ON_DEMAND, RUNNING, Extension, Hook, Priority
from hosting.extensions._ordering import ANY, Ordering
from hosting.extensions._start_monitor import StartMonitor

if TYPE_CHECKING:
    from hosting.app_handle import SharedApp
    from hosting.extensions._local import LocalEntry
    from hosting.extensions._preparation import Preparation
    from hosting.extensions._typed_settings import TypedSettings
    from hosting.extensions.settings.layers import RawSettings


class Registry:
    """The extensions of one host.

    Args:
        config: the configuration of the host.
        monitor: names extensions that keep the start waiting.
        in_azure_worker: whether Azure's worker imports the app.
    """

    def __init__(self, config: Config, monitor: StartMonitor, *, in_azure_worker: bool = False) -> None:
        self._config = config
        self._monitor = monitor
        self._own: list[Extension] = []
        """The extensions that are not classes of Azure's interface."""
        self._entry_points: dict[int, EntryPoint] = {}
        self.unreadable: list[Problem] = []
        """A problem for each installed distribution whose metadata cannot be read."""
        self._has_read_metadata = False
        self._initialized: set[int] = set()
        self._configured: set[Extension] = set()
        self._prepared: set[Extension] = set()
        self._collector = _sdk.Collector(self._watching, in_azure_worker=in_azure_worker)
        self._running: list[Extension] = []
        self.ordering = Ordering((), ())
        """The order of the running extensions, without classes of Azure's interface."""

    @property
    def sdk(self) -> list[Extension]:
        """The classes and instances of Azure's interface, in the order of registration."""
        return self._collector.extensions

    @property
    def ordered(self) -> list[Extension]:
        """All extensions: the running ones in order, then the classes of Azure's interface, then the others by name."""
        rest = sorted((one for one in self._own if one not in self._running), key=lambda one: fold_name(one.name))
        return [*self._running, *self.sdk, *rest]

    def by_name(self, name: str) -> list[Extension]:
        """Return the extensions of a name, in any case."""
        return [one for one in self.ordered if fold_name(one.name) == fold_name(name)]

    def collecting(self) -> AbstractContextManager[None]:
        """Return a context manager that collects classes and instances of Azure's interface that are registered."""
        return self._collector.collecting()

    def take_registered(self, root: str) -> None:
        """Adopt what the SDK has registered, because Azure's worker imports the app at ``root``."""
        self._collector.take_registered(root)

    def find(self) -> None:
        """Read the metadata of installed distributions; further calls change nothing."""
        if self._has_read_metadata:
            return
        self._has_read_metadata = True
        installed, self.unreadable = read_installed()
        for extension, entry_point in discover(self._config, installed):
            self._own.append(extension)
            self._entry_points[id(extension)] = entry_point

    def find_guards(self) -> None:
        """Read the metadata of installed distributions where extensions are off, if one of them has a guard."""
        if not self._has_read_metadata and has_guards():
            self.find()

    def add(self, name: str, target: Any) -> None:
        """Add an extension that has no entry point.

        Args:
            name: its name.
            target: a module, an object, or a class, with hooks; or a class of Azure's interface.

        Raises:
            ExtensionError: another extension has this name.
        """
        for other in self.by_name(name):
            raise ExtensionError(
                f"the extension name {name!r} is taken by {other.entry_point} ({other.origin})",
                remedy="Register it under another name, or disable the other one.",
            )
        extension = Extension(name=name, entry_point=as_repr(target))
        self._own.append(extension)
        if not self._config.enabled:
            extension.status, extension.reason = "disabled", OFF
        elif self._config.disables(name):
            extension.status, extension.reason = "disabled", DISABLED
        elif _sdk.is_sdk_class(target):
            self._adopt(target, extension)
        else:
            self._register(extension, target)

    @property
    def has_local(self) -> bool:
        """Whether there are extensions without a package, which run in any case."""
        return any(one.is_local for one in self._own)

    def import_local(self, entries: Iterable[LocalEntry], root: str, environ: Mapping[str, str]) -> None:
        """Import and register the extensions of ``extensionHost.load``; those that fail do not stop the others.

        Args:
            entries: what host.json names.
            root: the app's folder.
            environ: the app's settings.
        """
        for entry in entries:
            text = f"{entry.module}:{entry.attribute}" if entry.attribute else entry.module
            extension = self._local(entry.name, text)
            if extension.status != "idle":
                continue
            previous = extension.error
            with self._watching(extension, "importing"):
                target = run_isolated(extension, "import", partial(entry.load, root, environ))
            if extension.error is not None and extension.error is not previous:
                extension.fail(f"its import raised {extension.error.summary}")
            else:
                self._register_local(extension, target)

    def add_local(self, found: list[tuple[str, Any]], *, is_late: bool = False) -> None:
        """Register what the app's code has passed to ``hosting.extension``; an error is recorded.

        Args:
            found: names and objects; they are removed.
            is_late: whether functions run already: one of them may register again what is registered.
        """
        while found:
            name, target = found.pop(0)
            if is_late and self._is_registered(name, target):
                continue
            extension = self._local(name, as_repr(target))
            if extension.status == "idle":
                self._register_local(extension, target)

    def add_late(self, name: str, target: Any) -> Extension | None:
        """Add an extension that the app registers when its functions are loaded: it is a failed one, and never called.

        Args:
            name: its name.
            target: its module, object or class.

        Returns:
            The extension; None if it is disabled, or registered already.
        """
        from hosting.extensions._registration import declare_late  # a mistake of the app

        if self._config.disables(name) or self._is_registered(name, target):
            return None
        extension = Extension(name=name, entry_point=as_repr(target))
        extension.is_local = True
        declare_late(extension, target)
        extension.fail("it was registered after the app's functions were loaded")
        self._own.append(extension)
        self.mark_guards()
        record_late(extension)
        return extension

    def _is_registered(self, name: str, target: Any) -> bool:
        described = _without_address(as_repr(target))
        return described in [_without_address(one.entry_point) for one in self.by_name(name)]

    def _local(self, name: str, entry_point: str) -> Extension:
        """Add an extension of the app; it is disabled if host.json says so, and fails if its name is taken."""
        others = self.by_name(name)
        extension = Extension(name=name, entry_point=entry_point)
        extension.is_local = True
        self._own.append(extension)
        if self._config.disables(name):
            extension.status, extension.reason = "disabled", DISABLED
        elif others:
            extension.fail("another extension has its name")
            error = ExtensionError(
                f"the extension name {name!r} is taken by {others[0].entry_point} ({others[0].origin})",
                remedy="Register it under another name, hosting.extension(..., name=...), or uninstall the other one.",
            )
            record_failure(extension, describe_error("registration", error))
        return extension

    def _register_local(self, extension: Extension, target: Any) -> None:
        if not _sdk.is_sdk_class(target):
            self._register(extension, target)
            return
        extension.fail("it is a class of Azure's interface")
        error = ExtensionError(
            "it is a class of Azure's interface, which registers itself when it is defined",
            remedy="Remove it from extensionHost.load, and from the call of hosting.extension.",
        )
        record_failure(extension, describe_error("registration", error))

    def import_eager(self) -> None:
        """Import the extensions of the groups that are imported at start."""
        with self.collecting():
            for extension in self._idle(EAGER, GUARDS):
                self._import(extension)

    def import_wanted(self, wanted: Callable[[str], bool]) -> None:
        """Import the function-level extensions that some function opts in to; the others stay idle.

        Args:
            wanted: returns whether any function opts in to an extension, by its name.
        """
        for extension in self._idle(ON_DEMAND):
            if wanted(extension.name):
                with self.collecting():
                    self._import(extension)
            else:
                extension.wait_for_opt_in()

    def initialize(self) -> None:
        """Order the extensions, and call ``init`` of those for which it has not been called."""
        self.mark_guards()
        self._order()
        for hook in self.ordering.hooks("init"):
            if id(hook.extension) not in self._initialized:
                self._initialized.add(id(hook.extension))
                self._call_or_fail(hook, {})

    def configure(self, settings: Callable[[str], RawSettings], typed: TypedSettings) -> None:
        """Set the settings of all extensions, and call ``configure`` of those for which it has not been called.

        Args:
            settings: returns an extension's settings by its name, as they are written.
            typed: reads the settings of extensions with a class for them.
        """
        for extension in self.ordered:
            typed.set_for_app(extension, settings(extension.name))
        if any(one.status == "failed" for one in self._running):
            self._order()
        for hook in self.hooks("configure"):
            if hook.extension not in self._configured:
                self._configured.add(hook.extension)
                self._call_or_fail(hook, {"settings": typed.for_app(hook.extension)})

    def configure_sdk(self, functions: Sequence[Function], opted_in: Callable[[str, Function], bool]) -> None:
        """Set up the classes of Azure's interface that have an entry point.

        An app-level class gets its settings, if there are any. A function-level class is instantiated for each function
        that opts in by the extension's name.
        """
        named = self._collector.named
        with self.collecting() if named else nullcontext():
            for extension in named:
                self._collector.set_up(extension, [one for one in functions if opted_in(extension.name, one)])
        self.mark_guards()

    def mark_guards(self) -> None:
        """Note which extensions the configuration names as guards, and which it requires."""
        for extension in (*self._own, *self.sdk):
            extension.is_named_guard = self._config.names_guard(extension.name)
            extension.is_required = self._config.requires(extension.name)

    @property
    def guards(self) -> list[Extension]:
        """The guards, in order, without those that a user has disabled."""
        return [one for one in self.ordered if one.is_guard and one.reason != DISABLED]

    def to_prepare(self) -> list[Hook]:
        """Return the ``prepare`` hooks that have not been called."""
        return [hook for hook in self.hooks("prepare") if hook.extension not in self._prepared]

    def prepare(self, hook: Hook, app: SharedApp, preparation: Preparation) -> None:
        """Call the ``prepare`` of an extension; one that fails is not used any more."""
        name = hook.extension.name
        self._prepared.add(hook.extension)
        app.open_routes(name)
        self._call_or_fail(hook, {"app": app.handle(name)}, partial(preparation.accept, hook.extension))
        app.close_routes(name)
        if hook.extension.status == "failed":
            app.discard(name)

    def hooks(self, name: str) -> list[Hook]:
        """Return the implementations of one hook in order, without those of Azure's interface."""
        return self.ordering.hooks(name)

    def missing(self) -> list[str]:
        """Return the names of required extensions and of guards that no loaded or idle extension has.

        Where extensions are off, these are all required names and all guards.
        """
        configured = (*self._config.required, *self._config.guards)
        if configured and not self._config.enabled:
            self.find()
        self.mark_guards()
        there = {fold_name(one.name) for one in self.ordered if _is_there(one)}
        absent = [name for name in configured if fold_name(name) not in there]
        absent += [one.name for one in self.guards if not _is_there(one)]
        return [name for at, name in enumerate(absent) if fold_name(name) not in map(fold_name, absent[:at])]

    def is_called_guard(self, name: str) -> bool:
        """Return whether the configuration or an extension of this name says that it is a guard."""
        return self._config.names_guard(name) or any(one.declared_guard for one in self.by_name(name))

    def problems(self) -> list[Problem]:
        """Return problems with unknown names in the configuration, and with distributions that cannot be read."""
        config = self._config
        names = {
            "extensionHost.order": config.order,
            "extensionHost.extensions": tuple(config.extensions),
            "extensionHost.disabled or HOSTING_DISABLE": tuple(sorted(config.disabled)),
        }
        known = {fold_name(one.name): one.name for one in self.ordered}
        unknown = [
            _unknown_name(key, name, known.values())
            for key, listed in names.items()
            for name in listed
            if name != ANY and fold_name(name) not in known
        ]
        return [*self.unreadable, *unknown]

    def _watching(self, extension: Extension, what: str) -> AbstractContextManager[None]:
        return self._monitor.watching(extension, what, self._config.budgets.load)

    def _idle(self, *groups: str) -> list[Extension]:
        return [one for one in self._own if one.group in groups and one.status == "idle"]

    def _import(self, extension: Extension) -> None:
        previous = extension.error
        with self._watching(extension, "importing"):
            target = run_isolated(extension, "import", self._entry_points[id(extension)].load)
        if extension.error is not None and extension.error is not previous:
            extension.fail(f"its import raised {extension.error.summary}")
        elif _sdk.is_sdk_class(target):
            self._adopt(target, extension)
        else:
            self._register(extension, target)

    def _adopt(self, target: Any, extension: Extension) -> None:
        self._own.remove(extension)
        self._collector.adopt(target, extension)

    def _register(self, extension: Extension, target: Any) -> None:
        """Register its hooks; an extension with one invalid hook has no hook at all."""
        from hosting.extensions._registration import register  # a cold start without extensions does not need it

        previous = extension.error
        with self._watching(extension, "creating its object"):
            run_isolated(extension, "registration", lambda: register(extension, target))
        extension.status, extension.reason = "active", ""
        if extension.error is not None and extension.error is not previous:
            extension.fail(f"it cannot be registered: {extension.error.summary}")

    def _call_or_fail(
        self, hook: Hook, arguments: dict[str, Any], accept: Callable[[Any], None] = lambda _value: None
    ) -> None:
        """Call ``init``, ``configure`` or ``prepare``; an extension that raises is not used any more."""
        from hosting.extensions._lifespan import call_now  # many extensions have no such hook

        if not call_now(hook, arguments, self._config.budgets.hook, self._monitor, accept=accept):
            hook.extension.fail_hook(hook.name)
            self._order()

    def _order(self) -> None:
        """Order the running extensions; those whose orders contradict each other fail."""
        running = [one for one in self._own if one.hooks and one.status in RUNNING]
        while True:
            try:
                self.ordering = Ordering(running, self._config.order)
                break
            except OrderCycleError as error:
                for one in [one for one in running if one.name in error.names]:
                    running.remove(one)
                    one.fail("its order is part of a cycle")
                    record_failure(one, describe_error("order", error))
        priorities = {one.name: _priority(one) for one in running}
        self._running = self.ordering.ordered(priorities)
        for one in self._running:
            one.reason = self.ordering.reason(one.name, priorities[one.name])


def _without_address(text: str | None) -> str:
    """Return the text of an object without its address, which is another one for each object of a class."""
    return (text or "").partition(" at 0x")[0]


def _is_there(extension: Extension) -> bool:
    """Return whether an extension satisfies a requirement; a guard that only Azure's worker calls does not."""
    if extension.status == "idle":
        return not (extension.is_guard and extension.reason == _sdk.LEFT_TO_WORKER)
    return extension.status in RUNNING


def _priority(extension: Extension) -> Priority:
    """Return the priority of an extension's hooks before the function; if it has none, of its other hooks."""
    priorities = [hook.priority for hook in extension.hooks.values() if hook.name in ANSWERING_HOOKS]
    priorities = priorities or [hook.priority for hook in extension.hooks.values()]
    return next((priority for priority in priorities if priority != 1), 1)


def _unknown_name(key: str, name: str, known: Iterable[str]) -> Problem:
    remedy = did_you_mean(name, known) or "Correct the name, or install the package that has it."
    return Problem("warning", f"{key} names '{name}', which is not installed.", remedy, extension=name)
