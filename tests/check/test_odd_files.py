"""Files as nobody would write them: the check tells what it can, and never falls over."""

from __future__ import annotations

import json
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hosting.apps.requirements import read_requirements
from hosting.check.app.extensions import check_extensions
from hosting.check.app.files import check_files
from hosting.check.app.project import AppProject
from hosting.check.app.requirements import check_requirements
from hosting.check.extension.metadata import check_metadata
from hosting.check.extension.project import ExtensionProject
from hosting.check.extension.project_files import check_project_files
from hosting.check.probe import parent
from hosting.check.report import Finding
from hosting.check.rules import RULES
from hosting.check.run import run
from hosting.errors import HostingError
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
        found = [*check_metadata(project), *check_project_files(project)]
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


def test_a_file_that_is_not_there_cannot_be_included(tmp_path: Path) -> None:
    """pip ends there; what is on the network is not looked at."""
    (found,) = run(
        write(tmp_path, {**APP, "requirements.txt": "azure-functions\n-r gone.txt\n-r https://example.org/r.txt\n"})
    ).findings
    assert (found.code, found.location) == ("APP306", "requirements.txt:2")
    assert found.message == "'-r gone.txt' names a file that does not exist"


def test_code_that_never_ends_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An import that hangs is a finding after a while, and its process is gone."""
    monkeypatch.setattr(parent, "TIMEOUT_SECONDS", 2.0)
    (found,) = run(
        write(tmp_path, {**APP, "function_app.py": "import threading\nthreading.Event().wait()\n"})
    ).findings[:1]
    assert found.code == "APP201"
    assert "did not end within 2 seconds" in found.message


def test_source_that_is_no_python_is_the_apps_error(tmp_path: Path) -> None:
    """A syntax error is told once, by who imports the file, with its line."""
    (found,) = run(write(tmp_path, {**APP, "function_app.py": APP["function_app.py"] + "\ndef (:\n"})).findings
    assert (found.code, found.location) == ("APP201", "function_app.py:10")


def test_files_in_other_encodings_are_read(tmp_path: Path) -> None:
    """Bytes that are no UTF-8 do not stop the check."""
    write(tmp_path, APP)
    (tmp_path / "notes.md").write_bytes(b"\xff\xfe\x00caf\xe9")
    (tmp_path / "latin.py").write_bytes(b"# -*- coding: latin-1 -*-\nNAME = 'caf\xe9'\n")
    assert run(tmp_path).findings == ()


def test_what_is_no_file_is_left_alone(tmp_path: Path) -> None:
    """A link that leads nowhere, a circle of links and a pipe neither stop the check nor hold it up."""
    write(tmp_path, APP)
    (tmp_path / "settings.json").symlink_to("nowhere.json")
    (tmp_path / "gone.py").symlink_to("nowhere.py")
    (tmp_path / "circle").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe.txt")
    assert run(tmp_path).findings == ()


def test_programs_that_the_code_starts_hold_up_nothing(tmp_path: Path) -> None:
    """What an app starts may live on with the standard output that it was given."""
    begun = 'Popen([sys.executable, "-c", "import threading; threading.Event().wait()"])'
    code = f'import sys\nfrom subprocess import Popen\nopen("pid", "w").write(str({begun}.pid))\n'
    try:
        assert run(write(tmp_path, {**APP, "function_app.py": code + APP["function_app.py"]})).findings == ()
    finally:
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)


def test_code_that_asks_is_told(tmp_path: Path) -> None:
    """Nobody answers what an import asks: it is an error at once."""
    (found,) = run(write(tmp_path, {**APP, "function_app.py": "input()\n" + APP["function_app.py"]})).findings
    assert "EOFError" in found.message


def test_what_cannot_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file without the right to read it is a mistake to mend, told in one message."""
    write(tmp_path, APP)
    reading = Path.read_bytes

    def refuse(path: Path) -> bytes:
        if path.name == "requirements.txt":
            raise PermissionError(13, "Permission denied", str(path))
        return reading(path)

    monkeypatch.setattr(Path, "read_bytes", refuse)  # the superuser may read everything
    with pytest.raises(
        HostingError, match=r"requirements.txt cannot be read: Permission denied\n  Grant read permission"
    ):
        run(tmp_path)
