"""YAML documents with deterministic bytes, and a header by which a later run knows a file that a person has changed."""

from __future__ import annotations

import hashlib
import re
import shlex
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

from hosting._install import install_command
from hosting.errors import HostingError

MARK = "# Made by: "
FUNCTIONS = "Functions: "
"""Begins the comment that lists the functions of a file."""
_SUM = "# sha256: "
_WARNING = "# Run that command again after a change of the app. Changes of your own belong in an overlay of kustomize."
_WARNING_ELSEWHERE = (
    "# Run that command again after a change of the app. Changes of your own belong in files of your own."
)
_PLAIN = re.compile(r"[A-Za-z/][\w./@%*-]*(?:[:][\w./@%*-]+)*")
_WORDS = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null", "nan", "inf"})


class ManifestFile(NamedTuple):
    """A file.

    Args:
        path: its name in the output folder.
        documents: its YAML documents.
        notes: comments for its head.
        is_template: whether it is for a person to copy and fill in.
        text: its text in place of documents.
    """

    path: str
    documents: Sequence[Mapping[str, Any]] = ()
    notes: Sequence[str] = ()
    is_template: bool = False
    text: str = ""


def render(file: ManifestFile, command: str) -> str:
    """Return the text of a file.

    Args:
        file: the file.
        command: the command that makes it.

    Raises:
        HostingError: PyYAML is not installed.
    """
    body = file.text or _dump(file.documents)
    warning = _WARNING if "kubernetes" in command or "knative" in command else _WARNING_ELSEWHERE
    head = [f"{MARK}{command}", warning, *(f"# {note}" for note in file.notes)]
    text = "\n".join(head) + "\n" + body
    return f"{_SUM}{_digest(text)}\n{text}"


def is_generated(text: str) -> bool:
    """Return whether a file was made by this command, and is as it was written."""
    first, _, rest = text.replace("\r\n", "\n").partition("\n")
    return first == f"{_SUM}{_digest(rest)}"


def made_by(text: str) -> str | None:
    """Return the command that made a file, changed since or not; None for a file that this command did not make."""
    lines = text.replace("\r\n", "\n").split("\n", 2)
    return lines[1].removeprefix(MARK) if len(lines) > 2 and lines[0].startswith(_SUM) else None


def recorded(text: str, option: str) -> str:
    """Return the value that an option had in the command that made a file; empty if it had none, or for other files."""
    try:
        words = shlex.split(made_by(text) or "")
    except ValueError:  # a person has changed the line
        return ""
    return next((value for name, value in pairwise(words) if name == option), "")


def functions_of(text: str) -> frozenset[str]:
    """Return the functions that the head of a generated file names."""
    lines = (line.removeprefix(f"# {FUNCTIONS}") for line in text.splitlines() if line.startswith(f"# {FUNCTIONS}"))
    return frozenset(name for line in lines for name in line.split(", "))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _dump(documents: Sequence[Mapping[str, Any]]) -> str:
    try:
        import yaml
    except ModuleNotFoundError:
        raise HostingError(
            "hosting manifests writes YAML with the package PyYAML, which is not installed.",
            remedy=f"Run: {install_command('hosting', 'manifests')}",
        ) from None

    class Dumper(yaml.SafeDumper):
        """Writes lists indented and no aliases, and quotes each text that some parser could take for another type."""

        def ignore_aliases(self, _data: Any) -> bool:
            """Return that every value is written out."""
            return True

        def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
            """Indent lists below their key."""
            super().increase_indent(flow, False)

    def represent(dumper: Dumper, text: str) -> yaml.ScalarNode:
        is_plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
        return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=None if is_plain else '"')

    Dumper.add_representer(str, represent)
    return yaml.dump_all(documents, Dumper=Dumper, sort_keys=False, width=10_000, allow_unicode=True)
