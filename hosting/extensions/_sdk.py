"""Extension classes of Azure's interface (``AppExtensionBase``, ``FuncExtensionBase``), collected at import.

The SDK registers a class when its ``class`` statement runs, and an instance when it is created, in attributes of its
metaclass that live as long as the process. While a host imports its app, it replaces the SDK's two registration
functions. So the host gets what this app registers and nothing else, and an ``init`` that raises does not stop the
import of the app.
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
from hosting.extensions._failures import NEVER_CAUGHT, describe_error, record_failure, run_isolated
from hosting.extensions._hooks import APP, FUNCTION, spec_arguments
from hosting.extensions._model import Extension, Hook

if TYPE_CHECKING:
    from pathlib import Path

FILE = "_hosting_file"
"""The attribute of a function-level instance with the absolute path of the file that it was created with."""
SCRIPT_ROOT = "AzureWebJobsScriptRoot"
LEFT_TO_WORKER = "called by Azure's worker itself"
HOOKS = {
    "app": ("post_function_load_app_level", APP.pre, APP.post),
    "function": ("post_function_load", FUNCTION.pre, FUNCTION.post),
}
"""The hooks of Azure's interface by level, in the order in which the SDK stores them."""


class Collector:
    """The classes and instances of Azure's interface that one host has, in the order of registration.

    Args:
        watching: returns a context manager that names an extension which takes long, given that and what it is doing.
        in_azure_worker: whether Azure's worker imports the app. Then the SDK has registered this app's classes itself.
    """

    def __init__(
        self, watching: Callable[[Extension, str], AbstractContextManager[None]], *, in_azure_worker: bool = False
    ) -> None:
        self._watching = watching
        self.extensions: list[Extension] = []
        self._by_target: dict[int, Extension] = {}
        """The extensions by the id of their class or instance."""
        self._targets: list[Any] = []
        """Those classes and instances, which must live as long as their ids are used."""
        self._set_up_for: dict[Extension, set[str]] = defaultdict(set)
        """For each class with an entry point the functions that it is instantiated for."""
        self._represented: dict[Extension, None] = {}
        """Those of these classes that are in no list, because their instances are."""
        self._is_sdk_empty = in_azure_worker  # there what it has belongs to this app
        self._in_azure_worker = in_azure_worker

    def collecting(self) -> AbstractContextManager[None]:
        """Return a context manager that collects what is registered inside it."""
        return nullcontext() if self._in_azure_worker and called_by_worker() else self._replacing_registration()

    def take_registered(self, root: str) -> None:
        """Adopt what the SDK has registered itself, because Azure's worker imports the app at ``root``.

        The SDK has a list for each hook; the lists have one entry for each class or instance, at the same index. Where
        Azure's worker calls the hooks itself, they appear in the diagnosis, but are not called here.
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
        if id(owner) in self._by_target:
            return
        extension = Extension(entries[0].ext_name, kind="sdk", status="active", trigger=trigger, file=file)
        extension.declared_guard = _declared_guard(owner)
        arguments = _arguments()
        extension.hooks = {
            name: Hook(name, extension, entry.ext_impl, arguments[name])
            for name, entry in zip(names, entries, strict=True)
            if not _is_inherited(entry.ext_impl)
        }
        self._keep(owner, extension)

    def _keep(self, target: Any, extension: Extension) -> None:
        if self._in_azure_worker and called_by_worker():
            extension.status, extension.reason = "idle", LEFT_TO_WORKER
        self.extensions.append(extension)
        self._by_target[id(target)] = extension
        self._targets.append(target)

    @contextmanager
    def _replacing_registration(self) -> Iterator[None]:
        from azure.functions.extension import ExtensionMeta, FuncExtensionBase

        if not self._is_sdk_empty:
            from hosting.extensions._sdk_registrations import SdkRegistrations  # a worker's registrations stay

            SdkRegistrations(None, {}, {}).write()
            self._is_sdk_empty = True
        replacements = {
            (ExtensionMeta, "_register_application_extension"): self._application_registration(ExtensionMeta),
            (ExtensionMeta, "_register_function_extension"): self._function_registration(ExtensionMeta),
            (FuncExtensionBase, "__init__"): _remembering_file(FuncExtensionBase.__init__),
        }
        originals = {(owner, name): vars(owner)[name] for owner, name in replacements}
        try:
            for (owner, name), value in replacements.items():
                setattr(owner, name, value)
            yield
        finally:
            for (owner, name), value in originals.items():
                setattr(owner, name, value)

    def adopt(self, target: type, extension: Extension) -> Extension:
        """Give the class that an entry point names the entry point's name and distribution."""
        collected = self._by_target.get(id(target))
        if collected is None:
            collected = self._add(target, target, "app" if _is_app_level(target) else "function")
        for name in ("name", "group", "source", "entry_point"):
            setattr(collected, name, getattr(extension, name))
        if extension.declared_guard is not None:
            collected.declared_guard = extension.declared_guard
        return collected

    @property
    def named(self) -> list[Extension]:
        """The classes that have an entry point."""
        return [*(one for one in self.extensions if one.group is not None), *self._represented]

    def set_up(self, extension: Extension, functions: Sequence[Function]) -> None:
        """Configure an app-level class that has an entry point, or instantiate a function-level one for each function.

        A class is configured once, and instantiated once for a function, however often functions are added.
        """
        target = next(kept for kept in self._targets if self._by_target.get(id(kept)) is extension)
        if _is_app_level(target):
            if extension.settings and not self._set_up_for[extension]:
                self._set_up_for[extension].add("")
                with self._watching(extension, "in its method configure"):
                    settings, previous = extension.settings, extension.error
                    run_isolated(extension, "configure", lambda: target.configure(**settings), hook="configure")
                    if extension.is_guard and extension.error is not previous:
                        extension.fail_hook("configure")
            return
        for function in functions:
            if function.name in self._set_up_for[extension]:
                continue
            self._set_up_for[extension].add(function.name)
            with self._watching(extension, "creating an object"):
                run_isolated(extension, "init", functools.partial(self._instantiate, extension, target, function))
        if extension.error is not None:
            extension.fail("its class cannot be instantiated")
        elif extension.reason == LEFT_TO_WORKER:
            return
        elif functions:
            self._represented[extension] = None
            self.extensions = [one for one in self.extensions if one is not extension]
        else:
            extension.wait_for_opt_in()

    def _instantiate(self, extension: Extension, target: Any, function: Function) -> None:
        """Create the instance that ``target(__file__)`` in the function's folder would create."""
        instance = self._by_target.get(id(target(os.path.join(function.directory, "__init__.py"))))
        if instance is None:  # Azure's worker has registered it
            return
        instance.trigger = function.name
        for name in ("name", "source", "entry_point", "declared_guard"):
            setattr(instance, name, getattr(extension, name))

    def _application_registration(self, meta: Any) -> Any:
        original = meta._register_application_extension

        def register(target: type) -> None:
            self._register(lambda: original(target), target, target, "app")

        return staticmethod(register)

    def _function_registration(self, meta: Any) -> Any:
        original = meta._register_function_extension

        def register(instance: Any) -> None:
            self._register(lambda: original(instance), instance, type(instance), "function")

        return staticmethod(register)

    def _register(self, original: Callable[[], None], target: Any, cls: type, scope: str) -> None:
        """Run the SDK's own registration; if ``init`` raises, the extension is failed."""
        if cls.__name__ in ("AppExtensionBase", "FuncExtensionBase"):
            return
        extension = self._add(target, cls, scope)
        try:
            with self._watching(extension, "in its method init"):
                original()
        except NEVER_CAUGHT:
            raise
        except BaseException as exception:
            failure = describe_error("init", exception, hook="init")
            extension.fail(f"init() raised {failure.summary}")
            record_failure(extension, failure)

    def _add(self, target: Any, cls: type, scope: str) -> Extension:
        extension = Extension(
            name=cls.__name__,
            kind="sdk",
            entry_point=f"{cls.__module__}:{cls.__qualname__}",
            file=getattr(target, FILE, None) or getattr(sys.modules.get(cls.__module__), "__file__", None),
            status="active",
            trigger=getattr(target, "_trigger_name", None),
        )
        extension.declared_guard = _declared_guard(target)
        if target is not cls or scope == "app":
            extension.hooks = _hooks(extension, target, scope)
        self._keep(target, extension)
        return extension


def is_sdk_class(target: object) -> bool:
    """Return whether an entry point's object is a class of Azure's interface."""
    return isinstance(target, type) and type(target).__name__ == "ExtensionMeta"


def known_classes() -> set[str]:
    """Return the qualified names of all classes that derive from those of Azure's interface, without importing it."""
    bases = sys.modules.get("azure.functions.extension")
    waiting = [getattr(bases, name) for name in ("AppExtensionBase", "FuncExtensionBase")] if bases else []
    found = set()
    while waiting:
        derived = waiting.pop().__subclasses__()
        found |= {f"{one.__module__}.{one.__qualname__}" for one in derived}
        waiting += derived
    return found


@contextmanager
def noting_classes(names: list[str]) -> Iterator[None]:
    """Set ``names`` to the classes of Azure's interface that appear while an app is imported, which nothing calls."""
    before = known_classes()
    yield
    names[:] = sorted(known_classes() - before)


def called_by_worker() -> bool:
    """Return whether Azure's worker calls the hooks of its interface itself, as it does up to Python 3.12."""
    return "azure_functions_worker.extension" in sys.modules


def is_for(extension: Extension, function: Function) -> bool:
    """Return whether an instance that was created with ``__file__`` is for a function.

    In the v1 model the name of the file's folder is the name of its function. In the v2 model, where Azure's worker
    finds no function of that name, an instance is for every function in the file.
    """
    if extension.trigger is None:
        return False
    if extension.trigger.lower() == function.name.lower():
        return True
    return extension.file is not None and _is_in(function.file, extension.file)


def _is_in(file: str, path: str) -> bool:
    """Return whether ``file`` is ``path`` or is in that folder, in any case: the SDK has paths in lower case."""
    found, wanted = os.path.abspath(file).lower(), os.path.abspath(path).lower()
    return found == wanted or found.startswith(wanted + os.sep)


def unused_instances(extensions: Sequence[Extension], functions: Sequence[Function]) -> list[Problem]:
    """Return a problem for each instance that is for no function."""
    return [
        Problem(
            "warning",
            f"{extension.name}({extension.file}) is for no function.",
            "Create it with __file__ in the function's own folder (v1), or in the file that has the functions (v2).",
            file=extension.file,
            extension=extension.name,
        )
        for extension in extensions
        if extension.trigger is not None and not any(is_for(extension, function) for function in functions)
    ]


def _hooks(extension: Extension, target: Any, scope: str) -> dict[str, Hook]:
    """Return the hooks of a class or instance, without those of Azure's base class, which do nothing."""
    arguments = _arguments()
    hooks = {}
    for name in HOOKS[scope]:
        function = getattr(target, name, None)
        if function is not None and not _is_inherited(function):
            hooks[name] = Hook(name, extension, function, arguments[name])
    return hooks


def _arguments() -> dict[str, tuple[str, ...]]:
    """Return the arguments of each hook that Azure's interface has."""
    return {
        hook: tuple(name for name in arguments if name != "invocation") for hook, arguments in spec_arguments().items()
    }


def _declared_guard(target: Any) -> bool | None:
    """Return what a class or an instance says with its attribute ``guard``; anything but False makes it a guard."""
    value = getattr(target, "guard", None)
    return None if value is None or callable(value) else value is not False


def _is_inherited(function: Any) -> bool:
    return str(getattr(function, "__module__", "")).startswith("azure.functions.extension.")


def _is_app_level(target: type) -> bool:
    return getattr(getattr(target, "_scope", None), "name", "") == "APPLICATION"


def _remembering_file(original: Callable[[Any, str], None]) -> Callable[[Any, str], None]:
    """Return ``FuncExtensionBase.__init__`` that also keeps the file it is called with."""

    @functools.wraps(original)
    def init(self: Any, file_path: str) -> None:
        setattr(self, FILE, os.path.abspath(file_path))
        original(self, file_path)

    return init


@contextmanager
def script_root(root: Path) -> Iterator[None]:
    """Set ``AzureWebJobsScriptRoot``, from which ``FuncExtensionBase`` reads the app's folder."""
    before = os.environ.get(SCRIPT_ROOT)
    os.environ[SCRIPT_ROOT] = str(root)
    try:
        yield
    finally:
        if before is None:
            del os.environ[SCRIPT_ROOT]
        else:
            os.environ[SCRIPT_ROOT] = before
