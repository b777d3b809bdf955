"""Loading one app after another in a process, with the import rules of Azure's worker."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import threading
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from hosting.apps.imports import SITE_PACKAGES, add_to_path, is_app_file, unload_apps
from hosting.apps.load import load_app
from hosting.core import App
from hosting.errors import AppLoadError

V2 = """
import azure.functions as func
from shared import NAME
from shared.deep import inner

app = func.FunctionApp()

@app.route()
def hello(req: func.HttpRequest) -> str:
    import shared
    return NAME + shared.NAME + inner.NAME
"""
V1 = """
from __app__.shared import NAME as absolute
from shared import NAME
from . import beside
from ..shared import NAME as relative

def main(req):
    return absolute + NAME + relative + beside.NAME
"""


def _write(root: Path, name: str, files: dict[str, str]) -> Path:
    shared = {"shared/__init__.py": f"NAME = {name!r}\n", "shared/deep/inner.py": f"NAME = {name!r}\n"}
    for path, text in (files | shared | {"host.json": '{"version": "2.0"}'}).items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")
    return root.resolve()


def _answer(app: App) -> Any:
    return app.functions[0].call(req=None)


def test_two_v2_apps_get_their_own_modules_of_the_same_name(tmp_path: Path) -> None:
    """This includes ``function_app``, packages and namespace packages; the first app can be loaded again."""
    one = _write(tmp_path / "one", "1", {"function_app.py": V2})
    two = _write(tmp_path / "two", "2", {"function_app.py": V2})
    answers = [_answer(load_app(root, environ={})) for root in (one, two, one, one, two)]
    assert answers == ["111", "222", "111", "111", "222"]
    assert [sys.path.count(str(root)) for root in (one, two)] == [1, 1]


def test_v1_app_after_a_v2_app_imports_its_own_modules(tmp_path: Path, http: dict[str, Any]) -> None:
    """``__app__``, absolute and relative imports all refer to the app that was loaded last."""
    function = {"Hello/function.json": str(http).replace("'", '"'), "Hello/__init__.py": V1}
    one = _write(tmp_path / "one", "1", {"function_app.py": V2})
    two = _write(tmp_path / "two", "2", function | {"Hello/beside.py": "NAME = 'beside'\n"})
    three = _write(tmp_path / "three", "3", function | {"Hello/beside.py": "NAME = 'beside'\n"})
    answers = [_answer(load_app(root, environ={})) for root in (one, two, three)]
    assert answers == ["111", "222beside", "333beside"]


def test_namespace_of_the_app_has_a_spec_for_web_frameworks(tmp_path: Path) -> None:
    """A framework that gets ``__name__`` looks up the search path of ``__app__``."""
    root = _write(tmp_path, "1", {"function_app.py": V2})
    load_app(root, environ={})
    spec = importlib.util.find_spec("__app__")
    assert spec is not None
    assert list(spec.submodule_search_locations or ()) == [str(root)]


def test_app_folder_is_last_and_its_packages_first_on_the_path(tmp_path: Path) -> None:
    """As in Azure, the app's packages come first, and the app's files hide no installed package."""
    packages = tmp_path / SITE_PACKAGES
    packages.mkdir(parents=True)
    before = list(sys.path)
    for _ in range(2):
        add_to_path(tmp_path)
        assert sys.path == [str(packages), *before, str(tmp_path)]


def test_reload_keeps_installed_packages_and_imports_the_apps_modules_again(tmp_path: Path) -> None:
    """A package below ``.python_packages`` is imported only once."""
    app = V2.replace("import azure", "import a_package_of_this_app\nimport azure")
    root = _write(
        tmp_path,
        "1",
        {"function_app.py": app, str(SITE_PACKAGES / "a_package_of_this_app.py"): "LOADED = []\n"},
    )
    first, second = (_globals(load_app(root, environ={})) for _ in range(2))
    del sys.modules["a_package_of_this_app"]
    assert first["a_package_of_this_app"] is second["a_package_of_this_app"]
    assert first["inner"] is not second["inner"]


def _globals(app: App) -> dict[str, Any]:
    module_globals: dict[str, Any] = app.functions[0].call.__globals__
    return module_globals


def test_reload_keeps_test_modules_of_the_app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Test modules and conftest files of an app may be what loads it."""
    root = _write(tmp_path, "1", {"function_app.py": V2, "tests/test_own.py": "", "conftest.py": ""})
    monkeypatch.syspath_prepend(str(root))
    for name in ("tests.test_own", "conftest"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    spec = importlib.util.spec_from_file_location("conftest", root / "conftest.py")
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, "conftest", module)
    load_app(root, environ={})
    assert sys.modules["conftest"] is module


@pytest.mark.parametrize("name", ["json.py", "pytest.py"])
def test_v2_file_with_the_name_of_another_module_is_an_error(name: str, tmp_path: Path) -> None:
    """Python's own modules and those in use keep their names."""
    root = _write(tmp_path, "1", {name: V2})
    with pytest.raises(AppLoadError, match=f"{name} cannot be imported: Python already uses a module"):
        load_app(root, environ={"PYTHON_SCRIPT_FILE_NAME": name})


def test_v2_file_that_raises_leaves_no_module_behind(tmp_path: Path) -> None:
    """The next load imports it again."""
    root = _write(tmp_path, "1", {"function_app.py": "1 / 0\n"})
    with pytest.raises(AppLoadError, match="ZeroDivisionError"):
        load_app(root, environ={})
    assert "function_app" not in sys.modules


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        ("/app/a.py", True),
        ("/app/pkg/a.py", True),
        ("/application/a.py", False),
        ("/app/.venv/a.py", False),
        ("/app/env/lib/python3.11/site-packages/a.py", False),
        ("/app/.python_packages/lib/site-packages/a.py", False),
    ],
)
def test_app_file_is_below_the_root_and_not_in_an_installed_package(file: str, expected: bool) -> None:
    """A virtual environment does not count, nor does a folder of installed packages."""
    assert is_app_file(file, Path("/app")) is expected


def test_namespace_package_without_its_parent_does_not_stop_the_next_app(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python can compute the path of ``left.deep`` no more when somebody has removed ``left``."""
    (tmp_path / "left" / "deep").mkdir(parents=True)
    (tmp_path / "app").mkdir()
    monkeypatch.syspath_prepend(str(tmp_path))
    deep = importlib.import_module("left.deep")
    del sys.modules["left"]
    unload_apps(tmp_path / "app")
    assert sys.modules.pop("left.deep") is deep


@pytest.mark.slow
def test_unload_works_while_other_threads_import(tmp_path: Path) -> None:
    """The thread of a debugger, for example, may import modules while an app is loaded."""
    ended = threading.Event()

    def import_more() -> None:
        while not ended.is_set():
            for number in range(50):
                sys.modules[f"made_by_a_thread_{number}"] = ModuleType("made_by_a_thread")
            for number in range(50):
                del sys.modules[f"made_by_a_thread_{number}"]

    thread, interval = threading.Thread(target=import_more), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(60):
            unload_apps(tmp_path)
    finally:
        ended.set()
        thread.join()
        sys.setswitchinterval(interval)
