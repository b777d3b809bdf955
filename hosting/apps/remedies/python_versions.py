"""What differs between versions of Python: modules, names and syntax that this one lacks."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping

_THIS = f"Python {sys.version_info.major}.{sys.version_info.minor}"

REMOVED: Mapping[str, tuple[str, str]] = {
    **dict.fromkeys(("asynchat", "asyncore", "imp", "smtpd"), ("3.12", "")),
    "distutils": ("3.12", " The package setuptools has a copy."),
    **dict.fromkeys(
        (
            *("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "mailcap", "msilib", "nis", "nntplib"),
            *("ossaudiodev", "pipes", "sndhdr", "spwd", "sunau", "telnetlib", "uu", "xdrlib", "lib2to3"),
        ),
        ("3.13", ""),
    ),
}
"""Modules that Python no longer has: the first version without them, and what to use. Source: PEP 594 and 632."""

ADDED: Mapping[str, str] = {
    "annotationlib": "3.14",
    "compression": "3.14",
    "concurrent.interpreters": "3.14",
    "pathlib.types": "3.14",
    "string.templatelib": "3.14",
}
"""Modules that a newer Python has."""

ADDED_NAMES: Mapping[tuple[str, str], str] = {
    ("typing", "override"): "3.12",
    ("typing", "TypeAliasType"): "3.12",
    ("itertools", "batched"): "3.12",
    ("collections.abc", "Buffer"): "3.12",
    ("typing", "ReadOnly"): "3.13",
    ("typing", "TypeIs"): "3.13",
    ("typing", "NoDefault"): "3.13",
    ("warnings", "deprecated"): "3.13",
    ("copy", "replace"): "3.13",
    ("queue", "ShutDown"): "3.13",
    ("asyncio", "QueueShutDown"): "3.13",
}
"""Names that a newer Python has in a module that this one has, too."""

_NEWER_SYNTAX: Mapping[str, str] = {
    r"^\s*type\s+\w+(\[.*\])?\s*=": "3.12",
    r"^\s*(async\s+)?(def|class)\s+\w+\[": "3.12",
    r"^\s*except\*?\s+[\w.]+\s*,(?!.*\bas\b)[^()]*:": "3.14",
    r"""(^|[^\w'"])[rR]?[tT][rR]?("|')""": "3.14",
}
"""Patterns of a line with syntax of a newer Python, and its version."""

_OLD_SYNTAX = re.compile(r"^\s*(print\s+[\"'\w]|exec\s+[\"'\w]|except\s+\w+\s*,\s*[a-z]\w*\s*:|raise\s+\w+\s*,)")
_NESTED_QUOTES = re.compile(r"""[fF][rR]?(["']).*\{[^}]*\1[^}]*\1""")


def missing_standard_module(name: str) -> str | None:
    """Return what to do about a module of Python itself that was not found; None for another module."""
    top = name.partition(".")[0]
    if top in REMOVED and _is_at_least(REMOVED[top][0]):
        since, instead = REMOVED[top]
        return (
            f"Python {since} removed the module {top!r}, and this is {_THIS}. Update the code that imports it.{instead}"
        )
    newer = ADDED.get(name) or ADDED.get(top)
    if newer is not None and not _is_at_least(newer):
        return f"Python {newer} and later have {name!r}, and this is {_THIS}. Run hosting with Python {newer}."
    if top not in sys.stdlib_module_names:
        return None
    if top in ("msvcrt", "winreg", "winsound", "_winapi", "nt"):
        return f"Python has the module {top!r} on Windows only; Azure runs Python apps on Linux."
    if top != name:
        return f"Python's own package {top!r} has no module {name!r}. Check the spelling."
    return f"{top!r} is a part of Python that this installation lacks. Install it with the system's packages."


def newer_name(name: str, module: str) -> str | None:
    """Return what to do about a name that Python's own module has in a newer version; None for other names."""
    version = ADDED_NAMES.get((module, name))
    if version is None or _is_at_least(version):
        return None
    instead = " The package typing_extensions has it, too." if module in ("typing", "warnings") else ""
    return (
        f"{module}.{name} is new in Python {version}, and this is {_THIS}. Run hosting with Python {version}.{instead}"
    )


def syntax_remedy(error: SyntaxError) -> str:
    """Return what to do about a line that is not valid in this version of Python."""
    line = error.text or ""
    message = error.msg or ""
    if line.startswith(("<<<<<<<", "=======", ">>>>>>>")):
        return "Resolve the merge conflict in this file."
    if "unicode" in message or "encoding" in message or "null bytes" in message:
        return "Save the file as UTF-8."
    if "Missing parentheses in call to" in message or _OLD_SYNTAX.match(line):
        return f"This is the syntax of Python 2, and this is {_THIS}. Update the code."
    version = _newer_syntax(line, message)
    if version is not None:
        what = f"This syntax needs Python {version} or later, and this is {_THIS}."
        return f"{what} Run hosting with Python {version}, or write the line in another way."
    return "Fix this line, or the line above it."


def _newer_syntax(line: str, message: str) -> str | None:
    for pattern, version in _NEWER_SYNTAX.items():
        if re.search(pattern, line) and not _is_at_least(version):
            return version
    is_nested = _NESTED_QUOTES.search(line) is not None
    is_inside = "f-string" in message and ("backslash" in message or "'#'" in message)
    return "3.12" if (is_nested or is_inside) and not _is_at_least("3.12") else None


def _is_at_least(version: str) -> bool:
    return sys.version_info >= tuple(map(int, version.split(".")))
