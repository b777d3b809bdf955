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
from hosting.core import Function
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost
from hosting.faces._replacement import Loops

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
        self._changing = threading.Lock()
        self.host.discover()

    def load(self, functions: Sequence[Function]) -> None:
        """Load functions, the first or more of them, and log what serves them.

        Raises:
            ExtensionError: a required extension is not there.
        """
        with self._changing:
            (self.host.admit if self._loaded else self.host.load)(functions)
            self._loaded = True
        self.loops.remember()
        log.info("Extensions: %s", json.dumps(self.host._info))
        if self.host.left_to_worker:
            log.info("Called by Azure's worker itself: %s", ", ".join(self.host.left_to_worker))

    def expect(self, function: Function) -> None:
        """Note a v1 function: extensions learn of it before the first invocation, when its decorators have all run."""
        self._expected.append(function)

    def load_expected(self) -> None:
        """Load the functions that are expected, if there are any.

        Raises:
            ExtensionError: a required extension is not there; each invocation says so again.
        """
        if self._refused is not None:
            raise self._refused
        if not self._expected:
            return
        expected, self._expected = self._expected, []
        for function in expected:
            function.opt_ins, function.opt_outs = declared(function.call)
        try:
            self.load(expected)
        except HostingError as error:
            self._refused = error
            raise


class Without(NamedTuple):
    """An app that runs without extensions, because of what is logged already."""

    root: str


def shared() -> Extended | None:
    """The one of this process; a test that goes on to another app gets another.

    An app in production does not go down because of us: what keeps extensions from running is logged, and the answer is
    None. Only who requires an extension wants to know sooner.

    Raises:
        HostingError: host.json cannot be used, and an extension is required.
    """
    root = os.environ.get(SCRIPT_ROOT) or os.getcwd()
    if not isinstance(pending.shared, Extended | Without) or pending.shared.root != root:
        pending.shared = _made(root) or Without(root)
    return pending.shared if isinstance(pending.shared, Extended) else None


def _made(root: str) -> Extended | None:
    section: Mapping[str, Any] | None = None
    try:
        section = read_host_json(root, os.environ).get("extensionHost")
        return Extended(root, section)
    except HostingError as error:
        if os.environ.get("HOSTING_REQUIRE") or (section and section.get("required")):
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
