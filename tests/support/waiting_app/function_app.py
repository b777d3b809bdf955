"""An app whose functions wait until ``/api/release`` is requested; see ``tests.support.waiting``."""

import asyncio
import contextlib
import logging
import threading

import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
released = threading.Event()


@app.route("wait")
async def wait(req: func.HttpRequest) -> str:
    """Wait on the event loop."""
    logging.info("wait begins")
    while not released.is_set():  # noqa: ASYNC110 - the event may be set by a thread
        await asyncio.sleep(0.01)
    return "waited"


@app.route("block")
def block(req: func.HttpRequest) -> str:
    """Wait in a thread."""
    logging.info("block begins")
    released.wait()
    logging.info("block goes on")
    return "blocked"


@app.route("stubborn")
async def stubborn(req: func.HttpRequest) -> str:
    """Wait until the invocation is cancelled, and return a result all the same."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(600)
    return "all the same"


@app.route("release")
def release(req: func.HttpRequest) -> str:
    """Release all functions that wait."""
    released.set()
    return "released"


@app.route("quick")
async def quick(req: func.HttpRequest) -> str:
    """Return at once."""
    return "quick"
