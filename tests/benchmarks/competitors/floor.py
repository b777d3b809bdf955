"""The floor: hand-written ASGI with only what these two functions need.

The SDK's own request and response objects, the sync function in a thread pool; no routing, no context, no log, no hook,
no error handling.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import parse_qsl

import azure.functions as func
from azure.functions.http import HttpRequest

pool = ThreadPoolExecutor()


async def on_loop(req: func.HttpRequest) -> func.HttpResponse:
    """Greet from the event loop."""
    return func.HttpResponse(f"Hello, {req.params.get('name')}!")


def in_thread(req: func.HttpRequest) -> func.HttpResponse:
    """Greet from a worker thread."""
    return func.HttpResponse(f"Hello, {req.params.get('name')}!")


async def app(
    scope: dict[str, Any],
    receive: Callable[[], Awaitable[dict[str, Any]]],
    send: Callable[[dict[str, Any]], Awaitable[None]],
) -> None:
    """Answer one request."""
    message = await receive()
    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
    query = scope["query_string"].decode("latin-1")
    request = HttpRequest(
        method=scope["method"],
        url=f"{scope['scheme']}://{headers['host']}{scope['path']}?{query}",
        headers=headers,
        params=dict(parse_qsl(query)),
        route_params={},
        body_type="bytes",
        body=message["body"],
    )
    if scope["path"] == "/api/async":
        response = await on_loop(request)
    else:
        response = await asyncio.get_running_loop().run_in_executor(pool, in_thread, request)
    body = response.get_body()
    answer = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    answer.append((b"content-type", f"{response.mimetype}; charset={response.charset}".encode("latin-1")))
    answer.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": answer})
    await send({"type": "http.response.body", "body": body})
