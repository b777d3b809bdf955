"""Reading the JSON files of a function app; comments and trailing commas are allowed, as in Azure's tools."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting.errors import HostingError

if TYPE_CHECKING:
    from pathlib import Path


class JsonFile(NamedTuple):
    """A JSON file that has an object: its path, its text, and the parsed content."""

    path: Path | str
    text: str
    content: dict[str, Any]

    def line(self, *keys: str) -> int | None:
        """Return the line of a nested key in any case, counted from 1, or None if the text does not have it."""
        from hosting.apps.json_keys import key_line  # only a mistake in the file needs it

        return key_line(self.text, keys)


def read_json(path: Path | str, error: type[HostingError], *, raw_numbers: bool = False) -> JsonFile:
    """Read an object from a JSON file; comments and trailing commas are allowed.

    Args:
        path: the file.
        error: the class of the errors to raise.
        raw_numbers: whether numbers are returned as text, spelled as in the file.

    Raises:
        HostingError: an ``error``, with file and line: the file cannot be read, is not UTF-8, is not JSON, or is not an
            object.
    """
    text = _text(path, error)
    options = {"parse_int": _number_text, "parse_float": _number_text} if raw_numbers else {}
    content = _parse(text, path, error, options)
    if not isinstance(content, dict):
        raise error(
            f"{os.path.basename(path)}: expected a JSON object, found {describe_json(content)}",
            remedy="Write an object: the file starts with { and ends with }.",
            file=str(path),
            line=1,
        )
    return JsonFile(path, text, content)


def describe_json(value: object) -> str:
    """Return a JSON value's type for an error message, such as ``a list`` or ``the text 'abc'``."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f"the text {value!r}"
        case int() | float():
            return f"the number {value}"
        case list():
            return "a list"
        case _:
            return "an object"


def _number_text(number: str, base: int = 10) -> str:
    """Return a number's text as the file has it; json5 passes ``base`` 16 for a hexadecimal number."""
    return number


def _text(path: Path | str, error: type[HostingError]) -> str:
    try:
        with open(path, encoding="utf-8-sig") as stream:
            return stream.read()
    except UnicodeDecodeError as failure:
        line = failure.object.count(b"\n", 0, failure.start) + 1
        raise error(
            f"{os.path.basename(path)} is not UTF-8: byte {failure.start} is 0x{failure.object[failure.start]:02x}",
            remedy="Save the file as UTF-8.",
            file=str(path),
            line=line,
        ) from failure
    except OSError as failure:
        raise error(f"{os.path.basename(path)} cannot be read: {failure.strerror}", file=str(path)) from failure


def _parse(text: str, path: Path | str, error: type[HostingError], options: Mapping[str, Any]) -> Any:
    try:
        return json.loads(text, **options)
    except RecursionError:
        remedy = "Check the brackets: settings have a few levels only."
        raise error(f"{os.path.basename(path)} is nested too deeply", remedy=remedy, file=str(path)) from None
    except ValueError as strict:
        import json5  # importing it takes milliseconds: only a file that needs it pays for that

        try:
            # Encoded and decoded once more: json5 leaves an escaped surrogate pair as two characters.
            return json.loads(json.dumps(json5.loads(text, **options)))
        except ValueError as failure:
            line, reason = _position(failure, strict)
            raise error(
                f"{os.path.basename(path)} is not valid JSON: {reason}",
                remedy="Check this line and the end of the line above. Comments and trailing commas are allowed.",
                file=str(path),
                line=line,
            ) from failure


def _position(failure: ValueError, strict: ValueError) -> tuple[int, str]:
    """Return the line and the reason from the error of the tolerant parser, or else from that of the strict one."""
    match = re.match(r'<string>:(\d+) Unexpected (?:"(.+)"|(.+)) at column (\d+)', str(failure), re.DOTALL)
    if match is None:
        return getattr(strict, "lineno", 1), str(failure)
    line, character, other, column = match.groups()
    return int(line), f"unexpected {repr(character) if character else other} at column {column}"
