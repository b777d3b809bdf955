"""The message that stands for one version of a blob, from when it is found until its function has run."""

from __future__ import annotations

import json
from typing import NamedTuple

from hosting_storage.blobs.paths import BlobPath

POISON = "webjobs-blobtrigger-poison"
"""The queue, in the account of the blob, of the versions that a function failed on too often."""

_TYPE = "BlobTrigger"


class BlobVersion(NamedTuple):
    """A version of a blob that a function is to see."""

    function_id: str
    path: BlobPath
    etag: str
    """With its quotation marks, as HTTP has it."""
    kind: str = "BlockBlob"

    def text(self) -> str:
        """The message, in the form of Azure's host."""
        return json.dumps(
            {
                "Type": _TYPE,
                "FunctionId": self.function_id,
                "BlobType": self.kind,
                "ContainerName": self.path.container,
                "BlobName": self.path.blob,
                "ETag": self.etag,
            },
            ensure_ascii=False,
        )

    @classmethod
    def read(cls, text: str) -> BlobVersion:
        """Read a message.

        Raises:
            ValueError: it is none.
        """
        try:
            found = json.loads(text)
            if found["Type"] != _TYPE:
                raise ValueError(f"its Type is {found['Type']!r}")
            parts = [found[key] for key in ("FunctionId", "ContainerName", "BlobName", "ETag")]
            if not all(isinstance(part, str) for part in parts):
                raise ValueError("it has something else in place of a text")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"no message of a blob trigger ({type(error).__name__}: {error}): {text[:200]}") from None
        function, container, blob, etag = parts
        return cls(function, BlobPath(container, blob), quoted(etag), str(found.get("BlobType") or "BlockBlob"))


def function_id(name: str) -> str:
    """What Azure's host calls a function in what it stores."""
    return f"Host.Functions.{name}"


def quoted(etag: str) -> str:
    """An ETag with its quotation marks: lists of blobs and events leave them out."""
    return etag if etag.startswith(('"', "W/")) else f'"{etag}"'


def queue_name(host_id: str) -> str:
    """The queue between finding blobs and running functions, shared by the hosts of an app."""
    return f"azure-webjobs-blobtrigger-{host_id}"
