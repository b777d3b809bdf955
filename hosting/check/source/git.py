"""What Git tracks, asked from Git itself."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

_TIMEOUT_SECONDS = 10.0


def is_tracked(folder: Path, name: str) -> bool:
    """Return whether Git tracks a file; False without Git, and outside a repository.

    Args:
        folder: the folder with the file.
        name: the file's name.
    """
    # Inside a Git hook, variables name another repository.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("GIT_")}
    # A repository may name a program of its own to watch its files.
    command = ["git", "-c", "core.fsmonitor=false", "ls-files", "--error-unmatch", "--", name]
    try:
        done = subprocess.run(command, cwd=folder, env=environ, capture_output=True, timeout=_TIMEOUT_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return done.returncode == 0
