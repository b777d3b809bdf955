"""Messages that stand for versions of blobs."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.blobs.messages import BlobVersion, quoted
from hosting_storage.blobs.paths import BlobPath


def test_blob_message_has_the_form_of_azure() -> None:
    """A message has the form that Azure's host uses."""
    version = BlobVersion("Host.Functions.F", BlobPath("images", "a/ä.png"), '"0x1"')
    assert json.loads(version.text()) == {
        "Type": "BlobTrigger",
        "FunctionId": "Host.Functions.F",
        "BlobType": "BlockBlob",
        "ContainerName": "images",
        "BlobName": "a/ä.png",
        "ETag": '"0x1"',
    }


@given(st.text(), st.text(min_size=1), st.text(), st.sampled_from(["BlockBlob", "AppendBlob", "PageBlob"]))
def test_blob_message_is_read_back_as_it_was_written(container: str, blob: str, etag: str, kind: str) -> None:
    """A message that is written is read back unchanged."""
    version = BlobVersion("Host.Functions.F", BlobPath(container, blob), quoted(etag), kind)
    assert BlobVersion.read(version.text()) == version


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "[]",
        "3",
        "{}",
        '{"Type": "Other"}',
        '{"Type": "BlobTrigger"}',
        '{"Type":"BlobTrigger","FunctionId":1,"ContainerName":"a","BlobName":"b","ETag":"c"}',
    ],
)
def test_text_that_is_not_a_blob_message_is_refused(text: str) -> None:
    """A text in another form is refused with the text."""
    with pytest.raises(ValueError, match="not a message of a blob trigger"):
        BlobVersion.read(text)
