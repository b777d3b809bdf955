"""The folder for an app's persistent state on this machine, and the ID that hosts of the same app share."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from hosting.app_settings import AppSettings
from hosting.errors import SettingsError

_HOST_ID = "AzureFunctionsWebHost__hostid"
_MAX_LENGTH = 32


def state_folder() -> Path:
    """Return the user's state folder for hosts, outside of any app; it may not exist yet."""
    import platformdirs  # only storing something needs it

    return platformdirs.user_state_path("hosting", appauthor=False)


def app_name(root: Path) -> str:
    """Return a unique name for an app: its folder's name, and a hash of its path."""
    return f"{root.name}-{_digest(root).hex()[:16]}"


def host_id(root: Path, settings: AppSettings) -> str:
    """Return the ID that hosts of the same app share, for the names of their locks.

    Azure's host derives it in the same way for an app on a machine: from the machine's name and the app's path.

    Args:
        root: the app's folder, resolved.
        settings: the app settings; ``AzureFunctionsWebHost__hostid`` overrides the ID.

    Returns:
        1 to 32 lower-case letters, digits and dashes.

    Raises:
        SettingsError: the setting is not a valid host ID.
    """
    configured = settings.get(_HOST_ID)
    if configured is None:
        machine = "".join(letter for letter in platform.node() if letter.isascii() and letter.isalnum())
        number = int.from_bytes(_digest(root)[:4], "big") & 0x7FFFFFFF
        return f"{machine}-{number}".lower()[-_MAX_LENGTH:].strip("-")
    if not 0 < len(configured) <= _MAX_LENGTH or not _is_valid(configured):
        raise SettingsError(
            f"{_HOST_ID} is {configured!r}, which is not a valid host ID.",
            remedy=f"Use up to {_MAX_LENGTH} lower-case letters and digits, with single dashes between them.",
        )
    return configured


def _is_valid(text: str) -> bool:
    pieces = text.split("-")
    return all(piece.isascii() and piece.isalnum() and piece == piece.lower() for piece in pieces)


def _digest(root: Path) -> bytes:
    return hashlib.sha256(os.fsencode(root)).digest()
