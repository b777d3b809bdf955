"""An extension that sends traces, metrics and logs of a function app with OpenTelemetry."""

from hosting_otel._version import __version__
from hosting_otel.extension import OpenTelemetryExtension
from hosting_otel.settings import Settings

__all__ = ["OpenTelemetryExtension", "Settings", "__version__"]
