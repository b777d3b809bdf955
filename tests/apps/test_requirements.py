"""Reading of requirements files."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from hosting.apps.requirements import read_requirements

LINES = st.sampled_from(["azure-functions", "Click >= 8", "rich[jupyter]==13.9", "a_b.c; python_version>'3'"])


@given(st.lists(LINES))
def test_valid_lines_are_read_with_their_numbers(lines: list[str]) -> None:
    """Each line is one requirement, whatever comments and empty lines are between."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder).resolve() / "requirements.txt"
        file.write_text("".join(f"\n# next\n{line}  # why\n" for line in lines))
        listed, unparsed = read_requirements(file.parent, file)
        assert [one.line for one in listed] == [3 * number + 3 for number in range(len(lines))]
        assert unparsed == []


def test_files_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    """Reading ends, and a requirement that a backslash continues has the number of its first line."""
    (tmp_path / "requirements.txt").write_text("-r b.txt\nclick \\\n  >=8\n")
    (tmp_path / "b.txt").write_text("-r requirements.txt\nrich\n")
    listed, unparsed = read_requirements(tmp_path, tmp_path / "requirements.txt")
    assert [(one.name, one.file, one.line) for one in listed] == [
        ("click", "requirements.txt", 2),
        ("rich", "b.txt", 2),
    ]
    assert unparsed == []
