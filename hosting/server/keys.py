"""The keys of an app: created once and kept in the user's state directory, readable by that user only.

One secret is stored for each app, and every key is derived from it: a new function has its key at once, and hosts
that start at the same time agree without a lock. A key that is rotated gets a number, from which it is derived as well.
"""

from __future__ import annotations

import errno
import hmac
import json
import os
import secrets
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from hosting._files import write_atomically
from hosting.apps.state import app_name, state_folder
from hosting.errors import HostingError

MASTER, DEFAULT = "master", "default"

_FOLDER = "keys"
_SECRET_BYTES, MIN_SECRET_BYTES = 32, 16


class Rotation(NamedTuple):
    """What the file says about a key that was rotated."""

    number: int
    """How many times."""
    until: float
    """Until when the previous key is accepted, in seconds of Unix time."""


class KeySource(Protocol):
    """Where the accepted keys come from."""

    def accepted(self, *names: str) -> Sequence[str]:
        """Return the keys of these names that are accepted now, previous ones included."""


class Keys:
    """The keys of one app: ``master`` for everything, ``default`` for every function, one per function and webhook.

    Args:
        secret: the app's secret, from which all keys are derived.
        rotations: the rotations of keys, by the names that ``function_key`` and its siblings return.
    """

    problems: Sequence[str] = ()

    def __init__(self, secret: bytes, rotations: Mapping[str, Rotation] | None = None) -> None:
        self._secret = secret
        self._rotations = rotations or {}
        self._derived: dict[str, str] = {}
        self.master = self.named(MASTER)
        self.default = self.named(DEFAULT)

    def of(self, function: str) -> str:
        """Return the key of a function, by its name in any case."""
        return self.named(function_key(function))

    def of_system(self, name: str) -> str:
        """Return the system key of that name, in any case."""
        return self.named(system_key(name))

    def named(self, name: str) -> str:
        """Return the key of a name that ``function_key`` or one of its siblings returns."""
        rotation = self._rotations.get(name)
        return self._derive(name, 0 if rotation is None else rotation.number)

    def accepted(self, *names: str) -> Sequence[str]:
        """Return the keys of these names that are accepted now, previous ones included."""
        keys = [self.named(name) for name in names]
        if self._rotations:
            rotated = ((name, self._rotations[name]) for name in names if name in self._rotations)
            keys += [self._derive(name, one.number - 1) for name, one in rotated if time.time() < one.until]
        return keys

    def _derive(self, name: str, number: int) -> str:
        purpose = f"{name} {number}" if number else name
        key = self._derived.get(purpose)
        if key is None:
            key = self._derived[purpose] = hmac.digest(self._secret, purpose.encode(), "sha256").hex()
        return key


def function_key(function: str) -> str:
    """Return the name of a function's key, by the function's name in any case."""
    return f"function {function.lower()}"


def system_key(name: str) -> str:
    """Return the name of the key of a webhook, by the name of its system key in any case."""
    return f"system {name.lower()}"


def matches_any(candidate: str, keys: Iterable[str]) -> bool:
    """Return whether ``candidate`` is one of ``keys``, in a time that says nothing about them."""
    encoded = candidate.encode()
    return sum(hmac.compare_digest(encoded, key.encode()) for key in keys) > 0


def keys_file(root: Path) -> Path:
    """Return the path of the file with the secret of the app in ``root``; it is outside the app."""
    return state_folder() / _FOLDER / f"{app_name(root.resolve())}.json"


def load_keys(root: Path) -> Keys:
    """Return the keys of the app in ``root``, created now if it has none yet.

    Raises:
        HostingError: the keys can be neither read nor written.
    """
    return _keys(_load(root), keys_file(root))


def rotate(root: Path, name: str, overlap_seconds: float) -> Keys:
    """Replace one key by a new one, and return all keys of the app in ``root``.

    Args:
        root: the folder of the app.
        name: the name of the key, as ``function_key`` or one of its siblings returns it.
        overlap_seconds: how long the key that is replaced is still accepted; the one before it no longer is.

    Raises:
        HostingError: the keys can be neither read nor written.
    """
    path, document = keys_file(root), _load(root)
    number = _rotations(_checked(document, path)).get(name, Rotation(0, 0.0)).number + 1
    rotation = {"number": number, "until": time.time() + overlap_seconds}
    document["rotations"] = {**document.get("rotations", {}), name: rotation}
    try:
        write_atomically(path, json.dumps(document), mode=0o600)
    except OSError as error:
        raise _not_kept(path, error) from error
    return _keys(document, path)


def _load(root: Path) -> dict[str, Any]:
    """Return the content of the file, which is created if there is none."""
    path = keys_file(root)
    try:
        if not path.exists():
            _create(path, root.resolve())
        _close_to_others(path)
        document = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise _not_kept(path, error) from error
    except ValueError as error:
        raise _unreadable(path, "is not JSON") from error
    return _checked(document, path)


def _checked(document: Any, path: Path) -> dict[str, Any]:
    """Return the document of a file with keys.

    Raises:
        HostingError: it has no secret that keys can be derived from, or rotations that are none.
    """
    try:
        size = len(bytes.fromhex(document["secret"]))
        _rotations(document)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _unreadable(path, "does not have the content of such a file") from error
    if size < MIN_SECRET_BYTES:
        raise _unreadable(path, f"has a secret of {size} bytes, less than {MIN_SECRET_BYTES}")
    checked: dict[str, Any] = document
    return checked


def _rotations(document: Mapping[str, Any]) -> dict[str, Rotation]:
    found = document.get("rotations", {}).items()
    return {name: Rotation(int(one["number"]), float(one["until"])) for name, one in found}


def _keys(document: Mapping[str, Any], path: Path) -> Keys:
    checked = _checked(document, path)
    return Keys(bytes.fromhex(checked["secret"]), _rotations(checked))


def _not_kept(path: Path, error: OSError) -> HostingError:
    return HostingError(
        f"The app's keys cannot be kept in {path}: {error.strerror or error}.",
        remedy="Give the keys to the host in HOSTING_KEYS_SECRET, make that folder writable, name another one in "
        "XDG_STATE_HOME, or start with --no-auth.",
    )


def _unreadable(path: Path, reason: str) -> HostingError:
    return HostingError(
        f"The app's keys cannot be read from {path}, which {reason}.",
        remedy="Remove the file; new keys are created then.",
    )


def _create(path: Path, root: Path) -> None:
    """Store a new secret; a secret that another process has stored meanwhile stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps({"app": str(root), "secret": secrets.token_hex(_SECRET_BYTES)})
    write_atomically(path, content, mode=0o600, replace=False)


def _close_to_others(path: Path) -> None:
    """Revoke the permissions of others; what a link leads to stays as it is."""
    if sys.platform == "win32":
        return
    try:
        file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        if error.errno == errno.ELOOP:
            return
        raise
    try:
        if os.fstat(file).st_mode & 0o077:
            os.fchmod(file, 0o600)
    finally:
        os.close(file)
