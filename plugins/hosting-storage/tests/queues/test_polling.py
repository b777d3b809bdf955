"""How long a listener waits before it polls again."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.queues.polling import Backoff


def test_pauses_double_from_the_minimum() -> None:
    """The first pause is the minimum; each next one adds twice as much to the minimum."""
    backoff = Backoff(0.1, 60, uniform=lambda low, high: 1.0)
    assert [backoff.pause(0) for _ in range(5)] == pytest.approx([0.1, 0.2, 0.3, 0.5, 0.9])


def test_reset_starts_again_at_the_minimum() -> None:
    """After a reset, the next pause is the minimum."""
    backoff = Backoff(0.1, 60)
    for _ in range(5):
        backoff.pause(0)
    backoff.reset()
    assert backoff.pause(0) == 0.1


@given(st.floats(0.1, 1000), st.floats(0, 1e6), st.integers(1, 60))
def test_pause_never_exceeds_the_maximum(maximum: float, now: float, times: int) -> None:
    """After any number of empty polls, a pause is between zero and the maximum."""
    backoff = Backoff(0.1, maximum)
    assert all(0 <= backoff.pause(now) <= maximum for _ in range(times))


@given(st.lists(st.floats(0, 1000), min_size=2, max_size=5))
def test_pauses_at_the_maximum_end_at_the_same_moments(nows: list[float]) -> None:
    """Idle listeners poll at the same moments, whenever each of them polled before."""
    moments = {round((now + Backoff(2, 2).pause(now)) % 2, 6) for now in nows}
    assert moments <= {0.0, 2.0}


@given(st.floats(0.8, 1.2))
def test_pause_growth_is_multiplied_by_a_random_factor(chance: float) -> None:
    """The growth of a pause is multiplied by a random factor; the minimum is not."""
    backoff = Backoff(0.1, 60, uniform=lambda low, high: chance)
    backoff.pause(0)
    assert backoff.pause(0) == pytest.approx(0.1 + 0.1 * chance)
