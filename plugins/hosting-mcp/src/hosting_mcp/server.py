"""The methods of the server, whichever transport a request comes by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeAlias

from azure.functions import HttpResponse

from hosting.bindings import Invoke, Result, Services, host_logger
from hosting.bindings.http.request import trace_context
from hosting_mcp.calls import Call, Client
from hosting_mcp.completion import complete
from hosting_mcp.jsonrpc import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    METHOD_NOT_FOUND,
    Request,
    RpcError,
    error_message,
    result_message,
)
from hosting_mcp.notifications import LEVELS
from hosting_mcp.options import read_options
from hosting_mcp.registry import Registry
from hosting_mcp.results import prompt_result, resource_result, tool_result

VERSIONS = ("2024-11-05", "2025-03-26", "2025-06-18")
"""The versions of the protocol, the newest last: those of Azure's extension 1.6."""

_REFUSALS = (401, 403)
"""The statuses with which a guard asks for another token."""

_Method: TypeAlias = Callable[[Mapping[str, Any], Client], Awaitable[dict[str, Any]]]

logger = host_logger("mcp")


class CallRefused(Exception):
    """A guard has refused a call, and its response is that to the HTTP request.

    Args:
        response: the guard's response.
    """

    def __init__(self, response: HttpResponse) -> None:
        super().__init__(response.status_code)
        self.response = response


class McpServer:
    """Answers requests; all triggers of an app share it.

    Args:
        services: the host's services.

    Raises:
        SettingsError: ``extensions.mcp`` of host.json cannot be used.
    """

    def __init__(self, services: Services) -> None:
        self.options = read_options(services)
        self.registry = Registry(self.options.beyond.page_size)
        self._methods: dict[str, _Method] = {
            "initialize": self._initialize,
            "ping": self._nothing,
            "logging/setLevel": self._set_level,
            "tools/list": self._list_tools,
            "tools/call": self._call_tool,
            "resources/list": self._list_resources,
            "resources/templates/list": self._list_templates,
            "resources/read": self._read_resource,
            "prompts/list": self._list_prompts,
            "prompts/get": self._get_prompt,
        }
        if self.options.beyond.completion:
            self._methods["completion/complete"] = self._complete
        self._running: dict[tuple[str, str | int], asyncio.Task[Any]] = {}
        self._cancelled: set[asyncio.Task[Any]] = set()

    async def respond(self, request: Request, client: Client) -> dict[str, Any] | None:
        """Return the response to a request; None if the client has cancelled it.

        Args:
            request: the request.
            client: who sends it.

        Raises:
            asyncio.CancelledError: the calling task was cancelled otherwise.
            CallRefused: a guard has refused the call, and the client is to get its response.
        """
        key, task = (client.session_id, request.id), asyncio.current_task()
        assert task is not None
        self._running.setdefault(key, task)
        try:
            return await self._respond(request, client)
        except asyncio.CancelledError:
            if task not in self._cancelled:
                raise
            task.uncancel()
            return None
        finally:
            self._cancelled.discard(task)
            if self._running.get(key) is task:
                del self._running[key]

    def cancel(self, session_id: str, params: Mapping[str, Any]) -> None:
        """Cancel a running request, as ``notifications/cancelled`` of its own session asks."""
        request_id = params.get("requestId")
        if isinstance(request_id, str | int):
            task = self._running.get((session_id, request_id))
            if task is not None and task not in self._cancelled:
                self._cancelled.add(task)
                task.cancel("the client has cancelled the request")

    async def _respond(self, request: Request, client: Client) -> dict[str, Any]:
        method = self._methods.get(request.method)
        if method is None:
            return error_message(request.id, METHOD_NOT_FOUND, f"Method '{request.method[:100]}' is not available.")
        try:
            return result_message(request.id, await method(request.params, client))
        except RpcError as error:
            return error_message(request.id, error.code, error.message)
        except CallRefused:
            raise
        except Exception:
            logger.exception("The MCP server failed to answer %s.", request.method[:100])
            return error_message(request.id, INTERNAL_ERROR, "An error occurred.")

    # Methods

    async def _nothing(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        return {}

    async def _initialize(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        asked, info = params.get("protocolVersion"), params.get("clientInfo")
        if not isinstance(asked, str):
            raise RpcError(INVALID_PARAMS, "params.protocolVersion is not a text")
        if not isinstance(info, dict):
            raise RpcError(INVALID_PARAMS, "params.clientInfo is not an object")
        client.info = info
        options = self.options
        instructions = {} if options.instructions is None else {"instructions": options.instructions}
        return {
            "protocolVersion": asked if asked in VERSIONS else VERSIONS[-1],
            "capabilities": self._capabilities(),
            "serverInfo": {"name": options.server_name, "version": options.server_version},
            **instructions,
        }

    def _capabilities(self) -> dict[str, Any]:
        changes = {"listChanged": True} if self.options.beyond.streams else {}
        completions: dict[str, Any] = {"completions": {}} if self.options.beyond.completion else {}
        return {**completions, "logging": {}, "prompts": changes, "resources": changes, "tools": changes}

    async def _set_level(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        if params.get("level") not in LEVELS:
            raise RpcError(INVALID_PARAMS, f"params.level is not one of {', '.join(LEVELS)}")
        return {}

    async def _list_tools(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        return self.registry.page("tools", [*self.registry.tools.values()], params.get("cursor"))

    async def _list_resources(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        return self.registry.page("resources", [*self.registry.resources.values()], params.get("cursor"))

    async def _list_templates(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        return self.registry.page("resourceTemplates", [*self.registry.templates.values()], params.get("cursor"))

    async def _list_prompts(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        return self.registry.page("prompts", [*self.registry.prompts.values()], params.get("cursor"))

    async def _call_tool(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        tool, arguments = self.registry.tool(params.get("name")), _arguments(params)
        tool.check_arguments(arguments)
        name = params["name"]
        result = await _run(tool.run, Call({"name": name, "arguments": arguments}, client))
        if result.exception is None:
            try:
                return tool_result(result.reply, is_envelope=tool.is_envelope)
            except ValueError as error:
                logger.error("The result of tool '%s' cannot be sent: %s.", tool.name, error)
        return {"content": [{"type": "text", "text": f"An error occurred invoking '{name}'."}], "isError": True}

    async def _read_resource(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        uri = params.get("uri")
        resource, values = self.registry.resource(uri)
        result = await _run(resource.run, Call({"uri": uri}, client, values))
        if result.exception is not None:
            raise RpcError(INTERNAL_ERROR, "An error occurred.")
        return resource_result(result.reply, str(uri), resource.mime_type)

    async def _get_prompt(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        prompt, arguments = self.registry.prompt(params.get("name")), _arguments(params)
        prompt.check_arguments(arguments)
        result = await _run(prompt.run, Call({"name": params["name"], "arguments": arguments}, client))
        if result.exception is not None:
            raise RpcError(INTERNAL_ERROR, "An error occurred.")
        return prompt_result(result.reply, prompt.description, is_envelope=prompt.is_envelope)

    async def _complete(self, params: Mapping[str, Any], client: Client) -> dict[str, Any]:
        return complete(self.registry, params)


def _arguments(params: Mapping[str, Any]) -> Mapping[str, Any]:
    arguments = params.get("arguments")
    if arguments is None:
        return {}
    if not isinstance(arguments, dict):
        raise RpcError(INVALID_PARAMS, "params.arguments is not an object")
    return arguments


async def _run(invoke: Invoke | None, call: Call) -> Result:
    assert invoke is not None  # only functions that can run are in the registry
    result = await invoke(call, *trace_context(call.client.headers))
    if call.client.may_refuse and isinstance(result.reply, HttpResponse) and result.reply.status_code in _REFUSALS:
        raise CallRefused(result.reply)
    return result
