"""The benchmark of queues runs; people judge the figures."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from hosting_storage.testing import azurite_command

from tests.support.processes import ROOT


@pytest.mark.long
@pytest.mark.skipif(azurite_command() is None, reason="Azurite is not installed")
def test_queues_benchmark_prints_ratio_idle_cost_and_wait() -> None:
    """One short round prints rates and their ratio, the cost of an idle host, and the wait of a message."""
    arguments = ["--rounds", "1", "--messages", "50", "--seconds", "0.5", "--waits", "1"]
    program = [sys.executable, "-m", "tests.benchmarks.queues", *arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT / "plugins" / "hosting-storage" / "tests")}
    done = subprocess.run(program, capture_output=True, text=True, check=False, cwd=ROOT, env=environ)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^hosting / hand-written loop: median of 1 ratios \d+\.\d{3}$", done.stdout, re.MULTILINE)
    assert re.search(r"^idle host with 20 queue triggers: \d+\.\d\d% of a core$", done.stdout, re.MULTILINE)
    assert re.search(r"^a message waits for an idle host: median \d+\.\d\d s", done.stdout, re.MULTILINE)
