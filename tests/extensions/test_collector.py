"""What the collector takes over of classes and instances that the SDK of Azure has registered itself."""

from __future__ import annotations

import os
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
from azure.functions.extension import AppExtensionBase, ExtensionMeta, FuncExtensionBase

from hosting.extensions._model import Extension
from hosting.extensions._sdk import LEFT_TO_WORKER, Collector

LOAD, PRE, POST = "post_function_load_app_level", "pre_invocation_app_level", "post_invocation_app_level"


@pytest.fixture(autouse=True)
def sdk(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Let the SDK have nothing registered, and its own registrations back afterwards."""
    for name, value in (("_app_exts", None), ("_func_exts", {}), ("_info", {})):
        monkeypatch.setattr(ExtensionMeta, name, value)
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path))


def define() -> Any:
    """Return two app-level classes, which the SDK registers: one with a hook and one with the attribute ``guard``."""

    class First(AppExtensionBase):
        @classmethod
        def pre_invocation_app_level(cls, *args: Any, **kwargs: Any) -> None: ...

    class Second(AppExtensionBase):
        guard = True

        @staticmethod
        def post_invocation_app_level(*args: Any, **kwargs: Any) -> None: ...

    return First, Second


def create(folder: Path) -> Any:
    """Return an instance of a function-level class, which the SDK registers for the function of a folder."""

    class Own(FuncExtensionBase):
        def __init__(self, file_path: str) -> None:
            super().__init__(file_path)

        def pre_invocation(self, *args: Any, **kwargs: Any) -> None: ...

    return Own(str(folder / "__init__.py"))


def collector() -> Collector:
    return Collector(lambda extension, what: nullcontext(), in_azure_worker=True)


def test_registered_classes_are_taken_in_order_with_the_hooks_of_their_own() -> None:
    """Those of the base class do nothing; each hook has the arguments of Azure's interface."""
    define()
    taking = collector()
    taking.take_registered("/app")
    first, second = taking.extensions
    assert [(one.name, one.kind, one.status, one.trigger, one.file) for one in (first, second)] == [
        ("First", "sdk", "active", None, None),
        ("Second", "sdk", "active", None, None),
    ]
    assert (list(first.hooks), list(second.hooks)) == ([PRE], [POST])
    assert (first.is_guard, second.is_guard) == (False, True)
    hook = first.hooks[PRE]
    assert (hook.name, hook.extension, hook.positional) == (PRE, first, ("logger", "context", "func_args"))
    assert second.hooks[POST].positional == ("logger", "context", "func_args", "func_ret")


def test_registered_instance_is_taken_with_the_folder_of_its_function(tmp_path: Path) -> None:
    """The SDK knows the function by the name of that folder, in lower case."""
    create(tmp_path / "Orders")
    taking = collector()
    taking.take_registered(str(tmp_path))
    (own,) = taking.extensions
    assert (own.name, own.kind, own.status, own.trigger) == ("Own", "sdk", "active", "orders")
    assert own.file == os.path.join(str(tmp_path), "orders")
    assert list(own.hooks) == ["pre_invocation"]


def test_what_is_registered_is_taken_once(tmp_path: Path) -> None:
    """However often an app's functions are indexed."""
    define()
    create(tmp_path / "Orders")
    taking = collector()
    for _ in range(2):
        taking.take_registered(str(tmp_path))
    assert [one.name for one in taking.extensions] == ["First", "Second", "Own"]


def test_nothing_is_taken_where_nothing_is_registered() -> None:
    """The SDK has no list before the first class."""
    taking = collector()
    taking.take_registered("/app")
    assert taking.extensions == []


def test_classes_that_azures_worker_calls_itself_are_listed_and_not_called(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to Python 3.12 it does."""
    monkeypatch.setitem(sys.modules, "azure_functions_worker.extension", None)
    define()
    taking = collector()
    taking.take_registered("/app")
    assert [(one.status, one.reason) for one in taking.extensions] == [("idle", LEFT_TO_WORKER)] * 2


def test_class_with_an_entry_point_is_adopted_with_its_hooks_whether_it_is_collected_or_not() -> None:
    """It has the name, the group, the distribution and the entry point of that, and may be a guard by its group."""
    first, _ = define()
    entry_point = Extension("timer", group="hosting.guards", source=None, entry_point="timer:First")
    registered = collector()
    registered.take_registered("/app")
    for taking in (collector(), registered):
        adopted = taking.adopt(first, entry_point)
        assert (adopted.name, adopted.group, adopted.entry_point) == ("timer", "hosting.guards", "timer:First")
        assert (adopted.kind, adopted.is_guard, list(adopted.hooks)) == ("sdk", True, [PRE])
        assert taking.adopt(first, entry_point) is adopted
        assert taking.named == [adopted]


def test_function_level_class_with_an_entry_point_has_no_hooks_before_its_instances() -> None:
    """It is instantiated for each function."""

    class Own(FuncExtensionBase):
        def pre_invocation(self, *args: Any, **kwargs: Any) -> None: ...

    adopted = collector().adopt(Own, Extension("own", group="hosting.functions"))
    assert (adopted.name, adopted.kind, adopted.hooks) == ("own", "sdk", {})


def test_class_and_instance_of_the_app_are_collected_with_where_they_are_from(tmp_path: Path) -> None:
    """While the app is imported; what is registered before or after belongs to no app of this host."""
    define()
    collecting = Collector(lambda extension, what: nullcontext())
    with collecting.collecting():
        first, _ = define()
        create(tmp_path / "Orders")
    define()
    extension, _, own = collecting.extensions
    assert (extension.name, extension.kind, extension.status) == ("First", "sdk", "active")
    assert (extension.entry_point, extension.file) == (f"{__name__}:{first.__qualname__}", __file__)
    assert (extension.trigger, list(extension.hooks)) == (None, [PRE])
    assert (own.name, own.trigger, own.file) == ("Own", "Orders", str(tmp_path / "Orders" / "__init__.py"))
    assert own.entry_point == f"{__name__}:create.<locals>.Own"
