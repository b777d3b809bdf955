"""JSON Schema of an app's host.json, with the settings of the extensions that are installed, for editors."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from hosting.apps.host_json_schema import azure_schema
from hosting.apps.imports import add_to_path
from hosting.errors import MissingFolderError
from hosting.extensions.settings.section import section_schema

_NOT_OF_THE_APP = frozenset({"__pycache__", "node_modules", "venv", "env", "site-packages", "tests"})
FILE = "host.schema.json"
"""The file that ``hosting new app`` writes, and that its host.json names as ``$schema``."""


def schema_of_app(root: Path) -> tuple[str, list[str]]:
    """Return the schema of an app's host.json as text, and why the settings of some extensions are not in it.

    The app itself is not imported. The settings of ``local.settings.json`` are applied to the environment.

    Raises:
        MissingFolderError: there is no such folder.
        SettingsError: a settings file of the app cannot be read.
    """
    if not root.is_dir():
        raise MissingFolderError(root)
    from hosting.host.function_host import FunctionHost  # a new app's schema does not need it

    host = FunctionHost(root)
    host.configure()
    add_to_path(host.root)
    text, problems = schema_text(host.host_json.get("extensionHost"), os.environ, str(host.root))
    return text, [*problems, *_registered_in_code(host.root)]


def _registered_in_code(root: Path) -> list[str]:
    """Return one sentence if the app's code registers extensions: their settings are known when it is imported."""
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(one for one in folders if not one.startswith(".") and one not in _NOT_OF_THE_APP)
        for file in (Path(folder, name) for name in sorted(names) if name.endswith(".py")):
            if "hosting.extension(" in (text := file.read_text("utf-8", "replace")) or "@hosting.extension" in text:
                where = file.relative_to(root).as_posix()
                return [f"The settings of extensions that {where} registers with hosting.extension have no schema"]
    return []


def schema_text(
    section: Mapping[str, Any] | None, environ: Mapping[str, str], root: str | None = None
) -> tuple[str, list[str]]:
    """Return the schema of a host.json as text, and why the settings of some extensions are not in it.

    Args:
        section: the section ``extensionHost``; None if there is none.
        environ: the app's settings.
        root: the app's folder, which is on ``sys.path``; None if there is no app.

    Raises:
        SettingsError: the section has an unknown key or a wrong value.
    """
    own = section_schema(section, environ, root)
    schema = azure_schema()
    schema["properties"]["extensionHost"] = own.schema
    schema["$defs"] = dict(sorted(own.definitions.items()))
    return json.dumps(schema, indent=2, ensure_ascii=False, default=str) + "\n", own.problems
