"""Distributions as an installer writes them: files in a folder, which the metadata reader finds."""

from __future__ import annotations

import base64
import csv
import hashlib
import importlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

Groups = Mapping[str, Mapping[str, str]]


class Site:
    """A folder of installed distributions, such as ``site-packages``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def install(
        self,
        name: str,
        modules: Mapping[str, str] | None = None,
        *,
        version: str = "1.0",
        direct_url: Any = None,
        **groups: Mapping[str, str],
    ) -> Path:
        """Install a distribution; return its ``dist-info`` folder.

        Args:
            name: the name of the distribution.
            modules: the text of its files, by path.
            version: the version of the distribution.
            direct_url: the content of direct_url.json: the URL that it was installed from.
            groups: entry points by name, for each of the groups ``hosting``, ``functions`` and ``bindings``.
        """
        info = f"{name.replace('-', '_')}-{version}.dist-info"
        files = dict(modules or {})
        files[f"{info}/METADATA"] = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        files[f"{info}/entry_points.txt"] = _entry_points(groups)
        if direct_url is not None:
            files[f"{info}/direct_url.json"] = json.dumps(direct_url)
        for file, text in files.items():
            target = self.path / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, "utf-8")
        (self.path / info / "RECORD").write_text(_record(files, f"{info}/RECORD"), "utf-8")
        importlib.invalidate_caches()
        return self.path / info

    def extension(self, name: str, code: str, *, group: str = "hosting", distribution: str = "") -> Path:
        """Install a distribution of one module, an extension called ``name``; return the module's file."""
        module = f"{group}_{(distribution or name).replace('-', '_')}_module"
        source = f"import hosting\n\n{code}"
        groups: dict[str, Any] = {group: {name: module}}
        self.install(distribution or f"dist-{name}", {f"{module}.py": source}, **groups)
        return self.path / f"{module}.py"


def hook(name: str, body: str = "pass", arguments: str = "", options: str = "", prefix: str = "def") -> str:
    """Return the source of one hook implementation."""
    return f"@hosting.hookimpl({options})\n{prefix} {name}({arguments}):\n    {body}\n\n"


PRE = hook("pre_invocation_app_level")
FUNCTION_PRE = hook("pre_invocation")


def _entry_points(groups: Groups) -> str:
    lines = []
    for group, entries in groups.items():
        lines += [f"[{'hosting' if group == 'hosting' else f'hosting.{group}'}]"]
        lines += [f"{name} = {value}" for name, value in entries.items()]
    return "\n".join(lines) + "\n"


def _record(files: Mapping[str, str], own: str) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    for file, content in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(content.encode()).digest()).decode().rstrip("=")
        writer.writerow([file, f"sha256={digest}", len(content.encode())])
    writer.writerow([own, "", ""])
    return text.getvalue()
