"""``hosting --version``: the versions of hosting, of Python, and of packages that affect how an app runs."""

from __future__ import annotations

import json
import platform
import sys
from collections import defaultdict
from typing import Any

import hosting
from hosting._distributions import distribution_name, distribution_version, installed_versions
from hosting.extensions import installed_entry_points

PACKAGES = ("azure-functions", "pluggy", "uvicorn")


def version_text(*, as_json: bool = False) -> str:
    """Return the versions as lines for people, or as JSON."""
    document = versions()
    if as_json:
        return json.dumps(document, indent=2)
    python = document["python"]
    lines = [f"hosting {document['hosting']}", f"Python {python['version']} ({python['executable']})"]
    lines += [f"{name} {version or 'is not installed'}" for name, version in document["packages"].items()]
    lines += [f"{one['name']} {one['version']}: {', '.join(one['provides'])}" for one in document["plugins"]]
    return "\n".join(lines)


def versions() -> dict[str, Any]:
    """Return the versions as a document; ``plugins`` are the distributions that provide extensions or bindings."""
    return {
        "hosting": hosting.__version__,
        "python": {
            "version": platform.python_version(),
            "implementation": platform.python_implementation(),
            "executable": sys.executable,
        },
        "packages": installed_versions(PACKAGES),
        "plugins": _plugins(),
    }


def _plugins() -> list[dict[str, Any]]:
    """Return the distributions with entry points in hosting's groups, except hosting itself."""
    provided = defaultdict[tuple[str, str], set[str]](set)
    for entry in installed_entry_points():
        name = distribution_name(entry.dist) or "a package without metadata"
        if name != "hosting":
            provided[name, distribution_version(entry.dist) or ""].add(entry.name)
    return [
        {"name": name, "version": version, "provides": sorted(names)}
        for (name, version), names in sorted(provided.items())
    ]
