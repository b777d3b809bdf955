"""The author's interface: everything an extension or a function app needs to import.

It must stay light: no server, no storage SDK and no command line is imported from here. Names that few modules use are
imported when they are asked for.
"""

import typing as _typing

from hosting._interface import INTERFACE, ExperimentalWarning, RemovedIn2Warning
from hosting._lazy import lazy_name as _lazy_name
from hosting.authoring import Order, Outcome, ShortCircuit, configure, extension, hookimpl, use, without

if _typing.TYPE_CHECKING:
    from hosting._injection import Inject, Mark, Marked, provider
    from hosting._invocation import Invocation, InvocationOutcome, Request
    from hosting._log import extension_logger
    from hosting._secret import Secret
    from hosting.app_handle import AppHandle
    from hosting.app_work import HookCall, ResponseHead
    from hosting.azure_worker.extend import extend
    from hosting.errors import GuardError

__all__ = [  # noqa: RUF022 - sorted as text, whatever a name stands for
    "AppHandle",
    "ExperimentalWarning",
    "GuardError",
    "HookCall",
    "INTERFACE",
    "Inject",
    "Invocation",
    "InvocationOutcome",
    "Mark",
    "Marked",
    "Order",
    "Outcome",
    "RemovedIn2Warning",
    "Request",
    "ResponseHead",
    "Secret",
    "ShortCircuit",
    "__version__",
    "configure",
    "extend",
    "extension",
    "extension_logger",
    "hookimpl",
    "provider",
    "use",
    "without",
]

__version__ = "0.1.0"

_LATER = {
    "AppHandle": "hosting.app_handle",
    "GuardError": "hosting.errors",
    "HookCall": "hosting.app_work",
    "Inject": "hosting._injection",
    "Invocation": "hosting._invocation",
    "InvocationOutcome": "hosting._invocation",
    "Mark": "hosting._injection",
    "Marked": "hosting._injection",
    "Request": "hosting._invocation",
    "ResponseHead": "hosting.app_work",
    "Secret": "hosting._secret",
    "extend": "hosting.azure_worker.extend",
    "extension_logger": "hosting._log",
    "provider": "hosting._injection",
}


def __getattr__(name: str) -> object:
    return _lazy_name(__name__, name, _LATER)
