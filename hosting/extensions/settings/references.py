"""References in typed settings: ``{"$env": "NAME"}``, ``{"$file": "path"}`` and ``%NAME%``, at any depth."""

from __future__ import annotations

import errno
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting._secret import HIDDEN
from hosting.app_settings import AppSettings
from hosting.extensions.settings.faults import Fault, Path, ReferenceText, Unresolved

if TYPE_CHECKING:
    from pathlib import Path as FilePath

ENV, FILE = "$env", "$file"
MAX_FILE_BYTES = 1 << 20
_PERCENT = re.compile(r"%%|%([A-Za-z_][\w.:]*)%")
_SET_IT = "Set it in the environment, or in Values of local.settings.json."


class References(NamedTuple):
    """What references are resolved with.

    Args:
        settings: the app's settings.
        root: the folder that the path of a ``$file`` starts from: the app's.
    """

    settings: AppSettings
    root: FilePath

    def resolve(self, value: Any, faults: list[Fault], path: Path = ()) -> Any:
        """Return a value with a text in place of each reference in it; ``faults`` gets those that lead nowhere."""
        if isinstance(value, str):
            return self._expanded(value, faults, path)
        if isinstance(value, Mapping):
            reference = next((key for key in value if key in (ENV, FILE)), None)
            if reference is not None:
                return self._referred(reference, value, faults, path)
            return {key: self.resolve(item, faults, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list | tuple) and type(value) in (list, tuple):
            return [self.resolve(item, faults, (*path, index)) for index, item in enumerate(value)]
        return value

    def _referred(self, key: str, value: Mapping[str, Any], faults: list[Fault], path: Path) -> Any:
        name = value[key]
        if len(value) > 1 or not isinstance(name, str) or not name:
            form = "NAME" if key == ENV else "path"
            fault = Fault(path, f"has {key}, and must have nothing else", f'Write {{"{key}": "{form}"}}.')
            faults.append(fault)
            return Unresolved()
        return self._variable(name, faults, path) if key == ENV else self._content(name, faults, path)

    def _variable(self, name: str, faults: list[Fault], path: Path) -> Any:
        value = self.settings.get(name)
        if value is None:
            faults.append(Fault(path, f"refers to $env {name}, which is not set", _SET_IT))
            return Unresolved()
        return ReferenceText(value)

    def _content(self, name: str, faults: list[Fault], path: Path) -> Any:
        try:
            return ReferenceText(_text_of(self.root / name))
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            where = "Paths are relative to the app's folder."
            faults.append(Fault(path, f"refers to $file {name}, which cannot be read: {reason}", where))
            return Unresolved()

    def _expanded(self, text: str, faults: list[Fault], path: Path) -> Any:
        """Return a text with the setting in place of each ``%NAME%``, and ``%`` in place of ``%%``."""
        if "%" not in text:
            return text
        names = [name for name in _PERCENT.findall(text) if name]
        missing = [name for name in names if self.settings.get(name) is None]
        faults += [Fault(path, f"refers to %{name}%, which is not set", _SET_IT) for name in missing]
        if missing:
            return Unresolved()
        expanded = _PERCENT.sub(lambda match: (match[1] and self.settings.get(match[1])) or "%" * (not match[1]), text)
        return ReferenceText(expanded) if names else expanded


def _text_of(file: FilePath) -> str:
    """Return the text of a file without line breaks at its end.

    Raises:
        OSError: it cannot be read; or reading it may never end, or would fill the memory.
        ValueError: it is not UTF-8 text.
    """
    if file.exists() and not file.is_file() and not file.is_dir():
        raise OSError(errno.EINVAL, "it is not a regular file")
    with file.open("rb") as stream:
        content = stream.read(MAX_FILE_BYTES + 1)
    if len(content) > MAX_FILE_BYTES:
        raise OSError(errno.EFBIG, "it has more than 1 MiB")
    return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")


def is_reference(value: Any) -> bool:
    """Return whether a value as it is written is a reference, or a text with one in it."""
    if isinstance(value, str):
        return any(_PERCENT.findall(value))
    return isinstance(value, Mapping) and any(key in (ENV, FILE) for key in value)


def has_text(value: Any) -> bool:
    """Return whether a resolved value has a text that was referred to, at any depth."""
    if isinstance(value, dict | list):
        return any(map(has_text, value.values() if isinstance(value, dict) else value))
    return isinstance(value, ReferenceText)


def hidden(value: Any) -> Any:
    """Return a value as it is written, with ``***`` in place of each text that is not a reference."""
    if is_reference(value):
        return value
    if isinstance(value, Mapping):
        return {key: hidden(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [hidden(item) for item in value]
    return value if value is None or isinstance(value, bool | int | float) else HIDDEN


def plain(value: Any) -> Any:
    """Return a value with texts of type ``str`` in place of those that were referred to."""
    if isinstance(value, ReferenceText):
        return str(value)
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return [plain(item) for item in value] if isinstance(value, list) else value
