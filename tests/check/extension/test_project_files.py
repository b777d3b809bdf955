"""Rules about README, license and ``py.typed`` of an extension."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.checks import EXTENSION, Violation, check_violation, replaced, rules_of

VIOLATIONS: Mapping[str, Violation] = {
    "EXT301": Violation({"README.md": "# hosting-stamp\n\n## Install\n"}, "README.md", "configuration"),
    "EXT302": Violation(
        {**replaced(EXTENSION, "pyproject.toml", 'license = "MIT"\n', ""), "LICENSE": None},
        "pyproject.toml",
        "no license",
    ),
    "EXT303": Violation({"src/hosting_stamp/py.typed": None}, "src/hosting_stamp", "py.typed"),
}


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, EXTENSION, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no project violates."""
    assert set(VIOLATIONS) == rules_of("EXT3")
