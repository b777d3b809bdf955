"""The app's folder for a path that a person gave."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosting.apps.folder import app_folder
from hosting.apps.load import load_app
from hosting.errors import AppLoadError
from tests.conftest import MakeApp

FILES = {
    "shop/host.json": '{"version": "2.0"}',
    "shop/function_app.py": "",
    "shop/Hello/function.json": "{}",
    "shop/Hello/__init__.py": "",
    "shop/shared/deep/texts.py": "",
    "old/Hello/function.json": "{}",
    "old/Hello/__init__.py": "",
    "bare/function_app.py": "",
    "bare/shared/texts.py": "",
    "other/file.txt": "",
}


@pytest.mark.parametrize(
    ("path", "folder"),
    [
        ("shop", "shop"),
        ("shop/shared/deep", "shop"),
        ("shop/Hello", "shop"),
        ("shop/function_app.py", "shop"),
        ("shop/host.json", "shop"),
        ("shop/shared/deep/texts.py", "shop"),
        ("old/Hello/__init__.py", "old"),
        ("shop/Hello/function.json", "shop"),
        ("shop/Hello/__init__.py", "shop"),
        ("old", "old"),
        ("old/Hello/function.json", "old"),
        ("bare", "bare"),
        ("bare/function_app.py", "bare"),
        ("bare/shared", "bare/shared"),
        ("other", "other"),
        ("shop/nothing", "shop/nothing"),
        ("shop/../old", "old"),
    ],
)
def test_path_in_an_app_leads_to_its_folder(path: str, folder: str, make_app: MakeApp) -> None:
    """Core Tools go up to a host.json; a path that does not exist is left for the message about it."""
    root = make_app(FILES)
    assert app_folder(root / path) == (root / folder).resolve()


def test_file_outside_of_an_app_is_an_error_unless_the_setting_has_its_name(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy is the setting with the name of a v2 file."""
    root = make_app({**FILES, "lone/main.py": ""})
    with pytest.raises(AppLoadError, match=r"main\.py is not a file of a function app") as caught:
        app_folder(root / "lone" / "main.py")
    assert "PYTHON_SCRIPT_FILE_NAME=main.py" in caught.value.remedy
    monkeypatch.setenv("PYTHON_SCRIPT_FILE_NAME", "main.py")
    assert app_folder(root / "lone" / "main.py") == root / "lone"


def test_apps_in_folders_below_are_named_where_there_is_none(make_app: MakeApp) -> None:
    """A repository often has its app in a folder."""
    root = make_app({"src/api/host.json": "{}", ".venv/x/host.json": "{}"})
    with pytest.raises(AppLoadError) as caught:
        load_app(root, environ={})
    assert caught.value.remedy == f"There is one in {root / 'src/api'}: change to it, or pass its path."


def test_symbolic_link_to_an_app_leads_to_the_app(make_app: MakeApp, tmp_path: Path) -> None:
    """The folder is resolved."""
    root = make_app(FILES)
    link = tmp_path / "link"
    link.symlink_to(root / "shop" / "shared")
    assert app_folder(link) == root / "shop"
