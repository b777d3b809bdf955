"""How long to wait before looking again for something that was not there."""

from __future__ import annotations

import random
from collections.abc import Callable

Chance = Callable[[float, float], float]
"""Gives a number between its two arguments."""


class Backoff:
    """Pauses that grow twofold, a fifth more or less by chance, as those of Azure's host.

    At the longest pause, everybody in the process waits for the same moment: to ask twenty queues in one go costs a
    third of the processor time that it costs to ask them one by one.

    Args:
        minimum: the first pause, in seconds.
        maximum: the longest one.
        chance: for tests.
    """

    def __init__(self, minimum: float, maximum: float, chance: Chance = random.uniform) -> None:
        self._minimum, self._maximum, self._chance = minimum, maximum, chance
        self._failures = 0

    def pause(self, now: float) -> float:
        """Give the seconds to wait: the minimum at first; then that and as much again, twice as much, four times ...

        Args:
            now: the event loop's time.
        """
        grown = 2.0 ** (self._failures - 1) * self._chance(0.8, 1.2) if self._failures else 0.0
        pause = self._minimum * (1 + grown)
        if pause >= self._maximum:
            return self._maximum - now % self._maximum
        self._failures += 1
        return pause

    def reset(self) -> None:
        """Something was there: begin with the minimum."""
        self._failures = 0
