"""The queue message for one version of a blob, from its discovery until its function has run."""

from __future__ import annotations

import json
from typing import NamedTuple

from hosting_storage.blobs.paths import BlobPath

POISON = "webjobs-blobtrigger-poison"
"""The poison queue, in the blob's account, for versions on which a function failed too often."""

_TYPE = "BlobTrigger"


class BlobVersion(NamedTuple):
    """A version of a blob for which a function runs."""

    function_id: str
    path: BlobPath
    etag: str
    """The ETag with its quotation marks, as in HTTP."""
    kind: str = "BlockBlob"

    def text(self) -> str:
        """Return the message text, in the format of Azure's host."""
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
        """Parse a message.

        Raises:
            ValueError: it is not a message of a blob trigger.
        """
        try:
            found = json.loads(text)
            if found["Type"] != _TYPE:
                raise ValueError(f"its Type is {found['Type']!r}")
            parts = [found[key] for key in ("FunctionId", "ContainerName", "BlobName", "ETag")]
            if not all(isinstance(part, str) for part in parts):
                raise ValueError("a value is not a string")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"not a message of a blob trigger ({type(error).__name__}: {error}): {text[:200]}"
            ) from None
        function, container, blob, etag = parts
        return cls(function, BlobPath(container, blob), quoted(etag), str(found.get("BlobType") or "BlockBlob"))


def function_id(name: str) -> str:
    """Return the function id that Azure's host uses in stored state."""
    return f"Host.Functions.{name}"


def quoted(etag: str) -> str:
    """Return an ETag with quotation marks, which blob lists and events leave out."""
    return etag if etag.startswith(('"', "W/")) else f'"{etag}"'


def queue_name(host_id: str) -> str:
    """Return the name of the queue of found blobs, which all hosts of an app share."""
    return f"azure-webjobs-blobtrigger-{host_id}"
