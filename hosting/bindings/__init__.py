"""Triggers and bindings: the interface for packages that bring one, and the built-in providers that use it."""

from hosting.bindings.provider import Input, Invoke, Output, Provider, Resolvable, Result, Trigger
from hosting.bindings.services import Services

__all__ = ["Input", "Invoke", "Output", "Provider", "Resolvable", "Result", "Services", "Trigger"]
