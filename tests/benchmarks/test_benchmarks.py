"""The benchmarks run; their figures are for a person to judge."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import ROOT


def test_first_request_prints_a_ratio() -> None:
    """One round gives both times and their ratio."""
    script = Path(__file__).parent / "first_request.py"
    command = [sys.executable, str(script), "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert re.search(r"median of 1 ratios: \d+\.\d\d\n", done.stdout)


def requests(*arguments: str, **environ: str) -> str:
    """What the comparison of servers prints."""
    command = [sys.executable, "-m", "tests.benchmarks.requests", "--rounds", "1", "--no-framework", *arguments]
    environment = {**os.environ, **environ}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 0, done.stderr
    for kind in ("async", "sync"):
        assert re.search(rf"^{kind}: hosting / floor: rate \d\.\d+, processor time \d\.\d+$", done.stdout, re.MULTILINE)
        assert re.search(rf"^{kind}: hosting \+ 1 extension / the same, paused: rate \d\.", done.stdout, re.MULTILINE)
    return done.stdout


def test_requests_without_wrk_say_so() -> None:
    """Where wrk is missing, the load comes from Python, and the output says so."""
    assert requests("--seconds", "0.2", PATH="").startswith("Without wrk")


@pytest.mark.skipif(shutil.which("wrk") is None, reason="wrk is not installed")
def test_requests_with_wrk_parse_its_output() -> None:
    """The figures of wrk are understood."""
    assert not requests("--seconds", "1").startswith("Without wrk")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_memory_prints_the_growth() -> None:
    """A few requests give two figures and the growth between them."""
    command = [sys.executable, "-m", "tests.benchmarks.memory", "--first", "50", "--last", "200", "--turn", "0.1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^growth: -?\d+\.\d %$", done.stdout, re.MULTILINE)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="there is no /proc")
def test_streams_print_rate_and_growth() -> None:
    """A few MiB each way give a rate and the growth of the host."""
    command = [sys.executable, "-m", "tests.benchmarks.streams", "--mebibytes", "4"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(r"(?:(?:up|down): 4 MiB, \d+ MiB/s, growth -?\d+\.\d MiB\n){2}", done.stdout)
