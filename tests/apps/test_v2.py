"""The v2 model: ``function_app.py``, its decorators and its blueprints."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path

import pytest

from hosting.core import App, Binding, OptIn, Retry
from hosting.errors import AppLoadError

Load = Callable[..., App]
HEAD = "import azure.functions as func\napp = func.FunctionApp()\n"
HELLO = "@app.route()\ndef hello(req: func.HttpRequest) -> str:\n    return 'Hello'\n"


def test_a_decorated_function(load: Load) -> None:
    """Name, bindings as the SDK has them, the author's own function to call."""
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


def test_a_blueprint_s_functions_have_its_folder(load: Load) -> None:
    """A function's directory is that of the file it is defined in."""
    code = HEAD + "from orders.web import bp\napp.register_functions(bp)\n" + HELLO
    blueprint = "import azure.functions as func\nbp = func.Blueprint()\n@bp.route()\nasync def orders(req): ...\n"
    app = load({"function_app.py": code, "orders/web.py": blueprint})
    hello, orders = app.functions
    assert (hello.directory, orders.directory) == (str(app.root), str(app.root / "orders"))
    assert (orders.file, orders.is_async) == (str(app.root / "orders" / "web.py"), True)


def test_a_web_app_is_a_function_of_the_script(load: Load) -> None:
    """The SDK's own wrapper around an ASGI app is not where the author looks."""
    code = "import azure.functions as func\nasync def web(scope, receive, send): ...\napp = func.AsgiFunctionApp(web)\n"
    app = load({"function_app.py": code})
    assert (app.functions[0].name, app.functions[0].file) == ("http_app_func", str(app.root / "function_app.py"))
    assert app.functions[0].directory == str(app.root)


def test_retry_and_opt_ins_of_decorators(load: Load) -> None:
    """``@app.retry`` and ``@hosting.use`` on either side of the SDK's decorators."""
    code = (
        HEAD + "import hosting\n@hosting.use('above')\n@app.route()\n"
        "@app.retry(strategy='fixed_delay', max_retry_count='3', delay_interval='00:00:02')\n"
        "@hosting.use('below', x=1)\n@hosting.without('timer')\ndef hello(req): ...\n"
    )
    (function,) = load({"function_app.py": code}).functions
    assert function.retry == Retry("fixedDelay", 3, delay=2.0)
    assert function.opt_ins == (OptIn("below", {"x": 1}), OptIn("above"))
    assert function.opt_outs == {"timer"}


def test_another_script_name(load: Load) -> None:
    """PYTHON_SCRIPT_FILE_NAME names the file."""
    app = load({"my_app-2.py": HEAD + HELLO}, PYTHON_SCRIPT_FILE_NAME="my_app-2.py")
    assert [function.name for function in app.functions] == ["hello"]


@pytest.mark.parametrize("name", ["sub/app.py", "app.txt", "my app.py", ".py", "-a.py"])
def test_a_script_name_that_azure_s_worker_refuses(name: str, load: Load) -> None:
    """Folders are not possible, nor anything but a Python file."""
    with pytest.raises(AppLoadError, match="is not the name of a Python file in the app's folder"):
        load({"function_app.py": HEAD + HELLO}, PYTHON_SCRIPT_FILE_NAME=name)


def test_an_app_without_http_functions_says_nothing(load: Load, caplog: pytest.LogCaptureFixture) -> None:
    """The SDK warns about auth levels then, on the root logger, where nobody can do anything about it."""
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
def test_what_azure_s_worker_fails_the_whole_app_for(code: str, message: str, load: Load) -> None:
    """The v2 file is one whole: it loads, or nothing does."""
    with pytest.raises(AppLoadError, match=message) as caught:
        load({"function_app.py": code})
    assert Path(caught.value.file or "").name == "function_app.py"


def test_an_app_that_refuses_its_functions_is_told(load: Load) -> None:
    """What a subclass of FunctionApp raises in get_functions is the author's, too."""
    own = "class Own(func.FunctionApp):\n    def get_functions(self):\n        1 / 0\n"
    code = f"import azure.functions as func\n{own}app = Own()\n"
    with pytest.raises(
        AppLoadError, match=r"the SDK rejects the functions of function_app\.py: ZeroDivisionError"
    ) as caught:
        load({"function_app.py": code})
    assert caught.value.line == 4


def test_get_functions_is_called_once(load: Load) -> None:
    """The SDK refuses a second call."""
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
            "@app.queue_trigger('my_message', 'q', 'S')\ndef bad(my_message): ...\n",
            "The 'bad' function is in error: The binding name my_message is invalid.",
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
def test_a_definition_in_error_is_a_problem_and_the_others_run(function: str, message: str, load: Load) -> None:
    """What the host finds wrong with one function puts that function in error, at its place in the file."""
    app = load({"function_app.py": HEAD + HELLO + function})
    assert [function.name for function in app.functions] == ["hello"]
    (problem,) = app.problems
    assert problem.message.startswith(message)
    assert (problem.severity, problem.file, problem.line) == ("error", str(app.root / "function_app.py"), 6)


def test_settings_are_filled_in(load: Load) -> None:
    """``%NAME%`` is looked up in the environment of the app."""
    code = HEAD + "@app.queue_trigger('message', '%QUEUE%', 'S')\ndef work(message: func.QueueMessage): ...\n"
    assert load({"function_app.py": code}, QUEUE="orders").functions[0].trigger.properties["queueName"] == "orders"


def test_an_app_of_which_nothing_is_left_does_not_load(load: Load) -> None:
    """With its only function in error there is nothing to run, in v2 as in v1."""
    code = HEAD + "@app.queue_trigger('message', '%NOBODY%', 'S')\ndef work(message): ...\n"
    with pytest.raises(AppLoadError, match="The 'work' function is in error: '%NOBODY%' does not resolve") as caught:
        load({"function_app.py": code})
    assert caught.value.line == 3


def test_modules_that_ask_for_their_settings_get_them(load: Load, monkeypatch: pytest.MonkeyPatch) -> None:
    """The environment's own mapping is what raises for a missing setting: the remedy names it."""
    monkeypatch.delenv("NOBODY_SET_THIS", raising=False)
    with pytest.raises(AppLoadError) as caught:
        load({"function_app.py": "import os\nos.environ['NOBODY_SET_THIS']\n"})
    assert caught.value.remedy.startswith("Set NOBODY_SET_THIS in")


def test_an_unknown_name_in_a_package_points_at_its_version(load: Load) -> None:
    """The package is there, but not what is imported from it."""
    with pytest.raises(AppLoadError) as caught:
        load({"function_app.py": "from azure.functions import Nothing\n"})
    assert caught.value.remedy == "Check the name and the installed version of 'azure'."
