"""Messages and their content in a queue; names of queues."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.queues.messages import Encoding, Message, decoded, encoded
from hosting_storage.queues.names import poison_name, queue_name


@given(st.binary())
def test_bytes_in_base64_are_received_unchanged(body: bytes) -> None:
    """Bytes that are sent in Base64 are received unchanged."""
    assert decoded(encoded(body, "base64"), "base64") == body


@given(st.text())
def test_text_without_encoding_is_sent_unchanged(text: str) -> None:
    """With ``none`` the content is the text itself."""
    body = text.encode(errors="surrogatepass") if text.isascii() else text.encode("utf-8", "ignore")
    assert encoded(body, "none") == body.decode()
    assert decoded(body.decode(), "none") == body


@pytest.mark.parametrize("content", ["not Base64!", "YQ", "YQ=", "Y", "ä", "YQ==YQ=="])
def test_text_that_is_not_base64_is_refused(content: str) -> None:
    """A text that is not Base64 to the last character raises ValueError."""
    with pytest.raises(ValueError):  # noqa: PT011 - the message is Python's
        decoded(content, "base64")


def test_white_space_in_base64_is_ignored() -> None:
    """Line breaks, which some senders insert, are ignored, as in .NET."""
    assert decoded(" YW\r\nJj\n", "base64") == b"abc"


def test_bytes_that_are_not_utf8_without_encoding_are_refused() -> None:
    """Bytes that are not UTF-8 cannot be sent without encoding."""
    with pytest.raises(UnicodeDecodeError):
        encoded(b"\xff", "none")


@pytest.mark.parametrize(("body", "text"), [(b"gr\xc3\xbc\xc3\x9fe", "grüße"), (b"\xff", None), (b"", "")])
def test_message_with_a_utf8_body_has_a_text(body: bytes, text: str | None) -> None:
    """A body in UTF-8 has a text; any other body has None."""
    assert Message("1", "", body, 1).text == text


@pytest.mark.parametrize("encoding", ["base64", "none"])
def test_empty_message_stays_empty_in_either_encoding(encoding: str) -> None:
    """An empty body is an empty text in either encoding."""
    assert encoded(b"", cast("Encoding", encoding)) == ""
    assert decoded("", cast("Encoding", encoding)) == b""


@pytest.mark.parametrize("name", ["abc", "a-b", "a1-2-b", "0" * 63, "Orders-2024"])
def test_valid_queue_name_is_lowered(name: str) -> None:
    """A valid name is used in lower case."""
    assert queue_name(name) == name.lower()


@pytest.mark.parametrize("name", ["", "ab", "a" * 64, "-ab", "ab-", "a--b", "a_b", "a b", "ümlaut", "a.b", "abc\n"])
def test_invalid_queue_name_is_refused(name: str) -> None:
    """The message has the name and the rule for names."""
    with pytest.raises(ValueError, match="letters, digits and single dashes"):
        queue_name(name)


@pytest.mark.parametrize(
    ("name", "poison"),
    [("orders", "orders-poison"), ("orders-poison", None), ("a" * 56, "a" * 56 + "-poison"), ("a" * 57, None)],
)
def test_poison_queue_name_is_derived_unless_it_is_poison_or_too_long(name: str, poison: str | None) -> None:
    """A poison queue has no poison queue, and neither has a queue whose name would become too long."""
    assert poison_name(name) == poison
