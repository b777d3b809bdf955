"""A stand-in for the extension manager of Azure's classic worker, which calls extension classes until Python 3.12.

The worker is in no package registry: on PyPI there is only one of 2020, from before it had an extension manager. This
class has the three entry points that the worker calls, and does what the worker's own manager does: see
``test_extend_classic.py``, which drives both with the same table where a checkout of the worker is at hand.
"""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import Any

from azure.functions import ExtensionMeta

FLAG = "PYTHON_ENABLE_WORKER_EXTENSIONS"
WORKER = "azure_functions_worker"
_TRUE = frozenset({"1", "true", "t", "yes", "y"})


class ExtensionManager:
    """Calls the hooks that the SDK has registered, those of apps around those of functions."""

    @classmethod
    def function_load_extension(cls, name: str, directory: str) -> None:
        """Call the load hooks of a function: its own, then those of the app."""
        if not _is_on():
            return
        for hooks in (ExtensionMeta.get_function_hooks(name), ExtensionMeta.get_application_hooks()):
            for kind in ("post_function_load", "post_function_load_app_level"):
                for hook in getattr(hooks, kind, ()):
                    _run(logging.getLogger(WORKER), hook.ext_impl, name, directory)

    @classmethod
    def get_sync_invocation_wrapper(cls, context: Any, function: Callable[..., Any]) -> Callable[[Any], Any]:
        """Return what calls a function with its hooks, given its arguments by name."""

        def call(arguments: Mapping[str, Any]) -> Any:
            _before(context, arguments)
            result = function(**arguments)
            _after(context, arguments, result)
            return result

        return call

    @classmethod
    async def get_async_invocation_wrapper(
        cls, context: Any, function: Callable[..., Any], arguments: Mapping[str, Any]
    ) -> Any:
        """Call an async function with its hooks, which are not awaited."""
        _before(context, arguments)
        result = await function(**arguments)
        _after(context, arguments, result)
        return result


def installed_modules() -> dict[str, ModuleType]:
    """Return the modules by which an app notices that the classic worker runs it."""
    package, module = ModuleType(WORKER), ModuleType(f"{WORKER}.extension")
    vars(module)["ExtensionManager"] = ExtensionManager
    return {package.__name__: package, module.__name__: module}


def install() -> None:
    """Let the worker be imported in this process."""
    sys.modules.update(installed_modules())


def _before(context: Any, arguments: Mapping[str, Any]) -> None:
    _call_hooks("pre_invocation_app_level", context, arguments)
    _call_hooks("pre_invocation", context, arguments)


def _after(context: Any, arguments: Mapping[str, Any], result: Any) -> None:
    _call_hooks("post_invocation", context, arguments, result)
    _call_hooks("post_invocation_app_level", context, arguments, result)


def _call_hooks(kind: str, context: Any, *values: Any) -> None:
    if not _is_on():
        return
    for hooks in (ExtensionMeta.get_function_hooks(context.function_name), ExtensionMeta.get_application_hooks()):
        for hook in getattr(hooks, kind, ()):
            logger = logging.getLogger(f"{WORKER}.extension.{hook.ext_name}")
            _run(logger, hook.ext_impl, logger, context, *values)


def _run(logger: logging.Logger, hook: Callable[..., Any], *arguments: Any) -> None:
    try:
        hook(*arguments)
    except Exception as error:
        logger.exception(error)


def _is_on() -> bool:
    return os.environ.get(FLAG, "").lower() in _TRUE
