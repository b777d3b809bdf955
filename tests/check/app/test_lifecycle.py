"""The end of life of versions that an app names."""

from __future__ import annotations

import sys
from datetime import date
from pathlib import Path

import pytest

from hosting.check.app.lifecycle import BUNDLE, PYTHON, RUNTIME, bundle_end, check_lifecycle
from hosting.check.app.project import AppProject
from tests.support.checks import TODAY, write

AZURE = "FROM --platform=linux/amd64 mcr.microsoft.com/azure-functions/python:"


def _found(root: Path, today: date = TODAY) -> list[tuple[str, str, int | None]]:
    return [(one.code, one.message.split(" reached")[0], one.line) for one in check_lifecycle(AppProject(root, today))]


@pytest.mark.parametrize(
    ("file", "text", "version", "line"),
    [
        (".python-version", "# for pyenv\n3.9.18\n", "3.9", 2),
        (".python-version", "3.13\n", None, None),
        (".python-version", "pypy3.9-7.3\n", None, None),
        ("runtime.txt", "python-3.8.10\n", "3.8", 1),
        ("runtime.txt", "nodejs-3.8\n", None, None),
        ("pyproject.toml", '[project]\nrequires-python = ">=3.8,<3.10"\n', "3.9", 2),
        ("pyproject.toml", '[project]\nrequires-python = "==3.10.*"\n', "3.10", 2),
        ("pyproject.toml", '[project]\nrequires-python = ">=3.8"\n', None, None),
        ("pyproject.toml", '[project]\nrequires-python = "~=3.9"\n', None, None),
        ("pyproject.toml", '[project]\nrequires-python = "<=3.13"\n', None, None),
        ("pyproject.toml", '[project]\nrequires-python = "nonsense"\n', None, None),
        ("pyproject.toml", "project = 3\n", None, None),
        ("pyproject.toml", "[project\n", None, None),
        ("Dockerfile", f"{AZURE}4-python3.9\n", "3.9", 1),
        ("Dockerfile", f"{AZURE}4-python3.12-slim\n", None, None),
        ("Dockerfile", "FROM docker.io/library/python:3.8-slim AS build\n", "3.8", 1),
        ("Dockerfile", "FROM python:3.12\nRUN echo python:3.8\n", None, None),
        ("local.settings.json", '{"Values": {"FUNCTIONS_WORKER_RUNTIME_VERSION": "~3.9"}}', "3.9", 1),
        (".github/workflows/main.yml", "env:\n  PYTHON_VERSION: '3.8' # of the template\n", "3.8", 2),
        (".github/workflows/main.yaml", 'with:\n  python-version: "3.9"\n', "3.9", 2),
        (".github/workflows/main.yml", "with:\n  python-version: 3.13\n", None, None),
        (".github/workflows/main.yml", "with:\n  python-version: ${{ env.PYTHON_VERSION }}\n", None, None),
        (".github/workflows/test.yml", "matrix:\n  python-version: ['3.9', '3.13']\n", None, None),
        (".github/workflows/test.yml", "matrix:\n  python-version:\n    - '3.9'\n", None, None),
        ("azure-pipelines.yml", "  inputs:\n    versionSpec: '3.9'\n", "3.9", 2),
        ("azure-pipelines-release.yml", "variables:\n  python_version: 3.8\n", "3.8", 2),
        ("infra/app/api.bicep", "siteConfig: {\n  linuxFxVersion: 'Python|3.9'\n", "3.9", 2),
    ],
)
def test_python_that_a_file_names_is_reported_after_its_end_of_life(
    file: str, text: str, version: str | None, line: int | None, tmp_path: Path
) -> None:
    """The finding is in the line that names it; a newer version, or a range without an end, is none."""
    write(tmp_path, {file: text})
    assert _found(tmp_path) == ([("APP113", f"Python {version}", line)] if version else [])


@pytest.mark.parametrize(
    ("file", "text", "version"),
    [
        ("local.settings.json", '{"Values": {"FUNCTIONS_EXTENSION_VERSION": "~3"}}', "3"),
        ("local.settings.json", '{"Values": {"functions_extension_version": "2"}}', "2"),
        ("local.settings.json", '{"Values": {"FUNCTIONS_EXTENSION_VERSION": "~4"}}', None),
        (".vscode/settings.json", '{"azureFunctions.projectRuntime": "~3"}', "3"),
        (".vscode/settings.json", '{"azureFunctions.projectRuntime": "~4"}', None),
        ("Dockerfile", f"{AZURE}3.0-python3.12\n", "3"),
        ("Dockerfile", f"{AZURE}4-python3.12\n", None),
    ],
)
def test_runtime_that_a_file_names_is_reported_after_its_end_of_support(
    file: str, text: str, version: str | None, tmp_path: Path
) -> None:
    """Settings, the editor's settings and images name it."""
    write(tmp_path, {file: text})
    assert _found(tmp_path) == ([("APP114", f"version {version} of Azure's runtime", 1)] if version else [])


def test_python_of_the_check_is_reported_after_its_end_of_life(tmp_path: Path) -> None:
    """It counts from the day after its last one, and has no file."""
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    last = PYTHON[version]
    assert _found(tmp_path, last) == []
    assert _found(tmp_path, last.replace(year=last.year + 1)) == [("APP113", f"Python {version}", None)]


def test_bundle_has_an_end_once_its_support_has_ended() -> None:
    """Versions that the table does not have are newer ones."""
    assert [bundle_end(major, TODAY) for major in (3, 4, 5)] == [BUNDLE[3], None, None]
    assert bundle_end(3, BUNDLE[3]) is None


def test_versions_of_the_tables_are_in_order() -> None:
    """A later version of Python ends later, and hosting supports only versions of the table."""
    assert list(PYTHON.values()) == sorted(PYTHON.values())
    assert set(RUNTIME) == {1, 2, 3}
