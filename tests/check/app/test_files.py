"""Rules about the files of an app: settings, what is deployed, secrets."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from hosting.check.app.files import check_files
from hosting.check.app.project import AppProject
from tests.support.checks import APP, Violation, check_violation, findings, function, replaced, rules_of, track, write

KEY = "A" * 86 + "=="


def _settings(old: str, new: str) -> dict[str, str]:
    return replaced(APP, "local.settings.json", old, new)


VIOLATIONS: Mapping[str, Violation] = {
    "APP101": Violation({"host.json": '{\n  "version": "1.0"\n}'}, "host.json:2", "'1.0'"),
    "APP102": Violation({"host.json": None}, "", "no host.json"),
    "APP103": Violation({"local.settings.json": "{"}, "local.settings.json:1", "not valid JSON"),
    "APP104": Violation(_settings('"IsEncrypted": false,', ""), "local.settings.json:1", "IsEncrypted is missing"),
    "APP105": Violation(
        {}, "local.settings.json", "Git tracks local.settings.json", tracked=("local.settings.json", "host.json")
    ),
    "APP106": Violation(
        {
            **_settings('"python"', f'"python",\n    "Storage": "AccountName=x;AccountKey={KEY}"'),
            ".gitignore": "",
            ".git/HEAD": "",
        },
        "local.settings.json:5",
        ".gitignore does not exclude it",
    ),
    "APP107": Violation({"node_modules/x.js": ""}, "node_modules", "is deployed"),
    "APP108": Violation(
        function(f'\nSTORAGE = "AccountName=x;AccountKey={KEY}"\n'), "function_app.py:10", "account's key"
    ),
    "APP109": Violation({"queue.py": ""}, "queue.py", "'queue'"),
    "APP110": Violation(
        {".python_packages/lib/site-packages/fast.cp311-win_amd64.pyd": ""},
        ".python_packages/lib/site-packages/fast.cp311-win_amd64.pyd",
        "1 files",
    ),
    "APP111": Violation({".venv/pyvenv.cfg": "home = /usr/bin\n"}, ".venv", sys.prefix),
    "APP112": Violation({"proxies.json": "{}"}, "proxies.json", "has no effect"),
    "APP113": Violation({".python-version": "3.10.4\n"}, ".python-version:1", "end of life on 2026-10-31"),
    "APP114": Violation(
        _settings('"python"', '"python",\n    "FUNCTIONS_EXTENSION_VERSION": "~3"'),
        "local.settings.json:5",
        "end of support on 2022-12-13",
    ),
}


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, APP, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no app violates."""
    assert set(VIOLATIONS) == rules_of("APP1")


def test_app_without_a_violation_has_no_finding(tmp_path: Path) -> None:
    """The app that the violations change has none itself."""
    assert findings(tmp_path, APP, {}) == ()


def test_secret_is_not_part_of_its_finding(tmp_path: Path) -> None:
    """A finding has the kind of a secret and its location."""
    assert KEY not in repr(findings(tmp_path, APP, VIOLATIONS["APP108"].files))


def test_key_of_the_emulator_is_not_a_secret(tmp_path: Path) -> None:
    """The key of the storage emulator is public."""
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    assert findings(tmp_path, APP, function(f'\nLOCAL = "AccountName=devstoreaccount1;AccountKey={key}"\n')) == ()


def test_check_leaves_nothing_behind(tmp_path: Path) -> None:
    """No compiled file remains in the folder, and no setting of the app in this process."""
    findings(tmp_path, APP, _settings('"python"', '"python",\n    "LEFT_BEHIND": "1"'))
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == set(APP)
    assert "LEFT_BEHIND" not in os.environ


def test_broken_links_and_pipes_are_ignored(tmp_path: Path) -> None:
    """A broken link, a link to a parent and a pipe neither stop nor delay the check."""
    write(tmp_path, APP)
    (tmp_path / "settings.json").symlink_to("nowhere.json")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "circle").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.txt")
    assert findings(tmp_path, APP, {}) == ()


def test_files_in_other_encodings_are_checked(tmp_path: Path) -> None:
    """Bytes that are not UTF-8 do not stop the check."""
    (tmp_path / "notes.md").write_bytes(b"\xff\xfe\x00caf\xe9")
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n")
    assert findings(tmp_path, APP, {}) == ()


@pytest.mark.parametrize("situation", ["other files are tracked", "no repository", "a .git that is none", "no Git"])
def test_local_settings_that_git_does_not_track_are_not_reported(
    situation: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Core Tools never deploy the file, whatever .funcignore says, and a developer may have it in the folder."""
    write(tmp_path, {**APP, ".funcignore": ".venv/\n"})
    match situation:
        case "other files are tracked":
            track(tmp_path, "host.json")
        case "a .git that is none":
            (tmp_path / ".git").mkdir()
        case "no Git":
            track(tmp_path, "local.settings.json")
            monkeypatch.setenv("PATH", str(tmp_path))
    assert [one for one in check_files(AppProject(tmp_path)) if one.code == "APP105"] == []


def test_repository_of_a_git_hook_is_not_asked_about_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Git runs hooks with variables that name their repository, which may be another one."""
    write(tmp_path, APP)
    track(tmp_path, "local.settings.json")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "elsewhere"))
    assert "APP105" in {one.code for one in check_files(AppProject(tmp_path))}
