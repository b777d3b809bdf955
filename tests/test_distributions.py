"""The reader of installed distributions: like importlib-metadata, and unharmed by what lies in the place of a file."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import importlib_metadata
import pytest

from hosting._distributions import (
    distribution_name,
    distribution_version,
    files_of,
    find_distribution,
    installed,
    installed_version,
    modules_of,
    requirements_of,
)
from hosting._text import canonical_name
from hosting.apps.remedies.distributions import provider
from hosting.extensions import ExtensionHost
from tests.support.invoking import ON
from tests.support.sites import PRE, Site

FILES = ("METADATA", "entry_points.txt", "RECORD", "direct_url.json", "top_level.txt")


@pytest.mark.parametrize("name", ["azure-functions", "hosting", "pluggy", "pytest", "typing_extensions"])
def test_distribution_is_read_as_the_library_reads_it(name: str) -> None:
    """With its name, version, requirements, files and modules."""
    library, one = importlib_metadata.distribution(name), find_distribution(name)
    assert one is not None
    assert (distribution_name(one), distribution_version(one)) == (library.name, library.version)
    assert requirements_of(one) == (library.requires or [])
    assert set(files_of(one)) >= set(map(str, library.files or ()))
    everything = importlib_metadata.packages_distributions()
    assert modules_of(one) == {module for module, names in everything.items() if library.name in names}


def test_distributions_of_this_environment_are_those_of_the_library() -> None:
    """In the canonical form of their names."""
    names = {canonical_name(one.name) for one in importlib_metadata.distributions()}
    assert {one.name for one in installed()} == names


def test_distribution_is_found_in_any_spelling() -> None:
    """As package indexes compare names; one that is not installed is None."""
    assert distribution_name(find_distribution("Azure.Functions")) == "azure-functions"
    assert find_distribution("no-such-distribution") is None
    assert installed_version("no-such-distribution") is None


def replace_by_pipe(file: Path) -> None:
    os.mkfifo(file)


def replace_by_folder(file: Path) -> None:
    file.mkdir()


def replace_by_dangling_link(file: Path) -> None:
    file.symlink_to("absent")


def replace_by_device(file: Path) -> None:
    file.symlink_to("/dev/zero")


def replace_by_20_megabytes(file: Path) -> None:
    file.write_text("[hosting]\nodd = odd\n" * 1_000_000)


def replace_by_bytes(file: Path) -> None:
    file.write_bytes(b"[hosting]\nodd = odd\n\xff\xfe\x00\xc3(" * 50)


def replace_by_nesting(file: Path) -> None:
    file.write_text("[" * 100_000)


def replace_by_long_field(file: Path) -> None:
    file.write_text(f'"{"x" * 200_000}",,\n')


REPLACEMENTS = (
    replace_by_pipe,
    replace_by_folder,
    replace_by_dangling_link,
    replace_by_device,
    replace_by_20_megabytes,
    replace_by_bytes,
    replace_by_nesting,
    replace_by_long_field,
)

COMMANDS = {
    "version": ("--version",),
    "diag": ("diag", "app", "--json"),
    "diag --verify": ("diag", "app", "--verify"),
    "check": ("check", "app"),
}


def install_odd(site: Site, file: str, replace: Callable[[Path], None]) -> None:
    """Install two extensions, of which one has something else in the place of a file of its metadata."""
    site.extension("fine", PRE)
    info = site.install("odd", {"odd.py": f"import hosting\n{PRE}"}, hosting={"odd": "odd"})
    (info / file).unlink(missing_ok=True)
    replace(info / file)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes, and links need a privilege")
@pytest.mark.parametrize("replace", REPLACEMENTS)
@pytest.mark.parametrize("file", FILES)
def test_whatever_lies_in_the_place_of_a_file_hides_no_other_distribution(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, replace: Callable[[Path], None]
) -> None:
    """Names, versions, modules, requirements, entry points and files are read, and nothing waits for ever."""
    site = Site(tmp_path)
    install_odd(site, file, replace)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    for _, one in installed():
        modules_of(one), requirements_of(one), files_of(one), distribution_version(one)
    assert installed_version("dist-fine") == "1.0"
    assert provider("no_such_module") is None
    host = ExtensionHost(environ={})
    document = host.diagnosis(verify=True)
    assert "fine" in {one["name"] for one in document["extensions"]}
    assert "dist-fine" in {one["distribution"] for one in document["verification"]}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no named pipes, and links need a privilege")
@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("replace", [replace_by_pipe, replace_by_bytes])
@pytest.mark.parametrize("file", ["METADATA", "entry_points.txt"])
def test_commands_end_whatever_lies_in_the_place_of_a_file(
    tmp_path: Path, file: str, replace: Callable[[Path], None], command: str
) -> None:
    """And name what they find besides."""
    folder = tmp_path / "site"
    folder.mkdir()
    install_odd(Site(folder), file, replace)
    app = tmp_path / "app"
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text("import azure.functions as func\napp = func.FunctionApp()\n")
    environ = {**os.environ, **ON, "PYTHONPATH": str(folder)}
    run = [sys.executable, "-m", "hosting", *COMMANDS[command]]
    done = subprocess.run(run, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert "Traceback" not in done.stdout + done.stderr
    if command != "check":
        assert "dist-fine" in done.stdout


GROUPS = (
    "hosting",
    "hosting.functions",
    "hosting.bindings",
    "hosting.storage",
    "hosting.commands",
    "hosting.checks",
    "hosting.cli",
)
ALLOWED_COMMANDS = {
    "help": ("--help",),
    "version": ("--version",),
    "diag": ("diag", "app", "--verify"),
    "check": ("check", "app"),
    "keys": ("keys", "app"),
    "completion": ("completion", "bash"),
}
APP = """
import azure.functions as func
app = func.FunctionApp()

@app.generic_trigger("message", type="forbiddenTrigger")
def on_message(message): ...

@app.timer_trigger("timer", "0 0 * * * *")
def on_time(timer): ...
"""


@pytest.mark.slow
@pytest.mark.parametrize("command", ALLOWED_COMMANDS)
def test_no_command_imports_a_package_that_hosting_allow_does_not_name(tmp_path: Path, command: str) -> None:
    """Whatever groups its entry points are in, and also where the app needs it."""
    folder, app, marker = tmp_path / "site", tmp_path / "app", tmp_path / "imported"
    folder.mkdir()
    info = Site(folder).install("forbidden", {"forbidden.py": f"open({str(marker)!r}, 'w')\nraise SystemExit(3)\n"})
    names = ("forbidden", "forbiddenTrigger", "diag", "start")
    lines = "".join(f"[{group}]\n" + "".join(f"{name} = forbidden:main\n" for name in names) for group in GROUPS)
    (info / "entry_points.txt").write_text(lines)
    app.mkdir()
    (app / "host.json").write_text('{"version": "2.0"}')
    (app / "function_app.py").write_text(APP)
    environ = {**os.environ, **ON, "PYTHONPATH": str(folder), "HOSTING_ALLOW": "other"}
    run = [sys.executable, "-m", "hosting", *ALLOWED_COMMANDS[command]]
    done = subprocess.run(run, cwd=tmp_path, env=environ, capture_output=True, text=True, timeout=120, check=False)
    assert not marker.exists()
    assert "Traceback" not in done.stdout + done.stderr
    if command == "check":
        assert "forbiddenTrigger" in done.stdout
    elif command != "keys":
        assert done.stdout
