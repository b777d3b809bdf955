"""Install commands in messages: they install from where hosting itself was installed."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import venv
from collections.abc import Callable, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hosting import _install
from hosting._install import install_command, reinstall_command, requirement
from tests.conftest import ROOT
from tests.support.sites import Site

COMMIT = "0123456789abcdef0123456789abcdef01234567"
REPOSITORY = f"git+https://example.org/hosting.git@{COMMIT}"
CHECKOUT = {"url": "file:///home/ada/hosting", "dir_info": {}}
EDITABLE = {"url": "file:///home/ada/hosting", "dir_info": {"editable": True}}
BLANK = {"url": "file:///home/ada/my%20code/hosting", "dir_info": {"editable": True}}
GIT = {"url": "https://example.org/hosting.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
MONOREPO = {**GIT, "subdirectory": "python/hosting"}
WHEEL = {"url": "file:///tmp/hosting-1.0-py3-none-any.whl", "archive_info": {}}

Installed = Callable[[Mapping[str, Any]], None]


@pytest.fixture
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Installed:
    """Install distributions, each with what its installer records of its origin, in place of those of this process."""
    site = Site(tmp_path / "site")
    monkeypatch.setattr(sys, "path", [str(site.path), *(entry for entry in sys.path if "-packages" not in entry)])

    def install(origins: Mapping[str, Any]) -> None:
        for name, direct_url in origins.items():
            site.install(name, direct_url=direct_url)

    return install


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (CHECKOUT, "pip install /home/ada/hosting/plugins/hosting-storage"),
        ({**CHECKOUT, "url": f"{CHECKOUT['url']}/"}, "pip install /home/ada/hosting/plugins/hosting-storage"),
        (EDITABLE, "pip install /home/ada/hosting/plugins/hosting-storage"),
        (BLANK, "pip install '/home/ada/my code/hosting/plugins/hosting-storage'"),
        (
            GIT,
            f"pip install 'hosting-storage @ {REPOSITORY}#subdirectory=plugins/hosting-storage'",
        ),
        (
            MONOREPO,
            f"pip install 'hosting-storage @ {REPOSITORY}#subdirectory=python/hosting/plugins/hosting-storage'",
        ),
        (WHEEL, "pip install hosting-storage"),
        (None, "pip install hosting-storage"),
        ("no object", "pip install hosting-storage"),
        ({"url": 1}, "pip install hosting-storage"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the paths are POSIX paths")
def test_plugin_is_installed_from_the_origin_of_hosting(installed: Installed, origin: Any, command: str) -> None:
    """A plugin that is not installed comes from the same checkout or repository, and else from the index."""
    installed({"hosting": origin})
    assert install_command("hosting-storage") == command


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (CHECKOUT, "pip install '/home/ada/hosting[host]'"),
        (EDITABLE, "pip install --editable '/home/ada/hosting[host]'"),
        (GIT, f"pip install 'hosting[host] @ {REPOSITORY}'"),
        (
            MONOREPO,
            f"pip install 'hosting[host] @ {REPOSITORY}#subdirectory=python/hosting'",
        ),
        (WHEEL, "pip install '/tmp/hosting-1.0-py3-none-any.whl[host]'"),
        (
            {**WHEEL, "url": "https://example.org/hosting-1.0-py3-none-any.whl"},
            "pip install 'hosting[host] @ https://example.org/hosting-1.0-py3-none-any.whl'",
        ),
        (None, "pip install 'hosting[host]'"),
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="the paths are POSIX paths")
def test_extra_of_hosting_keeps_the_installation(installed: Installed, origin: Any, command: str) -> None:
    """An extra is added to the installation that is there: an editable one stays editable."""
    installed({"hosting": origin})
    assert install_command("hosting", "host") == command


@pytest.mark.skipif(os.name == "nt", reason="the paths are POSIX paths")
def test_own_origin_of_a_plugin_comes_first(installed: Installed) -> None:
    """A plugin that is installed is installed again from its own origin, wherever hosting came from."""
    own = {"url": "file:///srv/hosting-storage", "dir_info": {"editable": True}}
    installed({"hosting": EDITABLE, "hosting-storage": own, "hosting-timer": None})
    assert install_command("hosting-storage", "identity") == "pip install --editable '/srv/hosting-storage[identity]'"
    assert install_command("hosting-timer") == "pip install hosting-timer"


def test_requirement_is_a_line_of_a_requirements_file(installed: Installed) -> None:
    """The origin is a direct reference, in which blanks stay encoded."""
    installed({"hosting": BLANK})
    url = "file:///home/ada/my%20code/hosting"
    assert requirement("hosting", "host") == f"hosting[host] @ {url}"
    assert requirement("hosting-storage") == f"hosting-storage @ {url}/plugins/hosting-storage"


def test_requirement_of_an_index_is_the_name(installed: Installed) -> None:
    """Where hosting came from an index, so does the rest."""
    installed({"hosting": None})
    assert requirement("hosting", "host") == "hosting[host]"
    assert requirement("hosting-storage") == "hosting-storage"


@pytest.mark.usefixtures("installed")
def test_checkout_on_the_path_counts_where_nothing_is_installed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Code that runs from a checkout without being installed names that checkout; code from elsewhere the index."""
    monkeypatch.setattr(_install, "__file__", str(ROOT / "hosting" / "_install.py"))
    assert install_command("hosting-storage") == f"pip install {shlex.quote(str(ROOT / 'plugins/hosting-storage'))}"
    monkeypatch.setattr(_install, "__file__", str(tmp_path / "hosting" / "_install.py"))
    assert install_command("hosting-storage") == "pip install hosting-storage"


@pytest.mark.parametrize(
    ("origin", "command"),
    [
        (None, "pip install --force-reinstall flaky==1.0"),
        (WHEEL, "pip install --force-reinstall /tmp/hosting-1.0-py3-none-any.whl"),
        (GIT, f"pip install --force-reinstall 'flaky @ {REPOSITORY}'"),
    ],
)
def test_reinstall_uses_the_recorded_origin(installed: Installed, origin: Any, command: str) -> None:
    """Any distribution is installed again from where it came, and in its version where that is an index."""
    installed({"flaky": origin})
    assert reinstall_command("flaky", "1.0") == command


@pytest.mark.skipif(os.name == "nt", reason="cmd.exe has other rules")
def test_windows_quotes_for_its_own_shell(installed: Installed, monkeypatch: pytest.MonkeyPatch) -> None:
    """cmd.exe and PowerShell both read double quotes."""
    installed({"hosting": BLANK})
    monkeypatch.setattr(_install, "os", SimpleNamespace(name="nt"))
    assert install_command("hosting-storage") == 'pip install "/home/ada/my code/hosting/plugins/hosting-storage"'


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("--editable",)], ids=["folder", "editable"])
def test_command_repeats_what_pip_recorded(tmp_path: Path, options: tuple[str, ...]) -> None:
    """pip records the folder that a project came from, blanks and all; the command installs it from there again."""
    project = _write_project(tmp_path / "a folder")
    venv.create(tmp_path / "venv", with_pip=False)
    python = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
    _pip(python, "install", *options, str(project))
    code = "from hosting._install import install_command; print(install_command('sample-project', 'more'))"
    command = shlex.split(_run([str(python), "-c", code]))
    assert command == ["pip", "install", *options, f"{project}[more]"]
    _pip(python, *command[1:])


def _write_project(folder: Path) -> Path:
    """Write an installable project with an extra."""
    (folder / "sample_project").mkdir(parents=True)
    (folder / "sample_project" / "__init__.py").touch()
    (folder / "pyproject.toml").write_text(
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "sample-project"\nversion = "1.0"\noptional-dependencies.more = []\n'
    )
    return folder


def _pip(python: Path, *arguments: str) -> None:
    """Run pip for another environment, without network."""
    _run([sys.executable, "-m", "pip", "--python", str(python), *arguments, "--no-index", "--no-build-isolation"])


def _run(command: list[str]) -> str:
    """Run a command that finds this process's packages too, as the build backend is one of them."""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), *sys.path])}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
