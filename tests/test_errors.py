"""Errors and problems for people: what is printed has no secrets."""

from __future__ import annotations

import pytest

from hosting.check.report import finding
from hosting.core import Problem
from hosting.errors import HostingError, print_error
from hosting.extensions._failures import describe_error


def test_printed_error_and_its_cause_have_no_secrets(capsys: pytest.CaptureFixture[str]) -> None:
    """The message, the remedy and the traceback of the cause are masked."""
    error = HostingError("AccountKey=hush", remedy="Fix postgresql://me:hush@db/x.")
    error.__cause__ = ValueError("Password=hush")
    print_error(error, verbose=True)
    shown = capsys.readouterr().err
    assert shown == "ValueError: Password=***\nError: AccountKey=***\n  Fix postgresql://me:***@db/x.\n"


def test_problem_and_finding_have_no_secrets() -> None:
    """Message and remedy are masked, the other fields stay."""
    problem = Problem("error", "AccountKey=hush", "Fix AccountKey=hush", "host.json", 3, "f", "e").redacted()
    assert problem == Problem("error", "AccountKey=***", "Fix AccountKey=***", "host.json", 3, "f", "e")
    found = finding("APP103", "AccountKey=hush", "Fix AccountKey=hush")
    assert (found.message, found.remedy) == ("AccountKey=***", "Fix AccountKey=***")


def test_error_of_an_extension_has_no_secrets() -> None:
    """The diagnosis shows message, remedy and traceback of an extension's exception without secrets."""
    failure = describe_error("startup", ValueError("AccountKey=hush"))
    assert failure.message == "AccountKey=***"
    assert failure.traceback == "ValueError: AccountKey=***\n"
    assert describe_error("startup", HostingError("x", remedy="Fix AccountKey=hush")).remedy == "Fix AccountKey=***"
