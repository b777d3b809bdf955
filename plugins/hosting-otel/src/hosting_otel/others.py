"""Other products that make a span for each invocation, outside of OpenTelemetry's current context."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from typing import Any

PRODUCTS = {"ddtrace": "Datadog", "dynatrace": "Dynatrace"}
"""The packages that wrap functions of an app to trace them: ``ddtrace`` does so with ``FunctionApp.get_functions``,
``dynatrace-opentelemetry-azure-functions`` with its decorator ``wrap_handler``."""
_MAX_LAYERS = 50


def traced_by(call: Callable[..., Any]) -> str:
    """Return the product that traces a function already; empty if none does.

    Args:
        call: the function, with the decorators around it.
    """
    packages = (module.partition(".")[0] for module in _modules(call))
    found = next((PRODUCTS[package] for package in packages if package in PRODUCTS), "")
    return found or ("Dynatrace OneAgent" if is_oneagent_active() else "")


def _modules(call: Any) -> Iterator[str]:
    """Return the name of the module of each layer, from the outermost decorator to the function."""
    for _ in range(_MAX_LAYERS):
        # A decorator of wrapt looks like the function that it wraps; its own code is this attribute.
        own = getattr(call, "_self_wrapper", call)
        yield str(getattr(own, "__globals__", {}).get("__name__", ""))
        call = getattr(call, "__wrapped__", None)
        if call is None:
            return


def is_oneagent_active() -> bool:
    """Return whether the app has connected Dynatrace's OneAgent SDK to an agent.

    Source: ``SDK.agent_state`` and ``AgentState.ACTIVE`` in the reference of oneagent-sdk.
    """
    module: Any = sys.modules.get("oneagent")
    if module is None:
        return False
    try:
        return bool(module.get_sdk().agent_state == module.common.AgentState.ACTIVE)
    except Exception:  # noqa: BLE001 - another module of this name, or an agent that fails
        return False
