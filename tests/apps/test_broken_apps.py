"""What a person reads who starts a broken app: ``broken_apps/APP/message.txt``, with ROOT for the app's folder."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

import hosting
from hosting.apps.load import load_app
from hosting.apps.local_settings import apply_settings, read_local_settings
from hosting.core import App
from hosting.errors import AppLoadError, HostingError, SettingsError

APPS = sorted(folder for folder in Path(__file__).parents[1].joinpath("broken_apps").iterdir() if folder.is_dir())
SETTINGS = ("invalid_host_json", "invalid_local_settings", "wrong_type_in_settings")


def _start(root: Path) -> App:
    environ: dict[str, str] = {}
    settings = read_local_settings(root)
    apply_settings(settings, environ)
    return load_app(root, environ=environ, settings=settings)


@pytest.mark.parametrize("root", APPS, ids=lambda root: root.name)
def test_the_whole_message(root: Path) -> None:
    """A broken app is told by file, line, what is wrong and what to do, in a few lines."""
    expected = root.joinpath("message.txt").read_text(encoding="utf-8").strip()
    with pytest.raises(SettingsError if root.name in SETTINGS else AppLoadError) as caught:
        _start(root)
    assert str(caught.value).replace(str(root.resolve()), "ROOT") == expected


@pytest.mark.parametrize("name", ["missing_import", "several_broken_functions"])
def test_the_author_s_traceback_is_kept(name: str) -> None:
    """What the app's code raised hangs on the error, for those who ask for it, without a frame of the host."""
    with pytest.raises(HostingError) as caught:
        _start(next(root for root in APPS if root.name == name))
    error: BaseException | None = caught.value
    while isinstance(error, HostingError):
        error = error.__cause__
    assert isinstance(error, ModuleNotFoundError)
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    assert files
    assert not [file for file in files if file.startswith(str(Path(hosting.__file__).parent))]
