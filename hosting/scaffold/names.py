"""Which names are allowed, and what is derived from them."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from importlib.metadata import packages_distributions
from typing import NamedTuple

from hosting.errors import HostingError

PREFIX = "hosting-"
LONGEST = 40
"""Characters of a project's name, so that no line that names it gets too long for the formatter."""

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_FUNCTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
_LONGEST_SLUG = 30
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_IMPORTED = sys.stdlib_module_names | {"azure", "hosting", "tests"}


class ExtensionNames(NamedTuple):
    """The spellings of an extension's name."""

    name: str
    """Of the entry point, in host.json and in ``@hosting.use``: ``request-id``."""
    distribution: str
    """For pip, and of the folder: ``hosting-request-id``."""
    package: str
    """For ``import``: ``hosting_request_id``."""
    class_name: str
    """``RequestIdExtension``."""


class FunctionNames(NamedTuple):
    """The spellings of a function's name."""

    name: str
    """As Azure's host knows it: ``Order-Report``."""
    identifier: str
    """As Python knows it: ``Order_Report``."""
    slug: str
    """The beginning of the name of a queue or of a container: ``order-report``."""


def extension_names(text: str) -> ExtensionNames:
    """Read the name of an extension, with or without ``hosting-`` before it; spelt as package registries spell names.

    Raises:
        HostingError: it is not a valid package name, or no class name can be derived from it.
    """
    _check_project(text)
    name = re.sub(r"[-_.]+", "-", text).lower().removeprefix(PREFIX)
    if name == PREFIX.rstrip("-"):
        raise _refused(text, "It is the host's own.", "Name the extension by what it does, as in request-id.")
    if not name[0].isalpha():
        raise _refused(text, "A Python class is named after it.", "Begin with a letter.")
    _check_length(text, name)
    words = "".join(word.capitalize() for word in name.split("-"))
    distribution = PREFIX + name
    return ExtensionNames(name, distribution, distribution.replace("-", "_"), f"{words}Extension")


def app_name(text: str) -> str:
    """Read the name of an app, which is its folder's.

    Raises:
        HostingError: it is not a valid name of a project, or of a folder.
    """
    _check_project(text)
    _check_length(text, text)
    _check_device(text)
    return text


def function_names(text: str, model: str) -> FunctionNames:
    """Read the name of a function of an app in the programming ``model`` ``v1`` or ``v2``.

    Raises:
        HostingError: Azure's host, or Python, could not use it.
    """
    if not _FUNCTION.fullmatch(text) or text.lower() == "host":
        rule = "Azure's rule: a letter, then at most 127 letters, digits, '_' and '-'; and 'host' is taken."
        raise _refused(text, "It cannot be the name of a function.", rule)
    identifier = text.replace("-", "_")
    if keyword.iskeyword(identifier):
        raise _refused(text, "It is a word of the Python language.", "Choose another name.")
    if model == "v1":
        _check_folder(text)
    elif hasattr(builtins, identifier):
        identifier += "_"  # the file's other functions still want their own list or input
    slug = re.sub(r"[-_]+", "-", text).strip("-").lower()[:_LONGEST_SLUG].strip("-")
    return FunctionNames(text, identifier, slug)


def _check_project(text: str) -> None:
    if not _PROJECT.fullmatch(text):
        rule = (
            "The rule of package registries: ASCII letters, digits, '.', '_' and '-', a letter or digit at both ends."
        )
        raise _refused(text, "It cannot be the name of a project.", rule)


def _check_length(text: str, name: str) -> None:
    if len(name) > LONGEST:
        raise _refused(text, f"It has {len(name)} characters.", f"Use {LONGEST} at most.")


def _check_device(text: str) -> None:
    if _DEVICE.fullmatch(text):
        raise _refused(text, "It names a device, so that on Windows no folder can.", "Choose another name.")


def _check_folder(text: str) -> None:
    """In v1 a function is a folder of its name, which its tests import as a package."""
    _check_device(text)
    if "-" in text:
        raise _refused(text, "In a v1 app it is also the name of a Python package.", "Use '_' instead of '-'.")
    if text in _IMPORTED or text in packages_distributions():
        why = f"In a v1 app it is also the name of a Python package, which everybody's 'import {text}' would find."
        raise _refused(text, why, f"Choose another name, such as {text.capitalize()}.")


def _refused(text: str, why: str, rule: str) -> HostingError:
    return HostingError(f"{text!r}: {why[0].lower()}{why[1:]}", remedy=rule)
