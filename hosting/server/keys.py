"""The keys of an app: created once and kept in the user's state directory, readable by that user only.

One secret is stored for each app, and every key is derived from it: a new function has its key at once, and hosts
that start at the same time agree without a lock.
"""

from __future__ import annotations

import hmac
import json
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hosting._files import write_atomically
from hosting.apps.state import app_name, state_folder
from hosting.errors import HostingError

if TYPE_CHECKING:
    from hosting.host.function_host import FunctionHost

_FOLDER = "keys"


class Keys:
    """The keys of one app: ``master`` for everything, ``default`` for every function, one per function and webhook.

    Args:
        secret: the app's secret, from which all keys are derived.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.master = self._derived("master")
        self.default = self._derived("default")

    def of(self, function: str) -> str:
        """Return the key of a function, by its name in any case."""
        return self._derived(f"function {function.lower()}")

    def of_system(self, name: str) -> str:
        """Return the system key of that name, in any case."""
        return self._derived(f"system {name.lower()}")

    def _derived(self, purpose: str) -> str:
        return hmac.digest(self._secret, purpose.encode(), "sha256").hex()


def system_key(extension: str) -> str:
    """Return the name of the system key for an extension's webhook, as in Azure's host."""
    return f"{extension.lower()}_extension"


def matches_any(candidate: str, keys: Sequence[str]) -> bool:
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
    path = keys_file(root)
    try:
        if not path.exists():
            _create(path, root.resolve())
        _close_to_others(path)
        return Keys(bytes.fromhex(json.loads(path.read_text("utf-8"))["secret"]))
    except OSError as error:
        raise HostingError(
            f"The app's keys cannot be kept in {path}: {error.strerror or error}.",
            remedy="Make that folder writable, name another one in XDG_STATE_HOME, or start with --no-auth.",
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise HostingError(
            f"The app's keys cannot be read from {path}.", remedy="Remove the file; new keys are created then."
        ) from error


def keys_document(host: FunctionHost) -> dict[str, Any]:
    """Return the keys of a loaded app, created now if it has none yet.

    Returns:
        ``file``, ``master`` and ``default``; ``functions``, a key for each HTTP function that is not anonymous; and
        ``system``, a key for each webhook that the app's functions listen on.

    Raises:
        HostingError: the keys can be neither read nor written.
    """
    found = load_keys(host.root)
    guarded = [route.target for route in host.router().routes if route.target.level != "anonymous"]
    return {
        "file": str(keys_file(host.root)),
        "master": found.master,
        "default": found.default,
        "functions": {trigger.function: found.of(trigger.function) for trigger in guarded if trigger.level != "admin"},
        "system": {name: found.of_system(name) for name in map(system_key, sorted(host.webhooks))},
    }


def _create(path: Path, root: Path) -> None:
    """Store a new secret; a secret that another process has stored meanwhile stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    content = json.dumps({"app": str(root), "secret": secrets.token_hex(32)})
    write_atomically(path, content, mode=0o600, replace=False)


def _close_to_others(path: Path) -> None:
    if sys.platform != "win32" and path.stat().st_mode & 0o077:
        path.chmod(0o600)
