"""What functions get of blobs and give for them, by way of azure-functions' own converter."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from azure.functions import meta

from hosting_storage.blobs.paths import BlobPath

if TYPE_CHECKING:
    from azure.storage.blob import BlobProperties

_KINDS = ("BlockBlob", "PageBlob", "AppendBlob")  # numbered so in what Azure's host passes on


def decode(content: bytes, annotation: Any, metadata: Mapping[str, meta.Datum] | None = None) -> Any:
    """Make the argument of a parameter.

    Args:
        content: all of the blob.
        annotation: ``str`` and ``bytes`` get the content itself, every other one an ``InputStream``.
        metadata: of the trigger; an input has none.

    Raises:
        ValueError: the content is not text, where text is asked for.
    """
    if annotation is bytes:
        return content
    if annotation is str:
        return _text(content)
    converter: Any = meta.get_binding_registry().get("blob")  # type: ignore[no-untyped-call]
    return converter.decode(meta.Datum(content, "bytes"), trigger_metadata=metadata)


def encode(value: Any) -> bytes | None:
    """Make the content of a blob of what a function gave; None stands for no blob.

    Raises:
        TypeError: it is neither text nor bytes, nor has it a method ``read``.
    """
    if value is None:
        return None
    converter: Any = meta.get_binding_registry().get("blob")  # type: ignore[no-untyped-call]
    try:
        datum = converter.encode(value, expected_type=None)
    except NotImplementedError:
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "blob" for Python type "{type(value).__name__}"; '
            "give str, bytes, or an object with a method read()"
        ) from None
    content: str | bytes = datum.value
    return content.encode() if isinstance(content, str) else content


def trigger_metadata(path: BlobPath, uri: str, properties: Mapping[str, Any]) -> dict[str, meta.Datum]:
    """What the converter makes a stream's name, address, length, properties and metadata of."""
    return {
        "BlobTrigger": meta.Datum(str(path), "string"),
        "Uri": meta.Datum(uri, "string"),
        "Properties": meta.Datum(json.dumps(properties), "json"),
        "Metadata": meta.Datum(json.dumps(properties["Metadata"]), "json"),
    }


def described(found: BlobProperties) -> dict[str, Any]:
    """The properties of a blob under the names of Azure's host, with values that JSON has."""
    settings, lease, copy = found.content_settings, found.lease, found.copy
    kind = getattr(found.blob_type, "value", found.blob_type)
    return {
        "LastModified": _time(found.last_modified),
        "CreatedOn": _time(found.creation_time),
        "Metadata": dict(found.metadata or {}),
        "BlobType": _KINDS.index(kind) if kind in _KINDS else None,
        "CopyId": copy.id,
        "CopySource": copy.source,
        "CopyProgress": copy.progress,
        "CopyStatusDescription": copy.status_description,
        "LeaseStatus": lease.status,
        "LeaseState": lease.state,
        "LeaseDuration": lease.duration,
        "ContentLength": found.size,
        "ContentType": settings.content_type,
        "ContentEncoding": settings.content_encoding,
        "ContentLanguage": settings.content_language,
        "ContentDisposition": settings.content_disposition,
        "ContentHash": base64.b64encode(settings.content_md5).decode() if settings.content_md5 else None,
        "CacheControl": settings.cache_control,
        "ETag": found.etag,
        "AccessTier": found.blob_tier,
        "VersionId": getattr(found, "version_id", None),
        "IsServerEncrypted": found.server_encrypted,
    }


def _text(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the blob is not text in UTF-8 (byte {error.start} is {content[error.start]:#04x}); annotate the "
            "parameter with bytes or func.InputStream"
        ) from None


def _time(found: datetime | None) -> str | None:
    return found.isoformat() if found else None
