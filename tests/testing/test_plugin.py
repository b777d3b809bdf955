"""The pytest plugin, in the tests of another project."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from hosting.testing import make_host
from hosting.testing.fixtures import HostOptions
from tests.test_architecture import HEAVY

APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
        import azure.functions as func
        app = func.FunctionApp(http_auth_level="ANONYMOUS")
        @app.route("hello")
        def hello(req: func.HttpRequest) -> str:
            if "name" not in req.params:
                raise ValueError("who are you?")
            return f"Hello {req.params['name']}"
        """,
}


def run(folder: Path, tests: str, *flags: str, code: str = APP["function_app.py"]) -> subprocess.CompletedProcess[str]:
    """Run tests in a project of their own."""
    for name, text in {**APP, "function_app.py": code, "tests/test_it.py": tests}.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(textwrap.dedent(text))
    options = ("-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error", "--basetemp", str(folder / "temporary"))
    command = [sys.executable, "-m", "pytest", *options, *flags]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_plugin_is_an_entry_point_of_the_distribution() -> None:
    """The distribution's metadata names the plugin."""
    (entry_point,) = entry_points(group="pytest11", name="hosting")
    assert entry_point.value == "hosting.pytest_plugin"


def test_run_without_the_fixtures_imports_no_host(tmp_path: Path) -> None:
    """Until a test uses a fixture, neither the SDK nor the host nor a server is imported."""
    tests = f"""
        import sys

        def test_nothing():
            assert "hosting.pytest_plugin" in sys.modules
            heavy = {sorted(HEAVY - {"importlib_metadata", "rich"})}
            assert [name for name in sys.modules if name.partition(".")[0] in heavy] == []
            ours = {{name for name in sys.modules if name.startswith("hosting.")}}
            names = ("_interface", "_lazy", "_redaction", "authoring", "core", "pytest_plugin")
            assert ours == {{f"hosting.{{name}}" for name in names}}
        """
    done = run(tmp_path, tests)
    assert done.returncode == 0, done.stdout


def test_plugin_works_without_the_host_extra(tmp_path: Path) -> None:
    """An app runs without an installed server, command line, log renderer or file lock."""
    tests = """
        import sys

        class Missing:
            def find_spec(self, name, path=None, target=None):
                if name.partition(".")[0] in MISSING:
                    raise ModuleNotFoundError(f"{name} is not installed", name=name)

        MISSING = {"click", "croniter", "filelock", "httptools", "platformdirs", "rich", "structlog", "uvicorn"}

        def test_it(hosting_host, monkeypatch):
            monkeypatch.setattr(sys, "meta_path", [Missing(), *sys.meta_path])
            host = hosting_host("..", extensions=["timer"])
            assert host.get("/api/hello?name=Ada").text == "Hello Ada"
            assert host.problems == ()
        """
    code = (
        APP["function_app.py"]
        + """
        @app.timer_trigger("timer", schedule="0 * * * * *")
        @app.queue_output("out", "q", "S")
        def tick(timer: func.TimerRequest, out: func.Out[str]) -> None: ...
        """
    )
    done = run(tmp_path, tests.replace('"..", ', f"{str(tmp_path)!r}, "), code=code)
    assert done.returncode == 0, done.stdout


def test_both_fixtures_run_an_app_and_leave_nothing_running(tmp_path: Path) -> None:
    """A test of an app has three lines with either fixture."""
    tests = """
        from pathlib import Path

        ROOT = Path(__file__).parent.parent

        def test_in_process(hosting_host):
            host = hosting_host(ROOT, settings={"A": "b"})
            assert host.get("/api/hello?name=Ada").text == "Hello Ada"

        def test_two(hosting_host):
            assert hosting_host(ROOT).functions == hosting_host(ROOT).functions == ("hello",)

        def test_over_the_network(hosting_server):
            server = hosting_server(ROOT)
            assert server.get("/api/hello?name=Ada").text == "Hello Ada"
        """
    done = run(tmp_path, tests)
    assert "3 passed" in done.stdout, done.stdout
    assert done.returncode == 0


def test_report_of_a_failing_function_shows_test_and_function_only(tmp_path: Path) -> None:
    """The report has no lines of the host between the two."""
    tests = """
        from pathlib import Path

        def test_hello(hosting_host):
            hosting_host(Path(__file__).parent.parent).get("/api/hello")
        """
    report = run(tmp_path, tests).stdout.partition("Captured log")[0]
    assert '>       hosting_host(Path(__file__).parent.parent).get("/api/hello")' in report
    assert '>           raise ValueError("who are you?")' in report
    assert "function_app.py:7: ValueError" in report
    assert "hosting/" not in report.replace(str(tmp_path), "")


def test_report_of_a_failing_function_shows_the_source_of_an_app_from_files(tmp_path: Path) -> None:
    """The source is shown although its folder is temporary."""
    tests = """
        CODE = '''
        import azure.functions as func
        app = func.FunctionApp()
        @app.route("f")
        def f(req):
            raise ValueError("a line of the app")
        '''
        import textwrap

        def test_f(hosting_host):
            hosting_host({"function_app.py": textwrap.dedent(CODE)}).get("/api/f")
        """
    assert '>       raise ValueError("a line of the app")' in run(tmp_path, tests).stdout


def test_fixtures_work_under_xdist(tmp_path: Path) -> None:
    """Under pytest-xdist each process has hosts of its own."""
    pytest.importorskip("xdist")
    tests = """
        from pathlib import Path

        import pytest

        @pytest.mark.parametrize("name", ["a", "b", "c", "d"])
        def test_hello(hosting_host, name):
            host = hosting_host(Path(__file__).parent.parent)
            assert host.get(f"/api/hello?name={name}").text == f"Hello {name}"
        """
    done = run(tmp_path, tests, "-n", "2")
    assert "4 passed" in done.stdout, done.stdout


def test_fixture_type_has_the_options_of_make_host() -> None:
    """The fixture's types say what make_host takes."""
    assert {*HostOptions.__annotations__, "app", "return"} == set(make_host.__annotations__)
