"""The settings of a function, whose types the host checks."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias, TypeVar

Measure: TypeAlias = Literal["time", "memory", "io"]
Output: TypeAlias = Literal["log", "file", "header"]
Name = TypeVar("Name", bound=str)


@dataclass
class ProfileSettings:
    """What is profiled, and where the profiles go.

    Raises:
        ValueError: a value is out of range, or two values exclude each other.
    """

    measure: Annotated[
        Measure | tuple[Measure, ...], "What to measure: time by call, memory, io; the total time always is."
    ] = ("time", "io")
    output: Annotated[Output | tuple[Output, ...], "Where to report: log, file (an HTML page), header."] = ("log",)
    folder: Annotated[str, "The folder for pages, relative to that of the app."] = "profiles"
    keep: Annotated[int, "The number of pages to keep for each function."] = 20
    top: Annotated[int, "The maximum number of lines in the log for the call tree, and for memory."] = 20
    interval: Annotated[float, "Seconds between two samples of the stack."] = 0.001
    rate: Annotated[float, "The share of invocations to profile, chosen at random."] = 1.0
    every: Annotated[int, "Profile one of this number of invocations."] = 1
    slower_than: Annotated[float, "Seconds; faster invocations are profiled, but not reported."] = 0.0

    def __post_init__(self) -> None:
        """Check what types cannot say."""
        self.measure, self.output = _several(self.measure), _several(self.output)
        for name in ("measure", "output", "folder"):
            if not getattr(self, name):
                raise ValueError(f"{name} must not be empty")
        for name in ("keep", "top", "every"):
            _check_range(name, getattr(self, name), 1, math.inf)
        _check_range("interval", self.interval, 0.0001, 1)
        _check_range("rate", self.rate, 0, 1)
        _check_range("slower_than", self.slower_than, 0, math.inf)
        if self.rate != 1 and self.every != 1:
            raise ValueError("'rate' and 'every' exclude each other; remove one of them")
        if "file" in self.output and "time" not in self.measure:
            raise ValueError("output 'file' shows time by call: 'measure' must include 'time'")


def _several(value: Name | tuple[Name, ...]) -> tuple[Name, ...]:
    return value if isinstance(value, tuple) else (value,)


def _check_range(name: str, value: float, minimum: float, maximum: float) -> None:
    if not minimum <= value <= maximum:
        expected = f"{minimum:g} or more" if maximum == math.inf else f"{minimum:g} to {maximum:g}"
        raise ValueError(f"{name} must be {expected}, not {value:g}")
