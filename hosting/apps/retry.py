"""Retry policies of function.json, host.json and ``@app.retry``, with the checks of Azure's host."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from hosting.apps.timespans import parse_timespan
from hosting.core import Retry
from hosting.errors import FunctionLoadError

Strategy = Literal["fixedDelay", "exponentialBackoff"]
_RETRY_NAMES = {
    "strategy": "strategy",
    "max_retry_count": "maxRetryCount",
    "delay_interval": "delayInterval",
    "minimum_interval": "minimumInterval",
    "maximum_interval": "maximumInterval",
}


def retry_settings(sdk_function: Any) -> dict[str, Any] | None:
    """Return the retry policy of a function of the SDK in its JSON form; None if it has none."""
    settings = sdk_function.get_settings_dict("retry_policy")
    return {camel: settings.get(snake) for snake, camel in _RETRY_NAMES.items()} if settings else None


def read_retry(policy: Any) -> Retry:
    """Return the retry policy of its JSON form, which function.json, host.json and the SDK's decorator share.

    Args:
        policy: an object with ``strategy``, ``maxRetryCount`` and the intervals, as ``HH:MM:SS`` or ``D.HH:MM:SS``.

    Raises:
        FunctionLoadError: a value is missing, or Azure's host does not accept it.
    """
    if not isinstance(policy, Mapping):
        raise _wrong("the policy", "an object", policy)
    strategy = _strategy(policy.get("strategy"))
    count = _count(policy.get("maxRetryCount"))
    if strategy == "fixedDelay":
        return Retry(strategy, count, delay=_seconds("delayInterval", policy))
    minimum, maximum = _seconds("minimumInterval", policy), _seconds("maximumInterval", policy)
    if minimum > maximum:
        raise _wrong("maximumInterval", "at least minimumInterval", policy["maximumInterval"])
    return Retry(strategy, count, minimum=minimum, maximum=maximum)


def _strategy(value: Any) -> Strategy:
    spelled = value.replace("_", "").lower() if isinstance(value, str) else ""
    if spelled == "fixeddelay":
        return "fixedDelay"
    if spelled == "exponentialbackoff":
        return "exponentialBackoff"
    raise _wrong("strategy", "fixedDelay or exponentialBackoff", value)


def _count(value: Any) -> int:
    try:
        count = int(str(value))
    except ValueError:
        count = -2
    if count < -1:
        raise _wrong("maxRetryCount", "a whole number, or -1 for no limit", value)
    return count


def _seconds(name: str, policy: Mapping[str, Any]) -> float:
    text = str(policy.get(name))
    seconds = parse_timespan(text)
    # Elsewhere a time span may omit its seconds, and a number alone means days; Azure's worker rejects both here.
    if seconds is None or text.count(":") != 2:
        raise _wrong(name, "a time span such as 00:00:10", policy.get(name))
    return seconds


def _wrong(name: str, expected: str, value: Any) -> FunctionLoadError:
    return FunctionLoadError(
        f"retry policy: {name}: expected {expected}, found {'nothing' if value is None else repr(value)}",
        remedy="fixedDelay needs maxRetryCount and delayInterval; "
        "exponentialBackoff needs maxRetryCount, minimumInterval and maximumInterval.",
    )
