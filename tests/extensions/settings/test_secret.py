"""hosting.Secret: no way of showing it has its text, except reveal()."""

from __future__ import annotations

import copy
import dataclasses
import json
import logging
import pickle
import pprint
from collections.abc import Callable

import pytest

import hosting

TEXT = "hunter2"


@dataclasses.dataclass
class Settings:
    """Settings with a secret."""

    token: hosting.Secret


WAYS: dict[str, Callable[[hosting.Secret], object]] = {
    "repr": repr,
    "str": str,
    "format": lambda secret: f"{secret} {secret!r} {secret:>20}",
    "percent": lambda secret: "%s %r" % (secret, secret),  # noqa: UP031 - what old code does
    "pprint": pprint.pformat,
    "dataclass": lambda secret: repr(Settings(secret)),
    "asdict": lambda secret: repr(dataclasses.asdict(Settings(secret))),
    "JSON with default": lambda secret: json.dumps({"a": secret}, default=str),
    "log record": lambda secret: logging.LogRecord("a", 20, "f", 1, "%s", (secret,), None).getMessage(),
    "dir": dir,
}


@pytest.mark.parametrize("way", WAYS)
def test_secret_is_hidden_in(way: str) -> None:
    """Only reveal() returns the text."""
    secret = hosting.Secret(TEXT)
    assert TEXT not in str(WAYS[way](secret))
    assert secret.reveal() == TEXT


@pytest.mark.parametrize(
    "refused",
    [
        pickle.dumps,
        json.dumps,
        vars,
        lambda secret: setattr(secret, "_value", "x"),
        lambda secret: delattr(secret, "_value"),
        lambda secret: hosting.Secret(secret),
    ],
)
def test_secret_refuses(refused: Callable[[hosting.Secret], object]) -> None:
    """It is not written as plain text by accident, and does not change."""
    secret = hosting.Secret(TEXT)
    with pytest.raises((TypeError, AttributeError)) as caught:
        refused(secret)
    assert TEXT not in str(caught.value)
    assert secret.reveal() == TEXT


def test_secrets_are_equal_by_their_texts_and_to_nothing_else() -> None:
    """Equality and hash are those of a value; copies are the same object."""
    secret = hosting.Secret(TEXT)
    assert secret == hosting.Secret(TEXT)
    assert hash(secret) == hash(hosting.Secret(TEXT))
    assert secret != hosting.Secret("other")
    assert secret != TEXT
    assert len({secret, hosting.Secret(TEXT)}) == 1
    assert copy.copy(secret) is copy.deepcopy(secret) is secret
    assert bool(secret)
    assert not hosting.Secret("")
    assert hosting.Secret("\ud800") == hosting.Secret("\ud800")
