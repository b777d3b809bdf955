"""The certificate of ``--cert`` and ``--key``: checked before the server listens."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import NoReturn

from hosting.errors import HostingError


def check_certificate(cert: Path, key: Path | None) -> None:
    """Load the certificate and its key as the server will do.

    Args:
        cert: a PEM file with the certificate, then those between it and the root; it may contain the key, too.
        key: a PEM file with the private key, not encrypted.

    Raises:
        HostingError: a file does not exist, cannot be read, is not PEM or is encrypted, or the two do not match.
    """
    for option, path in (("--cert", cert), ("--key", key)):
        if path is not None and not path.is_file():
            raise HostingError(f"{option}: there is no file {path}.", remedy="Name a PEM file.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=_refuse)
    except (OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise HostingError(
            f"--cert {cert}{f' --key {key}' if key else ''} cannot be used: {reason.replace('_', ' ').lower()}.",
            remedy="Give a certificate in PEM form and its key, not encrypted; one file may hold both.",
        ) from error


def _refuse() -> NoReturn:
    raise ValueError("the key is encrypted")  # OpenSSL would ask the terminal for a password
