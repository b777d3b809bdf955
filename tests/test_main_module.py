"""``python -m hosting`` where hosting is installed without its extra ``host``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hosting._install import install_command
from tests.conftest import ROOT, clean_environment


@pytest.mark.parametrize(("missing", "arguments"), [("click", ["--version"]), ("uvicorn", ["start", "--port", "0"])])
def test_missing_package_of_the_extra_exits_with_1(tmp_path: Path, missing: str, arguments: list[str]) -> None:
    """There is one line, which says what to install."""
    error = f'raise ModuleNotFoundError("No module named {missing!r}", name="{missing}")\n'
    (tmp_path / f"{missing}.py").write_text(error)
    (tmp_path / "function_app.py").write_text("import azure.functions as func\napp = func.FunctionApp()\n")
    environ = clean_environment({"PYTHONPATH": f"{tmp_path}:{ROOT}"})
    command = [sys.executable, "-m", "hosting", *arguments]
    done = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"Error: The command needs {missing}, which is not installed: {install_command('hosting', 'host')}\n"
    )
