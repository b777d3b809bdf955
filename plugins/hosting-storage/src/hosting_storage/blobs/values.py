"""Converts between blobs and the values of functions, with the converter of azure-functions."""

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

_KINDS = ("BlockBlob", "PageBlob", "AppendBlob")  # Azure's host passes their index


def decode(content: bytes, annotation: Any, metadata: Mapping[str, meta.Datum] | None = None) -> Any:
    """Return the argument of a parameter.

    Args:
        content: the content of the blob.
        annotation: the parameter's annotation: ``str`` and ``bytes`` get the content, all others an ``InputStream``.
            In a ``str``, what is not UTF-8 becomes replacement characters.
        metadata: the trigger's metadata; None for an input.
    """
    if annotation is bytes:
        return content
    if annotation is str:
        return content.decode("utf-8-sig", errors="replace")  # as the StreamReader of Azure's host
    converter: Any = meta.get_binding_registry().get("blob")  # type: ignore[no-untyped-call]
    return converter.decode(meta.Datum(content, "bytes"), trigger_metadata=metadata)


def encode(value: Any) -> bytes | None:
    """Return the content of a blob for an output value; None if no blob is to be written.

    Raises:
        TypeError: the value is not text or bytes, and has no method ``read``.
    """
    if value is None:
        return None
    converter: Any = meta.get_binding_registry().get("blob")  # type: ignore[no-untyped-call]
    try:
        datum = converter.encode(value, expected_type=None)
    except NotImplementedError:
        raise TypeError(
            f'unable to encode outgoing TypedData: unsupported type "blob" for Python type "{type(value).__name__}"; '
            "use str, bytes, or an object with a method read()"
        ) from None
    content: str | bytes = datum.value
    return content.encode() if isinstance(content, str) else content


def trigger_metadata(path: BlobPath, uri: str, properties: Mapping[str, Any]) -> dict[str, meta.Datum]:
    """Return the metadata from which the converter fills in an ``InputStream``."""
    return {
        "BlobTrigger": meta.Datum(str(path), "string"),
        "Uri": meta.Datum(uri, "string"),
        "Properties": meta.Datum(json.dumps(properties), "json"),
        "Metadata": meta.Datum(json.dumps(properties["Metadata"]), "json"),
    }


def described(found: BlobProperties) -> dict[str, Any]:
    """Return the properties of a blob by the names that Azure's host uses, with JSON values."""
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


def _time(found: datetime | None) -> str | None:
    return found.isoformat() if found else None
