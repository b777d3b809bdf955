"""Secrets in dictionaries and lists that are fields of a log line."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

import pytest

from hosting.logging.formatters import as_json
from hosting.logging.nested import redact_value


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("data", {"user": "me", "password": "hush"}, {"user": "me", "password": "***"}),
        ("data", [{"a": {"b": [{"clientSecret": 7}]}}], [{"a": {"b": [{"clientSecret": "***"}]}}]),
        ("data", {"password": {"value": "hush"}}, {"password": "***"}),
        ("data", {"key": ["orders"], "keyboard": "qwerty"}, {"key": ["orders"], "keyboard": "qwerty"}),
        ("data", {"url": "postgresql://me:hush@db/x"}, {"url": "postgresql://me:***@db/x"}),
        (
            "headers",
            [("authorization", "hush"), (b"x-api-key", b"hush")],
            [("authorization", "***"), (b"x-api-key", "***")],
        ),
        ("words", ["password", "user"], ["password", "user"]),
        ("data", {1: {None: {"token": "hush"}}}, {1: {None: {"token": "***"}}}),
    ],
)
def test_value_inside_of_a_value_is_masked_by_its_name_or_its_shape(name: str, value: object, shown: object) -> None:
    """At any depth, also in pairs of a header's name and its value."""
    assert redact_value(name, value) == shown


class Unreadable(dict[str, str]):
    """A dictionary that raises."""

    def items(self) -> Any:
        raise ValueError


def test_value_without_secrets_is_returned_as_it_is() -> None:
    """Also of a class of the app's own."""
    value = {"a": [1, 2.5, None, True, (1, 2), OrderedDict(b="c")]}
    assert redact_value("data", value) is value
    assert redact_value("data", Unreadable(a="b")) == str(Unreadable(a="b"))


def test_value_that_is_deep_cyclic_or_large_is_masked_as_text_beyond_its_bounds() -> None:
    """It takes a bounded time, and shows no secret."""
    deep: Any = {"password": "hush"}
    for _ in range(100):
        deep = {"a": [deep]}
    cyclic: dict[str, Any] = {"password": "hush"}
    cyclic["self"] = cyclic
    large = [{"password": "hush"} for _ in range(20_000)]
    for value in (deep, cyclic, large):
        assert "hush" not in str(redact_value("data", value))


class Settings:
    """An object of the app's, which JSON shows as text."""

    def __repr__(self) -> str:
        return "Settings(password='hush')"


def test_text_of_an_object_is_masked() -> None:
    """As a message is."""
    assert "hush" not in as_json({"a": [Settings()]})
