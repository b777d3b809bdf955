"""The classic worker of Azure, which calls the classes of Azure's extension interface itself until Python 3.12.

Its extension manager is in no package registry, so that a stand-in is driven here. That the stand-in does what the
manager does was checked with a checkout of the worker, version 4.34.0, from its public repository: with the folder of
the checkout in the variable ``AZURE_CLASSIC_WORKER``, every test here runs with the worker's own manager as well.
"""

from __future__ import annotations

import importlib
import logging
import os
import sys
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from azure.functions import AppExtensionBase, FuncExtensionBase

from hosting.extensions import SdkRegistrations
from tests.support import classic_worker

CHECKOUT = os.environ.get("AZURE_CLASSIC_WORKER", "")
MANAGERS = ["stand-in", *(["worker"] if CHECKOUT else [])]
ARGUMENTS = {"number": 1}


@pytest.fixture
def trace(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What was called, in an SDK that has nothing registered before and after the test."""
    monkeypatch.setenv(classic_worker.FLAG, "1")
    monkeypatch.setenv("AzureWebJobsScriptRoot", os.path.dirname(__file__))
    before = SdkRegistrations.read()
    SdkRegistrations(None, {}, {}).write()
    yield []
    before.write()


@pytest.fixture(params=MANAGERS)
def manager(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in, and the worker's own manager where its source is at hand."""
    if request.param == "stand-in":
        yield classic_worker.ExtensionManager
        return
    monkeypatch.syspath_prepend(CHECKOUT)
    yield importlib.import_module("azure_functions_worker.extension").ExtensionManager
    for name in [name for name in sys.modules if name.partition(".")[0] == classic_worker.WORKER]:
        del sys.modules[name]  # its presence says that the worker runs


Note = Callable[..., None]


def app_class(note: Note, *, changes: bool) -> None:
    """Make an app-level class, which the SDK then has registered."""

    class App(AppExtensionBase):
        @classmethod
        def post_function_load_app_level(cls, function_name: str, function_directory: str, *args: Any) -> None:
            note("app load", function_name, function_directory)

        @classmethod
        def pre_invocation_app_level(cls, logger: Any, context: Any, func_args: Any = None, *args: Any) -> None:
            note("app pre", logger.name.rpartition(".")[0], context.function_name, *func_args)
            if changes:
                func_args["number"] = 2

        @classmethod
        def post_invocation_app_level(
            cls, logger: Any, context: Any, func_args: Any = None, func_ret: Any = None, *args: Any
        ) -> None:
            note("app post", func_ret)


def function_class(note: Note) -> Any:
    """Return a function-level class."""

    class Own(FuncExtensionBase):
        def __init__(self, file: str) -> None:
            super().__init__(file)

        def post_function_load(self, function_name: str, function_directory: str, *args: Any) -> None:
            note("own load", function_name)

        def pre_invocation(self, logger: Any, context: Any, func_args: Any = None, *args: Any) -> None:
            note("own pre")

        def post_invocation(
            self, logger: Any, context: Any, func_args: Any = None, func_ret: Any = None, *args: Any
        ) -> None:
            note("own post", func_ret)

    return Own


def register(trace: list[str], name: str, *, fails_in: str = "", changes: bool = False, few: bool = False) -> None:
    """Register an app-level class, and instances of a function-level one for ``Hello`` and another function."""

    def note(hook: str, *values: Any) -> None:
        trace.append(f"{name} {hook} {' '.join(map(str, values))}".rstrip())
        if hook == fails_in:
            raise ValueError(hook)

    app_class(note, changes=changes)
    own = function_class(note)
    if few:
        own.pre_invocation = lambda self: note("never")
    for function in ("Hello", "Other"):
        own(os.path.join(os.path.dirname(__file__), function, "__init__.py"))


async def drive(manager: Any, trace: list[str], *, is_async: bool, fails: bool = False) -> None:
    """Load the function ``Hello``, and invoke it, as the worker does."""

    def hello(number: int) -> int:
        trace.append(f"Hello {number}")
        if fails:
            raise KeyError(number)
        return number * 10

    async def hello_async(number: int) -> int:
        return hello(number)

    context, arguments = SimpleNamespace(function_name="Hello"), dict(ARGUMENTS)
    manager.function_load_extension("Hello", "/app/Hello")
    if is_async:
        await manager.get_async_invocation_wrapper(context, hello_async, arguments)
    else:
        manager.get_sync_invocation_wrapper(context, hello)(arguments)


LOADED = ["a own load Hello", "a app load Hello /app/Hello"]
PRE = "app pre azure_functions_worker.extension Hello number"
ALL = [*LOADED, f"a {PRE}", "a own pre", "Hello 1", "a own post 10", "a app post 10"]


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(
    ("options", "expected", "logged"),
    [
        ([{}], ALL, []),
        (
            [{}, {}],
            [
                *("a own load Hello", "b own load Hello", "a app load Hello /app/Hello", "b app load Hello /app/Hello"),
                *(f"a {PRE}", f"b {PRE}", "a own pre", "b own pre", "Hello 1"),
                *("a own post 10", "b own post 10", "a app post 10", "b app post 10"),
            ],
            [],
        ),
        ([{"changes": True}], [*ALL[:4], "Hello 2", "a own post 20", "a app post 20"], []),
        ([{"fails_in": "own load"}], ALL, ["azure_functions_worker"]),
        ([{"fails_in": "app load"}], ALL, ["azure_functions_worker"]),
        ([{"fails_in": "app pre"}], ALL, ["azure_functions_worker.extension.App"]),
        ([{"fails_in": "own pre"}], ALL, ["azure_functions_worker.extension.Own"]),
        ([{"fails_in": "own post"}], ALL, ["azure_functions_worker.extension.Own"]),
        ([{"fails_in": "app post"}], ALL, ["azure_functions_worker.extension.App"]),
        ([{"few": True}], [*ALL[:3], *ALL[4:]], ["azure_functions_worker.extension.Own"]),
    ],
)
async def test_manager_calls_hooks_around_the_function(
    manager: Any,
    trace: list[str],
    caplog: pytest.LogCaptureFixture,
    options: list[dict[str, Any]],
    expected: list[str],
    logged: list[str],
    is_async: bool,
) -> None:
    """In the order of registration at both ends; what a hook raises is logged, and the rest goes on."""
    for name, given in zip("ab", options, strict=False):
        register(trace, name, **given)
    await drive(manager, trace, is_async=is_async)
    assert trace == expected
    assert [record.name for record in caplog.records if record.levelno == logging.ERROR] == logged


@pytest.mark.parametrize("is_async", [False, True])
async def test_manager_leaves_out_what_follows_a_function_that_raises(
    manager: Any, trace: list[str], is_async: bool
) -> None:
    """No hook runs after it."""
    register(trace, "a")
    with pytest.raises(KeyError):
        await drive(manager, trace, is_async=is_async, fails=True)
    assert trace == ALL[:5]


@pytest.mark.parametrize("value", ["", "0", "false"])
async def test_manager_calls_nothing_without_the_flag(
    manager: Any, trace: list[str], monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    """It reads the flag at each call."""
    monkeypatch.setenv(classic_worker.FLAG, value)
    register(trace, "a")
    await drive(manager, trace, is_async=False)
    assert trace == ["Hello 1"]
