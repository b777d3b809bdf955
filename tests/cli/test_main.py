"""The command line as a whole: help, versions, wrong usage, folders that do not exist."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

import hosting
from hosting.cli.main import main
from tests.conftest import clean_environment

RunHosting = Callable[..., "CompletedProcess[str]"]


def test_help_lists_the_commands(run_hosting: RunHosting) -> None:
    """Help is printed on standard output, with exit code 0."""
    done = run_hosting("--help")
    assert done.returncode == 0
    assert "start" in done.stdout
    assert "diag" in done.stdout


def test_version_starts_with_the_version_of_hosting(run_hosting: RunHosting) -> None:
    """The first line is the package's version."""
    assert run_hosting("--version").stdout.startswith(f"hosting {hosting.__version__}\n")


@pytest.mark.parametrize(
    "arguments", [["nothing"], ["start", "--port", "x"], ["start", "--log-format", "xml"], ["diag", "--x"]]
)
def test_wrong_usage_exits_with_2(run_hosting: RunHosting, arguments: list[str]) -> None:
    """The error is printed on standard error."""
    done = run_hosting(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error" in done.stderr


@pytest.mark.parametrize("command", ["start", "diag"])
def test_current_folder_is_the_default(run_hosting: RunHosting, command: str) -> None:
    """Without an argument, a command looks for an app in the current folder."""
    done = run_hosting(command)
    assert done.returncode == 1
    assert "there is no function app in" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", ["start", "diag", "keys", "check", "image", "manifests --image x:1", "schema"])
def test_missing_folder_exits_with_2(run_hosting: RunHosting, command: str) -> None:
    """There is one message, which names the folder."""
    done = run_hosting(*command.split(), "/a/folder/that/is/not/there")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Error: ")
    assert "/a/folder/that/is/not/there" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not delete the current folder of a process")
@pytest.mark.parametrize("command", ["start", "diag", "keys", "check", "new function hello"])
def test_deleted_current_folder_exits_with_1(tmp_path: Path, command: str) -> None:
    """There is one message, which says what to do."""
    gone = tmp_path / "gone"
    gone.mkdir()
    line = ["sh", "-c", 'rmdir "$PWD" && exec "$0" -m hosting "$@"', sys.executable, *command.split()]
    done = subprocess.run(line, cwd=gone, env=clean_environment(), capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr == "Error: The current folder has been deleted. Go to another one: cd ~\n"


def test_defect_prints_a_traceback_without_secrets_and_exits_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An exception that nothing handles is shown as Python shows it, masked."""

    def fail(*arguments: object, **options: object) -> None:
        raise RuntimeError("AccountKey=hush")

    monkeypatch.setattr("hosting.cli.main.cli.main", fail)
    with pytest.raises(SystemExit) as ended:
        main([])
    shown = capsys.readouterr().err
    assert ended.value.code == 1
    assert shown.startswith("Traceback (most recent call last):\n")
    assert shown.endswith("RuntimeError: AccountKey=***\n")
    assert "hush" not in shown
