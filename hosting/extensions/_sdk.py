"""Azure's own extension classes (``AppExtensionBase``, ``FuncExtensionBase``), collected as an app's import makes them.

The SDK registers a class when its ``class`` statement runs, and an instance when it is made, into stores on its
metaclass that live as long as the process. While a host imports its app it stands in for those two registrations, so
that the host gets what this app registered and nothing else, and so that an ``init`` that raises does not take the
app's import with it.
"""

from __future__ import annotations

import functools
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

from hosting.core import Function, Problem
from hosting.extensions._failures import PASSING, describe, guarded, record
from hosting.extensions._hooks import APP, FUNCTION, spec_arguments
from hosting.extensions._model import NO_OPT_IN, Extension, Hook

if TYPE_CHECKING:
    from pathlib import Path

FILE = "_hosting_file"
SCRIPT_ROOT = "AzureWebJobsScriptRoot"
BY_WORKER = "called by Azure's worker itself"
HOOKS = {
    "app": ("post_function_load_app_level", APP.pre, APP.post),
    "function": ("post_function_load", FUNCTION.pre, FUNCTION.post),
}


class Collector:
    """The SDK extensions of one host, in the order of registration."""

    def __init__(self, *, worker: bool = False) -> None:
        self.extensions: list[Extension] = []
        self._targets: dict[int, Extension] = {}
        self._kept: list[Any] = []
        self._made: dict[Extension, set[str]] = defaultdict(set)
        """For each class that an entry point names, the functions it is made for."""
        self._stood_for: dict[Extension, None] = {}
        """Those of them that their instances stand for."""
        self._fresh = worker  # there the stores hold what this very app has registered
        self._worker = worker

    def collecting(self) -> AbstractContextManager[None]:
        """Collect what is registered inside the block."""
        return nullcontext() if self._worker and called_by_worker() else self._standing_in()

    def take_registered(self, root: str) -> None:
        """Adopt what the SDK has registered by itself, where Azure's worker imports the app at ``root``.

        The SDK keeps one list a hook; they run parallel, one entry a class or instance. Where Azure's worker calls them
        itself, they are told of and left to it.
        """
        from azure.functions.extension import ExtensionMeta

        for entries in zip(*(ExtensionMeta._app_exts or ()), strict=True):
            self._take(HOOKS["app"], entries, None, None)
        for trigger, hooks in ExtensionMeta._func_exts.items():
            for entries in zip(*hooks, strict=True):
                self._take(HOOKS["function"], entries, trigger, os.path.join(root, trigger))

    def _take(self, names: Sequence[str], entries: Sequence[Any], trigger: str | None, file: str | None) -> None:
        bound = (entry.ext_impl.__self__ for entry in entries if hasattr(entry.ext_impl, "__self__"))
        owner = next(bound, entries[0].ext_impl)
        if id(owner) in self._targets:
            return
        extension = Extension(entries[0].ext_name, kind="sdk", status="active", trigger=trigger, file=file)
        arguments = spec_arguments()
        extension.hooks = {
            name: Hook(name, extension, entry.ext_impl, arguments[name])
            for name, entry in zip(names, entries, strict=True)
            if not _is_inherited(entry.ext_impl)
        }
        self._keep(owner, extension)

    def _keep(self, target: Any, extension: Extension) -> None:
        if self._worker and called_by_worker():
            extension.status, extension.reason = "idle", BY_WORKER
        self.extensions.append(extension)
        self._targets[id(target)] = extension
        self._kept.append(target)

    @contextmanager
    def _standing_in(self) -> Iterator[None]:
        from azure.functions.extension import ExtensionMeta, FuncExtensionBase

        if not self._fresh:
            _start_afresh(ExtensionMeta)
            self._fresh = True
        replaced = {
            (ExtensionMeta, "_register_application_extension"): self._application(ExtensionMeta),
            (ExtensionMeta, "_register_function_extension"): self._instance(ExtensionMeta),
            (FuncExtensionBase, "__init__"): _remembering(FuncExtensionBase.__init__),
        }
        originals = {(owner, name): vars(owner)[name] for owner, name in replaced}
        try:
            for (owner, name), value in replaced.items():
                setattr(owner, name, value)
            yield
        finally:
            for (owner, name), value in originals.items():
                setattr(owner, name, value)

    def adopt(self, target: type, extension: Extension) -> Extension:
        """An entry point names the class: what was collected takes its name and its distribution."""
        collected = self._targets.get(id(target))
        if collected is None:
            collected = self._add(target, target, "app" if _is_app_level(target) else "function")
        for name in ("name", "group", "source", "entry_point"):
            setattr(collected, name, getattr(extension, name))
        return collected

    @property
    def named(self) -> list[Extension]:
        """The classes that an entry point names."""
        return [*(one for one in self.extensions if one.group is not None), *self._stood_for]

    def set_up(self, extension: Extension, functions: Sequence[Function]) -> None:
        """Configure an app-level class that an entry point names; instantiate a function-level one per function.

        Both once, however often more functions come in.
        """
        target = next(kept for kept in self._kept if self._targets.get(id(kept)) is extension)
        if _is_app_level(target):
            if extension.settings and not self._made[extension]:
                self._made[extension].add("")
                guarded(extension, "configure", lambda: target.configure(**extension.settings), hook="configure")
            return
        for function in functions:
            if function.name in self._made[extension]:
                continue
            self._made[extension].add(function.name)
            guarded(extension, "init", functools.partial(self._instantiate, extension, target, function))
        if extension.error is not None:
            extension.status, extension.reason = "failed", "it cannot be made"
        elif extension.reason == BY_WORKER:
            return
        elif functions:
            self._stood_for[extension] = None
            self.extensions = [one for one in self.extensions if one is not extension]
        else:
            extension.status, extension.reason = "idle", NO_OPT_IN.format(name=extension.name)

    def _instantiate(self, extension: Extension, target: Any, function: Function) -> None:
        """The instance that ``__file__`` would have made in the function's folder."""
        made = self._targets.get(id(target(os.path.join(function.directory, "__init__.py"))))
        if made is None:  # Azure's worker has it
            return
        made.trigger = function.name
        for name in ("name", "source", "entry_point"):
            setattr(made, name, getattr(extension, name))

    def _application(self, meta: Any) -> Any:
        original = meta._register_application_extension

        def register(target: type) -> None:
            self._registered(lambda: original(target), target, target, "app")

        return staticmethod(register)

    def _instance(self, meta: Any) -> Any:
        original = meta._register_function_extension

        def register(instance: Any) -> None:
            self._registered(lambda: original(instance), instance, type(instance), "function")

        return staticmethod(register)

    def _registered(self, original: Callable[[], None], target: Any, cls: type, scope: str) -> None:
        """Run the SDK's own registration; an ``init`` that raises makes a failed extension."""
        if cls.__name__ in ("AppExtensionBase", "FuncExtensionBase"):
            return
        extension = self._add(target, cls, scope)
        try:
            original()
        except PASSING:
            raise
        except BaseException as exception:
            extension.status, extension.reason = "failed", "its init raised"
            record(extension, describe("init", exception, hook="init"))

    def _add(self, target: Any, cls: type, scope: str) -> Extension:
        extension = Extension(
            name=cls.__name__,
            kind="sdk",
            entry_point=f"{cls.__module__}:{cls.__qualname__}",
            file=getattr(target, FILE, None) or getattr(sys.modules.get(cls.__module__), "__file__", None),
            status="active",
            trigger=getattr(target, "_trigger_name", None),
        )
        if target is not cls or scope == "app":
            extension.hooks = _hooks(extension, target, scope)
        self._keep(target, extension)
        return extension


def is_sdk_class(target: object) -> bool:
    """Whether an entry point's object is a class of Azure's interface."""
    return isinstance(target, type) and type(target).__name__ == "ExtensionMeta"


def called_by_worker() -> bool:
    """Whether Azure's own worker calls the classes itself, as it does until Python 3.12."""
    return "azure_functions_worker.extension" in sys.modules


def is_for(extension: Extension, function: Function) -> bool:
    """Whether an instance made with ``__file__`` is for this function.

    In v1 the folder names the function. In v2, where Azure's worker finds no function by that name, it is for every
    function of the file.
    """
    if extension.trigger is None:
        return False
    if extension.trigger.lower() == function.name.lower():
        return True
    return extension.file is not None and _is_below(function.file, extension.file)


def _is_below(file: str, place: str) -> bool:
    """Whether ``file`` is ``place``, or in that folder; the SDK keeps places in lower case."""
    found, wanted = os.path.abspath(file).lower(), os.path.abspath(place).lower()
    return found == wanted or found.startswith(wanted + os.sep)


def astray(extensions: Sequence[Extension], functions: Sequence[Function]) -> list[Problem]:
    """Instances that are for no function at all."""
    return [
        Problem(
            "warning",
            f"{extension.name}({extension.file}) opts no function in.",
            "Make it in the function's own folder (v1) or in the file that has the functions (v2), with __file__.",
            file=extension.file,
            extension=extension.name,
        )
        for extension in extensions
        if extension.trigger is not None and not any(is_for(extension, function) for function in functions)
    ]


def _hooks(extension: Extension, target: Any, scope: str) -> dict[str, Hook]:
    """The hooks that the class has of its own; what it inherits from Azure's base does nothing."""
    arguments = spec_arguments()
    hooks = {}
    for name in HOOKS[scope]:
        function = getattr(target, name, None)
        if function is not None and not _is_inherited(function):
            hooks[name] = Hook(name, extension, function, arguments[name])
    return hooks


def _is_inherited(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("azure.functions.extension.")


def _is_app_level(target: type) -> bool:
    return getattr(getattr(target, "_scope", None), "name", "") == "APPLICATION"


def _remembering(original: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """``FuncExtensionBase.__init__`` that keeps the file it was given."""

    @functools.wraps(original)
    def init(self: Any, file_path: str) -> None:
        setattr(self, FILE, os.path.abspath(file_path))
        original(self, file_path)

    return init


def _start_afresh(meta: Any) -> None:
    """Empty the SDK's stores, and forget the modules that filled them, so that importing them registers again."""
    hooks = [*_stored(meta._app_exts or ()), *(hook for store in meta._func_exts.values() for hook in _stored(store))]
    for hook in hooks:
        owner = getattr(hook.ext_impl, "__self__", hook.ext_impl)
        module = getattr(owner, "__module__", None)
        if isinstance(module, str) and module != "__main__" and hasattr(sys.modules.get(module), hook.ext_name):
            del sys.modules[module]
    meta._app_exts, meta._func_exts, meta._info = None, {}, {}


def _stored(hooks: Sequence[list[Any]]) -> Iterator[Any]:
    for kind in hooks:
        yield from kind


@contextmanager
def script_root(root: Path) -> Iterator[None]:
    """``FuncExtensionBase`` reads the app's folder from the environment, whether extensions are on or not."""
    before = os.environ.get(SCRIPT_ROOT)
    os.environ[SCRIPT_ROOT] = str(root)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SCRIPT_ROOT]
        else:
            os.environ[SCRIPT_ROOT] = before
