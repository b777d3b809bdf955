"""The v2 programming model: ``function_app.py``, its decorators and its blueprints."""

from __future__ import annotations

import logging
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from hosting.core import App, Binding, OptIn, Retry
from hosting.errors import AppLoadError

Load = Callable[..., App]
HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"
HELLO = "@app.route()\ndef hello(req: func.HttpRequest) -> str:\n    return 'Hello'\n"


def test_decorated_function_is_read(load: Load) -> None:
    """It has its name, the SDK's bindings, and the app's own function to call."""
    code = (
        HEAD + "@app.function_name('Hi')\n@app.route(route='hi/{who}', methods=['GET'])\ndef hello(req, context): ...\n"
    )
    app = load({"function_app.py": code})
    (function,) = app.functions
    assert (function.name, function.model, function.wants_context, function.is_async) == ("Hi", "v2", True, False)
    assert function.file == str(app.root / "function_app.py")
    assert function.bindings == (
        Binding("req", "httpTrigger", "in", {"authLevel": "FUNCTION", "route": "hi/{who}", "methods": ["GET"]}),
        Binding("$return", "http", "out", {}),
    )
    assert function.call.__name__ == "hello"


def test_function_of_a_blueprint_has_the_blueprints_folder(load: Load) -> None:
    """The directory is that of the file that defines the function."""
    code = HEAD + "from orders.web import bp\napp.register_functions(bp)\n" + HELLO
    blueprint = "import azure.functions as func\nbp = func.Blueprint()\n@bp.route()\nasync def orders(req): ...\n"
    app = load({"function_app.py": code, "orders/web.py": blueprint})
    hello, orders = app.functions
    assert (hello.directory, orders.directory) == (str(app.root), str(app.root / "orders"))
    assert (orders.file, orders.is_async) == (str(app.root / "orders" / "web.py"), True)


def test_web_app_is_a_function_of_the_script(load: Load) -> None:
    """The SDK's wrapper around an ASGI app has no location of its own."""
    code = "import azure.functions as func\nasync def web(scope, receive, send): ...\napp = func.AsgiFunctionApp(web)\n"
    app = load({"function_app.py": code})
    assert (app.functions[0].name, app.functions[0].file) == ("http_app_func", str(app.root / "function_app.py"))
    assert app.functions[0].directory == str(app.root)


def test_retry_and_opt_ins_of_decorators_are_read(load: Load) -> None:
    """``@app.retry`` and ``@hosting.use`` work on both sides of the SDK's decorators."""
    code = (
        HEAD + "import hosting\n@hosting.use('above')\n@app.route()\n"
        "@app.retry(strategy='fixed_delay', max_retry_count='3', delay_interval='00:00:02')\n"
        "@hosting.use('below', x=1)\n@hosting.without('timer')\ndef hello(req): ...\n"
    )
    (function,) = load({"function_app.py": code}).functions
    assert function.retry == Retry("fixedDelay", 3, delay=2.0)
    assert function.opt_ins == (OptIn("below", {"x": 1}), OptIn("above"))
    assert function.opt_outs == {"timer"}


def test_script_name_of_the_setting_is_used(load: Load) -> None:
    """PYTHON_SCRIPT_FILE_NAME has the name of the file."""
    app = load({"my_app-2.py": HEAD + HELLO}, PYTHON_SCRIPT_FILE_NAME="my_app-2.py")
    assert [function.name for function in app.functions] == ["hello"]


@pytest.mark.parametrize("name", ["sub/app.py", "app.txt", "my app.py", ".py", "-a.py"])
def test_invalid_script_name_is_an_error(name: str, load: Load) -> None:
    """The setting cannot have a folder, nor another file than a Python file."""
    with pytest.raises(AppLoadError, match="is not the name of a Python file in the app's folder"):
        load({"function_app.py": HEAD + HELLO}, PYTHON_SCRIPT_FILE_NAME=name)


def test_app_without_http_functions_logs_no_warning(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    """The SDK warns about auth levels then, on the root logger, though there is nothing to fix."""
    handlers = list(logging.getLogger().handlers)
    load({"function_app.py": HEAD + "@app.timer_trigger('timer', '0 * * * * *')\ndef tick(timer): ...\n"})
    assert not caplog.records
    assert logging.getLogger().handlers == handlers
    assert not logging.getLogger().filters


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (HEAD + "other = func.FunctionApp()\n", "More than one top level function app instance .*: app, other"),
        (HEAD + "other = app\n" + HELLO, "More than one top level function app instance .*: app, other"),
        ("import azure.functions as func\nbp = func.Blueprint()\n", "Could not find top level function app instances"),
        (HEAD, "function_app.py declares no functions"),
        (HEAD + HELLO + "raise ValueError('two\\nlines')\n", "ValueError: two\nlines"),
    ],
)
def test_error_for_which_azures_worker_fails_the_app_is_an_app_load_error(code: str, message: str, load: Load) -> None:
    """The v2 file is loaded completely or not at all."""
    with pytest.raises(AppLoadError, match=message) as caught:
        load({"function_app.py": code})
    assert Path(caught.value.file or "").name == "function_app.py"


def test_exception_of_get_functions_is_an_error_of_the_app(load: Load) -> None:
    """A subclass of FunctionApp can raise anything there."""
    own = "class Own(func.FunctionApp):\n    def get_functions(self):\n        1 / 0\n"
    code = f"import azure.functions as func\n{own}app = Own()\n"
    with pytest.raises(
        AppLoadError, match=r"the SDK rejects the functions of function_app\.py: ZeroDivisionError"
    ) as caught:
        load({"function_app.py": code})
    assert caught.value.line == 4


def test_get_functions_is_called_only_once(load: Load) -> None:
    """The SDK does not support a second call."""
    code = (
        "import azure.functions as func\nclass Own(func.FunctionApp):\n    calls = 0\n"
        "    def get_functions(self):\n        Own.calls += 1\n        return super().get_functions()\n"
        "app = Own()\n@app.route()\ndef hello(req): return Own.calls\n"
    )
    assert load({"function_app.py": code}).functions[0].call(req=None) == 1


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (
            "@app.queue_trigger('my__message', 'q', 'S')\ndef bad(my__message): ...\n",
            "The 'bad' function is in error: The binding name my__message is invalid.",
        ),
        (
            "@app.queue_trigger('message', '%NOBODY%', 'S')\ndef bad(message): ...\n",
            "The 'bad' function is in error: '%NOBODY%' does not resolve to a value.",
        ),
        ("@app.route()\ndef _bad(req): ...\n", "The '_bad' function is in error: '_bad' is not a valid function name."),
        (
            "@app.route()\ndef HELLO(req): ...\n",
            "The 'HELLO' function is in error: the name is already used by the function ",
        ),
    ],
)
def test_invalid_function_is_a_problem_and_other_functions_load(function: str, message: str, load: Load) -> None:
    """The problem has the location of the function in the file."""
    app = load({"function_app.py": HEAD + HELLO + function})
    assert [function.name for function in app.functions] == ["hello"]
    (problem,) = app.problems
    assert problem.message.startswith(message)
    assert (problem.severity, problem.file, problem.line) == ("error", str(app.root / "function_app.py"), 6)


def test_settings_in_properties_are_replaced(load: Load) -> None:
    """``%NAME%`` is looked up in the environment of the app."""
    code = HEAD + "@app.queue_trigger('message', '%QUEUE%', 'S')\ndef work(message: func.QueueMessage): ...\n"
    assert load({"function_app.py": code}, QUEUE="orders").functions[0].trigger.properties["queueName"] == "orders"


def test_app_without_a_valid_function_does_not_load(load: Load) -> None:
    """If the only function is in error, there is nothing to run, as in v1."""
    code = HEAD + "@app.queue_trigger('message', '%NOBODY%', 'S')\ndef work(message): ...\n"
    with pytest.raises(AppLoadError, match="The 'work' function is in error: '%NOBODY%' does not resolve") as caught:
        load({"function_app.py": code})
    assert caught.value.line == 3


def test_missing_setting_at_import_has_the_remedy_to_set_it(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's mapping raises KeyError: the remedy names the setting."""
    monkeypatch.delenv("NOBODY_SET_THIS", raising=False)
    with pytest.raises(AppLoadError) as caught:
        load({"function_app.py": "import os\nos.environ['NOBODY_SET_THIS']\n"})
    assert caught.value.remedy.startswith("Set NOBODY_SET_THIS in")


def test_unknown_name_in_a_package_has_the_remedy_to_check_its_version(load: Load) -> None:
    """The package is installed, but it does not have the imported name."""
    with pytest.raises(AppLoadError) as caught:
        load({"function_app.py": "from azure.functions import Nothing\n"})
    assert caught.value.remedy == (
        f"azure-functions {version('azure-functions')}, which is installed, has no 'Nothing'. Check the name and the "
        "installed version of 'azure', or update: pip install --upgrade azure-functions"
    )
