"""The two functions that every contestant answers with, as a function app."""

from __future__ import annotations

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("async")
async def on_loop(req: func.HttpRequest) -> func.HttpResponse:
    """Greet from the event loop."""
    return func.HttpResponse(f"Hello, {req.params.get('name')}!")


@app.route("sync")
def in_thread(req: func.HttpRequest) -> func.HttpResponse:
    """Greet from a worker thread."""
    return func.HttpResponse(f"Hello, {req.params.get('name')}!")
