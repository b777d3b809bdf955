"""Keys of settings files: found in any case, as by .NET, located in the text, and compared with the known ones."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from hosting._text import closest

_TOKEN = r"""(?xs)//[^\n]* | /\*.*?\*/ | "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' | [{}\[\],:] | [^\s{}\[\],:"'/]+ | ."""
"""Compiled when a file is searched: few starts need it."""
_SIMILAR = 0.75


class CaselessDict(dict[str, Any]):
    """A JSON object with keys that are found in any case, and keep the spelling of the file.

    Source: .NET's configuration and Newtonsoft, which read these files in Azure, ignore case.

    Args:
        content: the object. Objects inside it become of this class, too. Of several keys that differ only in case the
            last one counts; objects are merged.
    """

    def __init__(self, content: Mapping[str, Any] | None = None) -> None:
        super().__init__()
        for key, value in (content or {}).items():
            self._merge(key, _caseless(value))

    def spelling(self, key: str) -> str | None:
        """Return the key as the object has it; None if it has no such key in any case."""
        if super().__contains__(key):
            return key
        return next((name for name in self if name.lower() == key.lower()), None)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the value of a key in any case."""
        name = self.spelling(key)
        return default if name is None else self[name]

    def __contains__(self, key: object) -> bool:
        """Return whether the object has a key in any case."""
        return isinstance(key, str) and self.spelling(key) is not None

    def __missing__(self, key: str) -> Any:
        """Return the value of a key that the object has in another case."""
        name = self.spelling(key)
        if name is None:
            raise KeyError(key)
        return self[name]

    def _merge(self, key: str, value: Any) -> None:
        name = self.spelling(key) or key
        old = super().get(name)
        if isinstance(old, CaselessDict) and isinstance(value, CaselessDict):
            for inner, item in value.items():
                old._merge(inner, item)
        else:
            self[name] = value


def _caseless(value: Any) -> Any:
    if isinstance(value, dict):
        return CaselessDict(value)
    return [_caseless(item) for item in value] if isinstance(value, list) else value


def key_line(text: str, keys: tuple[str, ...]) -> int | None:
    """Return the line of a nested key in a JSON text, counted from 1; None if the text does not have it.

    Keys ignore case unless one is spelled exactly so. Of several equal ones it is the last one, whose value counts.

    Args:
        text: JSON, which may have comments, single quotes and keys without quotes.
        keys: the path of the key, from the outermost object.
    """
    folded = tuple(key.lower() for key in keys)
    exact = similar = None
    for path, line, _ in _keys(text):
        if path == keys:
            exact = line
        elif len(path) == len(keys) and tuple(key.lower() for key in path) == folded:
            similar = line
    return exact or similar


def repeated_key(text: str, section: str) -> tuple[tuple[str, ...], int, int] | None:
    """Return the first key that an object has twice, in any case: its path, and the lines of both; None if none is.

    Args:
        text: JSON, which may have comments, single quotes and keys without quotes.
        section: the outermost key: what is beside it is not looked at.
    """
    first: dict[tuple[int, str], int] = {}
    for path, line, parent in _keys(text):
        key = parent, path[-1].lower()
        if path[0].lower() == section.lower() and key in first:
            return path, first[key], line
        first[key] = line
    return None


def misspelled(content: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each key that is not known in any case but is much like a known one, with that one."""
    folded = {name.lower() for name in known}
    for key in content:
        if key.lower() not in folded:
            name = closest(key, known, cutoff=_SIMILAR)
            if name is not None:
                yield key, name


def _keys(text: str) -> Iterator[tuple[tuple[str, ...], int, int]]:
    """Yield each key of a JSON text: its path, to which a list adds nothing, its line, and the number of its object."""
    path: list[str | None] = []
    objects: list[int] = []
    count = 0
    last, last_line, line = "", 1, 1
    for match in re.finditer(_TOKEN, text):
        token = match[0]
        if token == ":" and path:
            path[-1] = _unquoted(last)
            yield tuple(key for key in path if key is not None), last_line, objects[-1]
        elif token in "{[":
            path.append(None)
            count += 1
            objects.append(count)
        elif token in "}]" and path:
            path.pop()
            objects.pop()
        elif not token.isspace() and not token.startswith(("//", "/*")):
            last, last_line = token, line
            if token == "," and path:
                path[-1] = None
        line += token.count("\n")


def _unquoted(token: str) -> str:
    """Return the key that a token of JSON or JSON5 stands for."""
    if token[:1] not in ("'", '"'):
        return token
    try:
        return str(json.loads(f'"{token[1:-1]}"', strict=False))
    except ValueError:
        return token[1:-1]
