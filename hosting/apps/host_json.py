"""Reading ``host.json``: validation, and overrides from the environment, as in Azure's host."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from hosting.apps.host_json_keys import key_problems
from hosting.apps.json_files import JsonFile, describe_json, read_json
from hosting.apps.json_keys import CaselessDict
from hosting.core import Function
from hosting.errors import HostingError, SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from hosting.core import Problem

FILE = "host.json"
SECTION = "extensionHost"
PREFIX = "azurefunctionsjobhost__"

EXPECTED: Mapping[tuple[str, ...], type] = {
    ("version",): str,
    ("functions",): list,
    ("functionTimeout",): str,
    ("retry",): dict,
    (SECTION,): dict,
    ("logging",): dict,
    ("logging", "logLevel"): dict,
    ("extensions",): dict,
    ("extensions", "http"): dict,
    ("extensions", "http", "routePrefix"): str,
    ("extensions", "http", "maxOutstandingRequests"): int,
    ("extensions", "http", "maxConcurrentRequests"): int,
    ("extensions", "http", "dynamicThrottlesEnabled"): bool,
    ("extensions", "http", "customHeaders"): dict,
    ("extensions", "http", "hsts"): dict,
    ("extensions", "queues"): dict,
    ("extensions", "blobs"): dict,
    ("hosting",): dict,
    ("hosting", "missingOutputs"): str,
    ("hosting", "inputs"): dict,
}
"""The keys that this host reads, and their types; a parent comes before its children. Other keys are not checked."""

_ABOUT = r"host\.json: ([A-Za-z][\w.-]*)"
_UNKNOWN_KEY = r"unknown key '([^']+)'"

LOG_LEVELS = ("trace", "debug", "information", "warning", "error", "critical", "none")

NAMES: Mapping[type, str] = {
    str: "a text",
    list: "a list",
    dict: "an object",
    int: "a whole number",
    bool: "true or false",
}


def read_host_json(
    root: Path | str, environ: Mapping[str, str], problems: list[Problem] | None = None
) -> dict[str, Any]:
    """Read ``host.json`` of the app in ``root``.

    A missing or empty file means the defaults. As in Azure's host, the version must be "2.0", keys ignore case, and
    ``AzureFunctionsJobHost__SECTION__KEY`` in ``environ`` overrides a value. A number as the last part of
    that name sets an item of a list.

    Args:
        root: the app's folder.
        environ: the environment variables.
        problems: gets a problem for each key that is probably misspelled; None to look for none.

    Returns:
        The content of the file, whose keys are found in any case. Names that this host knows are spelled as Azure
        documents them.

    Raises:
        SettingsError: the file cannot be read or is not JSON, its version is missing or is not "2.0", a value
            has the wrong type, or ``extensionHost`` has a key twice. The error has the file and the line.
    """
    path = os.path.join(os.path.realpath(root), FILE)
    file = read_json(path, SettingsError) if os.path.lexists(path) else JsonFile(path, "", {})
    content = CaselessDict(file.content or {"version": "2.0"})
    if SECTION in content:
        _check_written_once(file)
    for expected in EXPECTED:
        _normalize_spelling(content, expected)
    _override(content, environ)
    if content.get("functionTimeout") == -1:
        content["functionTimeout"] = "-1"  # .NET's configuration reads numbers as text
    for keys, wanted in EXPECTED.items():
        _check(file, content, keys, wanted)
    _check_log_levels(file, content)
    _check_version(file, content)
    if problems is not None:
        problems.extend(key_problems(file, content))
    return content


def _check_written_once(file: JsonFile) -> None:
    """Check that ``extensionHost`` has no key twice: only one of them is read, and the other may name guards."""
    from hosting.apps.json_keys import repeated_key

    found = repeated_key(file.text, SECTION)
    if found is not None:
        path, first, line = found
        raise SettingsError(
            f"{FILE}: {'.'.join(path)} is written twice, first in line {first}",
            remedy="Write it once: the host reads only one of them.",
            file=str(file.path),
            line=line,
        )


def apply_host_json(host_json: Mapping[str, Any], functions: Iterable[Function]) -> None:
    """Set what host.json says about functions: the prefix of their routes, and how often a message is tried."""
    prefix = _extension_setting(host_json, "http", "routePrefix", "api")
    count = _extension_setting(host_json, "queues", "maxDequeueCount", 5)
    for function in functions:
        function.route_prefix = str(prefix).strip("/")
        function.max_dequeue_count = count if isinstance(count, int) else 5


def _extension_setting(host_json: Mapping[str, Any], section: str, key: str, default: Any) -> Any:
    found: Any = host_json
    for name in ("extensions", section):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found.get(key, default) if isinstance(found, Mapping) else default


def locate(error: HostingError, root: Path) -> None:
    """Set file and line of an error about host.json that begins with its name and a path such as ``extensions.http``.

    An error that has a file, or is about something else, stays as it is.
    """
    match = re.match(_ABOUT, error.message)
    path = root / FILE
    if match is None or error.line is not None or not path.is_file():
        return
    keys = [*match[1].rstrip(".").split("."), *re.findall(_UNKNOWN_KEY, error.message)]
    try:
        file = read_json(path, SettingsError)
    except SettingsError:
        return
    lines = (file.line(*keys[:count]) for count in range(len(keys), 0, -1))
    error.file, error.line = str(path), next(filter(None, lines), None)


def _normalize_spelling(content: CaselessDict, keys: tuple[str, ...]) -> None:
    """Rename the last of ``keys`` to its documented spelling if the file spells it in another case."""
    section = _parent(content, keys)
    name = None if section is None else section.spelling(keys[-1])
    if section is not None and name is not None and name != keys[-1]:
        section[keys[-1]] = section.pop(name)


def _parent(content: CaselessDict, keys: tuple[str, ...]) -> CaselessDict | None:
    section: Any = content
    for key in keys[:-1]:
        section = section.get(key) if isinstance(section, CaselessDict) else None
    return section if isinstance(section, CaselessDict) else None


def _override(content: CaselessDict, environ: Mapping[str, str]) -> None:
    for name, value in sorted(environ.items()):
        keys = name[len(PREFIX) :].split("__")
        if name.lower().startswith(PREFIX) and all(keys):
            _set(content, tuple(keys), value)


def _set(content: CaselessDict, keys: tuple[str, ...], value: str) -> None:
    section = content
    path: tuple[str, ...] = ()
    for key, following in zip(keys, (*keys[1:], None), strict=True):
        spelling = _spelling(section, path, key)
        path = (*path, spelling)
        if following is None:
            section[spelling] = value if EXPECTED.get(path) is str else _scalar(value)
        elif following.isdigit():
            _set_item(section, spelling, int(following), value)
            return
        else:
            if not isinstance(section.get(spelling), dict):
                section[spelling] = CaselessDict()
            section = section[spelling]


def _set_item(section: dict[str, Any], key: str, index: int, value: str) -> None:
    items = section.get(key)
    items = list(items) if isinstance(items, list) else []
    items[index : index + 1] = [value]
    section[key] = items


def _spelling(section: Mapping[str, Any], path: tuple[str, ...], key: str) -> str:
    """Return the key as ``section`` spells it, or else as Azure documents it; the environment ignores case."""
    known = (keys[-1] for keys in EXPECTED if keys[:-1] == path)
    same: Iterator[str] = (name for name in (*section, *known) if name.lower() == key.lower())
    return next(same, key)


def _scalar(text: str) -> Any:
    try:
        value = json.loads(text.lower())
    except ValueError:
        return text
    return value if isinstance(value, bool | int | float) else text


def _check(file: JsonFile, content: CaselessDict, keys: tuple[str, ...], wanted: type) -> None:
    section = _parent(content, keys)
    if section is None or keys[-1] not in section:
        return
    value = section[keys[-1]]
    if value is None:
        del section[keys[-1]]
    elif type(value) is not (CaselessDict if wanted is dict else wanted):
        raise SettingsError(
            f"{FILE}: {'.'.join(keys)}: expected {NAMES[wanted]}, found {describe_json(value)}",
            remedy=f"Change it in the file, or in the setting {'__'.join(('AzureFunctionsJobHost', *keys))}.",
            file=str(file.path),
            line=file.line(*keys),
        )


def _check_log_levels(file: JsonFile, content: Mapping[str, Any]) -> None:
    for category, level in content.get("logging", {}).get("logLevel", {}).items():
        if level is not None and str(level).lower() not in LOG_LEVELS:
            raise SettingsError(
                f"{FILE}: logging.logLevel.{category}: {level!r} is not a log level",
                remedy=f"Use one of {', '.join(name.capitalize() for name in LOG_LEVELS)}.",
                file=str(file.path),
                line=file.line("logging", "logLevel", category),
            )


def _check_version(file: JsonFile, content: Mapping[str, Any]) -> None:
    version = content.get("version")
    if version == "2.0":
        return
    raise SettingsError(
        f"{FILE} is missing the required 'version' property"
        if version is None
        else f"{FILE}: {version!r} is an invalid value for the 'version' property",
        remedy='Write "version": "2.0".',
        file=str(file.path),
        line=file.line("version"),
    )
