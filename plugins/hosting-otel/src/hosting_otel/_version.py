"""The version of hosting-otel."""

__version__ = "0.1.0"
