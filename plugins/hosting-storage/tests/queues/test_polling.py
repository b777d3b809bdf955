"""How long a listener waits before it looks again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.queues.polling import Backoff


def test_pauses_grow_twofold_from_the_minimum() -> None:
    """The first pause is the minimum; the next ones are the minimum and as much, twice, four times as much again."""
    backoff = Backoff(0.1, 60, uniform=lambda low, high: 1.0)
    assert [backoff.pause(0) for _ in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.5, 0.9])


def test_reset_begins_again() -> None:
    """After something was found, the minimum comes first again."""
    backoff = Backoff(0.1, 60)
    for _ in range(5):
        backoff.pause(0)
    backoff.reset()
    assert backoff.pause(0) == 0.1


@given(st.floats(0.1, 1000), st.floats(0, 1e6), st.integers(1, 60))
def test_no_pause_is_longer_than_the_maximum(maximum: float, now: float, times: int) -> None:
    """However often nothing was there, a pause is never longer than the maximum, and never negative."""
    backoff = Backoff(0.1, maximum)
    assert all(0 <= backoff.pause(now) <= maximum for _ in range(times))


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=5))
def test_at_the_maximum_all_wait_for_the_same_moment(nows: list[float]) -> None:
    """Listeners that have nothing to do look at the same moments, whenever each of them looked before."""
    moments = {round((now + Backoff(2, 2).pause(now)) % 2, 6) for now in nows}
    assert moments <= {0.0, 2.0}


@given(st.floats(0.8, 1.2))
def test_chance_spreads_a_fifth_both_ways(chance: float) -> None:
    """What a pause grows by is multiplied by the chance; the minimum is not."""
    backoff = Backoff(0.1, 60, uniform=lambda low, high: chance)
    backoff.pause(0)
    assert backoff.pause(0) == pytest.approx(0.1 + 0.1 * chance)
