"""The pauses between polls of an empty queue."""

from __future__ import annotations

import random
from collections.abc import Callable

Uniform = Callable[[float, float], float]
"""Returns a random number between its two arguments."""


class Backoff:
    """Pauses that double each time, with a random deviation of up to 20 %, as in Azure's host.

    At the maximum pause, all queues of the process are polled at the same moment: polling twenty queues together takes
    a third of the processor time of polling them one by one.

    Args:
        minimum: the first pause, in seconds.
        maximum: the maximum pause, in seconds.
        uniform: the source of random numbers.
    """

    def __init__(self, minimum: float, maximum: float, uniform: Uniform = random.uniform) -> None:
        self._minimum, self._maximum, self._uniform = minimum, maximum, uniform
        self._failures = 0

    def pause(self, now: float) -> float:
        """Return the seconds to wait: first the minimum, then the minimum plus 1, 2, 4, ... times the minimum.

        Args:
            now: the event loop's time.
        """
        grown = 2.0 ** (self._failures - 1) * self._uniform(0.8, 1.2) if self._failures else 0.0
        pause = self._minimum * (1 + grown)
        if pause >= self._maximum:
            return self._maximum - now % self._maximum
        self._failures += 1
        return pause

    def reset(self) -> None:
        """Start again at the minimum, because the queue had a message."""
        self._failures = 0
