"""What stands in a queue, and what it stands for; names of queues."""

from __future__ import annotations

from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.queues.messages import Encoding, Message, decoded, encoded
from hosting_storage.queues.names import poison_name, queue_name


@given(st.binary())
def test_base64_carries_any_bytes(body: bytes) -> None:
    """Whatever is sent in Base64 is what is received."""
    assert decoded(encoded(body, "base64"), "base64") == body


@given(st.text())
def test_without_encoding_a_text_stands_as_it_is(text: str) -> None:
    """With ``none`` the content is the text itself."""
    body = text.encode(errors="surrogatepass") if text.isascii() else text.encode("utf-8", "ignore")
    assert encoded(body, "none") == body.decode()
    assert decoded(body.decode(), "none") == body


@pytest.mark.parametrize("content", ["not Base64!", "YQ", "YQ=", "Y", "ä", "YQ==YQ=="])
def test_what_is_not_base64_is_an_error(content: str) -> None:
    """A text that is not Base64 to the last character is not taken for it."""
    with pytest.raises(ValueError):  # noqa: PT011 - which one is Python's affair
        decoded(content, "base64")


def test_white_space_in_base64_does_not_matter() -> None:
    """Line breaks, which some senders put in, are no mistake, as in .NET."""
    assert decoded(" YW\r\nJj\n", "base64") == b"abc"


def test_bytes_that_are_no_text_need_an_encoding() -> None:
    """Bytes that are not UTF-8 cannot be sent as they are."""
    with pytest.raises(UnicodeDecodeError):
        encoded(b"\xff", "none")


@pytest.mark.parametrize(("body", "text"), [(b"gr\xc3\xbc\xc3\x9fe", "grüße"), (b"\xff", None), (b"", "")])
def test_a_message_may_be_a_text(body: bytes, text: str | None) -> None:
    """A body in UTF-8 has a text; another one has none."""
    assert Message("1", "", body, 1).text == text


@pytest.mark.parametrize("encoding", ["base64", "none"])
def test_an_empty_message_stays_empty(encoding: str) -> None:
    """No bytes are no text in either encoding."""
    assert encoded(b"", cast("Encoding", encoding)) == ""
    assert decoded("", cast("Encoding", encoding)) == b""


@pytest.mark.parametrize("name", ["abc", "a-b", "a1-2-b", "0" * 63, "Orders-2024"])
def test_names_of_queues_are_taken_in_lower_case(name: str) -> None:
    """A valid name counts in lower case."""
    assert queue_name(name) == name.lower()


@pytest.mark.parametrize("name", ["", "ab", "a" * 64, "-ab", "ab-", "a--b", "a_b", "a b", "ümlaut", "a.b", "abc\n"])
def test_names_that_no_queue_can_have_are_refused(name: str) -> None:
    """The message says which name it is, and what names are made of."""
    with pytest.raises(ValueError, match="letters, digits and single dashes"):
        queue_name(name)


@pytest.mark.parametrize(
    ("name", "poison"),
    [("orders", "orders-poison"), ("orders-poison", None), ("a" * 56, "a" * 56 + "-poison"), ("a" * 57, None)],
)
def test_poison_goes_to_a_queue_of_its_own(name: str, poison: str | None) -> None:
    """A poison queue has none itself, and neither has a queue whose name would become too long."""
    assert poison_name(name) == poison
