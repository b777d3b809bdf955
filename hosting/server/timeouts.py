"""Time limits of connections, and the settings for them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from hosting.errors import SettingsError


class Timeouts(NamedTuple):
    """How long a connection waits for its client; the defaults are those of Azure's server."""

    head_seconds: float = 30.0
    """In which the head of a request must be complete."""
    body_bytes_per_second: float = 240.0
    """The rate at which a body must arrive; 0 for any."""
    body_grace_seconds: float = 5.0
    """After which the rate is measured."""
    keep_alive_seconds: float = 130.0
    """Until a connection without a request is closed."""


SETTINGS = {
    "HOSTING_HEAD_TIMEOUT_SECONDS": "head_seconds",
    "HOSTING_BODY_BYTES_PER_SECOND": "body_bytes_per_second",
    "HOSTING_BODY_GRACE_SECONDS": "body_grace_seconds",
    "HOSTING_KEEP_ALIVE_SECONDS": "keep_alive_seconds",
}
"""The limit that each setting sets."""


def read_timeouts(environ: Mapping[str, str]) -> Timeouts:
    """Return the limits that settings set, each with its default.

    Raises:
        SettingsError: a setting is not a number, or is too small.
    """
    return Timeouts(**{field: _number(name, environ[name]) for name, field in SETTINGS.items() if environ.get(name)})


def _number(name: str, text: str) -> float:
    is_rate = "PER_SECOND" in name
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number) or number < 0 or (number == 0 and not is_rate):
        expected = "a number of bytes per second, or 0 for any rate" if is_rate else "a number of seconds above 0"
        raise SettingsError(
            f"{name}: expected {expected}, found {text!r}.", remedy="Correct the setting, or remove it."
        )
    return number
