"""The providers of the three triggers, which share one server."""

from __future__ import annotations

from collections.abc import Sequence

from hosting.bindings import Provider, Services, Trigger
from hosting.bindings.panels import Panel
from hosting.core import Binding, Function
from hosting_mcp.endpoint import Endpoint
from hosting_mcp.panel import ToolsPanel
from hosting_mcp.prompts import PromptTrigger
from hosting_mcp.resources import ResourceTrigger
from hosting_mcp.server import McpServer, logger
from hosting_mcp.sessions import SessionIds
from hosting_mcp.tools import ToolTrigger

WEBHOOK = "mcp"
"""The name of the webhook; its system key is ``mcp_extension``."""


class Server:
    """The server of an app with its endpoint.

    Args:
        services: the host's services.
    """

    def __init__(self, services: Services) -> None:
        self.mcp = McpServer(services)
        ids = SessionIds(services.environ, is_sealed=self.mcp.options.encrypts_state)
        self.endpoint = Endpoint(self.mcp, ids)
        services.webhooks[WEBHOOK] = self.endpoint.answer
        self._is_announced = False

    def announce(self) -> None:
        """Log the addresses of the server, once."""
        if not self._is_announced:
            self._is_announced = True
            logger.info("MCP server endpoint: /runtime/webhooks/%s", WEBHOOK)
            logger.info("MCP server legacy SSE endpoint: /runtime/webhooks/%s/sse", WEBHOOK)


class _McpProvider(Provider):
    def __init__(self, services: Services) -> None:
        super().__init__(services)
        self.server = services.shared(Server)

    async def start(self) -> None:
        """Log the addresses of the server."""
        self.server.announce()

    async def stop(self) -> None:
        """End all streams; running calls continue."""
        self.server.endpoint.stop()

    async def resume(self) -> None:
        """Take streams again, which clients open anew; requests are answered in any case."""
        self.server.endpoint.resume()


class ToolProvider(_McpProvider):
    """Provides ``mcpToolTrigger``."""

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Return the trigger of a tool. Raises AppLoadError if a property cannot be used."""
        return ToolTrigger(function, binding, self.server.mcp.registry.add_tool)

    def panels(self) -> Sequence[Panel]:
        """Return the panel of the page that shows the host, on which tools can be tried."""
        return [ToolsPanel(self.server.mcp.registry)]


class ResourceProvider(_McpProvider):
    """Provides ``mcpResourceTrigger``."""

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Return the trigger of a resource. Raises AppLoadError if a property cannot be used."""
        return ResourceTrigger(function, binding, self.server.mcp.registry.add_resource)


class PromptProvider(_McpProvider):
    """Provides ``mcpPromptTrigger``."""

    def trigger(self, function: Function, binding: Binding) -> Trigger:
        """Return the trigger of a prompt. Raises AppLoadError if a property cannot be used."""
        return PromptTrigger(function, binding, self.server.mcp.registry.add_prompt)
