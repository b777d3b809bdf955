"""What an app should no longer do, told once at its start."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from hosting.apps.imports import NAMESPACE, is_app_file
from hosting.core import Problem

_IMPORT = re.compile(rf"^[ \t]*(?:from|import)[ \t]+{NAMESPACE}\b", re.MULTILINE)


def namespace_imports(root: Path) -> list[Problem]:
    """A warning if a loaded module of the app imports from ``__app__``, as Azure's first samples did."""
    modules = [getattr(module, "__dict__", {}) for module in list(sys.modules.values())]
    inside = str(root) + os.sep
    # Most modules are elsewhere, which their path's text tells faster than its parts.
    found = {file for file in (str(module.get("__file__")) for module in modules) if file.startswith(inside)}
    for file in sorted(file for file in found if is_app_file(file, root)):
        text = Path(file).read_text("utf-8", "replace")
        if match := _IMPORT.search(text):
            return [
                Problem(
                    "warning",
                    f"importing from {NAMESPACE} is deprecated",
                    "Import from the app's folder by name, as in 'from shared_code import x', or relatively.",
                    file=file,
                    line=text.count("\n", 0, match.start()) + 1,
                )
            ]
    return []
