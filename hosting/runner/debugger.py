"""Debuggers of functions: one that attaches, with ``--debug``; else that of ``breakpoint()`` and ``pdb``."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from types import ModuleType
from typing import TYPE_CHECKING, Any, cast

from hosting._install import install_command
from hosting._log import host_logger
from hosting.errors import HostingError

if TYPE_CHECKING:  # importlib.abc imports importlib.resources, which few apps need
    from importlib.abc import Loader
    from importlib.machinery import ModuleSpec

DEFAULT_PORT = 5678
_ADDRESS = "127.0.0.1"

_logger = host_logger("start")


def accept_debugger(port: int, *, wait: bool) -> None:
    """Listen for a debugger on this machine, before the app is imported.

    Args:
        port: the port for the debugger.
        wait: whether to wait until one has attached.

    Raises:
        HostingError: debugpy is not installed, or the port is taken.
    """
    os.environ.setdefault("PYDEVD_DISABLE_FILE_VALIDATION", "1")  # its warning does not help the author
    try:
        import debugpy  # noqa: T100 - starting it is what this is for
    except ModuleNotFoundError as error:
        raise HostingError(
            "--debug needs the package debugpy, which is not installed.", remedy=install_command("hosting", "debug")
        ) from error
    try:
        debugpy.listen((_ADDRESS, port))  # noqa: T100
    except (RuntimeError, OSError) as error:
        raise HostingError(
            f"Debug port {port} is unavailable: {error}.", remedy="Specify another port: --debug PORT."
        ) from error
    _logger.info("A debugger can attach to %s:%d.", _ADDRESS, port)
    if wait:
        _logger.info("Waiting for a debugger before the app is loaded.")
        debugpy.wait_for_client()  # noqa: T100


def install_breakpoint_hook() -> None:
    """Let ``breakpoint()`` and ``pdb.set_trace()`` open a debugger that the host can end.

    A hook of ``breakpoint()`` that is installed already stays. ``pdb`` is changed when it is imported, which is slow.
    """
    if sys.breakpointhook is sys.__breakpointhook__:
        sys.breakpointhook = _break
    if (pdb := sys.modules.get("pdb")) is not None:
        _adopt(pdb)
    elif not any(isinstance(finder, _PdbFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _PdbFinder())


def _break(*args: Any, **options: Any) -> Any:
    if os.environ.get("PYTHONBREAKPOINT", "") not in ("", "pdb.set_trace"):
        return sys.__breakpointhook__(*args, **options)  # noqa: T100 - what breakpoint() does
    from hosting.runner.breakpoints import open_debugger  # its import is slow

    return open_debugger(sys._getframe(1), *args, **options)  # in the caller of breakpoint()


class _PdbFinder:
    """Finds ``pdb`` where Python does, and changes it once it has been imported."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of ``pdb``; None for other modules."""
        if fullname != "pdb":
            return None
        with contextlib.suppress(ValueError):  # another thread imports it as well
            sys.meta_path.remove(self)
        spec = find_spec(fullname)
        if spec is not None and spec.loader is not None:
            spec.loader = cast("Loader", _PdbLoader(spec.loader))
        return spec


class _PdbLoader:
    """Loads ``pdb`` with the loader that Python has for it."""

    def __init__(self, loader: Loader) -> None:
        self._loader = loader

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Return what Python's own loader returns."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, then change it."""
        self._loader.exec_module(module)
        _adopt(module)


def _adopt(pdb: ModuleType) -> None:
    """Let ``pdb.set_trace()`` open the host's debugger, unless another tool has replaced it."""
    if getattr(pdb.set_trace, "__module__", None) == "pdb":
        vars(pdb)["set_trace"] = _set_trace


def _set_trace(**options: Any) -> None:
    from hosting.runner.breakpoints import open_debugger

    open_debugger(sys._getframe(1), **options)
