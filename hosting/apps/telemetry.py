"""Settings that make Azure's host and worker send telemetry, which this host does not send without an extension."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hosting._text import is_true
from hosting.apps.json_keys import CaselessDict
from hosting.core import Problem

_SETTINGS = ("PYTHON_ENABLE_OPENTELEMETRY", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY")
_KEY = "telemetryMode"
TELEMETRY_EXTENSION = "otel"
"""The name of the extension that obeys the settings, of the distribution hosting-otel."""


def telemetry_problems(environ: Mapping[str, str], host_json: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield a warning that names the telemetry settings of an app, none of which has an effect here.

    Source: the names in Azure's worker (``otel.py``), and ``telemetryMode`` in Azure's reference of host.json.

    Args:
        environ: the environment, with the app's settings applied.
        host_json: the content of host.json.
    """
    names = [name for name in _SETTINGS if is_true(environ.get(name, ""))]
    if str(CaselessDict(host_json).get(_KEY)).lower() == "opentelemetry":
        names.append(f"{_KEY} in host.json")
    if names:
        yield Problem(
            "warning",
            f"{' and '.join(names)} {'has' if len(names) == 1 else 'have'} no effect here: "
            "the host sends no telemetry, and does not pass the trace of a request to OpenTelemetry",
            "Install hosting-otel, which obeys them, or configure OpenTelemetry in the app; "
            "in Azure these settings are obeyed.",
        )
