"""Warnings about deprecated features that an app uses."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

from hosting.apps.imports import NAMESPACE, is_app_file
from hosting.core import Problem

_IMPORT = re.compile(rf"^[ \t]*(?:from|import)[ \t]+{NAMESPACE}\b", re.MULTILINE)


def namespace_imports(root: Path) -> list[Problem]:
    """Return a warning if a loaded module of the app imports from ``__app__``, as Azure's first samples did.

    Args:
        root: the app's folder.

    Returns:
        At most one problem, for the first such import; the modules are searched in the order of their paths.
    """
    modules = [getattr(module, "__dict__", {}) for module in list(sys.modules.values())]
    inside = str(root) + os.sep
    # Most modules are outside the app: comparing text rules them out faster than comparing path objects.
    files = {file for file in (str(module.get("__file__")) for module in modules) if file.startswith(inside)}
    for file in sorted(file for file in files if is_app_file(file, root)):
        text = Path(file).read_text("utf-8", "replace")
        if match := _IMPORT.search(text):
            return [
                Problem(
                    "warning",
                    f"importing from {NAMESPACE} is deprecated",
                    "Use the folder's name, as in 'from shared_code import x', or a relative import.",
                    file=file,
                    line=text.count("\n", 0, match.start()) + 1,
                )
            ]
    return []
