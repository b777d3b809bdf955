"""The table of rules, compared with the checks and with the reference."""

from __future__ import annotations

import re
from pathlib import Path

import hosting.check
from hosting.check.rules import RULES, SECTIONS
from tests.support.processes import ROOT


def test_checks_use_exactly_the_rules_of_the_table() -> None:
    """Each code in the checks is a rule, and each rule is in a check."""
    folder = Path(hosting.check.__file__).parent
    sources = [path for path in folder.rglob("*.py") if path.name != "rules.py"]
    used = {code for path in sources for code in re.findall(r"\b(?:APP|EXT)\d{3}\b", path.read_text("utf-8"))}
    assert used == set(RULES)


def test_rules_are_sorted_by_section_and_code() -> None:
    """The reference shows them in this order."""
    assert list(RULES) == sorted(RULES, key=lambda code: (list(SECTIONS).index(code[:4]), code))


def test_reference_has_a_heading_for_every_rule() -> None:
    """The generated page has each rule with its severity, in the order of the table."""
    page = (ROOT / "docs" / "reference" / "checks.md").read_text("utf-8")
    headings = re.findall(r"^### (\w+): (.+)\n\n\*(Error|Warning)\.\* \S", page, re.MULTILINE)
    assert headings == [(code, rule.title, rule.severity.capitalize()) for code, rule in RULES.items()]
