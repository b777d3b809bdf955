"""Rules about the ``pyproject.toml`` of an extension."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

import hosting
from tests.support.checks import EXTENSION, Violation, check_violation, findings, replaced, rules_of

MANIFEST = "pyproject.toml"
CODE = "src/hosting_stamp/stamp.py"


def _manifest(old: str, new: str) -> dict[str, str]:
    return replaced(EXTENSION, MANIFEST, old, new)


def _code(added: str) -> dict[str, str]:
    return {CODE: EXTENSION[CODE] + added}


RENAMED_PACKAGE = {
    **_manifest("hosting_stamp:Stamp", "queue:Stamp"),
    **{name: None for name in EXTENSION if name.startswith("src/")},
    **{
        name.replace("hosting_stamp", "queue"): text.replace("hosting_stamp", "queue")
        for name, text in EXTENSION.items()
        if name.startswith("src/")
    },
}

VIOLATIONS: Mapping[str, Violation] = {
    "EXT101": Violation({MANIFEST: "[project]\nname = \n"}, "pyproject.toml:2", "not valid TOML"),
    "EXT102": Violation(
        _manifest(
            "[project.entry-points.hosting]",
            '[project.entry-points."hosting.function"]\nx = "x"\n\n[project.entry-points.hosting]',
        ),
        "pyproject.toml:17",
        "'hosting.function'",
    ),
    "EXT103": Violation(_manifest("stamp = ", "Stamp = "), "pyproject.toml:18", "'Stamp'"),
    "EXT104": Violation(RENAMED_PACKAGE, "src/queue", "'queue' is a module of Python"),
    "EXT105": Violation(_manifest("stamp = ", "timer = "), "pyproject.toml:18", "hosting-timer"),
    "EXT106": Violation(
        _manifest('requires-python = ">=3.11"', 'requires-python = ">=3.8"'), "pyproject.toml:10", "3.10"
    ),
    "EXT108": Violation(_manifest("hosting>=0.1", "hosting>=99"), "pyproject.toml:14", hosting.__version__),
    "EXT109": Violation(_manifest("hosting>=0.1", "hosting"), "pyproject.toml:14", "no lower bound"),
    "EXT110": Violation(_manifest("functions>=1.21", "functions>=1.21,<2"), "pyproject.toml:13", "3.13"),
}


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, EXTENSION, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no project violates."""
    assert set(VIOLATIONS) == rules_of("EXT1")


def test_project_without_a_violation_has_no_finding(tmp_path: Path) -> None:
    """The project that the violations change has none itself, though it is not installed."""
    assert findings(tmp_path, EXTENSION, {}) == ()


def test_upper_bound_of_python_is_reported(tmp_path: Path) -> None:
    """A bound that excludes versions of Python to come is a finding."""
    (found,) = findings(tmp_path, EXTENSION, _manifest('">=3.11"', '">=3.11,<3.13"'))
    assert (found.code, found.line) == ("EXT106", 10)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('name = "hosting-stamp"\n', "", "name is missing"),
        ('name = "hosting-stamp"\n', "name = 3\n", "name 3 is not a string"),
        ('version = "0.1.0"\n', "", "version is missing"),
        ('version = "0.1.0"\n', 'dynamic = ["version"]\n', None),
    ],
)
def test_name_and_version_are_required(old: str, new: str, message: str | None, tmp_path: Path) -> None:
    """Nothing is built without them; the build may compute the version."""
    messages = [one.message for one in findings(tmp_path, EXTENSION, _manifest(old, new)) if one.code == "EXT101"]
    assert messages == [message] * bool(message)
