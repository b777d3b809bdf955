"""Fields of log lines: the category of a record."""

from __future__ import annotations

import logging

import pytest

from hosting.logging.fields import category


@pytest.mark.parametrize(
    ("name", "function", "expected"),
    [
        ("hosting.function.Hello", "Hello", "Function.Hello"),
        ("root", "Hello", "Function.Hello.User"),
        ("my.module", None, "my.module"),
        ("hosting.extensions.timer", "Hello", "Host.Extensions.Timer"),
        ("hosting.apps", None, "Host.Apps"),
    ],
)
def test_category_of_a_record_is_azures(name: str, function: str | None, expected: str) -> None:
    """Categories are named as in Azure: for the host, for a function, and for the code of its author."""
    assert category(logging.makeLogRecord({"name": name, "function": function})) == expected
