"""Whether the files of an installed extension are those that its installer recorded.

An installer writes each file's hash into the distribution's RECORD. That tells files that were changed, lost or added
since; it does not tell who published them, nor help against somebody who also rewrites RECORD.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from importlib_metadata import EntryPoint

from hosting._install import reinstall_command
from hosting.core import Problem
from hosting.extensions._metadata import name_of, version_of
from hosting.extensions._model import GROUPS

WEAK = frozenset({"md5", "sha1"})
CODE = frozenset({".py", ".pyc", ".so", ".pyd"})
SIGNATURES = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s"})


def verify(entry_points: Iterable[EntryPoint]) -> list[dict[str, Any]]:
    """Check each distribution that brings an extension, a binding or a storage for locks; imports nothing.

    Returns:
        One entry a distribution, by name, as in the document's ``verification``.
    """
    brought: dict[int, list[EntryPoint]] = defaultdict(list)
    for entry_point in entry_points:
        if entry_point.group in GROUPS and entry_point.dist is not None:
            brought[id(entry_point.dist)].append(entry_point)
    checked = [_verified(entries[0].dist, sorted({entry.name for entry in entries})) for entries in brought.values()]
    return sorted(checked, key=lambda one: str(one["distribution"]).lower())


def tampering(verification: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Distributions whose files are not those that were installed."""
    return [
        Problem(
            "error",
            f"Files of {one['distribution']} {one['version']} are not those that were installed: {_told(one)}.",
            f"Find out who changed them; then: {reinstall_command(one['distribution'], one['version'])}",
        )
        for one in verification
        if one["status"] == "tampered"
    ]


def _verified(distribution: Any, names: list[str]) -> dict[str, Any]:
    record = list(_recorded(distribution.read_text("RECORD") or ""))
    files: dict[str, list[str]] = {"changed": [], "missing": [], "unlisted": [], "unverified": []}
    for path, recorded in record:
        state = _state(distribution.locate_file(path), path, recorded)
        if state:
            files[state].append(path)
    files["unlisted"] = _unlisted(distribution, {path for path, _ in record})
    origin = _origin(distribution)
    return {
        "distribution": name_of(distribution),
        "version": version_of(distribution),
        "extensions": names,
        **origin,
        "status": _status(record, files, origin["installation"]),
        **{state: sorted(paths) for state, paths in files.items()},
    }


def _status(record: list[tuple[str, str]], files: Mapping[str, list[str]], installation: str) -> str:
    """Tampered; or else not to be told, because what runs is not what RECORD speaks of; or else intact."""
    if files["changed"] or files["missing"] or files["unlisted"]:
        return "tampered"
    return "unverifiable" if installation == "editable" or not record or files["unverified"] else "intact"


def _recorded(text: str) -> Iterator[tuple[str, str]]:
    """The files of a RECORD, each with ``algorithm=digest`` or nothing."""
    for row in csv.reader(text.splitlines()):
        if row and row[0]:
            yield row[0], row[1] if len(row) > 1 else ""


def _state(file: Any, path: str, recorded: str) -> str | None:
    """What is wrong with one file, if anything."""
    if not file.is_file():
        return None if _is_cache(path) else "missing"
    if not recorded:
        return None if _is_cache(path) or PurePosixPath(path).name in SIGNATURES else "unverified"
    algorithm, _, digest = recorded.partition("=")
    if algorithm in WEAK or algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return "unverified"
    try:
        found = hashlib.new(algorithm, file.read_bytes()).digest()
    except OSError:
        return "unverified"
    return None if base64.urlsafe_b64encode(found).decode().rstrip("=") == digest.rstrip("=") else "changed"


def _is_cache(path: str) -> bool:
    """Python writes these itself, and anew whenever their source changes."""
    return "__pycache__" in PurePosixPath(path).parts


def _unlisted(distribution: Any, listed: set[str]) -> list[str]:
    """Code that nobody recorded in the packages that are the distribution's own, and entry points added to it."""
    own = {PurePosixPath(path).parent for path in listed if PurePosixPath(path).name == "__init__.py"}
    own |= {PurePosixPath(path).parent for path in listed if PurePosixPath(path).name == "RECORD"}
    found: set[str] = set()
    for folder in sorted(own):
        if not any(parent in own for parent in folder.parents):
            found.update(_code(distribution.locate_file(folder), folder))
    return [path for path in sorted(found) if path not in listed]


def _code(folder: Any, path: PurePosixPath) -> Iterator[str]:
    """What Python would import from below ``folder``, by the path that RECORD would give."""
    for entry in folder.iterdir() if folder.is_dir() else ():
        inner = path / entry.name
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _code(entry, inner)
        elif inner.suffix in CODE or inner.name == "entry_points.txt":
            yield str(inner)


def _origin(distribution: Any) -> dict[str, Any]:
    """Where it was installed from: an index, a URL of its own, or a working copy."""
    try:
        direct = json.loads(distribution.read_text("direct_url.json") or "{}")
    except ValueError:
        direct = {}
    url = direct.get("url") if isinstance(direct, dict) else None
    if not isinstance(url, str):
        return {"installation": "index", "url": None}
    folder = direct.get("dir_info")
    is_editable = isinstance(folder, dict) and folder.get("editable") is True
    return {"installation": "editable" if is_editable else "direct-url", "url": re.sub(r"//[^/@]*@", "//***@", url)}


def _told(one: Mapping[str, Any]) -> str:
    kinds = ("changed", "missing", "unlisted")
    return "; ".join(f"{kind}: {', '.join(one[kind])}" for kind in kinds if one[kind])
