"""Connection strings: SDK clients interpret them differently, so they are normalized here first."""

from __future__ import annotations

import binascii
from base64 import b64decode

DEVELOPMENT_ACCOUNT = "devstoreaccount1"
DEVELOPMENT_KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""The public key of every Azurite; not a secret."""

_CREDENTIALS = ("accountkey", "sharedaccesssignature")
_LOCAL = "http://127.0.0.1"
_PORTS = (("Blob", 10000), ("Queue", 10001), ("Table", 10002))


def normalized(text: str) -> str:
    """Return the connection string in a form that the clients of all services accept.

    ``UseDevelopmentStorage=true`` means Azurite on this machine, or at the address ``DevelopmentStorageProxyUri``.

    Raises:
        ValueError: no client can use it; the message says why, without the key.
    """
    pieces = [piece.partition("=") for piece in text.split(";") if piece.strip()]
    found = {name.strip().lower(): value.strip() for name, _, value in pieces}
    if found.get("usedevelopmentstorage", "").lower() == "true":
        return _development(found.get("developmentstorageproxyuri") or _LOCAL)
    if not any(name in _CREDENTIALS or name.endswith("endpoint") for name in found):
        raise ValueError("it has no AccountKey and no SharedAccessSignature")
    try:
        b64decode(found.get("accountkey", ""), validate=True)
    except binascii.Error:
        raise ValueError("its AccountKey is not valid Base64") from None
    return ";".join(f"{name.strip()}={value.strip()}" for name, _, value in pieces)


def _development(address: str) -> str:
    address = address.rstrip("/")
    endpoints = (f"{name}Endpoint={address}:{port}/{DEVELOPMENT_ACCOUNT}" for name, port in _PORTS)
    return ";".join((f"AccountName={DEVELOPMENT_ACCOUNT}", f"AccountKey={DEVELOPMENT_KEY}", *endpoints))
