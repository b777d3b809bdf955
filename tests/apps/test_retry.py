"""Retry policies in the spelling of function.json and of the SDK."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting.apps.retry import read_retry
from hosting.core import Retry
from hosting.errors import FunctionLoadError


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        (
            {"strategy": "fixedDelay", "maxRetryCount": 3, "delayInterval": "00:00:10"},
            Retry("fixedDelay", 3, delay=10.0),
        ),
        (
            {"strategy": "fixed_delay", "maxRetryCount": "-1", "delayInterval": "1.00:00:00.5"},
            Retry("fixedDelay", -1, delay=86400.5),
        ),
        (
            {
                "strategy": "ExponentialBackoff",
                "maxRetryCount": 5,
                "minimumInterval": "00:00:01",
                "maximumInterval": "00:15:00",
            },
            Retry("exponentialBackoff", 5, minimum=1.0, maximum=900.0),
        ),
    ],
)
def test_policy_is_read_in_both_spellings(policy: dict[str, Any], expected: Retry) -> None:
    """Function.json and the SDK's decorator have different words; intervals are in seconds."""
    assert read_retry(policy) == expected


@given(seconds=st.integers(0, 86399))
def test_any_time_of_day_is_an_interval(seconds: int) -> None:
    """Intervals have hours, minutes and seconds."""
    text = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    assert read_retry({"strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": text}).delay == seconds


FIXED = {"strategy": "fixedDelay", "maxRetryCount": 1, "delayInterval": "00:00:10"}
BACKOFF = {
    "strategy": "exponentialBackoff",
    "maxRetryCount": 1,
    "minimumInterval": "00:00:05",
    "maximumInterval": "00:01:00",
}


@pytest.mark.parametrize(
    ("policy", "message"),
    [
        ([], "retry policy: the policy: expected an object, found []"),
        ({}, "retry policy: strategy: expected fixedDelay or exponentialBackoff, found nothing"),
        (FIXED | {"strategy": "never"}, "retry policy: strategy: expected fixedDelay or exponentialBackoff, "),
        (FIXED | {"maxRetryCount": -2}, "retry policy: maxRetryCount: expected a whole number, or -1 for no limit, "),
        (FIXED | {"maxRetryCount": None}, "retry policy: maxRetryCount: expected a whole number, or -1 for no limit, "),
        (FIXED | {"delayInterval": "10"}, "retry policy: delayInterval: expected a time span such as 00:00:10, "),
        (FIXED | {"delayInterval": "24:00:00"}, "retry policy: delayInterval: expected a time span such as 00:00:10, "),
        (BACKOFF | {"minimumInterval": None}, "retry policy: minimumInterval: expected a time span such as 00:00:10, "),
        (
            BACKOFF | {"maximumInterval": "00:00:01"},
            "retry policy: maximumInterval: expected at least minimumInterval, found '00:00:01'",
        ),
    ],
)
def test_invalid_policy_is_an_error_with_what_was_expected(policy: Any, message: str) -> None:
    """The message also has the value."""
    with pytest.raises(FunctionLoadError) as caught:
        read_retry(policy)
    assert caught.value.message.startswith(message)
