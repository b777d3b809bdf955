"""The versions for development: one for every requirement of this repository, from no address in particular."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.support.processes import ROOT

PINS = [
    Requirement(line)
    for line in (ROOT / "constraints" / "development.txt").read_text("utf-8").splitlines()
    if not line.startswith("#")
]
OWN = {"hosting", "hosting-profile", "hosting-storage", "hosting-timer"}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def _requirements() -> Iterator[Requirement]:
    for manifest in (ROOT / "pyproject.toml", *sorted(ROOT.glob("plugins/*/pyproject.toml"))):
        project = tomllib.loads(manifest.read_text("utf-8"))["project"]
        lines = [
            *project["dependencies"],
            *(line for lines in project.get("optional-dependencies", {}).values() for line in lines),
        ]
        yield from (
            requirement for line in lines if canonicalize_name((requirement := Requirement(line)).name) not in OWN
        )


@pytest.mark.parametrize("python", PYTHONS)
def test_every_requirement_has_one_version_on_every_python(python: str) -> None:
    """What the distributions require, extras included, is pinned to a version that they allow."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    pins = [pin for pin in PINS if pin.marker is None or pin.marker.evaluate(environment)]
    for requirement in _requirements():
        if requirement.marker is None or requirement.marker.evaluate({**environment, "extra": ""}):
            (pin,) = (pin for pin in pins if canonicalize_name(pin.name) == canonicalize_name(requirement.name))
            (version,) = pin.specifier
            assert version.operator == "=="
            assert requirement.specifier.contains(version.version, prereleases=True), (
                f"{requirement}: run make constraints"
            )


def test_azures_sdk_is_that_of_azure() -> None:
    """Python 3.13 and later have azure-functions 2, earlier ones have 1, as in Azure."""
    pins = {str(pin.marker): str(pin.specifier) for pin in PINS if pin.name == "azure-functions"}
    assert [next(iter(pins[marker].split("==")[1])) for marker in sorted(pins)] == ["1", "2"]


@pytest.mark.parametrize("path", sorted((ROOT / "constraints").glob("*.txt")), ids=lambda path: path.name)
def test_constraints_name_no_registry(path: Path) -> None:
    """The files say which versions, not where they come from."""
    text = path.read_text("utf-8")
    assert "://" not in text
    assert not [line for line in text.splitlines() if line.startswith("-")]
