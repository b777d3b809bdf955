"""Rules about the extensions of an app in Azure."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.checks import APP, Violation, check_violation, function, requirements, rules_of

VIOLATIONS: Mapping[str, Violation] = {
    "APP401": Violation(
        function("\nclass Timer(func.AppExtensionBase): ...\n"), "function_app.py:10", "up to Python 3.12 only"
    ),
    "APP402": Violation(
        {**function("\nimport hosting\n\napp = hosting.extend(app)\n"), **requirements("hosting")},
        "function_app.py:12",
        "extensions are switched off",
    ),
}


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, APP, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no app violates."""
    assert set(VIOLATIONS) == rules_of("APP4")
