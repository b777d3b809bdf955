"""What a host has done lately: the latest invocations, figures of each function, and a chart of the last hour.

Its memory is bounded whatever the host does. An invocation only adds an entry. Entries are evaluated together, when
there are many or on request: that costs a busy host a fraction of evaluating each one.
"""

from __future__ import annotations

import time
from array import array
from bisect import bisect_right
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from hosting._exceptions import error_text
from hosting._log import FAILED
from hosting._redaction import redact
from hosting.host.context import InvocationFacts
from hosting.host.invocation import Ended, RunningInvocations
from hosting.host.invocation_log import End, Fields

MAX_RECENT = 500
"""How many of the latest invocations are kept."""
SLOT_SECONDS = 10
"""How much time one point of the chart stands for."""
SLOTS = 360
"""How many points the chart has: an hour."""
MAX_SHOWN_CHARACTERS = 500
"""The length from which the text of an error or of another detail is cut."""
_BATCH = 128
"""How many entries are evaluated at once."""
_PERCENTILES = (50, 95, 99)
_BINS_PER_DOUBLING = 4
_BINS = 128
_EDGES = tuple(2.0 ** (number / _BINS_PER_DOUBLING - 10) for number in range(_BINS))
"""The upper edges of the bins of a histogram, in milliseconds: from a thousandth of one to an hour."""
_ERRORS = _BINS
"""Where in a slot the number of errors is, after the bins."""


class Recorded(NamedTuple):
    """One invocation that has ended."""

    number: int
    """Its number among those that have ended, from 1."""
    facts: InvocationFacts
    milliseconds: float
    status_code: int | None
    """The status of the response to an HTTP request."""
    error: str
    """What it failed with; empty if it succeeded."""
    trigger: Fields
    """What its trigger says about the event."""


class FunctionFigures(NamedTuple):
    """The figures of one function since the host has started."""

    invocations: int
    errors: int
    last: Recorded | None
    """The last invocation that has ended; its number is 0."""


class Recorder:
    """Keeps what is known about the invocations of one host that have ended. Used on the event loop only."""

    def __init__(self) -> None:
        # Python reuses the memory of the entry that falls out: a list of new entries beside it would cost more.
        self._recent: deque[Ended] = deque(maxlen=MAX_RECENT)
        self._unsettled = 0
        """How many of the latest entries have not been evaluated yet."""
        self._settled = 0
        self._counts: Counter[str] = Counter()
        self._errors: Counter[str] = Counter()
        self._last: dict[str, Ended] = {}
        self._slots: dict[int, array[int]] = {}
        # What to add to monotonic times: a clock that is set meanwhile does not disturb the order.
        self._epoch = time.time() - time.monotonic()

    @property
    def total(self) -> int:
        """How many invocations have ended."""
        return self._settled + self._unsettled

    @property
    def errors(self) -> int:
        """How many of them failed."""
        return self._errors.total()

    def latest(self, after: int = 0) -> Sequence[Recorded]:
        """Return the invocations that are kept whose number is above ``after``, the oldest first."""
        self.settle()
        first = self._settled - len(self._recent)
        skipped = max(0, after - first)
        entries = list(self._recent)[skipped:]
        return [_recorded(first + skipped + place, entry) for place, entry in enumerate(entries, 1)]

    def of(self, function: str) -> FunctionFigures:
        """Return the figures of a function by its name; zeros if it has not run."""
        self.settle()
        last = self._last.get(function)
        return FunctionFigures(
            self._counts[function], self._errors[function], None if last is None else _recorded(0, last)
        )

    def wall(self, monotonic: float) -> float:
        """Return a time of ``time.monotonic`` in seconds since 1970."""
        return monotonic + self._epoch

    def histograms(self) -> dict[int, dict[int, int]]:
        """Return the slots of the last hour in which invocations ended, each as the counts of its bins."""
        self.settle()
        first = int(time.monotonic()) // SLOT_SECONDS - SLOTS
        return {
            number: {place: count for place, count in enumerate(slot) if count}
            for number, slot in self._slots.items()
            if number > first
        }

    def add(self, entry: Ended) -> None:
        """Record the end of an invocation."""
        self._recent.append(entry)
        self._unsettled += 1
        if self._unsettled >= _BATCH:
            self.settle()

    def add_failure(self, invocation: InvocationFacts, end: End, trigger: Fields, error: BaseException) -> None:
        """Record the end of an invocation that failed."""
        text = redact(error_text(error))[:MAX_SHOWN_CHARACTERS]
        entry = (invocation, end, trigger, text or FAILED)
        self._errors[invocation.function] += 1
        self._slot(_slot_number(entry))[_ERRORS] += 1
        self.add(entry)

    def settle(self) -> None:
        """Evaluate what was recorded since the last time."""
        if not self._unsettled:
            return
        latest = [*islice(reversed(self._recent), self._unsettled)]  # the last one first
        names = [entry[0].function for entry in latest]
        for name in set(names):  # few: to count each in C costs less than a step of Python for every entry
            self._counts[name] += names.count(name)
            self._last[name] = latest[names.index(name)]
        self._settled += self._unsettled
        self._unsettled = 0
        number = _slot_number(latest[0])
        if number == _slot_number(latest[-1]):  # they are in order: all are of this slot
            _count(self._slot(number), [entry[1][0] for entry in latest])
        else:
            for entry in latest:
                _count(self._slot(_slot_number(entry)), [entry[1][0]])

    def _slot(self, number: int) -> array[int]:
        slot = self._slots.get(number)
        if slot is None:
            slot = self._slots[number] = array("Q", bytes(8 * (_ERRORS + 1)))
            if len(self._slots) > SLOTS:
                del self._slots[min(self._slots)]
        return slot


def attach_recorder(running: RunningInvocations) -> Recorder:
    """Record the invocations of a host from now on, and return the recorder.

    Args:
        running: the host's invocations.
    """
    recorder = Recorder()
    running.records = recorder
    return recorder


def _recorded(number: int, entry: Ended) -> Recorded:
    facts, (milliseconds, status_code), trigger, error = entry
    return Recorded(number, facts, milliseconds, status_code, error, trigger)


def _slot_number(entry: Ended) -> int:
    """Return the number of the slot in which an invocation ended."""
    return int(entry[0].started + entry[1][0] / 1000) // SLOT_SECONDS


def _count(slot: array[int], durations: list[float]) -> None:
    """Add durations to the histogram of a slot. Sorting them costs less than a logarithm for each."""
    durations.sort()
    seen, number = 0, min(bisect_right(_EDGES, durations[0]), _ERRORS - 1)
    while seen < len(durations) and number < _ERRORS - 1:
        below = bisect_right(durations, _EDGES[number], seen)
        slot[number] += below - seen
        seen, number = below, number + 1
    slot[number] += len(durations) - seen


def chart_points(histograms: Iterable[Mapping[Any, Mapping[Any, int]]]) -> dict[int, dict[str, float]]:
    """Return the points of a chart by the numbers of their slots, in their order.

    Args:
        histograms: those of each process, also after a way through JSON, which makes text of their keys.
    """
    slots: dict[int, Counter[int]] = {}
    for of_process in histograms:
        for number, counts in of_process.items():
            slot = slots.setdefault(int(number), Counter())
            slot.update({int(place): count for place, count in counts.items()})
    return {number: _point(slots[number]) for number in sorted(slots)}


def _point(slot: Counter[int]) -> dict[str, float]:
    """Return what one point of the chart has: counts, and percentiles of the durations in milliseconds."""
    count = slot.total() - slot[_ERRORS]
    shares = zip(_PERCENTILES, _percentiles(slot, count), strict=True)
    return {"invocations": count, "errors": slot[_ERRORS], **{f"p{share}": value for share, value in shares}}


def _percentiles(slot: Counter[int], count: int) -> Iterator[float]:
    """Yield the durations that the shares of ``_PERCENTILES`` do not exceed, to a tenth of their value."""
    number, seen = 0, slot[0]
    for share in _PERCENTILES:
        while seen * 100 < count * share:
            number += 1
            seen += slot[number]
        middle = _EDGES[number] * 2.0 ** (-0.5 / _BINS_PER_DOUBLING)
        yield round(middle, 3 if middle < 10 else 1)
