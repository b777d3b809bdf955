"""One app after another in one process, and modules found where Azure's worker finds them."""

from __future__ import annotations

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


def test_two_v2_apps_with_modules_of_the_same_names(tmp_path: Path) -> None:
    """Each app gets its own ``function_app``, ``shared`` and namespace packages; the first can be loaded again."""
    one = _write(tmp_path / "one", "1", {"function_app.py": V2})
    two = _write(tmp_path / "two", "2", {"function_app.py": V2})
    answers = [_answer(load_app(root, environ={})) for root in (one, two, one, one, two)]
    assert answers == ["111", "222", "111", "111", "222"]
    assert [sys.path.count(str(root)) for root in (one, two)] == [1, 1]


def test_a_v1_app_after_a_v2_app(tmp_path: Path, http: dict[str, Any]) -> None:
    """``__app__``, plain and relative imports all mean the app that was loaded last."""
    function = {"Hello/function.json": str(http).replace("'", '"'), "Hello/__init__.py": V1}
    one = _write(tmp_path / "one", "1", {"function_app.py": V2})
    two = _write(tmp_path / "two", "2", function | {"Hello/beside.py": "NAME = 'beside'\n"})
    three = _write(tmp_path / "three", "3", function | {"Hello/beside.py": "NAME = 'beside'\n"})
    answers = [_answer(load_app(root, environ={})) for root in (one, two, three)]
    assert answers == ["111", "222beside", "333beside"]


def test_the_app_s_namespace_has_the_spec_that_web_frameworks_look_at(tmp_path: Path) -> None:
    """A framework that is handed ``__name__`` looks up where ``__app__`` searches its modules."""
    root = _write(tmp_path, "1", {"function_app.py": V2})
    load_app(root, environ={})
    spec = importlib.util.find_spec("__app__")
    assert spec is not None
    assert list(spec.submodule_search_locations or ()) == [str(root)]


def test_the_root_stands_last_and_the_app_s_packages_first(tmp_path: Path) -> None:
    """As in Azure: what was installed for the app wins, and the app's files hide no installed package."""
    packages = tmp_path / SITE_PACKAGES
    packages.mkdir(parents=True)
    before = list(sys.path)
    for _ in range(2):
        add_to_path(tmp_path)
        assert sys.path == [str(packages), *before, str(tmp_path)]


def test_installed_packages_stay_when_an_app_is_loaded_again(tmp_path: Path) -> None:
    """A package below ``.python_packages`` is imported once, the app's own modules each time."""
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
    found: dict[str, Any] = app.functions[0].call.__globals__
    return found


def test_an_app_s_tests_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_a_v2_file_must_not_take_another_module_s_name(name: str, tmp_path: Path) -> None:
    """Python's own modules and those in use keep their names."""
    root = _write(tmp_path, "1", {name: V2})
    with pytest.raises(AppLoadError, match=f"{name} cannot be imported: Python already uses a module"):
        load_app(root, environ={"PYTHON_SCRIPT_FILE_NAME": name})


def test_a_v2_file_that_fails_leaves_no_module_behind(tmp_path: Path) -> None:
    """The next load begins anew."""
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
def test_what_the_app_s_own_files_are(file: str, expected: bool) -> None:
    """Below the root, but not in a virtual environment or a folder of installed packages."""
    assert is_app_file(file, Path("/app")) is expected


def test_other_threads_import_meanwhile(tmp_path: Path) -> None:
    """A debugger's thread, for instance, may import its modules while an app is loaded."""
    done = threading.Event()

    def import_more() -> None:
        while not done.is_set():
            for number in range(50):
                sys.modules[f"made_by_a_thread_{number}"] = ModuleType("made_by_a_thread")
            for number in range(50):
                del sys.modules[f"made_by_a_thread_{number}"]

    thread, interval = threading.Thread(target=import_more), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(200):
            unload_apps(tmp_path)
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
