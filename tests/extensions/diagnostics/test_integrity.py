"""Files of installed extensions against the hashes that their installer recorded."""

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


def verified(environ: dict[str, str] | None = None) -> dict[str, Any]:
    """The one verification of a host, and whether the document tells a problem of it."""
    host = ExtensionHost(environ=environ or {})
    (one,) = host.verify()
    messages = [problem["message"] for problem in host.diagnosis(verify=True)["problems"]]
    assert any("differ from what was installed" in message for message in messages) == (one["status"] == "tampered")
    return one


def installed(site: Site, **options: Any) -> Path:
    """The package, installed; its dist-info."""
    return site.install("Checked-Dist", PACKAGE, hosting={"checked": "checked"}, **options)


def test_intact(site: Site) -> None:
    """A distribution as it was installed is intact; nothing of it is imported, and extensions may be off."""
    installed(site)
    assert verified() == {
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
def test_a_changed_file(site: Site, file: str) -> None:
    """A file whose content is not the recorded one is tampering, code or not."""
    installed(site)
    (site.path / file).write_text("changed")
    one = verified()
    assert (one["status"], one["changed"]) == ("tampered", [file])


def test_changed_entry_points(site: Site) -> None:
    """Entry points that were added to a distribution are seen, since RECORD has their hash."""
    info = installed(site)
    (info / "entry_points.txt").write_text("[hosting]\nchecked = checked\nother = single\n")
    assert verified()["changed"] == [f"{info.name}/entry_points.txt"]


def test_a_missing_file(site: Site) -> None:
    """A recorded file that is gone is tampering."""
    installed(site)
    (site.path / "checked/helper.py").unlink()
    one = verified()
    assert (one["status"], one["missing"]) == ("tampered", ["checked/helper.py"])


@pytest.mark.parametrize("file", ["helper.so", "extra.py", "helper/__init__.py", "x.pyc"])
def test_unlisted_code(site: Site, file: str) -> None:
    """Code in a package that nobody recorded is tampering: it may stand in another module's place."""
    installed(site)
    target = site.path / "checked" / file
    target.parent.mkdir(exist_ok=True)
    target.write_text("")
    one = verified()
    assert (one["status"], one["unlisted"]) == ("tampered", [f"checked/{file}"])


def test_what_python_and_programs_write(site: Site) -> None:
    """Compiled files in __pycache__ and data that a package keeps beside its code are no tampering."""
    installed(site)
    for file in ("checked/__pycache__/helper.cpython-311.pyc", "checked/data/cache.bin"):
        (site.path / file).parent.mkdir(exist_ok=True)
        (site.path / file).write_text("")
    (site.path / "neighbour.py").write_text("")
    assert verified()["status"] == "intact"


def test_a_namespace_is_shared(site: Site) -> None:
    """In a folder without __init__.py another distribution's files are not this one's business."""
    site.install("one", {"shared/one/__init__.py": PRE}, hosting={"one": "shared.one"})
    site.install("two", {"shared/two/__init__.py": ""})
    assert verified()["status"] == "intact"


@pytest.mark.parametrize("recorded", ["", "md5=abc", "sha1=abc", "nonsense=abc", "shake_128=abc"])
def test_a_hash_that_says_nothing(site: Site, recorded: str) -> None:
    """A file without a hash, or with one that anybody can forge, is not called intact."""
    info = installed(site)
    lines = (info / "RECORD").read_text().splitlines()
    lines = [f"checked/helper.py,{recorded},1" if line.startswith("checked/helper") else line for line in lines]
    (info / "RECORD").write_text("\n".join(lines))
    one = verified()
    assert (one["status"], one["unverified"]) == ("unverifiable", ["checked/helper.py"])


@pytest.mark.parametrize("algorithm", ["sha384", "sha512", "sha3_256"])
def test_any_strong_hash(site: Site, algorithm: str) -> None:
    """RECORD may use any strong algorithm that Python has."""
    info = installed(site)
    digest = hashlib.new(algorithm, b"y = 2\n").digest()
    hashed = base64.urlsafe_b64encode(digest).decode().rstrip("=")
    lines = (info / "RECORD").read_text().splitlines()
    lines = [f"single.py,{algorithm}={hashed},6" if line.startswith("single") else line for line in lines]
    (info / "RECORD").write_text("\n".join(lines))
    assert verified()["status"] == "intact"
    (site.path / "single.py").write_text("y = 3\n")
    assert verified()["changed"] == ["single.py"]


@pytest.mark.parametrize("text", [None, ""])
def test_without_record(site: Site, text: str | None) -> None:
    """A distribution without RECORD, as some systems' packages are, cannot be verified."""
    info = installed(site)
    (info / "RECORD").unlink()
    if text is not None:
        (info / "RECORD").write_text(text)
    assert verified()["status"] == "unverifiable"


def test_editable(site: Site, tmp_path: Path) -> None:
    """An editable install is told with the place of its working copy, and is not called intact."""
    direct = {"url": "file:///home/me/checked", "dir_info": {"editable": True}}
    site.install("Checked-Dist", {"checked.pth": f"{tmp_path}\n"}, hosting={"checked": "checked"}, direct_url=direct)
    one = verified()
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
def test_direct_url(site: Site, direct: dict[str, Any], url: str) -> None:
    """An install from a URL or a folder is told, without the password of its URL, and verified like others."""
    installed(site, direct_url=direct)
    one = verified()
    assert (one["installation"], one["url"], one["status"]) == ("direct-url", url, "intact")


@pytest.mark.parametrize("direct", [[], {"url": 3}, "text"])
def test_a_broken_direct_url(site: Site, direct: Any) -> None:
    """What makes no sense in direct_url.json does not break the verification."""
    installed(site, direct_url=direct)
    assert verified()["installation"] == "index"


def test_who_is_verified(site: Site) -> None:
    """Every distribution that a host imports something of is verified, once, by name; others are not."""
    site.install("b", {"b.py": ""}, hosting={"x": "b"}, functions={"y": "b"})
    site.install("a", {"a.py": ""}, bindings={"queueTrigger": "a"})
    site.install("c", {"c.py": ""})
    site.install("d", {"d.py": ""}, storage={"blobs": "d"})
    found = ExtensionHost(environ={"HOSTING_ALLOW": "nobody"}).verify()
    told = [(one["distribution"], one["extensions"]) for one in found]
    assert told == [("a", ["queueTrigger"]), ("b", ["x", "y"]), ("d", ["blobs"])]


def test_a_file_outside_the_site(site: Site, tmp_path: Path) -> None:
    """Scripts, which lie outside of the packages' folder, are verified too."""
    info = installed(site)
    script = tmp_path / "bin" / "checked"
    script.parent.mkdir()
    script.write_text("#!")
    digest = base64.urlsafe_b64encode(hashlib.sha256(b"#!").digest()).decode().rstrip("=")
    with (info / "RECORD").open("a") as record:
        record.write(f"../bin/checked,sha256={digest},2\n")
    assert verified()["status"] == "intact"
    script.write_text("#!/bin/evil")
    assert verified()["changed"] == ["../bin/checked"]


def wheel(folder: Path, site: Site) -> Path:
    """A wheel of the package, made from what the site has installed."""
    path = folder / "checked_dist-1.0-py3-none-any.whl"
    info = installed(site)
    (info / "WHEEL").write_text("Wheel-Version: 1.0\nGenerator: by hand\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    digest = base64.urlsafe_b64encode(hashlib.sha256((info / "WHEEL").read_bytes()).digest()).decode().rstrip("=")
    with (info / "RECORD").open("a") as record:
        record.write(f"{info.name}/WHEEL,sha256={digest},\n")
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(site.path.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(site.path))
    return path


def test_a_wheel_that_pip_installed(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What pip leaves of a wheel is intact until somebody changes it, and known to come from a file of its own."""
    file = wheel(tmp_path, site)
    target = tmp_path / "installed"
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(file)], check=True, capture_output=True)
    monkeypatch.setattr(sys, "path", [str(target), *sys.path[1:]])
    one = verified()
    assert one["status"] == "intact"
    assert one["installation"] == "direct-url"
    assert one["url"] == file.as_uri()
    (target / "checked/helper.py").write_text("x = 2\n")
    assert verified()["status"] == "tampered"


def test_a_zip_on_the_path(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A distribution that runs out of a zip file is verified inside it."""
    file = wheel(tmp_path, site)
    with monkeypatch.context() as packages:  # importlib-metadata imports what reads archives when it first meets one
        packages.syspath_prepend(str(Path(pytest.__file__).parent.parent))
        importlib_metadata.FastPath(str(file)).zip_children()
    monkeypatch.setattr(sys, "path", [str(file), *sys.path[1:]])
    assert verified()["status"] == "intact"


def test_the_result_is_json(site: Site) -> None:
    """The verification can be printed as it is."""
    installed(site)
    (site.path / "checked/helper.py").unlink()
    json.dumps(ExtensionHost(environ={}).verify())
