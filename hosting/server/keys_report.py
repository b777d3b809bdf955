"""The documents that ``hosting keys`` prints: the keys of a loaded app, and one that was replaced."""

from __future__ import annotations

import base64
import time
from datetime import UTC, datetime
from typing import Any

from hosting._text import did_you_mean
from hosting.errors import HostingError
from hosting.host.function_host import FunctionHost
from hosting.server.key_store import key_store
from hosting.server.keys import DEFAULT, MASTER, function_key, keys_file, rotate, system_key
from hosting.server.outside_keys import DEFAULT_FILE, MASTER_FILE


def keys_document(host: FunctionHost) -> dict[str, Any]:
    """Return the keys of a loaded app, created now if it keeps them itself and has none yet.

    Returns:
        ``source``, where they come from; ``file``, its file or folder if it has one; ``master`` and ``default``;
        ``functions``, a key for each HTTP function that is not anonymous; and ``system``, a key for each webhook that
        the app's functions listen on. A key that does not exist is None.

    Raises:
        HostingError: the keys can be neither read nor written.
    """
    store = key_store(host.root, host.environ)
    found = store.load()
    return {
        "source": store.title,
        "file": None if store.path is None else str(store.path),
        "problems": list(found.problems),
        "master": found.named(MASTER),
        "default": found.named(DEFAULT),
        "functions": {name: found.named(function_key(name)) for name in _functions(host)},
        "system": {name: found.named(system_key(name)) for name in _webhooks(host)},
    }


def files_of_keys(document: dict[str, Any]) -> dict[str, str]:
    """Return the keys of a ``keys_document`` by the names of their files in a mounted Kubernetes Secret.

    The names are those of Azure's Core Tools. A key that does not exist is left out.
    """
    functions = {f"functions.{name.lower()}.default": key for name, key in document["functions"].items()}
    system = {f"host.systemKey.{name}": key for name, key in document["system"].items()}
    named = {MASTER_FILE: document["master"], DEFAULT_FILE: document["default"], **functions, **system}
    return {name: key for name, key in sorted(named.items()) if key is not None}


def kubernetes_secret(document: dict[str, Any], name: str) -> str:
    """Return the keys of a ``keys_document`` as a Kubernetes Secret in YAML, for a folder of keys.

    Args:
        document: the document.
        name: the name of the Secret.
    """
    files = files_of_keys(document)
    lines = [f"  {file}: {base64.b64encode(key.encode()).decode()}" for file, key in files.items()]
    head = ["apiVersion: v1", "kind: Secret", "metadata:", f'  name: "{name}"', "type: Opaque", "data:"]
    return "\n".join([*head, *lines]) + "\n"


def rotated_document(host: FunctionHost, name: str, overlap_seconds: float) -> dict[str, Any]:
    """Replace one key of a loaded app by a new one.

    Args:
        host: the host of the app.
        name: the key's name in ``keys_document``, in any case.
        overlap_seconds: how long the key that is replaced is still accepted.

    Returns:
        ``file``; ``name`` and ``key``, those of the new key; and ``previous_accepted_until``, a time in UTC.

    Raises:
        HostingError: the app has no key of that name, its keys come from outside, or they can be neither read nor
            written.
    """
    store = key_store(host.root, host.environ)
    if store.remedy:
        raise HostingError(f"The keys come from {store.title}, which the host only reads.", remedy=store.remedy)
    names = _names(host)
    shown = next((one for one in names if one.lower() == name.lower()), None)
    if shown is None:
        hint = did_you_mean(name, names)
        raise HostingError(
            f"The app has no key named '{name}'.{hint and f' {hint}'}", remedy=f"Its keys are {', '.join(names)}."
        )
    until = datetime.fromtimestamp(time.time() + overlap_seconds, UTC).replace(microsecond=0)
    keys = rotate(host.root, names[shown], overlap_seconds)
    return {
        "file": str(keys_file(host.root)),
        "name": shown,
        "key": keys.named(names[shown]),
        "previous_accepted_until": until.isoformat(),
    }


def _names(host: FunctionHost) -> dict[str, str]:
    """Return the names of an app's keys as they are shown, each with the name that the key is derived from."""
    functions = {name: function_key(name) for name in _functions(host)}
    return {**functions, **{name: system_key(name) for name in _webhooks(host)}, MASTER: MASTER, DEFAULT: DEFAULT}


def _functions(host: FunctionHost) -> list[str]:
    """Return the functions that have keys of their own."""
    triggers = [route.target for route in host.router().routes]
    return [trigger.function for trigger in triggers if trigger.level not in ("anonymous", "admin")]


def _webhooks(host: FunctionHost) -> list[str]:
    return sorted({host.webhooks.access(name).system_key for name in host.webhooks})
