"""The ASGI application of a function host: a list of middleware around the functions.

It is plain ASGI, since every layer of a framework costs each request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from hosting.bindings.http.response import Headers
from hosting.host.function_host import FunctionHost
from hosting.server.admin.app import Admin
from hosting.server.body import BodyReader, read_body_limit
from hosting.server.cross_site import CrossSiteCheck
from hosting.server.disconnect import disconnect
from hosting.server.endpoint import FunctionEndpoint
from hosting.server.event_loop import choose_event_loop
from hosting.server.health import Health
from hosting.server.middleware.access import Access, AccessLog, report_refusal
from hosting.server.middleware.cors import Cors, CorsPolicy
from hosting.server.middleware.headers import AddedHeaders, HeadersOfExtensions, header_middleware
from hosting.server.middleware.limits import limit_middleware
from hosting.server.middleware.routing import OwnPaths, Routing
from hosting.server.processes import Processes
from hosting.server.timeouts import read_timeouts
from hosting.server.types import AsgiApp, Middleware, Receive, Scope, Send
from hosting.server.webhooks import Webhooks, read_authorization_levels

if TYPE_CHECKING:
    from hosting.server.admin.app import MakeMonitor
    from hosting.server.keys import KeySource


class HostApp:
    """Serves a function host: its functions, the home page, the endpoints below ``/admin``, and webhooks.

    The middleware is put together once, when the application is made.

    Args:
        host: the function host, loaded.
        grace: seconds that running invocations have to finish when the server shuts down.
        keys: the keys that callers need; None if they need none.
        cors: the origins that may read responses of functions; None for none.
        cross_site: refuses requests to the host's own paths that may come from a foreign web page; None to refuse none.
        shows_tracebacks: whether the response for a function that fails may have the traceback.
        access: called with each request that is answered; None for no access log.
        processes: all processes of the host; None if there is only this one.
        monitor: makes what shows the host, when it is first asked for; None if nothing does.

    Raises:
        SettingsError: a value of ``extensions`` in host.json, or a setting, cannot be used.
    """

    def __init__(
        self,
        host: FunctionHost,
        *,
        grace: float = 10.0,
        keys: KeySource | None = None,
        cors: CorsPolicy | None = None,
        cross_site: CrossSiteCheck | None = None,
        shows_tracebacks: bool = False,
        access: Callable[[Access], None] | None = None,
        processes: Processes | None = None,
        monitor: MakeMonitor | None = None,
    ) -> None:
        self.host = host
        self.processes = processes or Processes()
        """All processes of the host."""
        self.failure: BaseException | None = None
        """Why the host could not start, once a server has tried."""
        self.timeouts = read_timeouts(host.environ)
        """How long connections wait for their clients."""
        self.event_loop = choose_event_loop(host.environ)
        """Which event loop it runs on."""
        self._grace = grace
        self._access = access
        limit = read_body_limit(host.environ)
        app: AsgiApp = FunctionEndpoint(limit, shows_tracebacks=shows_tracebacks)
        admin = Admin(host, self.processes, keys, limit, monitor)
        self._headers = HeadersOfExtensions(host.response_headers, host.extensions.installed)
        for wrap in reversed(list(_middleware(self.processes, host, keys, cors, cross_site, admin, self._headers))):
            app = wrap(app)
        self._http = app if access is None else AccessLog(app, access)

    # Not a coroutine of its own, which would cost every request.
    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection of the ASGI protocol: ``http`` or ``lifespan``."""
        return self._http(scope, receive, send) if scope["type"] == "http" else self._lifespan(receive, send)

    def running(self) -> Sequence[str]:
        """Return the names of the functions that run, once for each invocation."""
        return [invocation.function for invocation in self.host.running.invocations.values()]

    async def leave(self) -> None:
        """Take no more work but requests: the server stops soon, and the host is not ready any more."""
        await self.host.leave()

    async def drain(self, grace: float) -> bool:
        """Take no new work and wait ``grace`` seconds for running invocations; return whether all of them finished."""
        return await self.host.drain(grace)

    def on_disconnect(self, scope: Scope) -> None:
        """Cancel the async invocation that this request waits for; a function that runs in a thread goes on."""
        disconnect(scope)

    def on_refusal(self, access: Access) -> Headers:
        """Report a request that the server has refused because of its form, and return the headers of extensions."""
        report_refusal(access, self._access)
        return self._headers.added_to_refusal(access)

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        try:
            await self.processes.start()
            await self.host.start()
        except asyncio.CancelledError:
            return  # the server gave up
        except Exception as error:  # noqa: BLE001 - the caller of the server reports it
            self.failure = error
            await self._end()
            await send({"type": "lifespan.startup.failed", "message": ""})
            return
        await send({"type": "lifespan.startup.complete"})
        await receive()
        await self._end()
        await send({"type": "lifespan.shutdown.complete"})

    async def _end(self) -> None:
        self.processes.close()
        await self.host.drain(self._grace)
        await self.host.stop()


def _middleware(
    processes: Processes,
    host: FunctionHost,
    keys: KeySource | None,
    cors: CorsPolicy | None,
    cross_site: CrossSiteCheck | None,
    admin: Admin,
    headers: HeadersOfExtensions,
) -> Iterator[Middleware]:
    """Yield the middleware around the functions, the outermost first."""
    http = host.section("extensions", "http")
    yield from header_middleware(http)
    if host.response_headers:
        yield partial(AddedHeaders, find=headers.find)
    levels = read_authorization_levels(host.section("extensions"))
    limit = read_body_limit(host.environ)
    webhooks = Webhooks(host.webhooks, levels, keys, limit)
    yield partial(OwnPaths, own=(Health(host, processes, keys), admin, webhooks), cross_site=cross_site)
    # Inside: no page of another origin may read the host's own paths.
    if cors is not None:
        yield partial(Cors, policy=cors)
    router, unavailable = host.router(), host.unavailable_router()
    yield partial(Routing, router=router, unavailable=unavailable, admin=admin)
    if keys is not None:
        from hosting.server.middleware.auth import RequireKey  # costs a start what few starts need

        # Outside the limits: a request without a key takes no place in the queue.
        yield partial(RequireKey, keys=keys, routes=(*unavailable.routes, *router.routes))
    yield from limit_middleware(http, BodyReader(limit))
