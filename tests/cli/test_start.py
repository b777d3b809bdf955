"""``hosting start``: errors of options and of apps. The tests of the processes behind it are in ``tests/runner``."""

from __future__ import annotations

from collections.abc import Callable
from subprocess import CompletedProcess

from tests.conftest import MakeApp

RunHosting = Callable[..., "CompletedProcess[str]"]


def test_app_that_does_not_load_exits_with_1(make_app: MakeApp, run_hosting: RunHosting) -> None:
    """The message names the file; with ``--verbose`` the traceback of the app's code is printed, too."""
    app = make_app({"function_app.py": "import nothing_like_this\n", "host.json": '{"version": "2.0"}'})
    plain = run_hosting("start", app, "--port", "0")
    assert plain.returncode == 1
    assert "function_app.py" in plain.stderr
    assert "Traceback" not in plain.stderr
    verbose = run_hosting("start", app, "--port", "0", "--verbose")
    assert verbose.returncode == 1
    assert "Traceback" in verbose.stderr


def test_key_without_certificate_is_wrong_usage(run_hosting: RunHosting) -> None:
    """A private key alone does not make HTTPS."""
    done = run_hosting("start", "--key", "key.pem")
    assert done.returncode == 2
    assert "--key needs --cert." in done.stderr


def test_problems_of_files_are_reported_also_if_the_app_does_not_load(
    make_app: MakeApp, run_hosting: RunHosting
) -> None:
    """A misspelled section may be why the code finds no setting."""
    files = {
        "function_app.py": "import os\nos.environ['KEY']\n",
        "local.settings.json": '{"IsEncrypted": false,\n"value": {"KEY": "x"}}',
        "host.json": '{"version": "2.0",\n"extensionHosts": {}}',
        "proxies.json": "{}",
    }
    root = make_app(files)
    done = run_hosting("start", root, "--port", "0")
    assert done.returncode == 1
    printed = done.stdout + done.stderr
    assert f"nothing reads 'value' ({root / 'local.settings.json'}:2) Did you mean 'Values'?" in printed
    assert f"({root / 'host.json'}:2) Did you mean 'extensionHost'?" in printed
    assert "proxies.json has no effect" in printed
    assert "KeyError: 'KEY'" in printed
