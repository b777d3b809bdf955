"""Reading the JSON files of a function app, which may hold comments and trailing commas as Azure's tools allow."""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting.errors import HostingError

if TYPE_CHECKING:
    from pathlib import Path


class JsonFile(NamedTuple):
    """A JSON file whose content is an object, with its text so that mistakes can be shown where they are."""

    path: Path | str
    text: str
    content: dict[str, Any]

    def line(self, *keys: str) -> int | None:
        """The line, counted from 1, of the key that ``keys`` lead to; None if it cannot be found in the text."""
        position = 0
        for key in keys:
            found = re.compile(re.escape(json.dumps(key, ensure_ascii=False)) + r"\s*:").search(self.text, position)
            if found is None:
                return None
            position = found.end()
        return self.text.count("\n", 0, position) + 1


def read_json(path: Path | str, error: type[HostingError], *, raw_numbers: bool = False) -> JsonFile:
    """Read an object from a JSON file; comments and trailing commas are accepted.

    Args:
        path: the file.
        error: what to raise when the file cannot be used.
        raw_numbers: give numbers as the text that stands in the file.

    Raises:
        HostingError: of the class ``error``, with file and line: not UTF-8, not JSON, or not an object.
    """
    text = _text(path, error)
    content = _parsed(text, path, error, {"parse_int": _as_written, "parse_float": _as_written} if raw_numbers else {})
    if not isinstance(content, dict):
        raise error(
            f"{os.path.basename(path)}: expected a JSON object, found {describe_json(content)}",
            remedy="The file starts with { and ends with }.",
            file=str(path),
            line=1,
        )
    return JsonFile(path, text, content)


def describe_json(value: object) -> str:
    """What a JSON value is, in the words of a person: ``a list``, ``the text 'abc'``."""
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


def _as_written(number: str, base: int = 10) -> str:
    """A number as it stands in the file; ``base`` is 16 where the tolerant parser finds a hexadecimal one."""
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


def _parsed(text: str, path: Path | str, error: type[HostingError], options: dict[str, Any]) -> Any:
    try:
        return json.loads(text, **options)
    except ValueError as strict:
        import json5  # the tolerant parser costs milliseconds: only a file that needs it pays

        try:
            # round again: the tolerant parser leaves an escaped surrogate pair as two characters
            return json.loads(json.dumps(json5.loads(text, **options)))
        except ValueError as failure:
            line, reason = _place(failure, strict)
            raise error(
                f"{os.path.basename(path)} is not valid JSON: {reason}",
                remedy="Comments and trailing commas are allowed; look at this line and the end of the one above.",
                file=str(path),
                line=line,
            ) from failure


def _place(failure: ValueError, strict: ValueError) -> tuple[int, str]:
    found = re.match(r'<string>:(\d+) Unexpected (?:"(.+)"|(.+)) at column (\d+)', str(failure), re.DOTALL)
    if found is None:
        return getattr(strict, "lineno", 1), str(failure)
    line, character, other, column = found.groups()
    return int(line), f"unexpected {repr(character) if character else other} at column {column}"
