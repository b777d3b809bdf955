"""The context of an invocation, as functions and hooks get it."""

from __future__ import annotations

import pytest

from hosting.testing import HostFactory, http_request

TRACE_PARENT = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-01"


def test_context_is_azures(hosting_host: HostFactory) -> None:
    """Names, ids, trace and retry context, thread-local storage, and room for attributes."""
    code = """
import os
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("f")
def f(req: func.HttpRequest, context: func.Context) -> str:
    context.anything = 1
    trace, retry = context.trace_context, context.retry_context
    return "|".join([
        context.function_name, os.path.basename(context.function_directory), trace.trace_parent, trace.Tracestate,
        str(trace.Attributes), str(retry.retry_count), retry.exception.message, retry.rpc_exception.source,
        str(isinstance(context, func.Context)),
        str(context.thread_local_storage.invocation_id == context.invocation_id),
    ])
"""
    host = hosting_host({"function_app.py": code})
    trace = {"traceparent": TRACE_PARENT, "tracestate": "k=v"}
    expected = ["f", host.root.name, TRACE_PARENT, "k=v", "{}", "0", "", "", "True", "True"]
    assert host.get("/api/f", headers=trace).text.split("|") == expected
    invoked = host.invoke("f", http_request(), trace_parent=TRACE_PARENT, trace_state="k=v")
    assert invoked.result.split("|") == expected


SPOILING = """
import hosting

class Spoiling:
    @hosting.hookimpl
    def pre_invocation_app_level(self, context):
        CHANGE
"""
SPOILED = """
import logging
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("fine")
async def fine(req: func.HttpRequest) -> str:
    logging.warning("from the function")
    return "fine"

@app.function_name("flaky")
@app.queue_trigger("message", "flaky", "Storage")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def flaky(message: func.QueueMessage, context: func.Context) -> None:
    if context.retry_context.retry_count < 2:
        raise ValueError("not yet")
"""


@pytest.mark.parametrize(
    "change",
    [
        "del context.invocation_id, context.function_name, context.trace_parent",
        "context.invocation_id = context.function_name = context.trace_parent = None",
        "context.invocation_id = ['no', 'text']",
        "retry = context.retry_context; context.__dict__.clear(); context.retry_context = retry",
    ],
)
def test_context_that_an_extension_spoils_changes_nothing_for_the_host(hosting_host: HostFactory, change: str) -> None:
    """Log lines, results and retries go by what the host knows itself."""
    packages = ".python_packages/lib/site-packages"
    files = {
        "function_app.py": SPOILED,
        f"{packages}/spoiling.py": SPOILING.replace("CHANGE", change),
        f"{packages}/spoiling-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: spoiling\nVersion: 1.0\n",
        f"{packages}/spoiling-1.0.dist-info/entry_points.txt": "[hosting]\nspoiling = spoiling:Spoiling\n",
    }
    host = hosting_host(files, settings={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    assert "spoiling" in host.info["AppExtension"]
    reply = host.get("/api/fine")
    assert (reply.status, reply.text) == (200, "fine")
    assert reply.invocation is not None
    assert f"(Succeeded, Id={reply.invocation.id}, " in reply.invocation.messages[-1]
    retried = host.invoke("flaky", "x", raises=False)
    assert (retried.exception, retried.attempts) == (None, 3)
