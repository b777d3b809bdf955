"""MCP servers from function apps: tool, resource and prompt triggers of the Model Context Protocol for hosting."""

__version__ = "0.1.0"
