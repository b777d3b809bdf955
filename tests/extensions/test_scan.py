"""The quick look at installed distributions finds what importlib-metadata finds, or leaves it to it."""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from types import SimpleNamespace

import importlib_metadata
import pytest

from hosting.extensions import ExtensionHost
from hosting.extensions._scan import entry_points
from tests.extensions.invoking import ON
from tests.extensions.support import PRE, Site

GROUPS = ("console_scripts", "hosting", "hosting.bindings", "pytest11", "pygments.lexers")


def test_it_finds_what_the_library_finds() -> None:
    """Among everything that is installed where these tests run: the same entry points of the same distributions."""
    scanned = entry_points(GROUPS)
    assert scanned is not None
    found, unreadable = scanned
    everything = [one for group in GROUPS for one in importlib_metadata.entry_points(group=group)]
    told = {(one.group, one.name, one.value, one.dist and one.dist.name, one.dist.version) for one in everything}
    assert {(one.group, one.name, one.value, one.dist.name, one.dist.version) for one in found} == told
    assert unreadable == []


@pytest.mark.parametrize("folder", ["old-1.0.egg-info", "old-1.0.egg/EGG-INFO"])
def test_older_layouts_are_found(site: Site, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """An egg, and what setuptools once left beside a package."""
    place = site.path / folder
    place.mkdir(parents=True)
    (place / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n\nA description.\n")
    (place / "entry_points.txt").write_text("# a comment\n\n[hosting]\nold = old_module:Thing [extra]\n")
    if folder.endswith("EGG-INFO"):
        monkeypatch.setattr(sys, "path", [str(place.parent), *sys.path])
    scanned = entry_points(["hosting"])
    assert scanned is not None
    assert [(one.name, one.dist.name, one.dist.version) for one in scanned[0]] == [("old", "old", "1.0")]


def test_an_archive_on_the_path_is_left_to_the_library(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extension that is packed into an archive is found all the same."""
    site.extension("auth", PRE)
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in site.path.rglob("*"):
            packed.write(file, file.relative_to(site.path))
    monkeypatch.setattr(sys, "path", [str(archive), *(one for one in sys.path if one != str(site.path))])
    assert entry_points(["hosting"]) is None
    assert active() == ["auth"]


def test_a_finder_with_distributions_of_its_own_is_left_to_the_library(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever brings distributions from elsewhere is asked by the library."""
    site.extension("auth", PRE)
    finder = SimpleNamespace(find_spec=lambda *args: None, find_distributions=lambda *args: iter(()), __module__="mine")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    assert entry_points(["hosting"]) is None
    assert active() == ["auth"]


def active() -> list[str]:
    """The extensions that a host discovers."""
    host = ExtensionHost(environ=ON)
    host.discover()
    return [one["name"] for one in host.diagnosis()["extensions"] if one["status"] == "active"]
