"""Triggers and bindings: the interface for packages that bring one, and the built-in providers that use it."""

from hosting.bindings.provider import Invoke, Output, Provider, Result, Services, Trigger

__all__ = ["Invoke", "Output", "Provider", "Result", "Services", "Trigger"]
