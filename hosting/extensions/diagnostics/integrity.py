"""Integrity of installed extensions: their files, compared with what their installer recorded.

An installer writes a hash of each file into the distribution's RECORD. It shows files that were changed, deleted or
added since. It does not show who published them, and does not help if RECORD was changed as well.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from hosting._distributions import csv_rows, distribution_name, distribution_version, metadata_text
from hosting._install import reinstall_command
from hosting.core import Problem
from hosting.extensions._discovery import EntryPoint
from hosting.extensions._model import GROUPS

WEAK_ALGORITHMS = frozenset({"md5", "sha1"})
CODE_SUFFIXES = frozenset({".py", ".pyc", ".so", ".pyd"})
WITHOUT_HASH = frozenset({"RECORD", "RECORD.jws", "RECORD.p7s"})
"""Files that RECORD lists without a hash, since their content depends on it."""


def verify(entry_points: Iterable[EntryPoint]) -> list[dict[str, Any]]:
    """Verify each distribution with an entry point for hosting; nothing is imported.

    Args:
        entry_points: the installed entry points; those of other groups are ignored.

    Returns:
        ``verification`` of the document: an entry for each distribution, by name.
    """
    by_distribution: dict[int, list[EntryPoint]] = defaultdict(list)
    for entry_point in entry_points:
        if entry_point.group in GROUPS and entry_point.dist is not None:
            by_distribution[id(entry_point.dist)].append(entry_point)
    checked = [
        _entry(entries[0].dist, sorted({entry.name for entry in entries})) for entries in by_distribution.values()
    ]
    return sorted(checked, key=lambda one: str(one["distribution"]).lower())


def tampering(verification: Iterable[Mapping[str, Any]]) -> list[Problem]:
    """Return a problem for each distribution with files that differ from what was installed.

    Args:
        verification: what ``verify`` returned.
    """
    return [_tampered(one) for one in verification if one["status"] == "tampered"]


def _tampered(one: Mapping[str, Any]) -> Problem:
    name, version = one["distribution"], one["version"]
    subject = f"Files of {name} {version}" if name else f"Files of the package with {', '.join(one['extensions'])}"
    again = f"then: {reinstall_command(name, version)}" if name and version else "then install it again."
    message = f"{subject} differ from what was installed: {_differences(one)}."
    return Problem("error", message, f"Find out what changed them; {again}")


def _entry(distribution: Any, names: list[str]) -> dict[str, Any]:
    record = list(_recorded(metadata_text(distribution, "RECORD")))
    files: dict[str, list[str]] = {"changed": [], "missing": [], "unlisted": [], "unverified": []}
    for path, recorded in record:
        state = _state(distribution.locate_file(path), path, recorded)
        if state:
            files[state].append(path)
    files["unlisted"] = _unlisted(distribution, {path for path, _ in record})
    origin = _origin(distribution)
    return {
        "distribution": distribution_name(distribution),
        "version": distribution_version(distribution),
        "extensions": names,
        **origin,
        "status": _status(record, files, origin["installation"]),
        **{state: sorted(paths) for state, paths in files.items()},
    }


def _status(record: list[tuple[str, str]], files: Mapping[str, list[str]], installation: str) -> str:
    """Return the status; an editable installation runs other files than those in its RECORD."""
    if files["changed"] or files["missing"] or files["unlisted"]:
        return "tampered"
    return "unverifiable" if installation == "editable" or not record or files["unverified"] else "intact"


def _recorded(text: str) -> Iterator[tuple[str, str]]:
    """Yield the files of a RECORD, each with ``algorithm=digest`` or an empty text."""
    for row in csv_rows(text):
        yield row[0], row[1] if len(row) > 1 else ""


def _state(file: Any, path: str, recorded: str) -> str | None:
    """Return the state of a file that differs or cannot be verified; None if it is intact."""
    if not _is_file(file):
        return None if _is_cache(path) else "missing"
    if not recorded:
        return None if _is_cache(path) or PurePosixPath(path).name in WITHOUT_HASH else "unverified"
    algorithm, _, digest = recorded.partition("=")
    if algorithm in WEAK_ALGORITHMS or algorithm not in hashlib.algorithms_guaranteed or algorithm.startswith("shake"):
        return "unverified"
    try:
        found = hashlib.new(algorithm, file.read_bytes()).digest()
    except OSError:
        return "unverified"
    return None if base64.urlsafe_b64encode(found).decode().rstrip("=") == digest.rstrip("=") else "changed"


def _is_file(file: Any) -> bool:
    try:
        return bool(file.is_file())
    except OSError:  # its name is too long, for instance
        return False


def _is_cache(path: str) -> bool:
    """Return whether Python writes the file itself, and overwrites it when its source changes."""
    return "__pycache__" in PurePosixPath(path).parts


def _unlisted(distribution: Any, listed: set[str]) -> list[str]:
    """Return code in the distribution's own packages, and entry points, that RECORD does not list."""
    own = {PurePosixPath(path).parent for path in listed if PurePosixPath(path).name == "__init__.py"}
    own |= {PurePosixPath(path).parent for path in listed if PurePosixPath(path).name == "RECORD"}
    found: set[str] = set()
    for folder in sorted(own):
        if not any(parent in own for parent in folder.parents):
            found.update(_code(distribution.locate_file(folder), folder))
    return [path for path in sorted(found) if path not in listed]


def _code(folder: Any, path: PurePosixPath) -> Iterator[str]:
    """Yield the files below ``folder`` that Python would import, by their path in RECORD."""
    for entry in _entries(folder):
        inner = path / entry.name
        if entry.is_dir():
            if entry.name != "__pycache__":
                yield from _code(entry, inner)
        elif inner.suffix in CODE_SUFFIXES or inner.name == "entry_points.txt":
            yield str(inner)


def _entries(folder: Any) -> list[Any]:
    """Return what is in a folder; nothing if it is not one, or may not be read."""
    try:
        return list(folder.iterdir()) if folder.is_dir() else []
    except OSError:
        return []


def _origin(distribution: Any) -> dict[str, Any]:
    """Return where it was installed from: an index, a URL, or a working copy."""
    try:
        direct = json.loads(metadata_text(distribution, "direct_url.json") or "{}")
    except (ValueError, RecursionError):
        direct = {}
    url = direct.get("url") if isinstance(direct, dict) else None
    if not isinstance(url, str):
        return {"installation": "index", "url": None}
    folder = direct.get("dir_info")
    is_editable = isinstance(folder, dict) and folder.get("editable") is True
    return {"installation": "editable" if is_editable else "direct-url", "url": re.sub(r"//[^/@]*@", "//***@", url)}


def _differences(one: Mapping[str, Any]) -> str:
    kinds = ("changed", "missing", "unlisted")
    return "; ".join(f"{kind}: {', '.join(one[kind])}" for kind in kinds if one[kind])
