"""Files as nobody would write them: the check tells what it can, and never falls over."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.faces.check import probe
from hosting.faces.check.app import AppProject
from hosting.faces.check.app_azure import check_extensions
from hosting.faces.check.app_files import check_files
from hosting.faces.check.app_requirements import check_requirements
from hosting.faces.check.extension import ExtensionProject
from hosting.faces.check.extension_metadata import check_metadata
from hosting.faces.check.extension_papers import check_papers
from hosting.faces.check.findings import Finding
from hosting.faces.check.requirements import read_requirements
from hosting.faces.check.rules import RULES
from hosting.faces.check.run import run
from tests.check.samples import APP, EXTENSION, write

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


def _statically(root: Path) -> Iterator[Finding]:
    """Everything about an app that needs no process of its own."""
    app = AppProject(root)
    for look in (check_files, check_requirements, check_extensions):
        yield from look(app)


@settings(max_examples=30)
@given(DOCUMENTS, DOCUMENTS, LINES)
def test_any_files_of_an_app_are_told(host: Any, local: Any, requirements: list[str]) -> None:
    """Whatever JSON and whatever lines stand in an app's files, there are findings of known rules, or none."""
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder).resolve(), APP)
        (root / "host.json").write_text(json.dumps(host), "utf-8")
        (root / "local.settings.json").write_text(json.dumps(local), "utf-8")
        (root / "requirements.txt").write_text("\n".join(requirements), "utf-8", "surrogatepass")
        assert {one.code for one in _statically(root)} <= set(RULES)


PROJECTS = st.dictionaries(
    st.sampled_from(["name", "readme", "license", "dependencies", "requires-python", "entry-points", "classifiers"]),
    SCALARS.filter(lambda value: value is not None) | st.lists(st.text(max_size=10), max_size=2),
)


@settings(max_examples=60)
@given(PROJECTS)
def test_any_project_table_is_told(table: dict[str, Any]) -> None:
    """Whatever stands in pyproject.toml, there are findings of known rules, or none."""
    with tempfile.TemporaryDirectory() as folder:
        root = write(Path(folder).resolve(), EXTENSION)
        project = ExtensionProject(root)
        project.manifest = {"project": table}
        found = [*check_metadata(project), *check_papers(project)]
        assert {one.code for one in found} <= set(RULES)


@given(st.lists(st.sampled_from(["azure-functions", "Click >= 8", "rich[jupyter]==13.9", "a_b.c; python_version>'3'"])))
def test_sound_requirements_are_all_read(lines: list[str]) -> None:
    """Each line is one requirement, in its place, whatever comments and empty lines stand between."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder).resolve() / "requirements.txt"
        file.write_text("".join(f"\n# next\n{line}  # why\n" for line in lines))
        listed, odd = read_requirements(file.parent, file)
        assert [one.line for one in listed] == [3 * number + 3 for number in range(len(lines))]
        assert odd == []


def test_files_that_include_each_other_are_read_once(tmp_path: Path) -> None:
    """Two requirements files in a circle end, and so does a requirement that a backslash continues."""
    write(tmp_path, {"requirements.txt": "-r b.txt\nclick \\\n  >=8\n", "b.txt": "-r requirements.txt\nrich\n"})
    listed, odd = read_requirements(tmp_path, tmp_path / "requirements.txt")
    assert [(one.name, one.file, one.line) for one in listed] == [
        ("click", "requirements.txt", 2),
        ("rich", "b.txt", 2),
    ]
    assert odd == []


def test_code_that_never_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that hangs is a finding after a while, and its process is gone."""
    monkeypatch.setattr(probe, "PATIENCE", 2.0)
    (found,) = run(
        write(tmp_path, {**APP, "function_app.py": "import threading\nthreading.Event().wait()\n"})
    ).findings[:1]
    assert found.code == "APP201"
    assert "did not end within 2 seconds" in found.message


def test_source_that_is_no_python_is_the_apps_error(tmp_path: Path) -> None:
    """A syntax error is told once, by who imports the file, with its line."""
    (found,) = run(write(tmp_path, {**APP, "function_app.py": APP["function_app.py"] + "\ndef (:\n"})).findings
    assert (found.code, found.place) == ("APP201", "function_app.py:10")


def test_files_in_other_encodings_are_read(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 do not stop the check."""
    write(tmp_path, APP)
    (tmp_path / "notes.md").write_bytes(b"\xff\xfe\x00caf\xe9")
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n")
    assert run(tmp_path).findings == ()
