"""The context of an invocation, as functions and hooks get it."""

from __future__ import annotations

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
