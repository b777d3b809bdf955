"""Messages for broken apps: ``broken_apps/APP/message.txt`` has the whole message, with ROOT for the app's folder."""

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
def test_broken_app_has_a_short_message_with_file_line_and_remedy(root: Path) -> None:
    """The message has file and line, what is wrong and what to do."""
    expected = root.joinpath("message.txt").read_text(encoding="utf-8").strip()
    with pytest.raises(SettingsError if root.name in SETTINGS else AppLoadError) as caught:
        _start(root)
    assert str(caught.value).replace(str(root.resolve()), "ROOT") == expected


@pytest.mark.parametrize("name", ["missing_import", "several_broken_functions"])
def test_traceback_of_the_app_is_kept_without_frames_of_the_host(name: str) -> None:
    """The exception of the app's code is the cause of the error, for those who need it."""
    with pytest.raises(HostingError) as caught:
        _start(next(root for root in APPS if root.name == name))
    error: BaseException | None = caught.value
    while isinstance(error, HostingError):
        error = error.__cause__
    assert isinstance(error, ModuleNotFoundError)
    files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    assert files
    assert not [file for file in files if file.startswith(str(Path(hosting.__file__).parent))]
