"""Apps for tests: written to a folder, and served by ``hosting start``."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from hosting.testing import Server
from hosting.testing.server import environment

TIMEOUT_SECONDS = 60.0
"""How long a test waits for a host before it fails."""


class MakeApp(Protocol):
    """Write an app's files to a new folder."""

    def __call__(self, files: Mapping[str, str], /) -> Path: ...


class Serve(Protocol):
    """Start ``hosting start APP_DIR ARGS`` on a free port, and wait until it listens."""

    def __call__(self, app_dir: Path, /, *args: str, env: Mapping[str, str] | None = None) -> Server: ...


def run_hosting(*args: str | Path, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run ``hosting ARGS`` to its end, in this process's environment without what a host reads, plus ``env``."""
    command = [sys.executable, "-m", "hosting", *map(str, args)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment(env), timeout=TIMEOUT_SECONDS, check=False
    )
