"""The fast scan of installed distributions finds what importlib-metadata finds, or leaves the path to it."""

from __future__ import annotations

import os
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import importlib_metadata
import pytest

from hosting.extensions import ExtensionHost
from hosting.extensions._metadata import entry_points
from tests.support.invoking import ON
from tests.support.sites import PRE, Site

GROUPS = ("console_scripts", "hosting", "hosting.bindings", "pytest11", "pygments.lexers")


def test_scan_of_this_environment_finds_what_the_library_finds() -> None:
    """The scan finds the same entry points of the same distributions where these tests run."""
    scan, unreadable = entry_points(GROUPS)
    everything = [one for group in GROUPS for one in importlib_metadata.entry_points(group=group)]
    library = {(one.group, one.name, one.value, one.dist and one.dist.name, one.dist.version) for one in everything}
    assert {(one.group, one.name, one.value, one.dist.name, one.dist.version) for one in scan} == library
    assert unreadable == []


@pytest.mark.parametrize("folder", ["old-1.0.egg-info", "old-1.0.egg/EGG-INFO"])
def test_scan_finds_distributions_in_older_layouts(site: Site, monkeypatch: pytest.MonkeyPatch, folder: str) -> None:
    """Eggs, and egg-info folders beside a package, are found."""
    place = site.path / folder
    place.mkdir(parents=True)
    (place / "PKG-INFO").write_text("Metadata-Version: 1.0\nName: old\nVersion: 1.0\n\nA description.\n")
    (place / "entry_points.txt").write_text("# a comment\n\n[hosting]\nold = old_module:Thing [extra]\n")
    if folder.endswith("EGG-INFO"):
        monkeypatch.setattr(sys, "path", [str(place.parent), *sys.path])
    scanned, _ = entry_points(["hosting"])
    assert [(one.name, one.dist.name, one.dist.version) for one in scanned] == [("old", "old", "1.0")]


def test_archive_on_the_path_is_read_by_the_library(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An extension that is packed into an archive is found too."""
    site.extension("auth", PRE)
    archive = tmp_path / "packed.zip"
    with zipfile.ZipFile(archive, "w") as packed:
        for file in site.path.rglob("*"):
            packed.write(file, file.relative_to(site.path))
    monkeypatch.setattr(sys, "path", [str(archive), *(one for one in sys.path if one != str(site.path))])
    assert entry_points_of("hosting")[0] == [("auth", "hosting_auth_module")]
    assert active() == ["auth"]


class OtherDistribution(importlib_metadata.Distribution):
    """A distribution that lies neither in a folder nor in an archive."""

    def read_text(self, filename: str) -> str | None:
        texts = {"METADATA": "Name: other\nVersion: 2.0\n", "entry_points.txt": "[odd]\nb = m:B\n"}
        return texts.get(filename)

    def locate_file(self, path: Any) -> Any:
        raise FileNotFoundError(path)


def finder_of(find: Callable[[], Any]) -> Any:
    return SimpleNamespace(
        find_spec=lambda *args: None, find_distributions=lambda context: iter(find()), __module__="mine"
    )


def test_finder_with_its_own_distributions_is_asked_too(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in folders is found as well, and comes first where both have a name."""
    write_metadata(site.path / "odd-1.0.dist-info", "odd", b"[odd]\na = m:A\n")
    finder = finder_of(lambda: [OtherDistribution(), OtherDistribution()])
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, finder])
    assert entry_points_of("odd") == ([("a", "m:A"), ("b", "m:B")], [])
    write_metadata(site.path / "other-1.0.dist-info", "other", b"[odd]\nc = m:C\n")
    assert sorted(entry_points_of("odd")[0]) == [("a", "m:A"), ("c", "m:C")]


def test_finder_that_raises_hides_no_other_distribution(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A finder of the app may do anything."""

    def fail() -> Any:
        raise LookupError

    write_metadata(site.path / "odd-1.0.dist-info", "odd", b"[odd]\na = m:A\n")
    monkeypatch.setattr(sys, "meta_path", [finder_of(fail), *sys.meta_path])
    assert entry_points_of("odd") == ([("a", "m:A")], [])


def active() -> list[str]:
    """Return the names of the extensions that a host discovers."""
    host = ExtensionHost(environ=ON)
    host.discover()
    return [one["name"] for one in host.diagnosis()["extensions"] if one["status"] == "active"]


def write_metadata(folder: Path, name: str, points: bytes, metadata: str | None = None) -> None:
    """Write a distribution's metadata, byte by byte."""
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text(metadata or f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_bytes(points)


def scan_and_library(group: str) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Return the names and values that the scan finds, and those that the library finds."""
    scanned, _ = entry_points([group])
    library = importlib_metadata.entry_points(group=group)
    return sorted((one.name, one.value) for one in scanned), sorted((one.name, one.value) for one in library)


@pytest.mark.parametrize(
    "points",
    [
        b"[odd]\r\na = m:A\r\n\r\n[other]\r\nb = m:B\r\n",
        b"# [odd]\n[odd]\n  # a comment\n  a = m:A [x,y]\n[other]\nb=m\n[odd]\nc=m.n\n",
        b"\xef\xbb\xbf[odd]\na = m:A\n",
        b"[[odd]]\na = m:A\n",
        b"[odd]\na = m:A\n[ odd ]\nb = m:B\n",
        b"a = m:A\n[odd]\n",
        b"",
    ],
)
def test_unusual_entry_points_are_read_as_the_library_reads_them(site: Site, points: bytes) -> None:
    """Comments, extras, repeated sections, other line ends, a byte order mark and odd brackets make no difference."""
    write_metadata(site.path / "odd-1.0.dist-info", "odd", points)
    scan, library = scan_and_library("odd")
    assert scan == library


def test_folder_with_an_unusual_spelling_hides_no_other_distribution(site: Site) -> None:
    """A folder whose name is not spelled as wheels spell it hides no other distribution."""
    for name in ("my-first", "my-second"):
        write_metadata(site.path / f"{name}-1.0.dist-info", name, f"[odd]\n{name} = m\n".encode())
    assert scan_and_library("odd")[0] == [("my-first", "m"), ("my-second", "m")]


def test_folder_of_an_interrupted_uninstall_is_ignored(site: Site) -> None:
    """pip renames a folder that it cannot delete: its name begins with a tilde."""
    for folder in ("odd-1.0.dist-info", "~dd-1.0.dist-info"):
        write_metadata(site.path / folder, "odd", b"[odd]\na = m:A\n")
    assert scan_and_library("odd")[0] == [("a", "m:A")]


def test_path_with_entries_that_are_not_strings_is_read(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Path objects are read, and what Python's import ignores is ignored."""
    write_metadata(site.path / "odd-1.0.dist-info", "odd", b"[odd]\na = m:A\n")
    rest = [one for one in sys.path if one != str(site.path)]
    monkeypatch.setattr(sys, "path", [site.path, str(site.path / "absent"), None, b"bytes", *rest])
    assert [one.name for one in entry_points(["odd"])[0]] == ["a"]


def test_relative_path_is_resolved_in_the_working_directory(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """A relative entry, and an empty one, refers to the working directory."""
    write_metadata(site.path / "sub" / "odd-1.0.dist-info", "odd", b"[odd]\na = m:A\n")
    monkeypatch.chdir(site.path)
    monkeypatch.syspath_prepend("sub")
    assert scan_and_library("odd") == ([("a", "m:A")], [("a", "m:A")])
    monkeypatch.chdir(site.path / "sub")
    monkeypatch.setattr(sys, "path", ["", *(one for one in sys.path if one != "sub")])
    assert scan_and_library("odd")[0] == [("a", "m:A")]


def test_empty_folder_of_an_interrupted_uninstall_hides_no_distribution(site: Site) -> None:
    """Whichever of the two folders is read first."""
    for number in range(10):
        name = f"odd{number}"
        (site.path / f"{name}-0.{number}.dist-info").mkdir()
        write_metadata(site.path / f"{name}-1.0.dist-info", name, f"[odd]\n{name} = m\n".encode())
        (site.path / f"{name}-2.0.dist-info").mkdir()
    found, unreadable = entry_points_of("odd")
    assert sorted(found) == [(f"odd{number}", "m") for number in range(10)]
    assert unreadable == []


def test_distribution_with_the_name_of_another_one_is_not_read(site: Site) -> None:
    """It hides no distribution, and does not pass for an allowed one; the message has both names."""
    write_metadata(site.path / "aaa_evil-1.0.dist-info", "odd", b"[odd]\nevil = m\n")
    write_metadata(site.path / "odd-1.0.dist-info", "odd", b"[odd]\na = m\n")
    found, unreadable = entry_points_of("odd")
    assert found == [("a", "m")]
    (error,) = unreadable
    assert "its folder is named after aaa-evil, its metadata after odd" in error


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
@pytest.mark.parametrize("file", ["entry_points.txt", "METADATA"])
def test_named_pipe_in_the_place_of_metadata_does_not_hang(site: Site, file: str) -> None:
    """The distribution cannot be read, the others can."""
    write_metadata(site.path / "odd-1.0.dist-info", "odd", b"[odd]\na = m\n")
    write_metadata(site.path / "fine-1.0.dist-info", "fine", b"[odd]\nb = m\n")
    (site.path / "odd-1.0.dist-info" / file).unlink()
    os.mkfifo(site.path / "odd-1.0.dist-info" / file)
    found, unreadable = entry_points_of("odd")
    assert ("b", "m") in found
    assert unreadable == ["entry_points.txt is not an ordinary file"] if file == "entry_points.txt" else True


def test_entry_points_of_20_megabytes_are_refused_and_long_metadata_is_not(site: Site) -> None:
    """A description may be long; a list of entry points may not."""
    write_metadata(site.path / "odd-1.0.dist-info", "odd", b"[odd]\na = m\n" + b"# more\n" * 3_000_000)
    write_metadata(site.path / "fine-1.0.dist-info", "fine", b"[odd]\nb = m\n")
    with (site.path / "fine-1.0.dist-info" / "METADATA").open("a") as stream:
        stream.write("\n" + "text\n" * 4_000_000)
    found, unreadable = entry_points_of("odd")
    assert found == [("b", "m")]
    assert unreadable == ["entry_points.txt is larger than 1048576 bytes"]


def test_5000_entry_points_are_read(site: Site) -> None:
    """Many are unusual, and correct."""
    points = "[odd]\n" + "".join(f"name{number} = m\n" for number in range(5000))
    write_metadata(site.path / "odd-1.0.dist-info", "odd", points.encode())
    assert len(entry_points_of("odd")[0]) == 5000


def entry_points_of(group: str) -> tuple[list[tuple[str, str]], list[str]]:
    """Return names and values of entry points, and the errors of what cannot be read."""
    found, unreadable = entry_points({group})
    return [(one.name, one.value) for one in found], [str(one.error) for one in unreadable]
