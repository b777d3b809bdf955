"""Configuration of the SDK: by the app, by Azure's settings, or by ``OTEL_*`` variables through the SDK's configurator.

Nothing is configured twice: a provider that the app, ``opentelemetry-instrument`` or Azure's worker has set stays.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from typing import Any, NamedTuple

from opentelemetry import _logs, metrics, trace

import hosting
from hosting.errors import ExtensionError
from hosting_otel.logs import without_handler_of_distribution
from hosting_otel.settings import Settings

SIGNALS = ("traces", "metrics", "logs")
_TRUE = ("1", "true", "t", "yes", "y")
_AZURE = "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY"
_CONTEXT = "PYTHON_ENABLE_OPENTELEMETRY"
_LOGGER = "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME"
_CONNECTION = "APPLICATIONINSIGHTS_CONNECTION_STRING"
_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_PROTOCOL = "OTEL_EXPORTER_OTLP_PROTOCOL"
_CONFIG_FILE = "OTEL_CONFIG_FILE"
_DETECTORS = "OTEL_EXPERIMENTAL_RESOURCE_DETECTORS"


class Configuration(NamedTuple):
    """What is configured.

    Args:
        traces: whether spans are made.
        metrics: whether metrics are recorded.
        logs: whether log records are to be sent by this extension's handler.
        has_log_exporter: whether records reach an exporter.
        host_makes_spans: whether Azure's host makes the SERVER span of an invocation itself.
        logger: the name of the logger whose records are sent; empty for the root logger.
    """

    traces: bool
    metrics: bool
    logs: bool
    has_log_exporter: bool
    host_makes_spans: bool
    logger: str = ""


def configure(app: hosting.AppHandle, settings: Settings) -> Configuration | None:
    """Configure the SDK unless that is done; return what is configured, or None if nothing would be sent.

    Args:
        app: the app.
        settings: the settings.

    Raises:
        ExtensionError: a value of the environment cannot be used, or a package is missing.
    """
    environ = os.environ
    if _is_true(environ.get("OTEL_SDK_DISABLED", "")):
        return None
    if not is_configured():
        if _is_true(environ.get(_AZURE, "")):
            logger = environ.get(_LOGGER, "")
            with defaults(environ, app.root.name, {_DETECTORS: "azure_functions"}):
                _configure_azure_monitor(environ, logger, sends_logs=settings.logs)
                return _result(app, settings, logger)
        elif not _wants_telemetry(environ):
            return _result(app, settings) if _asks_for_context(app, environ) else None
        else:
            with defaults(environ, app.root.name):
                _configure_sdk(environ)
                return _result(app, settings)
    return _result(app, settings)


def is_configured() -> bool:
    """Return whether a provider of traces is set: by the app, by an instrumentation, or by Azure's worker."""
    return not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)


def _result(app: hosting.AppHandle, settings: Settings, logger: str = "") -> Configuration:
    has_logs = hasattr(_logs.get_logger_provider(), "force_flush")
    return Configuration(
        traces=settings.traces,
        metrics=settings.metrics and hasattr(metrics.get_meter_provider(), "force_flush"),
        logs=settings.logs and has_logs,
        has_log_exporter=has_logs and exports("logs", os.environ),
        host_makes_spans=_telemetry_mode(app.host_json) == "opentelemetry",
        logger=logger,
    )


def exports(signal: str, environ: Mapping[str, str]) -> bool:
    """Return whether a signal has an exporter, as far as the environment says so.

    Args:
        signal: ``traces``, ``metrics`` or ``logs``.
        environ: the environment.
    """
    return environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip().lower() != "none"


def _telemetry_mode(host_json: Mapping[str, Any]) -> str:
    return next((str(value).lower() for key, value in host_json.items() if key.lower() == "telemetrymode"), "")


def _asks_for_context(app: hosting.AppHandle, environ: Mapping[str, str]) -> bool:
    """Return whether a setting of Azure asks that functions run in the caller's trace, also if nothing is sent."""
    return _is_true(environ.get(_CONTEXT, "")) or _telemetry_mode(app.host_json) == "opentelemetry"


def _is_true(text: str) -> bool:
    return text.strip().lower() in _TRUE


def _wants_telemetry(environ: Mapping[str, str]) -> bool:
    """Return whether the environment names an exporter, the address of a collector, or a file."""
    if environ.get(_ENDPOINT) or environ.get(_CONFIG_FILE):
        return True
    if any(environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT") for signal in SIGNALS):
        return True
    exporters = [environ.get(f"OTEL_{signal.upper()}_EXPORTER", "").strip().lower() for signal in SIGNALS]
    return any(name not in ("", "none") for name in exporters)


@contextmanager
def defaults(environ: MutableMapping[str, str], name: str, others: Mapping[str, str] | None = None) -> Iterator[None]:
    """Set what the specification of OpenTelemetry has as defaults, and its SDK has not, while the SDK is configured.

    A signal whose collector's address is known is sent by OTLP; OTLP goes over HTTP, because its exporter is installed
    with this package; the service has the name of the function app, or of its folder.

    Args:
        environ: the environment, which the SDK reads.
        name: the name of the app's folder.
        others: further variables and their defaults.
    """
    values = {_PROTOCOL: "http/protobuf", **(others or {})}
    for signal in SIGNALS:
        if environ.get(_ENDPOINT) or environ.get(f"OTEL_EXPORTER_OTLP_{signal.upper()}_ENDPOINT"):
            values[f"OTEL_{signal.upper()}_EXPORTER"] = "otlp"
    if "service.name=" not in environ.get("OTEL_RESOURCE_ATTRIBUTES", ""):
        values["OTEL_SERVICE_NAME"] = environ.get("WEBSITE_SITE_NAME") or name
    missing = {name: value for name, value in values.items() if not environ.get(name)}
    environ.update(missing)
    try:
        yield
    finally:
        for one in missing:
            environ.pop(one, None)


def _configure_sdk(environ: Mapping[str, str]) -> None:
    from opentelemetry.distro import OpenTelemetryConfigurator

    make_configurator: Callable[[], Any] = OpenTelemetryConfigurator
    try:
        make_configurator().configure()
    except Exception as error:
        values = " ".join(f"{name}={value}" for name, value in sorted(environ.items()) if _is_named(name, value))
        raise ExtensionError(
            f"OpenTelemetry cannot be configured: {error} (found {values})",
            remedy="Correct these variables. An exporter other than OTLP over HTTP needs its package, such as "
            "hosting-otel[grpc].",
        ) from error


def _is_named(name: str, value: str) -> bool:
    """Return whether a variable belongs into a message: headers and values of unknown length may have secrets."""
    return name.startswith("OTEL_") and "HEADERS" not in name and len(value) < 100 and "@" not in value


def _configure_azure_monitor(environ: Mapping[str, str], logger: str, *, sends_logs: bool) -> None:
    """Do what Azure's worker does for this setting.

    Source: ``otel.py`` of azure-functions-runtime.
    """
    try:
        from azure.monitor.opentelemetry import configure_azure_monitor
    except ImportError as error:
        raise ExtensionError(
            f"{_AZURE} is set, and azure-monitor-opentelemetry is not installed",
            remedy="Install hosting-otel[azure-monitor], or remove the setting.",
        ) from error
    options: dict[str, Any] = {} if sends_logs else {"disable_logging": True}
    if logger:
        options["logger_name"] = logger
    try:
        with without_handler_of_distribution(logger):
            configure_azure_monitor(connection_string=environ.get(_CONNECTION), **options)
    except Exception as error:
        raise ExtensionError(
            f"Azure Monitor cannot be configured: {error}", remedy=f"Look at the value of {_CONNECTION}."
        ) from error
