"""Extension ordering: a deterministic topological sort, independent of the order of installation.

``order`` in host.json decides first: the names before its ``"*"`` come first, those after it last, and their own
``hosting.Order`` no longer counts. Among the others ``hosting.Order`` decides, then ``tryfirst`` and ``trylast``, then
the name. This is the order before the function; after it, the order is reversed. Names are equal in any case.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping

from hosting.errors import OrderCycleError
from hosting.extensions._config import fold_name
from hosting.extensions._model import Extension, Hook, Priority

ANY = "*"


class Ordering:
    """The order of a set of extensions.

    Args:
        extensions: the extensions, in any order.
        configured: ``order`` of host.json.

    Raises:
        OrderCycleError: the ``hosting.Order`` of some extensions contradict each other.
    """

    def __init__(self, extensions: Iterable[Extension], configured: tuple[str, ...]) -> None:
        self._extensions = {fold_name(extension.name): extension for extension in extensions}
        self._first, self._last = _split([fold_name(name) for name in configured], self._extensions)
        free = self._extensions.keys() - {*self._first, *self._last}
        self._before = _predecessors({name: self._extensions[name] for name in free})
        cycle = _cycle(self._before)
        if cycle:
            raise OrderCycleError([self._extensions[name].name for name in cycle])

    def ordered(self, priorities: Mapping[str, Priority]) -> list[Extension]:
        """Return all extensions in order.

        Args:
            priorities: the ``tryfirst`` and ``trylast`` that count, by the extension's name.
        """
        by_name = {fold_name(name): priority for name, priority in priorities.items()}
        names = [*self._first, *_sorted(self._before, by_name), *self._last]
        return [self._extensions[name] for name in names]

    def hooks(self, name: str) -> list[Hook]:
        """Return the implementations of one hook in order."""
        return self.hooks_of_any((name,))

    def hooks_of_any(self, names: tuple[str, ...]) -> list[Hook]:
        """Return of each extension the first of the named hooks that it has, in the order that those hooks give."""
        hooks = {
            extension.name: next(extension.hooks[name] for name in names if name in extension.hooks)
            for extension in self._extensions.values()
            if not extension.hooks.keys().isdisjoint(names)
        }
        ordered = self.ordered({name: hook.priority for name, hook in hooks.items()})
        return [hooks[extension.name] for extension in ordered if extension.name in hooks]

    def reason(self, name: str, priority: Priority) -> str:
        """Return in a few words why an extension has its position.

        Args:
            name: the extension's name.
            priority: its ``tryfirst`` or ``trylast``.
        """
        own = fold_name(name)
        if own in self._first:
            return f"number {self._first.index(own) + 1} of those that host.json puts first"
        if own in self._last:
            return f"number {self._last.index(own) + 1} of those that host.json puts last"
        earlier = self._listed(self._before[own])
        later = self._listed(other for other, names in self._before.items() if own in names)
        reasons = [f"after {earlier}"] * bool(earlier) + [f"before {later}"] * bool(later)
        reasons += ["tryfirst"] * (priority == 0) + ["trylast"] * (priority == 2)
        return ", ".join([*reasons, "then by name" if reasons else "by name"])

    def _listed(self, names: Iterable[str]) -> str:
        return " and ".join(self._extensions[name].name for name in sorted(names))


def _split(configured: list[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Return the known names before the ``"*"`` of host.json's order, and those after it."""
    at = configured.index(ANY) if ANY in configured else len(configured)
    names = set(known)
    return [name for name in configured[:at] if name in names], [name for name in configured[at + 1 :] if name in names]


def _predecessors(extensions: Mapping[str, Extension]) -> dict[str, set[str]]:
    """Return for each extension those that must come before it; unknown names are ignored."""
    before: dict[str, set[str]] = {name: set() for name in extensions}
    for name, extension in extensions.items():
        before[name].update(other for other in map(fold_name, extension.order.after) if other in before)
        for other in map(fold_name, extension.order.before):
            if other in before:
                before[other].add(name)
    return before


def _cycle(before: Mapping[str, set[str]]) -> list[str]:
    """Return a cycle from its first name in the alphabet on; empty if there is none."""
    if not any(before.values()):
        return []
    from graphlib import CycleError, TopologicalSorter  # most hosts have nothing to sort

    try:
        TopologicalSorter({name: sorted(before[name]) for name in sorted(before)}).prepare()
    except CycleError as error:
        cycle = list(error.args[1])[:-1]
        start = cycle.index(min(cycle))
        return [*cycle[start:], *cycle[:start], cycle[start]]
    return []


def _sorted(before: Mapping[str, set[str]], priorities: Mapping[str, Priority]) -> list[str]:
    """Sort with Kahn's algorithm; among names that can come next, the priority decides, then the name."""
    waiting = {name: len(names) for name, names in before.items()}
    after: dict[str, list[str]] = defaultdict(list)
    for name, names in before.items():
        for other in names:
            after[other].append(name)
    ready = [(priorities.get(name, 1), name) for name, count in waiting.items() if not count]
    heapq.heapify(ready)
    result = []
    while ready:
        _, name = heapq.heappop(ready)
        result.append(name)
        for other in after[name]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, (priorities.get(other, 1), other))
    return result
