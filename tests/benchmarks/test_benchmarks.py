"""The benchmarks run; people judge the figures."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT


def test_first_request_benchmark_prints_a_ratio() -> None:
    """One round prints both times and their ratio."""
    script = Path(__file__).parent / "first_request.py"
    command = [sys.executable, str(script), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"median of 1 ratios: \d+\.\d\d\n", done.stdout)


def run_requests(*arguments: str, **environ: str) -> str:
    """Run the comparison of servers; return what it prints."""
    command = [sys.executable, "-m", "tests.benchmarks.requests", "--rounds", "1", "--no-framework", *arguments]
    environment = {**os.environ, **environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    figure = r"\d\.\d+ \(\d\.\d+ to \d\.\d+\)"
    for kind in ("async", "sync"):
        for name in ("hosting", "hosting, warnings only"):
            ratios = rf"^{kind}: {name} / floor: rate {figure}, processor time {figure}$"
            assert re.search(ratios, done.stdout, re.MULTILINE)
        assert re.search(rf"^{kind}: hosting \+ 1 extension / the same, paused: rate \d\.", done.stdout, re.MULTILINE)
    return done.stdout


def test_requests_benchmark_without_wrk_says_so() -> None:
    """Where wrk is missing, Python generates the load, and the output says so."""
    assert run_requests("--seconds", "0.2", PATH="").startswith("Without wrk")


@pytest.mark.long
@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_requests_benchmark_with_wrk_reads_its_figures() -> None:
    """The figures of wrk are read from its output."""
    assert not run_requests("--seconds", "1").startswith("Without wrk")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_memory_benchmark_prints_the_growth() -> None:
    """A few requests result in two figures and the growth between them."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--first", "50", "--last", "200", "--turn", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^growth: -?\d+\.\d %$", done.stdout, re.MULTILINE)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_streams_benchmark_prints_rate_and_growth() -> None:
    """A few MiB in each direction result in a rate and the growth of the host."""
    command = [sys.executable, "-m", "tests.benchmarks.streams", "--mebibytes", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(?:(?:up|down): 4 MiB, \d+ MiB/s, growth -?\d+\.\d MiB\n){2}", done.stdout)
