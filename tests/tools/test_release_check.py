"""What keeps a tag from being released."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from tests.conftest import MakeApp
from tools.release_check import main, problems

READY = {
    "hosting/__init__.py": '__version__ = "1.2.3"\n',
    "README.md": "# hosting\n",
    "CHANGELOG.md": "# Changelog\n\n## [1.2.3] - 2026-12-01\n\n## [1.2.2] - 2026-11-01\n",
    "changes/README.md": "# Fragments\n",
    "plugins/hosting-x/pyproject.toml": "",
    "plugins/hosting-x/CHANGELOG.md": "# Changelog\n\n## [1.2.3] - 2026-12-01\n",
}


@pytest.mark.parametrize(
    ("tag", "changed", "found"),
    [
        ("v1.2.3", {}, []),
        ("1.2.3", {}, ["hosting/__init__.py"]),
        ("v1.2.4", {}, ["hosting/__init__.py"]),
        ("v1.2.3", {"README.md": "# hosting\n\nhttps://hosting.example/docs/\n"}, ["README.md:3"]),
        ("v1.2.3", {"hosting/cli/help.py": "URL = 'https://hosting.example/'\n"}, ["hosting/cli/help.py:1"]),
        ("v1.2.3", {"plugins/hosting-x/src/x/a.py": "# hosting.example/\n"}, ["plugins/hosting-x/src/x/a.py:1"]),
        ("v1.2.3", {"changes/+a.added.md": "- A.\n"}, ["changes/+a.added.md"]),
        ("v1.2.3", {"plugins/hosting-x/changes/+a.fixed.md": "- A.\n"}, ["plugins/hosting-x/changes/+a.fixed.md"]),
        ("v1.2.3", {"plugins/hosting-x/CHANGELOG.md": "# Changelog\n"}, ["plugins/hosting-x/CHANGELOG.md"]),
        ("v1.2.3", {"plugins/hosting-x/src/x/__init__.py": '__version__ = "1.2.3"\n'}, []),
        (
            "v1.2.3",
            {"plugins/hosting-x/src/x/__init__.py": '__version__ = "0.4"\n'},
            ["plugins/hosting-x/CHANGELOG.md"],
        ),
    ],
)
def test_a_release_needs_real_addresses_collected_fragments_and_the_version_as_its_tag(
    make_app: MakeApp, tag: str, changed: Mapping[str, str], found: list[str]
) -> None:
    """Each of these is reported with its file, and line where there is one; a repository that is ready has none."""
    root = make_app({**READY, **changed})
    assert [problem.partition(": ")[0] for problem in problems(root, tag)] == found


def test_the_check_needs_a_tag(capsys: pytest.CaptureFixture[str]) -> None:
    """Without a tag the usage is printed, and the exit code is 2."""
    assert main([]) == 2
    assert capsys.readouterr().err == "usage: python -m tools.release_check TAG\n"
