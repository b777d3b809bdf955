"""The extension host that all extended functions of one worker process share."""

from __future__ import annotations

import inspect
import json
import os
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from hosting._log import host_logger
from hosting.apps.host_json import FILE as HOST_JSON
from hosting.apps.host_json import apply_host_json, read_host_json
from hosting.authoring import pending
from hosting.azure_worker.loops import LoopManager
from hosting.core import Function
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost, has_guards, is_enabled

if TYPE_CHECKING:
    from hosting.azure_worker.folders import Expected

SCRIPT_ROOT = "AzureWebJobsScriptRoot"

GUARDING = ("required", "guards", "load")
"""The keys of ``extensionHost`` that name extensions which are guards, or may be."""
LATE = (
    "Extension '%s' was registered after functions of the app were loaded: its hook %s is not called. Call "
    "hosting.extension before an extended Blueprint is registered."
)

log = host_logger("extensions")


class WorkerState:
    """The extension host of a worker process, with the loops of its async hooks.

    Args:
        root: the app's folder.
        host_json: the content of host.json.

    Raises:
        HostingError: ``extensionHost`` of host.json cannot be used.
    """

    def __init__(self, root: str, host_json: Mapping[str, Any]) -> None:
        self.root = root
        self.host_json = host_json
        self.host = ExtensionHost(environ=os.environ, section=host_json.get("extensionHost"), in_azure_worker=True)
        self.loops = LoopManager(self.host)
        self.has_app = False
        """Whether a whole app is extended: then its functions are loaded together, when the worker asks for them."""
        self.additions: Mapping[str, Function] = {}
        """The functions that extensions have added to the app, by name in lower case."""
        self._prepared = False
        self._waiting: list[Function] = []
        self._expected: list[Expected] = []
        self._load_error: Exception | None = None
        self._loaded = False
        self._is_partial = False
        """Whether more functions may come: then the functions of guards are not checked yet."""
        self._lock = threading.RLock()
        self.host.discover()

    def prepare(self, functions: Sequence[Function], app: Any = None, *, has_health: bool = False) -> None:
        """Call the ``prepare`` hooks, if they have not been called.

        Args:
            functions: the app's functions.
            app: the app, to which extensions may add functions; None if there is none.
            has_health: whether a function of the app runs health checks.
        """
        if self._prepared:
            return
        self._prepared = True
        from hosting.azure_worker.preparation import Preparing  # part of a load, which imports more than this

        preparing = Preparing(self.root, self.host_json, functions, app, has_health=has_health)
        self.additions = preparing.added
        self.host.prepare(preparing.shared, functions, preparing.start)

    @property
    def is_waiting(self) -> bool:
        """Whether functions wait for those of the app."""
        return bool(self._waiting)

    def wait_for_app(self, functions: Sequence[Function]) -> None:
        """Load functions together with the others of the app, or else before the first invocation."""
        self._waiting += functions

    def load(self, functions: Sequence[Function], *, is_partial: bool = False) -> None:
        """Load functions, the first ones or more of them, and log the extensions that run for them.

        Args:
            functions: the functions.
            is_partial: whether more of them may come before the first invocation.

        Raises:
            ExtensionError: a required extension is missing.
        """
        if self._load_error is not None:
            raise self._load_error
        apply_host_json(self.host_json, functions)
        with self._lock:
            if self._loaded:
                self._warn_of_late_extensions()
            functions = sorted((*self._waiting, *functions), key=lambda function: function.name.lower())
            try:
                self.prepare(functions)
                self._load(functions, is_partial=is_partial)
            except Exception as error:
                self._close(error)
                raise
            finally:
                self._waiting.clear()  # not before: concurrent invocations of these functions wait for it
            self._loaded = True
        self.loops.remember_running_loop()
        log.info("Extensions: %s", json.dumps(self.host._info))
        for problem in self.host.loose_hooks():
            log.warning("%s (%s:%s). %s", problem.message, problem.file, problem.line, problem.remedy)
        for problem in self.host.guard_problems:
            log.warning("%s %s", problem.message, problem.remedy)
        if self.host.unguarded():
            log.warning("Functions without a guard: %s", ", ".join(self.host.unguarded()))
        if self.host.left_to_worker:
            log.info("Called by Azure's worker itself: %s", ", ".join(self.host.left_to_worker))

    def _load(self, functions: Sequence[Function], *, is_partial: bool) -> None:
        if self._loaded:
            self.host.add_functions(functions)
        else:
            self.host.load(functions, None)
        if not is_partial and (self._is_partial or not self._loaded):
            self.host.check_guards()
        self._is_partial = is_partial

    def _warn_of_late_extensions(self) -> None:
        missed = ("prepare", "startup") if self.loops.ready else ("prepare",)
        for name, target in pending.extensions:
            hooks = [hook for hook in missed if inspect.getattr_static(target, hook, None) is not None]
            if hooks:
                log.warning(LATE, name, " and ".join(hooks))

    def expect(self, function: Function, wrapper: Callable[..., Any], by_name: dict[str, Function]) -> None:
        """Register a v1 function. It is loaded before the first invocation, when all of its decorators have run.

        Args:
            function: describes it as far as its code does; is completed when it is loaded.
            wrapper: what the worker gets instead of it.
            by_name: gets its functions by name, if several folders name it.
        """
        from hosting.azure_worker.folders import Expected  # only v1 apps need it

        self._expected.append(Expected(function, wrapper, by_name))
        self.loops.remember_running_loop()

    @property
    def may_have_guards(self) -> bool:
        """Whether a guard is known, or an extension of the app, which may be one, is not imported yet."""
        return self.host.has_guards or has_pending_guards() or (not self._prepared and _loads(self.host_json))

    def load_expected(self) -> None:
        """Load the functions and the extensions of the app that are not loaded yet; concurrent invocations wait for it.

        Raises:
            ExtensionError: a required extension is missing; each later call raises it again.
        """
        if self._expected or self._waiting or pending.extensions or self._is_partial:
            with self._lock:
                self._load_expected()
        if self._load_error is not None:  # after the wait: another thread may have failed
            raise self._load_error

    def _load_expected(self) -> None:
        from hosting.azure_worker.folders import find_functions  # only v1 apps need it

        expected = self._expected[:]
        functions = [one.function for one in expected]
        try:
            log_errors(lambda: functions.__setitem__(slice(None), find_functions(expected, self.root)))
            if functions or self._waiting or pending.extensions or self._is_partial:
                log_errors(lambda: self.load(functions))
        except Exception as error:
            self._close(error)
            raise
        finally:
            del self._expected[: len(expected)]

    def _close(self, error: Exception) -> None:
        """Let each later invocation fail with the error of a load, if the app must not run without extensions."""
        if isinstance(error, HostingError) or self.may_have_guards:
            self._load_error = error


class NoExtensions(NamedTuple):
    """Stands for the state of an app that runs without extensions, for a reason that has been logged."""

    root: str | None
    """The app's folder; None if extensions are switched off."""


def extensions_are_off() -> bool:
    """Return whether no extension runs in this process: the app has none, and installed ones are off; logged once.

    Raises:
        HostingError: they are off and an extension is required: a missing setting must not open what it guards.
    """
    if is_enabled(os.environ) or pending.extensions or _has_local_extensions():
        return False
    if pending.shared is None:
        if _loads_while_off(_root()):
            return False
        pending.shared = NoExtensions(None)
        log.info("hosting.extend does nothing: PYTHON_ENABLE_WORKER_EXTENSIONS is not true, so no extension runs.")
    return True


def _has_local_extensions() -> bool:
    """Return whether the app's own extensions run in this process while installed ones are switched off."""
    state = pending.shared
    return isinstance(state, WorkerState) and not state.host.enabled and state.root == _root()


def worker_state() -> WorkerState | None:
    """Return the state of this process, made by the first call; an app in another folder (in a test) gets a new one.

    What keeps extensions from running does not stop an app in production: it is logged, and the result is None.

    Raises:
        HostingError: host.json cannot be used, and an extension is required, or the app has registered a guard.
    """
    root, known = _root(), pending.shared
    is_known = isinstance(known, WorkerState | NoExtensions) and known.root == root
    if not is_known or (isinstance(known, NoExtensions) and has_pending_guards()):
        pending.shared = _new_state(root) or NoExtensions(root)
    return pending.shared if isinstance(pending.shared, WorkerState) else None


def _root() -> str:
    return os.environ.get(SCRIPT_ROOT) or os.getcwd()


def _must_not_be_open(root: str, section: Mapping[str, Any] | None) -> bool:
    """Return whether an extension is required, or one is or may be a guard: the app must not run without it.

    An extension that the app loads may be a guard: that is seen when it is imported, and not where host.json is wrong.

    Args:
        root: the app's folder.
        section: ``extensionHost`` of host.json; None if there is none, or if the file cannot be used.
    """
    named = section if isinstance(section, Mapping) else dict.fromkeys(_guarding_words(root), True)
    return bool(
        os.environ.get("HOSTING_REQUIRE")
        or os.environ.get("HOSTING_GUARDS")
        or any(key.casefold() in GUARDING and value for key, value in named.items())
        or has_pending_guards()
        or has_guards()
    )


def _guarding_words(root: str) -> Sequence[str]:
    """Return the keys in the text of host.json that would name guards; any, if it cannot be read."""
    try:
        with open(os.path.join(root, HOST_JSON), encoding="utf-8", errors="replace") as stream:
            text = stream.read()
    except FileNotFoundError:
        return []
    except OSError:
        return GUARDING
    return re.findall(rf"\b({'|'.join(GUARDING)})\b[\"']?\s*:", text, re.IGNORECASE)


def has_pending_guards() -> bool:
    """Return whether an extension that the app has registered, and that is not loaded yet, says that it is a guard."""
    # A property may say so, too; what it returns is known when the extension is loaded.
    return any(inspect.getattr_static(target, "guard", False) for _, target in pending.extensions)


def _loads(host_json: Mapping[str, Any]) -> bool:
    """Return whether host.json names extensions of the app."""
    return bool((host_json.get("extensionHost") or {}).get("load"))


def _loads_while_off(root: str) -> bool:
    """Return whether host.json loads extensions of the app; if not, no extension may be required.

    Raises:
        HostingError: an extension is required, and installed ones are off.
    """
    section: Mapping[str, Any] | None = None
    try:
        host_json = read_host_json(root, os.environ)
        section = host_json.get("extensionHost")
        if _loads(host_json):
            return True
        if _must_not_be_open(root, section):
            host = ExtensionHost(environ=os.environ, section=section)
            host.discover()
            host.load(())
    except HostingError:
        if _must_not_be_open(root, section):
            raise
    return False


def _new_state(root: str) -> WorkerState | None:
    section: Mapping[str, Any] | None = None
    try:
        host_json = read_host_json(root, os.environ)
        section = host_json.get("extensionHost")
        return WorkerState(root, host_json)
    except HostingError as error:
        if _must_not_be_open(root, section):
            raise
        log.error("The app runs without extensions: %s", error)
    except Exception:
        if _must_not_be_open(root, section):
            raise
        log.exception("The app runs without extensions, because of a bug in hosting. Please report it.")
    return None


def log_errors(action: Callable[[], None]) -> None:
    """Run an action that must not stop the app: log what it raises, except that a required extension is missing.

    Raises:
        HostingError: a required extension is missing.
        Exception: the app has a guard, without which its functions must not run.
    """
    try:
        action()
    except HostingError:
        raise
    except Exception:
        if isinstance(pending.shared, WorkerState) and pending.shared.may_have_guards:
            raise
        log.exception("Functions run without extensions, because of a bug in hosting. Please report it.")
