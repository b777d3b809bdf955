"""Which Python is found for a version, and what is said where there is none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tools import test_pythons

VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_this_python_is_found_by_its_version() -> None:
    """A Python that is found has the version that was asked for."""
    found = test_pythons.find_python(VERSION)
    if found is None:
        pytest.skip(f"this machine has Python {VERSION} in a place of its own")
    code = "import sys; print(*sys.version_info[:2], sep='.')"
    assert subprocess.run([found, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == VERSION


def test_a_shim_of_pyenv_is_not_taken_for_a_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Pyenv's shims fail for versions that are not chosen: the versions that it has installed are used instead."""
    python = tmp_path / "versions" / "3.99.1" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\necho 3.99\necho {python}\n")
    python.chmod(0o755)
    shim = tmp_path / "shims" / "python3.99"
    shim.parent.mkdir()
    shim.write_text("#!/bin/sh\nexit 127\n")
    shim.chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    monkeypatch.setenv("PATH", str(shim.parent))
    assert test_pythons.find_python("3.99") == str(python)


def test_durable_functions_are_tested_with_the_sdk_2_where_it_can_be_installed() -> None:
    """It has an environment and versions of its own, and tests that exist."""
    assert list(test_pythons._durable_2("3.12", "python")) == []
    commands = list(test_pythons._durable_2("3.13", "python"))
    assert "constraints/durable-2.txt" in commands[1]
    assert (test_pythons.ROOT / commands[2][-1]).exists()


def test_a_version_that_the_machine_lacks_is_skipped_and_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The output says which version is missing and where it was looked for; that is no failure."""
    monkeypatch.setattr(test_pythons, "find_python", lambda _version: None)
    assert test_pythons.main(["3.12"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Python 3.12 is not on the path, and neither pyenv, uv nor py has it.",
        "Python 3.12: skipped, as this machine does not have it",
    ]
