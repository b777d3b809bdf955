"""MCP servers from function apps: tool, resource and prompt triggers of the Model Context Protocol for hosting."""

from hosting_mcp.notifications import log_message, report_progress

__version__ = "0.1.0"

__all__ = ["__version__", "log_message", "report_progress"]
