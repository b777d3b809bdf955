"""Requirements of hosting in generated files, for each place from which hosting may have been installed."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping

import pytest
from packaging.requirements import Requirement

import hosting
from hosting.scaffold import requirements
from hosting.scaffold.app import app_files
from hosting.scaffold.extension import extension_files
from hosting.scaffold.names import extension_names

MINIMUM = ".".join(hosting.__version__.split(".")[:2])
REPOSITORY = "hosting[host] @ git+https://example.org/hosting@0123abc"
FOLDER = "hosting[host] @ file:///home/ada/my%20hosting"

# What the installation says, the requirement in generated files, and whether a comment explains it.
ORIGINS = {
    "index": ("hosting[host]", f"hosting[host]>={MINIMUM}", False),
    "repository": (REPOSITORY, REPOSITORY, False),
    "folder": (FOLDER, FOLDER, True),
}


@pytest.fixture(params=ORIGINS)
def origin(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str, bool]:
    """Where hosting was installed from."""
    case = ORIGINS[request.param]
    monkeypatch.setattr(requirements, "requirement", lambda *_: case[0])
    return case


def _comments(text: str) -> list[str]:
    return [line for line in text.splitlines() if line.strip().startswith("#")]


def test_new_app_requires_hosting_from_where_it_was_installed(origin: tuple[str, str, bool]) -> None:
    """An index is asked only if hosting came from an index; a folder of this machine has a comment."""
    _, expected, explained = origin
    lines = app_files("shop", "v2")["requirements-dev.txt"].splitlines()
    assert expected in lines
    assert bool(_comments("\n".join(lines))) == explained


def test_new_extension_requires_hosting_from_where_it_was_installed(origin: tuple[str, str, bool]) -> None:
    """The address is in the dependency group only, since packages on an index cannot depend on an address."""
    _, expected, explained = origin
    text = extension_files(extension_names("x"), "app", ("invocation",))["pyproject.toml"]
    manifest: Mapping[str, Mapping[str, list[str]]] = tomllib.loads(text)
    assert expected in manifest["dependency-groups"]["dev"]
    assert f"hosting>={MINIMUM}" in manifest["project"]["dependencies"]
    assert bool(_comments(text)) == explained
    assert all(Requirement(one) for one in manifest["dependency-groups"]["dev"])
