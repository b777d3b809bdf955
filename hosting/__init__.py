"""The author's interface: everything an extension or a function app needs to import.

It must stay light: no server, no storage SDK and no command line is imported from here. ``extend`` brings the extension
host with it, and few modules need the type of the app, so these are imported when they are asked for.
"""

import typing as _typing

from hosting._invocation import Invocation, InvocationOutcome, Request
from hosting._secret import Secret
from hosting.authoring import Order, Outcome, ShortCircuit, configure, hookimpl, use, without

if _typing.TYPE_CHECKING:
    from hosting.app_handle import AppHandle
    from hosting.azure_worker.extend import extend

__all__ = [
    "AppHandle",
    "Invocation",
    "InvocationOutcome",
    "Order",
    "Outcome",
    "Request",
    "Secret",
    "ShortCircuit",
    "__version__",
    "configure",
    "extend",
    "hookimpl",
    "use",
    "without",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name == "extend":
        from hosting.azure_worker.extend import extend

        return extend
    if name == "AppHandle":
        from hosting.app_handle import AppHandle

        return AppHandle
    raise AttributeError(f"module 'hosting' has no attribute {name!r}")
