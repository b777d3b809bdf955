"""The command: what it prints, how it ends, what it can be pointed at."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import pytest

from docs.make_reference import pages
from hosting.check.rules import RULES, SECTIONS
from hosting.check.run import run
from tests.check.samples import APP, EXTENSION, write
from tests.conftest import ROOT

RunHosting = Callable[..., "CompletedProcess[str]"]

EXPECTED = {"quickstart": {"APP401"}, "azure_extension": {"APP401"}}
"""These examples show extensions under ``hosting start``, and are not made for Azure."""

PROJECTS = [
    path
    for folder in ("examples", "plugins")
    for path in sorted((ROOT / folder).iterdir())
    if path.is_dir() and not path.name.startswith(("_", "."))
]


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.name)
def test_this_repository_passes_its_own_check(path: Path) -> None:
    """Every example and every plugin has no finding, but for those that the example is about."""
    found = run(path).findings
    assert {one.code for one in found} == EXPECTED.get(path.name, set()), found


def test_an_app_with_a_warning_ends_with_0(tmp_path: Path, run_hosting: RunHosting) -> None:
    """A warning is told with its place, its code and what to do, and does not fail a build."""
    write(tmp_path, {**APP, "proxies.json": "{}"})
    done = run_hosting("check", tmp_path)
    assert done.returncode == 0
    assert done.stdout == (
        "proxies.json: warning APP112 proxies.json has no effect\n"
        "    Delete it; use Azure API Management.\n"
        "\n"
        "Checked a function app: 1 warning.\n"
    )


def test_strict_fails_for_a_warning(tmp_path: Path, run_hosting: RunHosting) -> None:
    """With ``--strict`` a warning ends the command with 1, and no finding with 0."""
    write(tmp_path, {**APP, "proxies.json": "{}"})
    assert run_hosting("check", tmp_path, "--strict").returncode == 1
    assert run_hosting("check", tmp_path, "--strict", "--ignore", "APP112").returncode == 0


def test_an_error_ends_with_1(tmp_path: Path, run_hosting: RunHosting) -> None:
    """An error fails a build; nothing of it looks like a bug of the command."""
    write(tmp_path, {**APP, "function_app.py": "import azure.functions as func\nraise ValueError\n"})
    done = run_hosting("check", tmp_path)
    assert done.returncode == 1
    assert "function_app.py:2: error APP201" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr


def test_a_terminal_that_cannot_show_everything(tmp_path: Path, run_hosting: RunHosting) -> None:
    """What the terminal's encoding lacks is written in another way, and the command goes on."""
    write(tmp_path, {**APP, "function_app.py": "raise ValueError('caf\u00e9 \u2603')\n"})
    done = run_hosting("check", tmp_path, env={"PYTHONIOENCODING": "ascii"})
    assert (done.returncode, done.stderr) == (1, "")
    assert r"ValueError: caf\xe9 \u2603" in done.stdout


def test_a_sound_folder_is_said_to_be_so(tmp_path: Path, run_hosting: RunHosting) -> None:
    """A folder that is an app and an extension's project is checked as both."""
    done = run_hosting("check", write(tmp_path, {**EXTENSION, **APP}), "--select", "EXT,APP1,APP2,APP4")
    assert (done.returncode, done.stdout) == (0, "Checked a function app and an extension: no problems found.\n")


def test_json_is_one_document(tmp_path: Path, run_hosting: RunHosting) -> None:
    """``--json`` prints one document and nothing else, whatever the app prints, with every field of a finding."""
    code = "import os\nprint('noise')\nos.write(1, b'more')\n" + APP["function_app.py"] + "\nimport click\n"
    write(tmp_path, {**APP, "function_app.py": code})
    done = run_hosting("check", tmp_path, "--json")
    document = json.loads(done.stdout)
    assert done.returncode == 1
    assert document == {
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
def test_rules_are_chosen_by_how_their_codes_begin(
    flags: list[str], codes: list[str], tmp_path: Path, run_hosting: RunHosting
) -> None:
    """Both flags take codes or their beginnings, in any case, by repetition or by commas; ``--ignore`` wins."""
    write(tmp_path, {**APP, "proxies.json": "{}", "requirements.txt": "azure-functions\nasyncio\n"})
    document = json.loads(run_hosting("check", tmp_path, "--json", *flags).stdout)
    assert [finding["code"] for finding in document["findings"]] == codes


@pytest.mark.parametrize("arguments", [["--select", "APP9"], ["--ignore", "E501"], ["--nothing"], ["a", "b"]])
def test_wrong_usage_ends_with_2(arguments: list[str], run_hosting: RunHosting) -> None:
    """A code that no rule has is wrong usage, as an unknown flag is."""
    done = run_hosting("check", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "Error" in done.stderr


@pytest.mark.parametrize("there", [True, False], ids=["an empty folder", "no folder"])
def test_nothing_to_check_is_told(there: bool, tmp_path: Path, run_hosting: RunHosting) -> None:
    """A folder that holds neither an app nor an extension's project is a mistake, told in one message."""
    folder = tmp_path / "x"
    if there:
        write(folder, {"pyproject.toml": '[project]\nname = "x"\n'})
    done = run_hosting("check", folder)
    assert (done.returncode, done.stdout) == (1, "")
    assert str(folder) in done.stderr
    assert "Traceback" not in done.stderr


def test_every_code_of_the_source_is_a_rule_and_every_rule_is_used() -> None:
    """Codes in the checks and in the table are the same."""
    rooms = [path for path in (ROOT / "hosting/check").rglob("*.py") if path.name != "rules.py"]
    used = {code for path in rooms for code in re.findall(r"\b(?:APP|EXT)\d{3}\b", path.read_text("utf-8"))}
    assert used == set(RULES)


def test_the_rules_are_in_order_and_in_a_chapter() -> None:
    """The reference goes by chapters, each of which has its codes in a row."""
    assert list(RULES) == sorted(RULES, key=lambda code: (list(SECTIONS).index(code[:4]), code))


def test_the_reference_has_every_rule() -> None:
    """The generated page has a heading for each code, with its severity, in the order of the table."""
    page = pages()["reference/checks.md"]
    headings = re.findall(r"^### (\w+): (.+)\n\n\*(Error|Warning)\.\* \S", page, re.MULTILINE)
    assert headings == [(code, rule.title, rule.severity.capitalize()) for code, rule in RULES.items()]
