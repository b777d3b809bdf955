"""Where a host keeps what outlives its process: a folder for each app, in the user's state directory."""

from __future__ import annotations

import hashlib
import os
import platform
from pathlib import Path

from hosting.apps.expansion import AppSettings
from hosting.errors import SettingsError

_HOST_ID = "AzureFunctionsWebHost__hostid"
_LONGEST = 32


def state_folder() -> Path:
    """The user's folder for hosts, outside any app; it may not exist yet."""
    import platformdirs  # only who keeps something needs it

    return platformdirs.user_state_path("hosting", appauthor=False)


def app_name(root: Path) -> str:
    """The name of the app's folder, and what tells it from others of that name."""
    return f"{root.name}-{_digest(root).hex()[:16]}"


def host_id(root: Path, settings: AppSettings) -> str:
    """What hosts of the same app share, and names their locks: as Azure's host makes it for an app on a machine.

    Args:
        root: the app's folder, resolved.
        settings: where ``AzureFunctionsWebHost__hostid`` may name it.

    Raises:
        SettingsError: the setting is no host id.
    """
    given = settings.get(_HOST_ID)
    if given is None:
        machine = "".join(letter for letter in platform.node() if letter.isascii() and letter.isalnum())
        number = int.from_bytes(_digest(root)[:4], "big") & 0x7FFFFFFF
        return f"{machine}-{number}".lower()[-_LONGEST:].strip("-")
    if not 0 < len(given) <= _LONGEST or not _is_plain(given):
        raise SettingsError(
            f"{_HOST_ID} is {given!r}, which is no host id.",
            remedy=f"Use up to {_LONGEST} lower-case letters, digits and single dashes inside.",
        )
    return given


def _is_plain(text: str) -> bool:
    pieces = text.split("-")
    return all(piece.isascii() and piece.isalnum() and piece == piece.lower() for piece in pieces)


def _digest(root: Path) -> bytes:
    return hashlib.sha256(os.fsencode(root)).digest()
