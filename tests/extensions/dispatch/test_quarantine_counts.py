"""The counts of the quarantine, without a host: invocations with errors in a row, per extension."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from hosting.extensions._model import Extension
from hosting.extensions.dispatch.quarantine import Quarantine


class Counted(NamedTuple):
    """A quarantine with a limit of 3, and the extensions that reached it."""

    quarantine: Quarantine
    over: list[Extension]


@pytest.fixture
def counted() -> Counted:
    over: list[Extension] = []
    return Counted(Quarantine(3, over.append), over)


def active(name: str = "one") -> Extension:
    """Return an extension that the quarantine counts for."""
    return Extension(name, status="active")


def test_limit_is_reported_once_with_the_extension(counted: Counted) -> None:
    """The invocation that reaches the limit reports it; the extension is then forgotten."""
    extension = active()
    for invocation in ("1", "2"):
        counted.quarantine.count_error(extension, invocation)
    assert counted.over == []
    counted.quarantine.count_error(extension, "3")
    assert counted.over == [extension]
    assert (extension.failed_invocations, counted.quarantine.failing) == (set(), set())


def test_several_errors_in_one_invocation_count_once(counted: Counted) -> None:
    """The count is that of invocations, not of errors."""
    extension = active()
    for _ in range(5):
        counted.quarantine.count_error(extension, "the same")
    assert (extension.consecutive_errors, counted.over) == (1, [])


@pytest.mark.parametrize("status", ["paused", "quarantined", "failed"])
def test_errors_of_an_extension_that_is_not_active_do_not_count(counted: Counted, status: Any) -> None:
    """An invocation may end after its extension was paused or quarantined."""
    extension = active()
    extension.status = status
    counted.quarantine.count_error(extension, "1")
    assert (extension.consecutive_errors, extension.failed_invocations, counted.quarantine.failing) == (0, set(), set())


def test_end_of_a_failed_invocation_keeps_the_count_and_forgets_the_invocation(counted: Counted) -> None:
    """The invocation counts until one without an error has ended, but its id is not kept."""
    extension = active()
    counted.quarantine.count_error(extension, "1")
    counted.quarantine.end_invocation([extension], "1")
    assert (extension.consecutive_errors, extension.failed_invocations) == (1, set())
    assert counted.quarantine.failing == {extension}


def test_end_of_an_invocation_without_error_resets_only_the_extensions_that_took_part(counted: Counted) -> None:
    """An extension that the function did not use keeps its count."""
    used, unused = active("used"), active("unused")
    for extension in (used, unused):
        counted.quarantine.count_error(extension, "1")
        counted.quarantine.end_invocation([extension], "1")
    counted.quarantine.end_invocation([used], "2")
    assert (used.consecutive_errors, unused.consecutive_errors) == (0, 1)
    assert counted.quarantine.failing == {unused}


def test_extension_stays_among_the_failing_while_another_of_its_invocations_has_failed(counted: Counted) -> None:
    """Else the id of the overlapping invocation would never be forgotten."""
    extension = active()
    counted.quarantine.count_error(extension, "overlapping")
    counted.quarantine.end_invocation([extension], "good")
    assert (extension.consecutive_errors, extension.failed_invocations) == (0, {"overlapping"})
    assert counted.quarantine.failing == {extension}
    counted.quarantine.end_invocation([extension], "overlapping")
    assert (extension.failed_invocations, counted.quarantine.failing) == (set(), set())


def test_reset_starts_the_count_from_zero(counted: Counted) -> None:
    """Pause and resume forget the errors, also those of invocations under way."""
    extension = active()
    for invocation in ("1", "2"):
        counted.quarantine.count_error(extension, invocation)
    counted.quarantine.reset(extension)
    assert (extension.consecutive_errors, extension.failed_invocations, counted.quarantine.failing) == (0, set(), set())
    for invocation in ("3", "4"):
        counted.quarantine.count_error(extension, invocation)
    assert counted.over == []
