"""Who stands before whom: the same on every machine, whatever the order of installation.

host.json's ``order`` has the last word: the names before its ``"*"`` go first, those after it last, and what these
declare no longer counts. Among the others it is what they declare (``hosting.Order``), then pluggy's ``tryfirst`` and
``trylast``, then the name. The result is the way in; the way out mirrors it. Names compare ignoring case.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Mapping

from hosting.errors import OrderCycleError
from hosting.extensions._config import folded
from hosting.extensions._model import Extension, Hook, Mark

ANY = "*"


class Ordering:
    """Positions for one set of extensions.

    Args:
        extensions: those that are to stand in line, in any order.
        configured: host.json's ``order``.

    Raises:
        OrderCycleError: what the extensions declare goes in a circle.
    """

    def __init__(self, extensions: Iterable[Extension], configured: tuple[str, ...]) -> None:
        self._extensions = {folded(extension.name): extension for extension in extensions}
        self._first, self._last = _split([folded(name) for name in configured], self._extensions)
        free = self._extensions.keys() - {*self._first, *self._last}
        self._before = _constraints({name: self._extensions[name] for name in free})
        cycle = _cycle(self._before)
        if cycle:
            raise OrderCycleError([self._extensions[name].name for name in cycle])

    def ordered(self, marks: Mapping[str, Mark]) -> list[Extension]:
        """All extensions in order.

        Args:
            marks: by name, who asked to go first or last in this phase.
        """
        by_name = {folded(name): mark for name, mark in marks.items()}
        names = [*self._first, *_sorted(self._before, by_name), *self._last]
        return [self._extensions[name] for name in names]

    def hooks(self, name: str) -> list[Hook]:
        """The implementations of one hook, in order."""
        return self.hooks_of_any((name,))

    def hooks_of_any(self, names: tuple[str, ...]) -> list[Hook]:
        """For each extension the first of the named hooks that it has, in the order that those hooks' marks give."""
        hooks = {
            extension.name: next(extension.hooks[name] for name in names if name in extension.hooks)
            for extension in self._extensions.values()
            if not extension.hooks.keys().isdisjoint(names)
        }
        line = self.ordered({name: hook.mark for name, hook in hooks.items()})
        return [hooks[extension.name] for extension in line if extension.name in hooks]

    def reason(self, name: str, mark: Mark) -> str:
        """Why an extension stands where it stands, in a few words."""
        own = folded(name)
        if own in self._first:
            return f"number {self._first.index(own) + 1} of those that host.json puts first"
        if own in self._last:
            return f"number {self._last.index(own) + 1} of those that host.json puts last"
        earlier = self._told(self._before[own])
        later = self._told(other for other, names in self._before.items() if own in names)
        told = [f"after {earlier}"] * bool(earlier) + [f"before {later}"] * bool(later)
        told += ["tryfirst"] * (mark == 0) + ["trylast"] * (mark == 2)
        return ", ".join([*told, "then by name" if told else "by name"])

    def _told(self, names: Iterable[str]) -> str:
        return " and ".join(self._extensions[name].name for name in sorted(names))


def _split(configured: list[str], known: Iterable[str]) -> tuple[list[str], list[str]]:
    """Who goes first, and who goes last; of those that are in line."""
    at = configured.index(ANY) if ANY in configured else len(configured)
    there = set(known)
    return [name for name in configured[:at] if name in there], [name for name in configured[at + 1 :] if name in there]


def _constraints(extensions: Mapping[str, Extension]) -> dict[str, set[str]]:
    """For each extension, those that must stand before it; names that are not in line are ignored."""
    before: dict[str, set[str]] = {name: set() for name in extensions}
    for name, extension in extensions.items():
        before[name].update(other for other in map(folded, extension.order.after) if other in before)
        for other in map(folded, extension.order.before):
            if other in before:
                before[other].add(name)
    return before


def _cycle(before: Mapping[str, set[str]]) -> list[str]:
    """A circle among the constraints, told from its first name; empty where there is none."""
    if not any(before.values()):
        return []
    from graphlib import CycleError, TopologicalSorter  # most have no constraints to sort

    try:
        TopologicalSorter({name: sorted(before[name]) for name in sorted(before)}).prepare()
    except CycleError as error:
        circle = list(error.args[1])[:-1]
        start = circle.index(min(circle))
        return [*circle[start:], *circle[:start], circle[start]]
    return []


def _sorted(before: Mapping[str, set[str]], marks: Mapping[str, Mark]) -> list[str]:
    """Kahn's algorithm; among those that may stand next, the mark decides, then the name."""
    waiting = {name: len(names) for name, names in before.items()}
    after: dict[str, list[str]] = defaultdict(list)
    for name, names in before.items():
        for other in names:
            after[other].append(name)
    ready = [(marks.get(name, 1), name) for name, count in waiting.items() if not count]
    heapq.heapify(ready)
    line = []
    while ready:
        _, name = heapq.heappop(ready)
        line.append(name)
        for other in after[name]:
            waiting[other] -= 1
            if not waiting[other]:
                heapq.heappush(ready, (marks.get(other, 1), other))
    return line
