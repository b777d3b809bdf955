"""``local.settings.json``: reading the app settings of a developer's machine, and applying them to the environment."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hosting._text import comma_separated, did_you_mean
from hosting.apps.json_files import JsonFile, describe_json, read_json
from hosting.apps.json_keys import CaselessDict
from hosting.core import Problem
from hosting.errors import SettingsError

FILE = "local.settings.json"
ENVIRONMENT = "AZURE_FUNCTIONS_ENVIRONMENT"
SECTIONS = ("IsEncrypted", "Values", "ConnectionStrings", "Host")
HOST_KEYS = ("LocalHttpPort", "LocalHttpAddress", "CORS", "CORSCredentials")


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The content of ``local.settings.json``; everything is empty if there is no such file."""

    root: Path
    values: dict[str, str] = field(default_factory=dict)
    """``Values``, and each connection string as ``ConnectionStrings:NAME``."""
    port: int | None = None
    """``Host.LocalHttpPort``, 0 to 65535."""
    address: str | None = None
    """``Host.LocalHttpAddress``."""
    cors: tuple[str, ...] = ()
    """The origins of ``Host.CORS``."""
    cors_credentials: bool = False
    """``Host.CORSCredentials``."""
    problems: tuple[Problem, ...] = ()
    """Warnings about settings that were skipped."""


def read_local_settings(root: Path) -> LocalSettings:
    """Read ``local.settings.json`` of the app in ``root`` as Azure's Core Tools do; the environment is not changed.

    Names of sections ignore case, names of settings do not. A missing ``IsEncrypted`` means false. Numbers and booleans
    in ``Values`` become text. A setting that cannot be in an environment is skipped, with a problem.

    Raises:
        SettingsError: the file cannot be read, is not JSON, is encrypted, or has a value of the wrong type. The error
            has the file and the line.
    """
    root = root.resolve()
    path = root / FILE
    if not os.path.lexists(path):
        return LocalSettings(root)
    file = read_json(path, SettingsError, raw_numbers=True)
    _check_encryption(file)
    values, problems = _values(file)
    strings, string_problems = _connection_strings(file)
    problems += [*string_problems, *_unknown_keys(file)]
    return LocalSettings(root, values | strings, problems=tuple(problems), **_host(file))


def apply_settings(settings: LocalSettings, environ: MutableMapping[str, str]) -> tuple[str, ...]:
    """Add the settings to ``environ``, with the variables that Azure's Core Tools add.

    A variable that is already set and not empty keeps its value. ``AzureWebJobsScriptRoot`` always becomes this app's
    folder.

    Args:
        settings: the settings to add.
        environ: the environment to change, such as ``os.environ``.

    Returns:
        The names of the settings that were skipped because the environment already has them.
    """
    added = {
        "FUNCTIONS_WORKER_RUNTIME": "python",
        "FUNCTIONS_WORKER_RUNTIME_VERSION": f"{sys.version_info.major}.{sys.version_info.minor}",
        ENVIRONMENT: "Development",
        **settings.values,
    }
    skipped = tuple(name for name in settings.values if environ.get(name))
    environ.update({name: value for name, value in added.items() if not environ.get(name)})
    environ["AzureWebJobsScriptRoot"] = str(settings.root)
    return skipped


def _check_encryption(file: JsonFile) -> None:
    value = CaselessDict(file.content).get("IsEncrypted")
    match {"true": True, "false": False}.get(value.lower(), value) if isinstance(value, str) else value:
        case None | False:
            return
        case True:
            raise SettingsError(
                f"{FILE} is encrypted: only Azure's Core Tools on the machine that wrote it can read it",
                remedy="Run 'func settings decrypt', or set \"IsEncrypted\" to false and write plain values.",
                file=str(file.path),
                line=file.line("IsEncrypted"),
            )
        case other:
            raise _wrong(file, ("IsEncrypted",), "true or false", other)


def _values(file: JsonFile) -> tuple[dict[str, str], list[Problem]]:
    values: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in _section(file, "Values").items():
        if isinstance(value, dict | list):
            raise _wrong(file, ("Values", name), "a text", value)
        if not name:
            problems.append(_skipped(file, name, "its name is empty", "Add a name, or remove the line."))
        elif value is None:
            problems.append(_skipped(file, name, "it is null", "Set a value, or remove the line."))
        elif name == ENVIRONMENT and value != "Development":
            problems.append(
                _skipped(file, name, "it is always Development here", f"Set {ENVIRONMENT} in the environment.")
            )
        elif why := _unfit(name, _text(value)):
            problems.append(_impossible(file, ("Values", name), why))
        else:
            values[name] = _text(value)
    return values, problems


def _skipped(file: JsonFile, name: str, why: str, remedy: str) -> Problem:
    message = f"{FILE}: the setting {name!r} is skipped: {why}"
    return Problem("warning", message, remedy, file=str(file.path), line=file.line("Values", name))


def _unfit(name: str, value: str) -> str:
    """Return why a setting cannot be an environment variable; empty if it can."""
    if "=" in name:
        return "the name of an environment variable cannot have the character '='"
    for part, text in (("name", name), ("value", value)):
        if "\0" in text:
            return f"its {part} has the character NUL (\\u0000), which no environment variable can have"
        if any("\ud800" <= character <= "\udfff" for character in text):
            return f"its {part} has half of a surrogate pair, which cannot be encoded as UTF-8"
    return ""


def _impossible(file: JsonFile, keys: tuple[str, str], why: str) -> Problem:
    remedy = "Correct its name or its value, or remove the line."
    message = f"{FILE}: the setting {keys[1]!r} is skipped: {why}"
    return Problem("error", message, remedy, file=str(file.path), line=file.line(*keys))


def _connection_strings(file: JsonFile) -> tuple[dict[str, str], list[Problem]]:
    strings: dict[str, str] = {}
    problems: list[Problem] = []
    for name, value in _section(file, "ConnectionStrings").items():
        text = CaselessDict(value).get("ConnectionString") if isinstance(value, dict) else value
        if not isinstance(text, str):
            raise _wrong(file, ("ConnectionStrings", name), 'a text, or an object with "ConnectionString"', value)
        if why := "its name is empty" if not name else _unfit(name, text):
            problems.append(_impossible(file, ("ConnectionStrings", name), why))
        else:
            strings[f"ConnectionStrings:{name}"] = text
    return strings, problems


def _unknown_keys(file: JsonFile) -> Iterator[Problem]:
    """Yield a problem for each section, and each key of ``Host``, that nothing reads."""
    known = f"The sections are {', '.join(SECTIONS)}; settings belong in Values."
    yield from _unknown(file, file.content, (), SECTIONS, known)
    yield from _unknown(file, _section(file, "Host"), ("Host",), HOST_KEYS, f"Host can have {', '.join(HOST_KEYS)}.")


def _unknown(
    file: JsonFile, content: dict[str, Any], path: tuple[str, ...], known: tuple[str, ...], otherwise: str
) -> Iterator[Problem]:
    folded = {name.lower() for name in known}
    for key in content:
        # Keys such as $schema and _comment are for editors and people.
        if key.lower() not in folded and not key.startswith(("$", "_", "/", "#")):
            message = f"{FILE}: nothing reads {'.'.join((*path, key))!r}"
            remedy = did_you_mean(key, known) or otherwise
            yield Problem("warning", message, remedy, file=str(file.path), line=file.line(*path, key))


def _host(file: JsonFile) -> dict[str, Any]:
    host = CaselessDict(_section(file, "Host"))
    return {
        "port": _port(file, host.get("LocalHttpPort")),
        "address": _optional_text(file, "LocalHttpAddress", host),
        "cors": _origins(_optional_text(file, "CORS", host)),
        "cors_credentials": _credentials(file, host.get("CORSCredentials")),
    }


def _port(file: JsonFile, value: Any) -> int | None:
    if value is None:
        return None
    # Numbers are read as text, so the port may have quotes in the file or not.
    if not isinstance(value, str) or not value.isascii() or not value.isdigit() or int(value) > 65535:
        raise _wrong(file, ("Host", "LocalHttpPort"), "a port number, 0 to 65535", value)
    return int(value)


def _optional_text(file: JsonFile, key: str, host: dict[str, Any]) -> str | None:
    value = host.get(key)
    if value is not None and (not isinstance(value, str) or _unfit("", value)):
        raise _wrong(file, ("Host", key), "a text", value)
    return value


def _origins(text: str | None) -> tuple[str, ...]:
    return comma_separated(text or "")


def _credentials(file: JsonFile, value: Any) -> bool:
    if value is None or _text(value).lower() in ("true", "false"):
        return value is not None and _text(value).lower() == "true"
    raise _wrong(file, ("Host", "CORSCredentials"), "true or false", value)


def _section(file: JsonFile, name: str) -> dict[str, Any]:
    """Return a section in any case; of several, each may have some of the settings, and the last one wins."""
    merged: dict[str, Any] = {}
    for key, section in file.content.items():
        if key.lower() == name.lower() and section is not None:
            if not isinstance(section, dict):
                raise _wrong(file, (name,), "an object", section)
            merged.update(section)
    return merged


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _wrong(file: JsonFile, keys: tuple[str, ...], expected: str, value: Any) -> SettingsError:
    remedies = {
        "Values": "Settings cannot be nested: write the value as text, for example as JSON in a string.",
        "ConnectionStrings": "Write the connection string as text.",
    }
    return SettingsError(
        f"{FILE}: {'.'.join(keys)}: expected {expected}, found {describe_json(value)}",
        remedy=remedies.get(keys[0], "") if len(keys) > 1 else "",
        file=str(file.path),
        line=file.line(*keys),
    )
