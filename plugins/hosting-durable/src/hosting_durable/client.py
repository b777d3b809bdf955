"""The client that starters get: the JSON from which the SDK makes it, and the listener that it calls.

The SDK's client concatenates paths to ``rpcBaseUrl`` and sends no key. So the listener is on the loopback interface,
and its path has a secret: other programs of the machine do not know it.
"""

from __future__ import annotations

import contextlib
import json
import secrets
import sys
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from hosting.bindings import Input, Services
from hosting.bindings.http.request import HttpCall
from hosting.bindings.http.response import HttpReply
from hosting.core import Binding, Function, Problem
from hosting_durable.http import ApiReply, ApiRequest, DurableApi, Links
from hosting_durable.http.requests import parse_query, split_path
from hosting_durable.hub import TaskHub

if TYPE_CHECKING:
    from aiohttp import web

WEBHOOK = "durabletask"
SYSTEM_KEY = "durabletask_extension"
_PREFIX = f"/runtime/webhooks/{WEBHOOK}"
_LOOPBACK = "127.0.0.1"
_NOT_ENCODED = "!#$%&'()*+,/:;=?@[] ~"
_MAX_BODY_BYTES = 100 * 1024 * 1024
_PLACEHOLDER = "INSTANCEID"
"""The text that the SDK replaces by the ID of an instance."""
_SESSIONS = "azure.durable_functions.models.utils.http_utils"
"""The module of the SDK that keeps one session of its HTTP client for the process."""


class ClientBindings:
    """The clients of one host: their inputs, the webhook for others, and the listener for the SDK.

    Args:
        services: the host's services.
        hub: the app's task hub.
    """

    def __init__(self, services: Services, hub: TaskHub) -> None:
        self._services = services
        self._hub = hub
        self._api = DurableApi(hub)
        self._listener = _Listener(self._api, self.links)
        self._is_used = False
        services.webhooks.add(WEBHOOK, self._answer, system_key=SYSTEM_KEY, is_guarded=True)

    def input(self, function: Function, binding: Binding) -> Input:
        """Return the client of a starter."""
        self.check_hub(function, binding)
        self._is_used = True
        return ClientInput(self)

    def check_hub(self, function: Function, binding: Binding) -> None:
        """Warn about a starter that names another task hub."""
        hub = str(binding.properties.get("taskHub") or "")
        if hub and hub.lower() != self._hub.name.lower():
            self._services.problems.append(
                Problem(
                    "warning",
                    f"Function '{function.name}': binding '{binding.name}' names the task hub '{hub}'; it gets "
                    f"'{self._hub.name}', the only one of this app.",
                    "Remove taskHub from the binding, or set extensions.durableTask.hubName in host.json to it.",
                    function=function.name,
                )
            )

    def links(self, call: object = None) -> Links:
        """Return what makes addresses, for who sent a request, or else for anybody.

        Args:
            call: the request of the function's trigger; something else if it is not an HTTP request.
        """
        origin = self._origin_of(call) if isinstance(call, HttpCall) else self._public_origin()
        return Links(origin, self._hub.name, self._services.webhooks.key(WEBHOOK))

    def document(self, data: object, rpc_address: str = "", **values: Any) -> str:
        """Return the JSON from which the SDK makes its client.

        Args:
            data: what triggered the function.
            rpc_address: the address that the SDK calls; empty for that of the HTTP listener.
            values: further values.
        """
        links = self.links(data)
        creation = links.creation()
        return json.dumps(
            {
                "taskHubName": self._hub.name,
                "connectionName": None,
                "creationUrls": creation,
                "managementUrls": links.management(_PLACEHOLDER),
                "baseUrl": creation["createNewInstancePostUri"].partition("/orchestrators/")[0],
                "requiredQueryStringParameters": links.code,
                "rpcBaseUrl": rpc_address or self._listener.base_url,
                "httpBaseUrl": creation["createNewInstancePostUri"].partition("/orchestrators/")[0],
                **values,
            }
        )

    async def start(self) -> None:
        """Listen, if a function has a client."""
        if self._is_used:
            await self._listener.start()

    async def close(self) -> None:
        """Stop listening, and close the connections of the SDK's client, which belong to this event loop."""
        url = self._listener.base_url
        await self._listener.close()
        module = sys.modules.get(_SESSIONS)
        if url and module is not None:
            # The SDK closes its session when a request finds that the host is gone, and has no other way to close it.
            with contextlib.suppress(Exception):
                await module.get_async_request(url)

    async def _answer(self, call: HttpCall) -> HttpReply:
        url = f"{self._origin_of(call)}/{_split(call.url)[2]}"
        query = parse_query(call.query)
        request = ApiRequest(call.method, _segments(call), query, call.headers, call.body, url, self.links(call))
        reply = await self._api.answer(request)
        headers = [(name.encode(), quote(value, safe=_NOT_ENCODED).encode()) for name, value in reply.headers.items()]
        return HttpReply(reply.status, headers, reply.body)

    def _origin_of(self, call: HttpCall) -> str:
        """Return scheme, host and port by which a caller reached the host; behind a proxy, if host.json trusts it."""
        scheme, host, _ = _split(call.url)
        if self._trusts_proxy():
            host = _first(call.headers.get("x-forwarded-host", "")) or host
            scheme = _first(call.headers.get("x-forwarded-proto", "")) or scheme
        return f"{scheme}://{host}"

    def _trusts_proxy(self) -> bool:
        http = self._services.section("extensions", "durableTask", "httpSettings")
        return {str(key).lower(): value for key, value in http.items()}.get("useforwardedhost") is True

    def _public_origin(self) -> str:
        """Return the address of the app, as Azure and ``hosting start`` put it into ``WEBSITE_HOSTNAME``."""
        host = self._services.settings.get("WEBSITE_HOSTNAME") or "localhost:7071"
        is_local = ":" in host or host == "localhost"
        return f"{'http' if is_local else 'https'}://{host}"


class ClientInput(Input):
    """An input with the JSON from which the SDK makes its client.

    Args:
        clients: the clients of the host.
    """

    def __init__(self, clients: ClientBindings) -> None:
        self._clients = clients

    async def read(self, data: Any, properties: Mapping[str, Any]) -> str:
        """Return the JSON, with addresses that the caller of an HTTP function can reach."""
        return self._clients.document(data)


class _Listener:
    """The HTTP server that the SDK's client calls: on this machine only, below a path that is a secret."""

    def __init__(self, api: DurableApi, links: Callable[[], Links]) -> None:
        self._api = api
        self._links = links
        self._secret = secrets.token_urlsafe(24)
        self._runner: web.AppRunner | None = None
        self.base_url = ""
        """The beginning of all addresses, with a slash at its end; empty while it does not listen."""

    async def start(self) -> None:
        """Listen on a free port."""
        from aiohttp import web  # the SDK needs it, too; an app without clients does not

        app = web.Application(client_max_size=_MAX_BODY_BYTES)
        app.router.add_route("*", "/{path:.*}", self._answer)
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
        await self._runner.setup()
        await web.TCPSite(self._runner, _LOOPBACK, 0).start()
        port = self._runner.addresses[0][1]
        self.base_url = f"http://{_LOOPBACK}:{port}/{self._secret}/durabletask/"

    async def close(self) -> None:
        """Close the port and all connections."""
        if self._runner is not None:
            await self._runner.cleanup()

    async def _answer(self, request: web.Request) -> web.Response:
        from aiohttp import web

        segments = split_path(request.rel_url.raw_path)
        secret = segments[0] if segments else ""
        if not secrets.compare_digest(secret.encode(), self._secret.encode()):
            return web.Response(status=404)
        reply = await self._api.answer(
            ApiRequest(
                request.method,
                segments[2:],
                parse_query(request.rel_url.raw_query_string),
                {name.lower(): value for name, value in request.headers.items()},
                await request.read(),
                str(request.url),
                self._links(),
            )
        )
        return _response(reply)


def _response(reply: ApiReply) -> web.Response:
    from aiohttp import web

    return web.Response(status=reply.status, body=reply.body, headers=dict(reply.headers))


def _first(value: str) -> str:
    """Return the first of several values of a header: that of the proxy that the client called."""
    return value.partition(",")[0].strip()


def _split(url: str) -> tuple[str, str, str]:
    """Return scheme, host with port, and the rest behind the slash, whatever a client sent as its host."""
    scheme, _, rest = url.partition("://")
    host, _, path = rest.partition("/")
    return scheme, host, path


def _segments(call: HttpCall) -> list[str]:
    """Return the segments of a webhook's path, of which an encoded slash is a part."""
    path = call.path
    return split_path(path[len(_PREFIX) :] if path.lower().startswith(_PREFIX) else call.route_values["rest"])
