"""Settings for telemetry, which the host names because it does not obey them."""

from __future__ import annotations

from typing import Any

import pytest

import hosting
from hosting.apps.telemetry import telemetry_problems
from hosting.testing import HostFactory

OTEL, INSIGHTS = "PYTHON_ENABLE_OPENTELEMETRY", "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"
APP = """
import azure.functions as func
app = func.FunctionApp()
@app.route("a")
def a(req: func.HttpRequest) -> str: return "a"
"""


@pytest.mark.parametrize(
    ("environ", "host_json", "names"),
    [
        ({OTEL: "1"}, {}, f"{OTEL} has"),
        ({INSIGHTS: "True"}, {}, f"{INSIGHTS} has"),
        ({OTEL: " yes "}, {"telemetryMode": "default"}, f"{OTEL} has"),
        ({}, {"telemetryMode": "OpenTelemetry"}, "telemetryMode in host.json has"),
        ({}, {"TelemetryMode": "opentelemetry"}, "telemetryMode in host.json has"),
        ({OTEL: "t", INSIGHTS: "y"}, {}, f"{OTEL} and {INSIGHTS} have"),
        ({OTEL: "1"}, {"telemetryMode": "OpenTelemetry"}, f"{OTEL} and telemetryMode in host.json have"),
    ],
)
def test_telemetry_settings_are_one_warning_that_names_them(
    environ: dict[str, str], host_json: dict[str, Any], names: str
) -> None:
    """None has an effect, and the remedy says what has one."""
    [problem] = telemetry_problems(environ, host_json)
    assert problem.severity == "warning"
    assert problem.message.startswith(f"{names} no effect here")
    assert "in Azure these settings are obeyed" in problem.remedy


@pytest.mark.parametrize(
    ("environ", "host_json"),
    [({}, {}), ({OTEL: "0", INSIGHTS: "false"}, {"telemetryMode": "default"}), ({OTEL: ""}, {"telemetryMode": None})],
)
def test_telemetry_settings_that_are_off_are_no_warning(environ: dict[str, str], host_json: dict[str, Any]) -> None:
    """Nothing asks for telemetry."""
    assert list(telemetry_problems(environ, host_json)) == []


def test_host_reports_telemetry_settings_at_start(hosting_host: HostFactory) -> None:
    """The warning is among the problems that ``hosting start`` logs."""
    host = hosting_host({"function_app.py": APP}, settings={OTEL: "true"}, host_json={"telemetryMode": "OpenTelemetry"})
    assert any(f"{OTEL} " in problem.message for problem in host.problems)


@pytest.mark.parametrize(("name", "is_warning"), [("otel", False), ("other", True)])
def test_host_does_not_report_telemetry_settings_that_an_extension_obeys(
    hosting_host: HostFactory, name: str, is_warning: bool
) -> None:
    """The extension of hosting-otel does."""

    class Telemetry:
        @hosting.hookimpl
        def invocation_app_level(self) -> Any:
            yield

    host = hosting_host({"function_app.py": APP}, settings={OTEL: "true"}, extensions={name: Telemetry})
    assert any(f"{OTEL} " in problem.message for problem in host.problems) == is_warning
