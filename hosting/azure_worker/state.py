"""What the extended functions of one process share: the extension host inside Azure's worker."""

from __future__ import annotations

import json
import logging
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from hosting.apps.host_json import read_host_json
from hosting.authoring import declared, pending
from hosting.azure_worker.wrapper import Loops
from hosting.core import Function
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost, is_enabled

SCRIPT_ROOT = "AzureWebJobsScriptRoot"

log = logging.getLogger("hosting.extensions")


class Extended:
    """The extension host, and where its async hooks run.

    Raises:
        HostingError: host.json cannot be used.
    """

    def __init__(self, root: str, section: Mapping[str, Any] | None) -> None:
        self.root = root
        self.host = ExtensionHost(environ=os.environ, section=section, worker=True)
        self.loops = Loops(self.host)
        self._expected: list[Function] = []
        self._refused: HostingError | None = None
        self._loaded = False
        self._changing = threading.RLock()
        self.host.discover()

    def load(self, functions: Sequence[Function]) -> None:
        """Load functions, the first or more of them, and log what serves them.

        Raises:
            ExtensionError: a required extension is not there.
        """
        if self._refused is not None:
            raise self._refused
        with self._changing:
            try:
                (self.host.admit if self._loaded else self.host.load)(functions)
            except HostingError as error:
                self._refused = error
                raise
            self._loaded = True
        self.loops.remember()
        log.info("Extensions: %s", json.dumps(self.host._info))
        if self.host.left_to_worker:
            log.info("Called by Azure's worker itself: %s", ", ".join(self.host.left_to_worker))

    def expect(self, function: Function) -> None:
        """Note a v1 function: extensions learn of it before the first invocation, when its decorators have all run."""
        self._expected.append(function)
        self.loops.remember()

    def load_expected(self) -> None:
        """Load the functions that are expected, if there are any; invocations in other threads wait for it.

        Raises:
            ExtensionError: a required extension is not there; each invocation says so again.
        """
        if self._expected:
            with self._changing:
                self._load_expected()
        if self._refused is not None:  # after the wait: another thread may have been told
            raise self._refused

    def _load_expected(self) -> None:
        expected = self._expected[:]
        try:
            for function in expected:
                function.opt_ins, function.opt_outs = declared(function.call)
            if expected:
                surely(lambda: self.load(expected))
        finally:
            del self._expected[: len(expected)]


class Without(NamedTuple):
    """An app that runs without extensions, because of what is logged already."""

    root: str | None
    """The app's folder; None where extensions are switched off."""


def is_switched_off() -> bool:
    """Whether extensions are off in this process; the log says so once, to whoever forgot the setting.

    Raises:
        HostingError: they are, and one is required: a missing setting must not open what an extension guards.
    """
    if is_enabled(os.environ):
        return False
    if pending.shared is None:
        _judge_switched_off(_root())
        pending.shared = Without(None)
        log.info("hosting.extend does nothing: PYTHON_ENABLE_WORKER_EXTENSIONS is not true, so no extension runs.")
    return True


def shared() -> Extended | None:
    """The one of this process; a test that goes on to another app gets another.

    An app in production does not go down because of us: what keeps extensions from running is logged, and the answer is
    None. Only who requires an extension wants to know sooner.

    Raises:
        HostingError: host.json cannot be used, and an extension is required.
    """
    root = _root()
    if not isinstance(pending.shared, Extended | Without) or pending.shared.root != root:
        pending.shared = _made(root) or Without(root)
    return pending.shared if isinstance(pending.shared, Extended) else None


def _root() -> str:
    return os.environ.get(SCRIPT_ROOT) or os.getcwd()


def _is_any_required(section: Mapping[str, Any] | None) -> bool:
    return bool(os.environ.get("HOSTING_REQUIRE") or (section and section.get("required")))


def _judge_switched_off(root: str) -> None:
    section: Mapping[str, Any] | None = None
    try:
        section = read_host_json(root, os.environ).get("extensionHost")
        if _is_any_required(section):
            ExtensionHost(environ=os.environ, section=section).load(())
    except HostingError:
        if _is_any_required(section):
            raise


def _made(root: str) -> Extended | None:
    section: Mapping[str, Any] | None = None
    try:
        section = read_host_json(root, os.environ).get("extensionHost")
        return Extended(root, section)
    except HostingError as error:
        if _is_any_required(section):
            raise
        log.error("The app runs without extensions: %s", error)
    except Exception:
        log.exception("The app runs without extensions, because of a mistake in hosting: please report it.")
    return None


def surely(action: Callable[[], None]) -> None:
    """Do what must not take the app down; whoever requires an extension is told all the same.

    Raises:
        HostingError: a required extension is not there.
    """
    try:
        action()
    except HostingError:
        raise
    except Exception:
        log.exception("Functions run without extensions, because of a mistake in hosting: please report it.")
