"""Triggers and bindings: the interface for packages that provide them, and the built-in providers, which use it too."""

from hosting._log import host_logger
from hosting.bindings.provider import Input, Invoke, Output, Provider, Resolvable, Result, Trigger
from hosting.bindings.services import Services

__all__ = ["Input", "Invoke", "Output", "Provider", "Resolvable", "Result", "Services", "Trigger", "host_logger"]
