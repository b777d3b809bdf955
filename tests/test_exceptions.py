"""Exceptions as text: without secrets, and whatever they raise themselves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from hosting._exceptions import as_text, error_text, message_of, traceback_text, type_name
from hosting.apps.tracebacks import users_traceback
from hosting.core import Function
from hosting.extensions._failures import describe_error
from hosting.host.retry import _exception_info
from hosting.logging.fields import exception_fields


class MetaclassWithNames(type):
    """The metaclass of a class with an unreadable name."""

    @property
    def __name__(cls) -> str:  # type: ignore[override]
        raise SystemExit(3)


def raising(name: str, error: BaseException) -> BaseException:
    """Return an exception that raises ``error`` when ``name`` is read or called."""

    def refuse(*_arguments: Any) -> Any:
        raise error

    value: Any = refuse if name in ("__str__", "__repr__", "with_traceback") else property(refuse)
    kind: Any = type("Raising", (Exception,), {name: value})
    made: BaseException = kind("text")
    return made


class RaisingText(str):
    """A text that raises when it is measured or cut."""

    def __len__(self) -> int:
        raise SystemExit(3)

    def __getitem__(self, _key: Any) -> Any:
        raise SystemExit(3)


def test_text_of_an_exception_is_of_no_class_of_its_own() -> None:
    """A ``__str__`` may return a subclass with methods that raise."""
    error = type("Odd", (Exception,), {"__str__": lambda self: RaisingText("text")})()
    assert type(as_text(error)) is str
    assert error_text(error) == "Odd: text"


ERRORS = (ValueError("bad"), SystemExit(3), BaseException("bad"), KeyboardInterrupt())
ATTRIBUTES = (
    "__class__",
    "__str__",
    "__repr__",
    "__traceback__",
    "__cause__",
    "__context__",
    "__suppress_context__",
    "__notes__",
    "with_traceback",
)


FUNCTION = Function("f", "/nowhere", "/nowhere/f.py", "v2", lambda: None, is_async=False)


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("name", ATTRIBUTES)
def test_exception_that_raises_when_it_is_shown_is_described(name: str, error: BaseException) -> None:
    """In an extension's diagnosis, in a log line, to a retry, and in a response."""
    try:
        raise raising(name, error)
    except Exception as raised:
        failure = describe_error("invocation", raised)
        fields = exception_fields(raised)
        retried = _exception_info(raised)
        shown = traceback_text(raised)
        users = users_traceback(raised, Path("/nowhere"), FUNCTION)
    assert isinstance(users, Exception)
    assert failure.type == "Raising"
    assert fields["type"].endswith("Raising")
    assert retried.message.startswith("Raising: ")
    assert "Raising" in shown


def test_exception_of_a_class_with_an_unreadable_name_is_described() -> None:
    """The name is the one that Python keeps."""
    kind: Any = MetaclassWithNames("Odd", (Exception,), {})
    assert error_text(kind("text")) == "Odd: text"
    assert describe_error("invocation", kind("text")).type == "Odd"


def test_message_traceback_and_name_that_are_huge_are_cut() -> None:
    """A document or a line of megabytes helps no reader."""
    kind: Any = type("N" * 1000, (Exception,), {})
    error = kind("x" * 1_000_000)
    assert type_name(error) == "N" * 200 + "... (1000 characters)"
    assert message_of(error) == "x" * 10_000 + "... (1000000 characters)"
    assert len(traceback_text(error)) < 101_000
    failure = describe_error("invocation", error)
    assert max(map(len, (failure.type, failure.message, failure.traceback))) < 101_000


def test_traceback_has_no_secrets() -> None:
    """They are masked in the line of the source, too."""
    try:
        raise ValueError("AccountKey=hush")
    except ValueError as error:
        shown = traceback_text(error)
    assert "hush" not in shown
    assert shown.endswith("ValueError: AccountKey=***")


def test_value_without_a_text_is_shown_as_its_type() -> None:
    """What it raises does not go on."""
    assert as_text(raising("__str__", SystemExit(3))) == "<Raising: its text cannot be read>"
