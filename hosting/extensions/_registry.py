"""Who is there: extensions found, imported, registered and put in line."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from hosting._text import did_you_mean
from hosting.core import Function, Problem
from hosting.errors import ExtensionError, OrderCycleError
from hosting.extensions import _sdk
from hosting.extensions._config import Config, folded
from hosting.extensions._discovery import DISABLED, OFF, EntryPoint, discover, read_installed
from hosting.extensions._failures import describe, guarded, record
from hosting.extensions._hooks import ANSWERING_HOOKS
from hosting.extensions._lifespan import call_now
from hosting.extensions._model import EAGER, NO_OPT_IN, ON_DEMAND, RUNNING, Extension, Hook, Mark
from hosting.extensions._ordering import ANY, Ordering


class Registry:
    """The extensions of one host.

    Args:
        config: what a person asked for.
    """

    def __init__(self, config: Config, *, worker: bool = False) -> None:
        self._config = config
        self._own: list[Extension] = []
        self._entry_points: dict[int, EntryPoint] = {}
        self._unreadable: list[Problem] = []
        self._found = False
        self._initialised: set[int] = set()
        self._collector = _sdk.Collector(worker=worker)
        self._placed: list[Extension] = []
        self.ordering = Ordering((), ())

    @property
    def sdk(self) -> list[Extension]:
        """Azure's classes, in the order of registration."""
        return self._collector.extensions

    @property
    def ordered(self) -> list[Extension]:
        """Everybody: those that run, in order; Azure's classes, inside them; then those that do not run, by name."""
        rest = sorted((one for one in self._own if one not in self._placed), key=lambda one: folded(one.name))
        return [*self._placed, *self.sdk, *rest]

    def by_name(self, name: str) -> list[Extension]:
        """Return the extensions of this name, ignoring case."""
        return [one for one in self.ordered if folded(one.name) == folded(name)]

    def collecting(self) -> AbstractContextManager[None]:
        """Collect Azure's classes that are registered inside the block."""
        return self._collector.collecting()

    def take_registered(self, root: str) -> None:
        """Adopt Azure's classes that nobody collected, because Azure's worker imports the app."""
        self._collector.take_registered(root)

    def find(self) -> None:
        """Read the metadata, once."""
        if self._found:
            return
        self._found = True
        installed, self._unreadable = read_installed()
        for extension, entry_point in discover(self._config, installed):
            self._own.append(extension)
            self._entry_points[id(extension)] = entry_point

    def add(self, name: str, target: Any) -> None:
        """An extension that no entry point names.

        Raises:
            ExtensionError: the name is taken.
        """
        for other in self.by_name(name):
            raise ExtensionError(
                f"the extension name {name!r} is taken by {other.entry_point} ({other.origin})",
                remedy="Register it under another name, or switch the other one off.",
            )
        extension = Extension(name=name, entry_point=repr(target))
        self._own.append(extension)
        if not self._config.enabled:
            extension.status, extension.reason = "disabled", OFF
        elif self._config.disables(name):
            extension.status, extension.reason = "disabled", DISABLED
        elif _sdk.is_sdk_class(target):
            self._adopt(target, extension)
        else:
            self._register(extension, target)

    def import_eager(self) -> None:
        """Import the group that is imported at start."""
        with self.collecting():
            for extension in self._idle(EAGER):
                self._import(extension)

    def import_wanted(self, wanted: Callable[[str], bool]) -> None:
        """Import those function-level extensions that some function opts in to; the others stay idle."""
        for extension in self._idle(ON_DEMAND):
            if wanted(extension.name):
                with self.collecting():
                    self._import(extension)
            else:
                extension.reason = NO_OPT_IN.format(name=extension.name)

    def initialise(self) -> None:
        """Put everybody in line, and call ``init`` of those whose turn has not come yet, in order."""
        self._order()
        for hook in self.ordering.hooks("init"):
            if id(hook.extension) not in self._initialised:
                self._initialised.add(id(hook.extension))
                if not call_now(hook, {}, self._config.budgets.hook):
                    self.fail(hook.extension, "its init raised")
        self._order()

    def configure_sdk(self, functions: Sequence[Function], opted_in: Callable[[str, Function], bool]) -> None:
        """Set up the classes that an entry point names.

        An app-level one gets its settings, if any; a function-level one is made for each function that opts in by name.
        """
        named = self._collector.named
        with self.collecting() if named else nullcontext():
            for extension in named:
                self._collector.set_up(extension, [one for one in functions if opted_in(extension.name, one)])

    def hooks(self, name: str) -> list[Hook]:
        """The implementations of one hook outside Azure's classes, in order."""
        return self.ordering.hooks(name)

    def fail(self, extension: Extension, reason: str) -> None:
        """Take an extension out for good; what erred is recorded already."""
        extension.status, extension.reason = "failed", reason
        self._order()

    def missing(self) -> list[str]:
        """Required extensions that are not there; one that is idle is. Where extensions are off, none is."""
        if self._config.required and not self._config.enabled:
            self.find()
        there = {folded(one.name) for one in self.ordered if one.status in ("idle", *RUNNING)}
        return [name for name in self._config.required if folded(name) not in there]

    def problems(self) -> list[Problem]:
        """Names in host.json and the environment that nobody has, and distributions that cannot be read."""
        config = self._config
        named = {
            "extensionHost.order": config.order,
            "extensionHost.extensions": tuple(config.extensions),
            "extensionHost.disabled or HOSTING_DISABLE": tuple(sorted(config.disabled)),
        }
        known = {folded(one.name): one.name for one in self.ordered}
        strange = [
            (where, name)
            for where, names in named.items()
            for name in names
            if name != ANY and folded(name) not in known
        ]
        return [*self._unreadable, *(_unknown(where, name, known.values()) for where, name in strange)]

    def _idle(self, group: str) -> list[Extension]:
        return [one for one in self._own if one.group == group and one.status == "idle"]

    def _import(self, extension: Extension) -> None:
        failure = extension.error
        target = guarded(extension, "import", self._entry_points[id(extension)].load)
        if extension.error is not failure:
            extension.status, extension.reason = "failed", "its entry point does not load"
        elif _sdk.is_sdk_class(target):
            self._adopt(target, extension)
        else:
            self._register(extension, target)

    def _adopt(self, target: Any, extension: Extension) -> None:
        self._own.remove(extension)
        self._collector.adopt(target, extension)

    def _register(self, extension: Extension, target: Any) -> None:
        """All or nothing: an extension that breaks the contract has no hook at all."""
        from hosting.extensions._registration import register  # a cold start without extensions never gets here

        failure = extension.error
        guarded(extension, "registration", lambda: register(extension, target))
        extension.status = "active" if extension.error is failure else "failed"
        extension.reason = "" if extension.error is failure else "it breaks the contract"

    def _order(self) -> None:
        """Put those that run in line; who is part of a circle falls out of it."""
        running = [one for one in self._own if one.hooks and one.status in RUNNING]
        while True:
            try:
                self.ordering = Ordering(running, self._config.order)
                break
            except OrderCycleError as error:
                for one in [one for one in running if one.name in error.names]:
                    running.remove(one)
                    one.status, one.reason = "failed", "its order goes in a circle"
                    record(one, describe("order", error))
        marks = {one.name: _mark(one) for one in running}
        self._placed = self.ordering.ordered(marks)
        for one in self._placed:
            one.reason = self.ordering.reason(one.name, marks[one.name])


def _mark(extension: Extension) -> Mark:
    """An extension's mark is that of its hooks on the way in."""
    marks = [hook.mark for hook in extension.hooks.values() if hook.name in ANSWERING_HOOKS]
    marks = marks or [hook.mark for hook in extension.hooks.values()]
    return next((mark for mark in marks if mark != 1), 1)


def _unknown(where: str, name: str, known: Iterable[str]) -> Problem:
    remedy = did_you_mean(name, known) or "Mend the name, or install the package that brings it."
    return Problem("warning", f"{where} names '{name}', which is not installed.", remedy, extension=name)
