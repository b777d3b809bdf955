"""The settings of a function, read and validated once."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

MEASURES = ("time", "memory", "io")
OUTPUTS = ("log", "file", "header")


class Settings(NamedTuple):
    """One function's settings."""

    measure: frozenset[str] = frozenset({"time", "io"})
    """Any of ``time`` (by call), ``memory`` and ``io``. The total time is always measured."""
    output: frozenset[str] = frozenset({"log"})
    """Any of ``log``, ``file`` and ``header``."""
    folder: Path = Path("profiles")
    """The folder for files, relative to the working directory, which is the app's folder."""
    keep: int = 20
    """The number of files to keep per function; the oldest are deleted."""
    top: int = 20
    """The maximum number of lines in the log for the call tree, and for memory."""
    interval: float = 0.001
    """Seconds between two samples of the stack."""
    rate: float = 1.0
    """The share of invocations to profile, chosen at random."""
    every: int = 1
    """Profile one of this number of invocations."""
    slower_than: float = 0.0
    """Seconds; faster invocations are profiled, but not reported."""


def read_settings(settings: Mapping[str, Any]) -> Settings:
    """Read a function's settings, from code or from host.json.

    Args:
        settings: any of the names of ``Settings``; ``measure`` and ``output`` are a name or a list of names.

    Raises:
        ValueError: a name is unknown, a value is out of range, or two values exclude each other.
        TypeError: a value has the wrong type.
    """
    unknown = sorted(settings.keys() - set(Settings._fields))
    if unknown:
        raise ValueError(f"profile: unknown setting {', '.join(unknown)}; expected: {', '.join(Settings._fields)}")
    found = Settings(
        measure=_names(settings, "measure", MEASURES),
        output=_names(settings, "output", OUTPUTS),
        folder=_folder(settings),
        keep=_count(settings, "keep"),
        top=_count(settings, "top"),
        interval=_number(settings, "interval", 0.0001, 1.0),
        rate=_number(settings, "rate", 0.0, 1.0),
        every=_count(settings, "every"),
        slower_than=_number(settings, "slower_than", 0.0, float("inf")),
    )
    if found.rate != 1 and found.every != 1:
        raise ValueError("profile: 'rate' and 'every' exclude each other; remove one of them")
    if "file" in found.output and "time" not in found.measure:
        raise ValueError("profile: output 'file' shows time by call: 'measure' must include 'time'")
    return found


def _default(name: str) -> Any:
    return Settings._field_defaults[name]


def _names(settings: Mapping[str, Any], name: str, known: tuple[str, ...]) -> frozenset[str]:
    value = settings.get(name, _default(name))
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list | tuple | set | frozenset) or not all(isinstance(one, str) for one in names):
        raise TypeError(f"profile: {name} must be a list of {', '.join(known)}, not {value!r}")
    unknown = sorted(set(names) - set(known))
    if unknown or not names:
        found = f"not {', '.join(map(repr, unknown))}" if unknown else "and not empty"
        raise ValueError(f"profile: {name} must be of {', '.join(known)}, {found}")
    return frozenset(names)


def _folder(settings: Mapping[str, Any]) -> Path:
    value = settings.get("folder", _default("folder"))
    if not isinstance(value, str | Path) or not str(value):
        raise TypeError(f"profile: folder must be a path, not {value!r}")
    return Path(value)


def _count(settings: Mapping[str, Any], name: str) -> int:
    value = settings.get(name, _default(name))
    if isinstance(value, bool) or not isinstance(value, int):
        raise TypeError(f"profile: {name} must be a whole number, not {value!r}")
    if value < 1:
        raise ValueError(f"profile: {name} must be 1 or more, not {value}")
    return value


def _number(settings: Mapping[str, Any], name: str, minimum: float, maximum: float) -> float:
    value = settings.get(name, _default(name))
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise TypeError(f"profile: {name} must be a number, not {value!r}")
    if not minimum <= value <= maximum:
        expected = f"{minimum:g} or more" if maximum == float("inf") else f"{minimum:g} to {maximum:g}"
        raise ValueError(f"profile: {name} must be {expected}, not {value:g}")
    return float(value)
