"""Integrity: files of installed extensions are compared with the hashes that their installer recorded."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import importlib_metadata
import pytest

from hosting.extensions import ExtensionHost
from tests.support.sites import PRE, Site

PACKAGE = {
    "checked/__init__.py": f"import hosting\n\n{PRE}",
    "checked/helper.py": "x = 1\n",
    "checked/data/table.csv": "a,b\n",
    "single.py": "y = 2\n",
}


def verify(environ: dict[str, str] | None = None) -> dict[str, Any]:
    """Return the one verification of a host, and whether the document reports a problem with it."""
    host = ExtensionHost(environ=environ or {})
    (one,) = host.verify()
    messages = [problem["message"] for problem in host.diagnosis(verify=True)["problems"]]
    assert any("differ from what was installed" in message for message in messages) == (one["status"] == "tampered")
    return one


def install_package(site: Site, **options: Any) -> Path:
    """Install the package; return its dist-info folder."""
    return site.install("Checked-Dist", PACKAGE, hosting={"checked": "checked"}, **options)


def test_distribution_as_installed_is_intact_and_not_imported(site: Site) -> None:
    """A distribution as it was installed is intact; extensions may be off."""
    install_package(site)
    assert verify() == {
        "distribution": "Checked-Dist",
        "version": "1.0",
        "extensions": ["checked"],
        "installation": "index",
        "url": None,
        "status": "intact",
        "changed": [],
        "missing": [],
        "unlisted": [],
        "unverified": [],
    }
    assert "checked" not in sys.modules


@pytest.mark.parametrize("file", sorted(PACKAGE))
def test_changed_file_is_tampering(site: Site, file: str) -> None:
    """A file whose content does not match its recorded hash is tampering, whether it is code or not."""
    install_package(site)
    (site.path / file).write_text("changed")
    one = verify()
    assert (one["status"], one["changed"]) == ("tampered", [file])


def test_changed_entry_points_are_tampering(site: Site) -> None:
    """Entry points that were added later do not match the hash in RECORD."""
    info = install_package(site)
    (info / "entry_points.txt").write_text("[hosting]\nchecked = checked\nother = single\n")
    assert verify()["changed"] == [f"{info.name}/entry_points.txt"]


def test_missing_file_is_tampering(site: Site) -> None:
    """A recorded file that is missing is tampering."""
    install_package(site)
    (site.path / "checked/helper.py").unlink()
    one = verify()
    assert (one["status"], one["missing"]) == ("tampered", ["checked/helper.py"])


@pytest.mark.parametrize("file", ["helper.so", "extra.py", "helper/__init__.py", "x.pyc"])
def test_code_that_is_not_in_the_record_is_tampering(site: Site, file: str) -> None:
    """Code in a package that is not in RECORD is tampering, because it may hide another module."""
    install_package(site)
    target = site.path / "checked" / file
    target.parent.mkdir(exist_ok=True)
    target.write_text("")
    one = verify()
    assert (one["status"], one["unlisted"]) == ("tampered", [f"checked/{file}"])


def test_compiled_files_and_data_beside_the_code_are_not_tampering(site: Site) -> None:
    """Python writes compiled files into __pycache__, and packages may keep data beside their code."""
    install_package(site)
    for file in ("checked/__pycache__/helper.cpython-311.pyc", "checked/data/cache.bin"):
        (site.path / file).parent.mkdir(exist_ok=True)
        (site.path / file).write_text("")
    (site.path / "neighbour.py").write_text("")
    assert verify()["status"] == "intact"


def test_file_of_another_distribution_in_a_shared_namespace_is_ignored(site: Site) -> None:
    """A folder without __init__.py may hold files of several distributions."""
    site.install("one", {"shared/one/__init__.py": PRE}, hosting={"one": "shared.one"})
    site.install("two", {"shared/two/__init__.py": ""})
    assert verify()["status"] == "intact"


@pytest.mark.parametrize("recorded", ["", "md5=abc", "sha1=abc", "nonsense=abc", "shake_128=abc"])
def test_file_without_a_strong_hash_is_not_called_intact(site: Site, recorded: str) -> None:
    """A missing hash, or one that is easy to forge, proves nothing."""
    info = install_package(site)
    lines = (info / "RECORD").read_text().splitlines()
    lines = [f"checked/helper.py,{recorded},1" if line.startswith("checked/helper") else line for line in lines]
    (info / "RECORD").write_text("\n".join(lines))
    one = verify()
    assert (one["status"], one["unverified"]) == ("unverifiable", ["checked/helper.py"])


@pytest.mark.parametrize("algorithm", ["sha384", "sha512", "sha3_256"])
def test_record_with_any_strong_hash_is_verified(site: Site, algorithm: str) -> None:
    """RECORD may use any strong algorithm that Python has."""
    info = install_package(site)
    digest = hashlib.new(algorithm, b"y = 2\n").digest()
    hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    lines = (info / "RECORD").read_text().splitlines()
    lines = [f"single.py,{algorithm}={hashed},6" if line.startswith("single") else line for line in lines]
    (info / "RECORD").write_text("\n".join(lines))
    assert verify()["status"] == "intact"
    (site.path / "single.py").write_text("y = 3\n")
    assert verify()["changed"] == ["single.py"]


@pytest.mark.parametrize("text", [None, ""])
def test_distribution_without_a_record_cannot_be_verified(site: Site, text: str | None) -> None:
    """Some system packages have no RECORD."""
    info = install_package(site)
    (info / "RECORD").unlink()
    if text is not None:
        (info / "RECORD").write_text(text)
    assert verify()["status"] == "unverifiable"


def test_editable_install_is_reported_with_its_folder_and_not_called_intact(site: Site, tmp_path: Path) -> None:
    """The report names the folder of the working copy."""
    direct = {"url": "file:///home/me/checked", "dir_info": {"editable": True}}
    site.install("Checked-Dist", {"checked.pth": f"{tmp_path}\n"}, hosting={"checked": "checked"}, direct_url=direct)
    one = verify()
    assert (one["installation"], one["url"]) == ("editable", "file:///home/me/checked")
    assert one["status"] == "unverifiable"


@pytest.mark.parametrize(
    ("direct", "url"),
    [
        ({"url": "https://example.com/a.whl", "archive_info": {}}, "https://example.com/a.whl"),
        ({"url": "file:///home/me/checked", "dir_info": {}}, "file:///home/me/checked"),
        (
            {"url": "https://me:hush@example.com/a.git", "vcs_info": {"vcs": "git", "commit_id": "1"}},
            "https://***@example.com/a.git",
        ),
    ],
)
def test_install_from_a_url_is_verified_and_shown_without_its_password(
    site: Site, direct: dict[str, Any], url: str
) -> None:
    """An install from a URL or a folder is verified like others."""
    install_package(site, direct_url=direct)
    one = verify()
    assert (one["installation"], one["url"], one["status"]) == ("direct-url", url, "intact")


@pytest.mark.parametrize("direct", [[], {"url": 3}, "text"])
def test_invalid_direct_url_does_not_break_the_verification(site: Site, direct: Any) -> None:
    """Invalid content of direct_url.json is ignored."""
    install_package(site, direct_url=direct)
    assert verify()["installation"] == "index"


def test_verification_covers_each_distribution_that_the_host_imports_once(site: Site) -> None:
    """Distributions are sorted by name, and others are not verified."""
    site.install("b", {"b.py": ""}, hosting={"x": "b"}, functions={"y": "b"})
    site.install("a", {"a.py": ""}, bindings={"queueTrigger": "a"})
    site.install("c", {"c.py": ""})
    site.install("d", {"d.py": ""}, storage={"blobs": "d"})
    verification = ExtensionHost(environ={"HOSTING_ALLOW": "none"}).verify()
    assert [(one["distribution"], one["extensions"]) for one in verification] == [
        ("a", ["queueTrigger"]),
        ("b", ["x", "y"]),
        ("d", ["blobs"]),
    ]


def test_file_outside_site_packages_is_verified(site: Site, tmp_path: Path) -> None:
    """Scripts, which are outside the packages' folder, are verified too."""
    info = install_package(site)
    script = tmp_path / "bin" / "checked"
    script.parent.mkdir()
    script.write_text("#!")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"#!").digest()).decode().rstrip("=")
    with (info / "RECORD").open("a") as record:
        record.write(f"../bin/checked,sha256={digest},2\n")
    assert verify()["status"] == "intact"
    script.write_text("#!/bin/evil")
    assert verify()["changed"] == ["../bin/checked"]


def build_wheel(folder: Path, site: Site) -> Path:
    """Return a wheel of the package, built from what is installed in the site."""
    path = folder / "checked_dist-1.0-py3-none-any.whl"
    info = install_package(site)
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256((info / "WHEEL").read_bytes()).digest()).decode().rstrip("=")
    with (info / "RECORD").open("a") as record:
        record.write(f"{info.name}/WHEEL,sha256={digest},\n")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(site.path.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(site.path))
    return path


@pytest.mark.slow  # pip runs in a process of its own
def test_wheel_installed_by_pip_is_intact_until_a_file_changes(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The report says that it was installed from a local file."""
    file = build_wheel(tmp_path, site)
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(file)], check=True, capture_output=True)
    monkeypatch.setattr(sys, "path", [str(target), *sys.path[1:]])
    one = verify()
    assert one["status"] == "intact"
    assert one["installation"] == "direct-url"
    assert one["url"] == file.as_uri()
    (target / "checked/helper.py").write_text("x = 2\n")
    assert verify()["status"] == "tampered"


def test_distribution_in_a_zip_file_is_verified_inside_it(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution that is imported from a zip file is verified inside it."""
    file = build_wheel(tmp_path, site)
    with monkeypatch.context() as packages:  # importlib-metadata imports what reads archives when it first meets one
        packages.syspath_prepend(str(Path(pytest.__file__).parent.parent))
        importlib_metadata.FastPath(str(file)).zip_children()
    monkeypatch.setattr(sys, "path", [str(file), *sys.path[1:]])
    assert verify()["status"] == "intact"


def test_verification_can_be_written_as_json(site: Site) -> None:
    """The verification has only values of JSON."""
    install_package(site)
    (site.path / "checked/helper.py").unlink()
    json.dumps(ExtensionHost(environ={}).verify())
