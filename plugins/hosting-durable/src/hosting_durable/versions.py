"""Versions of orchestrations: whether a host with a version of the app may run one that has another.

Source: ``TaskOrchestrationDispatcher.cs`` and ``VersioningSettings.cs`` of the Durable Task framework, which Azure's
extension gives ``defaultVersion`` as the version of the host.
"""

from __future__ import annotations

import re
from enum import Enum


class Match(Enum):
    """``versionMatchStrategy`` of host.json: which orchestrations a host runs."""

    NONE = "None"
    STRICT = "Strict"
    CURRENT_OR_OLDER = "CurrentOrOlder"


class VersionMismatch(Exception):
    """An orchestration has a version that this host does not run; the message says which."""


def check(match: Match, own: str | None, version: str | None) -> None:
    """Raise VersionMismatch for an orchestration that a host does not run.

    Args:
        match: the host's strategy.
        own: the version of the host, ``defaultVersion`` of host.json; None for none.
        version: the version of the orchestration; None for none.
    """
    order = compare(own, version)
    if (match is Match.STRICT and order) or (match is Match.CURRENT_OR_OLDER and order < 0):
        raise VersionMismatch(
            f"Orchestration version did not comply with Worker Versioning: it is '{version or ''}', and "
            f"versionMatchStrategy {match.value} of this host, with defaultVersion '{own or ''}', does not allow it."
        )


def compare(one: str | None, other: str | None) -> int:
    """Return whether a version is older than another (-1), the same (0) or newer (1); none is older than any.

    Versions of two to four numbers are compared as such, all others as texts, ignoring case.
    """
    first, second = (one or "").strip(), (other or "").strip()
    if not first or not second:
        return bool(first) - bool(second)
    numbers = _numbers(first), _numbers(second)
    if all(numbers):
        return (numbers[0] > numbers[1]) - (numbers[0] < numbers[1])
    return (first.lower() > second.lower()) - (first.lower() < second.lower())


def _numbers(text: str) -> list[int]:
    """Return the numbers of a version, ``1.0`` before ``1.0.0`` as in .NET; empty for other texts."""
    return [int(part) for part in text.split(".")] if re.fullmatch(r"\d+(\.\d+){1,3}", text, re.ASCII) else []
