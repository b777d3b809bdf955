"""Messages for broken apps: ``broken_apps/APP/message.txt`` has the whole message, with ROOT for the app's folder."""

from __future__ import annotations

import traceback
from pathlib import Path

import pluggy
import pytest

import hosting
from hosting.apps.load import load_app
from hosting.apps.local_settings import apply_settings, read_local_settings
from hosting.core import App
from hosting.errors import AppLoadError, HostingError, SettingsError
from tests.conftest import MakeApp

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


@pytest.mark.parametrize(
    "statement",
    ["from hosting import PLANS", "import hosting\nhosting.PLANS", "from hosting.prices import price"],
)
def test_own_module_that_an_installed_one_hides_is_named_with_both_places(make_app: MakeApp, statement: str) -> None:
    """The host's own package has the same name as a package of the app."""
    root = make_app(
        {"function_app.py": f"{statement}\n", "hosting/__init__.py": "PLANS = []", "hosting/prices.py": "price = 1"}
    )
    with pytest.raises(AppLoadError) as raised:
        _start(root)
    installed = Path(hosting.__file__).parent
    expected = f"'hosting' is {installed}, which hides the app's own {root / 'hosting'}. Rename the app's module."
    assert raised.value.remedy == expected


def test_package_of_the_app_that_the_host_has_loaded_before_is_named_with_both_places(make_app: MakeApp) -> None:
    """A copy in ``.python_packages`` is not used where the host has imported another one."""
    packages = ".python_packages/lib/site-packages"
    root = make_app({"function_app.py": "from pluggy import NEWER\n", f"{packages}/pluggy/__init__.py": "NEWER = 1"})
    with pytest.raises(AppLoadError) as raised:
        _start(root)
    copy = root / packages / "pluggy"
    loaded = Path(pluggy.__file__).parent
    expected = f"'pluggy' is {loaded}, which the host uses too. It hides {copy}: install one version for both."
    assert raised.value.remedy == expected


ODD = """
class {name}({base}):
    def refuse(self, *_):
        raise SystemExit(3)
    {attribute} = {value}
raise {name}("text")
"""


@pytest.mark.parametrize("base", ["Exception", "BaseException", "ImportError", "SyntaxError", "SystemExit", "KeyError"])
@pytest.mark.parametrize("attribute", ["__str__", "__repr__", "__traceback__", "__cause__", "__class__", "name"])
def test_exception_at_import_that_raises_when_it_is_looked_at_is_named(
    make_app: MakeApp, base: str, attribute: str
) -> None:
    """The app is not loaded; the message has the file, and the class of the exception."""
    value = "refuse" if attribute in ("__str__", "__repr__") else "property(refuse)"
    code = ODD.format(name="Odd", base=base, attribute=attribute, value=value)
    with pytest.raises(AppLoadError) as caught:
        _start(make_app({"function_app.py": code, "host.json": '{"version": "2.0"}'}))
    assert "function_app.py" in str(caught.value)
    assert "Odd" in str(caught.value) or base == "SystemExit"


def test_exception_at_import_with_a_huge_message_is_cut(make_app: MakeApp) -> None:
    """A message of megabytes helps no reader."""
    with pytest.raises(AppLoadError) as caught:
        _start(make_app({"function_app.py": "raise ValueError('x' * 3_000_000)", "host.json": '{"version": "2.0"}'}))
    assert len(str(caught.value)) < 20_000
