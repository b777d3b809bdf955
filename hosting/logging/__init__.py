"""How log records are written: levels, fields, formats, the lines about invocations, and structlog."""

from hosting.logging.correlation import add_invocation, set_trace_parent

__all__ = ["add_invocation", "set_trace_parent"]
