"""Commands of ``hosting``, run in the process of the test."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from hosting.cli.main import main


def run_command(*arguments: str | Path) -> int:
    """Run a command that keeps standard output for itself; return its exit code."""
    kept = os.dup(1)  # it keeps standard output to the end of its process
    try:
        with pytest.raises(SystemExit) as ended:
            main([*map(str, arguments)])
    finally:
        os.dup2(kept, 1)
        os.close(kept)
    return int(str(ended.value.code))
