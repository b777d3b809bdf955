"""Checking whole folders: this repository's own projects, and files with unusual content."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.check.app.extensions import check_extensions
from hosting.check.app.files import check_files
from hosting.check.app.lifecycle import check_lifecycle
from hosting.check.app.project import AppProject
from hosting.check.app.requirements import check_requirements
from hosting.check.extension.metadata import check_metadata
from hosting.check.extension.project import ExtensionProject
from hosting.check.extension.project_files import check_project_files
from hosting.check.report import Finding
from hosting.check.rules import RULES
from hosting.check.run import run
from hosting.errors import HostingError
from tests.support.checks import APP, EXTENSION, TODAY, write
from tests.support.processes import ROOT

EXPECTED = {"quickstart": {"APP401"}, "azure_extension": {"APP401"}, "orders": {"APP201", "APP304"}}
"""Two examples show extensions with ``hosting start`` and are not made for Azure; the guard of the third is not
installed for development, and its settings have a key for this machine."""

COMMITTED = {"APP105"}
"""Git has the settings of examples, which are without secrets; outside a repository it has none."""

PROJECTS = [
    path
    for folder in ("examples", "plugins")
    for path in sorted((ROOT / folder).iterdir())
    if path.is_dir() and not path.name.startswith(("_", "."))
]

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
NAMES = st.sampled_from(
    ["version", "Values", "IsEncrypted", "extensionBundle", "extensions", "http", "routePrefix", "extensionHost", "id"]
)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=8
)
LINES = st.lists(
    st.text(max_size=30)
    | st.sampled_from(["-r requirements.txt", "-e .", "# x", "a==", "x \\", "--hash=sha256:0", "git+x"]),
    max_size=5,
)
PROJECT_TABLES = st.dictionaries(
    st.sampled_from(["name", "readme", "license", "dependencies", "requires-python", "entry-points", "classifiers"]),
    SCALARS.filter(lambda value: value is not None) | st.lists(st.text(max_size=10), max_size=2),
)


@pytest.mark.parametrize("path", PROJECTS, ids=lambda path: path.name)
def test_project_of_this_repository_has_only_the_expected_findings(path: Path) -> None:
    """Examples and plugins have no finding, except for rules that an example is about."""
    found = run(path, TODAY).findings
    assert {one.code for one in found} - COMMITTED == EXPECTED.get(path.name, set()), found


def _check_without_loading(root: Path) -> Iterator[Finding]:
    app = AppProject(root)
    for check in (check_files, check_lifecycle, check_requirements, check_extensions):
        yield from check(app)


@pytest.mark.slow
@settings(max_examples=12)
@given(DOCUMENTS, DOCUMENTS, LINES)
def test_any_content_of_an_apps_files_is_checked(host: Any, local: Any, requirements: list[str]) -> None:
    """Whatever JSON and whatever lines the files contain, the findings have known rules."""
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder).resolve(), APP)
        (root / "host.json").write_text(json.dumps(host), "utf-8")
        (root / "local.settings.json").write_text(json.dumps(local), "utf-8")
        (root / "requirements.txt").write_text("\n".join(requirements), "utf-8", "surrogatepass")
        assert {one.code for one in _check_without_loading(root)} <= set(RULES)


@pytest.mark.slow
@settings(max_examples=25)
@given(PROJECT_TABLES)
def test_any_project_table_is_checked(table: dict[str, Any]) -> None:
    """Whatever a ``pyproject.toml`` contains, the findings have known rules."""
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder).resolve(), EXTENSION)
        project = ExtensionProject(root)
        project.manifest = {"project": table}
        found = [*check_metadata(project), *check_project_files(project)]
        assert {one.code for one in found} <= set(RULES)


def test_file_without_read_permission_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one message, which names the file."""
    write(tmp_path, APP)
    read_bytes = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "requirements.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return read_bytes(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the superuser may read every file
    with pytest.raises(HostingError, match=r"requirements.txt cannot be read: Permission denied\n  Grant read perm"):
        run(tmp_path)
