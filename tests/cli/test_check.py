"""``hosting check``: output, exit codes and options."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from tests.support.checks import APP, EXTENSION, function, write

RunHosting = Callable[..., "CompletedProcess[str]"]


def test_app_with_a_warning_exits_with_0(tmp_path: Path, run_hosting: RunHosting) -> None:
    """A warning is printed with location, code and remedy, and does not fail a build."""
    write(tmp_path, {**APP, "proxies.json": "{}"})
    done = run_hosting("check", tmp_path)
    assert done.returncode == 0
    assert done.stdout == (
        "proxies.json: warning APP112 proxies.json has no effect: proxies are not supported\n"
        "    Delete it: write a function for each proxy, or use Azure API Management.\n"
        "\n"
        "Checked a function app: 1 warning.\n"
    )


def test_strict_exits_with_1_for_a_warning(tmp_path: Path, run_hosting: RunHosting) -> None:
    """Without a finding it exits with 0."""
    write(tmp_path, {**APP, "proxies.json": "{}"})
    assert run_hosting("check", tmp_path, "--strict").returncode == 1
    assert run_hosting("check", tmp_path, "--strict", "--ignore", "APP112").returncode == 0


def test_app_with_an_error_exits_with_1(tmp_path: Path, run_hosting: RunHosting) -> None:
    """An error of the app fails a build, and is not shown as a bug of the command."""
    write(tmp_path, {**APP, "function_app.py": "import azure.functions as func\nraise ValueError\n"})
    done = run_hosting("check", tmp_path)
    assert done.returncode == 1
    assert "function_app.py:2: error APP201" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_characters_that_the_terminal_lacks_are_escaped(tmp_path: Path, run_hosting: RunHosting) -> None:
    """The command does not fail because of the encoding of its output."""
    write(tmp_path, {**APP, "function_app.py": "raise ValueError('caf\u00e9 \u2603')\n"})
    done = run_hosting("check", tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (1, "")
    assert r"ValueError: caf\xe9 \u2603" in done.stdout


def test_folder_with_app_and_extension_is_checked_as_both(tmp_path: Path, run_hosting: RunHosting) -> None:
    """The summary names both."""
    done = run_hosting("check", write(tmp_path, {**EXTENSION, **APP}), "--select", "EXT,APP1,APP2,APP4")
    assert (done.returncode, done.stdout) == (0, "Checked a function app and an extension: no problems found.\n")


def test_json_is_one_document_with_every_field(tmp_path: Path, run_hosting: RunHosting) -> None:
    """Nothing else is on standard output, whatever the app prints."""
    code = "import os\nprint('noise')\nos.write(1, b'more')\n" + function("\nimport click\n")["function_app.py"]
    write(tmp_path, {**APP, "function_app.py": code})
    done = run_hosting("check", tmp_path, "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout) == {
        "schema_version": 1,
        "path": str(tmp_path),
        "kinds": ["app"],
        "errors": 1,
        "warnings": 0,
        "findings": [
            {
                "code": "APP302",
                "severity": "error",
                "message": "'click' is imported but not listed",
                "remedy": "Add click to requirements.txt, or add the file to .funcignore if it is not part of the app.",
                "file": "function_app.py",
                "line": 13,
            }
        ],
    }


@pytest.mark.parametrize(
    ("flags", "codes"),
    [
        (["--select", "APP1"], ["APP112"]),
        (["--select", "app3,APP112"], ["APP112", "APP311"]),
        (["--ignore", "APP311", "--ignore", "APP112"], []),
        (["--select", "APP", "--ignore", "APP3"], ["APP112"]),
    ],
)
def test_rules_are_selected_by_the_beginning_of_their_codes(
    flags: list[str], codes: list[str], tmp_path: Path, run_hosting: RunHosting
) -> None:
    """Case does not matter, options may be repeated or have commas, and ``--ignore`` wins over ``--select``."""
    write(tmp_path, {**APP, "proxies.json": "{}", "requirements.txt": "azure-functions\nasyncio\n"})
    document = json.loads(run_hosting("check", tmp_path, "--json", *flags).stdout)
    assert [finding["code"] for finding in document["findings"]] == codes


@pytest.mark.parametrize("arguments", [["--select", "APP9"], ["--ignore", "E501"], ["--nothing"], ["a", "b"]])
def test_wrong_usage_exits_with_2(arguments: list[str], run_hosting: RunHosting) -> None:
    """A code that no rule has is wrong usage, as an unknown option is."""
    done = run_hosting("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error" in done.stderr


@pytest.mark.parametrize(("exists", "code"), [(True, 1), (False, 2)], ids=["other project", "no folder"])
def test_folder_with_nothing_to_check_is_an_error(
    exists: bool, code: int, tmp_path: Path, run_hosting: RunHosting
) -> None:
    """There is one message, which names the folder."""
    folder = tmp_path / "x"
    if exists:
        write(folder, {"pyproject.toml": '[project]\nname = "x"\n'})
    done = run_hosting("check", folder)
    assert (done.returncode, done.stdout) == (code, "")
    assert done.stderr.startswith("Error: ")
    assert str(folder) in done.stderr
    assert "Traceback" not in done.stderr
