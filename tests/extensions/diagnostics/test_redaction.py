"""Redaction: settings in the diagnosis document, without their secrets and always as JSON."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting._secret_shapes import REDACTED
from hosting.extensions.diagnostics.redaction import redacted

SECRETS = [
    "password",
    "Passwd",
    "db_pwd",
    "user-pass",
    "passphrase",
    "client_secret",
    "SECRET",
    "apiKey",
    "api-key",
    "Key",
    "accessToken",
    "credentials",
    "connection",
    "ConnectionString",
    "Authorization",
    "sas",
    "blob_sas",
]


@pytest.mark.parametrize("key", SECRETS)
def test_value_under_a_secret_key_is_replaced_at_any_depth(key: str) -> None:
    """Whatever a key with the name of a secret holds is replaced, also in lists of objects."""
    settings = {"safe": [{"deep": {key: "hush"}}, ({key: {"inner": ["hush"]}},)], key: 12345, "other": "shown"}
    visible = redacted(settings)
    assert "hush" not in json.dumps(visible)
    assert "12345" not in json.dumps(visible)
    assert visible["safe"][0]["deep"][key] == visible["safe"][1][0][key] == visible[key] == REDACTED
    assert visible["other"] == "shown"


@pytest.mark.parametrize(
    "value",
    [
        "DefaultEndpointsProtocol=https;AccountName=me;AccountKey=hush;EndpointSuffix=core.windows.net",
        "Endpoint=sb://x.servicebus.windows.net/;SharedAccessKeyName=root;SharedAccessKey=hush",
        "BlobEndpoint=https://x;SharedAccessSignature=hush",
        "InstrumentationKey=hush;IngestionEndpoint=https://x",
        "Server=x;User Id=me;Password=hush;",
        "Driver=x;UID=me;PWD = hush",
        "https://x.blob.core.windows.net/c?sv=1&sig=hush",
        "postgresql://me:hush@x/db",
        "Bearer hush",
    ],
)
def test_value_that_looks_like_a_secret_is_replaced_under_any_key(value: str) -> None:
    """Connection strings, signed URLs and URLs with a password are replaced whatever their key is called."""
    assert redacted({"storage": value, "several": [value]}) == {"storage": REDACTED, "several": [REDACTED]}


@pytest.mark.parametrize(
    "settings",
    [
        {"append_to_http_response": True, "digits": 3, "ratio": 0.5, "nothing": None},
        {"url": "https://example.com/a?b=c", "mail": "me@example.com", "levels": ["info", "error"]},
        {"text": "the sky is blue", "passenger": "Ann", "disaster": False},
    ],
)
def test_settings_that_are_not_secret_are_shown(settings: dict[str, Any]) -> None:
    """Other values are shown unchanged."""
    assert redacted(settings) == settings


class BrokenRepr:
    """An object whose repr raises."""

    def __repr__(self) -> str:
        raise RuntimeError


def test_settings_that_are_not_json_are_described_as_text() -> None:
    """Settings from code may hold any object, and never break the document."""
    settings: dict[Any, Any] = {1: {2, 3}, "path": Path("x"), "nan": float("nan"), "odd": BrokenRepr(), "tuple": (1,)}
    settings["itself"] = settings
    text = json.dumps(redacted(settings), allow_nan=False)
    assert "repr raised RuntimeError" in text
    assert json.loads(text)["1"] == [2, 3]


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=9), json_values))
def test_redacted_settings_of_any_content_are_json(settings: dict[str, Any]) -> None:
    """Whatever the settings, they can be written as JSON."""
    json.dumps(redacted(settings), allow_nan=False)
