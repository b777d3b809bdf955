"""Validation of names, and the other names that are derived from them."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from typing import NamedTuple

from hosting._distributions import installed, modules_of
from hosting.errors import UsageError

PREFIX = "hosting-"
MAX_NAME_LENGTH = 40
"""Characters of a project's name, so that generated lines that contain it fit the formatter's line length."""

_PROJECT = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_FUNCTION = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,127}")
_MAX_SLUG_LENGTH = 30
_DEVICE = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?", re.IGNORECASE)
_RESERVED_MODULES = sys.stdlib_module_names | {"azure", "hosting", "tests"}
_ANOTHER_NAME = "Choose another name."


class ExtensionNames(NamedTuple):
    """The names of an extension, its package and its class."""

    name: str
    """The extension's name, in ``host.json`` and in ``@hosting.use``: ``request-id``."""
    distribution: str
    """The package's name for pip, and the name of its folder: ``hosting-request-id``."""
    package: str
    """The package's name in Python: ``hosting_request_id``."""
    class_name: str
    """The class: ``RequestIdExtension``."""


class FunctionNames(NamedTuple):
    """The names of a function."""

    name: str
    """The name in Azure: ``Order-Report``."""
    identifier: str
    """The name in Python: ``Order_Report``."""
    slug: str
    """The beginning of the name of its queue or container: ``order-report``."""


def extension_names(text: str) -> ExtensionNames:
    """Derive the names of an extension.

    Args:
        text: a name, with or without ``hosting-`` before it; it is normalized as package indexes do.

    Raises:
        UsageError: a package or a class cannot have this name.
    """
    _check_project(text)
    name = re.sub(r"[-_.]+", "-", text).lower().removeprefix(PREFIX)
    if name == PREFIX.rstrip("-"):
        raise UsageError(f"{text!r} is the name of the host", remedy="Name what the extension does: request-id.")
    if not name[0].isalpha():
        message = f"{text!r} does not start with a letter: a Python class is named after it"
        raise UsageError(message, remedy="Start with a letter.")
    _check_length(text, name)
    words = "".join(word.capitalize() for word in name.split("-"))
    distribution = PREFIX + name
    return ExtensionNames(name, distribution, distribution.replace("-", "_"), f"{words}Extension")


def check_app_name(text: str) -> None:
    """Check the name of an app, which is also the name of its folder.

    Raises:
        UsageError: a project or a folder cannot have this name.
    """
    _check_project(text)
    _check_length(text, text)
    _check_device(text)


def function_names(text: str, model: str) -> FunctionNames:
    """Derive the names of a function.

    Args:
        text: the function's name in Azure.
        model: the programming model of the app, ``v1`` or ``v2``.

    Raises:
        UsageError: Azure or Python does not accept the name.
    """
    if not _FUNCTION.fullmatch(text) or text.lower() == "host":
        rule = "Use a letter, then at most 127 letters, digits, '_' and '-'; 'host' is reserved."
        raise UsageError(f"{text!r} is not a valid function name in Azure", remedy=rule)
    identifier = text.replace("-", "_")
    if keyword.iskeyword(identifier):
        raise UsageError(f"{text!r} is a keyword of Python", remedy=_ANOTHER_NAME)
    if model == "v1":
        _check_folder(text)
    elif hasattr(builtins, identifier):
        identifier += "_"  # other functions in the file may use the builtin, such as list or input
    slug = re.sub(r"[-_]+", "-", text).strip("-").lower()[:_MAX_SLUG_LENGTH].strip("-")
    return FunctionNames(text, identifier, slug)


def _check_project(text: str) -> None:
    if not _PROJECT.fullmatch(text):
        rule = (
            "Use ASCII letters, digits, '.', '_' and '-', with a letter or digit at both ends, as package indexes do."
        )
        raise UsageError(f"{text!r} is not a valid project name", remedy=rule)


def _check_length(text: str, name: str) -> None:
    if len(name) > MAX_NAME_LENGTH:
        raise UsageError(f"{text!r} has {len(name)} characters", remedy=f"Use at most {MAX_NAME_LENGTH}.")


def _check_device(text: str) -> None:
    if _DEVICE.fullmatch(text):
        message = f"{text!r} is the name of a device, which a folder on Windows cannot have"
        raise UsageError(message, remedy=_ANOTHER_NAME)


def _check_folder(text: str) -> None:
    """Check the name of a v1 function, which is a folder that its tests import as a package."""
    _check_device(text)
    if "-" in text:
        message = f"{text!r} is not a valid name of a Python package, which a v1 function is"
        raise UsageError(message, remedy="Use '_' instead of '-'.")
    if text in _RESERVED_MODULES or any(text in modules_of(one) for _, one in installed()):
        message = f"{text!r} is the name of a Python module: 'import {text}' would import the v1 function instead"
        raise UsageError(message, remedy=f"Choose another name, such as {text.capitalize()}.")
