"""The benchmarks run; what they measure is for a person to judge."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path


def test_first_request_prints_a_ratio() -> None:
    """One round gives both times and their ratio."""
    script = Path(__file__).parent / "first_request.py"
    command = [sys.executable, str(script), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"median of 1 ratios: \d+\.\d\d\n", done.stdout)
