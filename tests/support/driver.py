"""Run one app in one runtime, in a process of its own: ``python driver.py RUNTIME APP CALLS``.

The runtime ``standalone`` is the function host without a server. ``v2`` and ``v1`` are Azure's own worker libraries,
called through the entry points that their host calls, with stand-ins for protobuf messages. ``plain`` calls the
functions of an indexed app.

A call is a function's name and the body of a request; or a request, ``{"body": "", "headers": {}}``; or the data of
another trigger: the parameter's name, and the fields of the protobuf message. The last line of the output is a report,
in JSON.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

Call = tuple[str, Any]


class Message:
    """A stand-in for any protobuf message: its fields, and which of the alternatives they set."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def WhichOneof(self, group: str) -> str | None:  # noqa: N802 - protobuf's name
        return next(iter(self.__dict__), None) if group == "data" else "data"


class StatusResult(Message):
    Failure, Success, Cancelled = 0, 1, 2


class BindingInfo(Message):
    direction_in, out, inout, undefined = 0, 1, 2, 0


PROTOS = SimpleNamespace(
    StatusResult=StatusResult,
    BindingInfo=BindingInfo,
    **{
        name: type(name, (Message,), {})
        for name in (
            "FunctionLoadResponse",
            "FunctionMetadataResponse",
            "InvocationResponse",
            "ParameterBinding",
            "RpcException",
            "RpcFunctionMetadata",
            "RpcHttp",
            "RpcRetryOptions",
            "TypedData",
            "WorkerInitResponse",
            "WorkerMetadata",
        )
    },
)


class Worker:
    """Azure's worker library, called as its host calls it."""

    def __init__(self, library: str, root: Path) -> None:
        self._library = importlib.import_module(f"{library}.handle_event")
        self._root = root
        self._ids: dict[str, str] = {}
        self._streams: str | None = None
        self.stack_traces: list[str] = []

    async def start(self, names: list[str]) -> None:
        init = SimpleNamespace(capabilities={}, function_app_directory=str(self._root))
        response = await self._ask("worker_init_request", worker_init_request=init)
        assert response.result.status == StatusResult.Success, response.result.exception.message
        self._streams = response.capabilities.get("HttpUri")
        response = await self._ask("functions_metadata_request")
        for metadata in response.function_metadata_results or [self._metadata(name) for name in names]:
            self._ids[metadata.name] = metadata.function_id
            load = SimpleNamespace(function_id=metadata.function_id, metadata=metadata)
            response = await self._ask("function_load_request", function_load_request=load)
            assert response.result.status == StatusResult.Success, response.result.exception.message

    async def call(self, name: str, body: Any) -> str:
        """Invoke a function; return the text of its answer, or of its exception."""
        if self._streams is None:
            return await self._invoke(name, body)
        streamed, answer = await asyncio.gather(self._stream(f"{name}-{body}", body), self._invoke(name, body))
        return streamed if answer == "None" else answer

    async def _stream(self, invocation: str, body: str) -> str:
        """Send the request itself, as Azure's host does with HTTP streams; return the body of the answer."""
        host, port = str(self._streams).removeprefix("http://").split(":")
        reader, writer = await _connect(host, int(port))
        head = f"POST / HTTP/1.0\r\nx-ms-invocation-id: {invocation}\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write((head + body).encode())
        answer = await reader.read()
        writer.close()
        return answer.partition(b"\r\n\r\n")[2].decode()

    async def _invoke(self, name: str, body: Any) -> str:
        invocation = SimpleNamespace(
            invocation_id=f"{name}-{body}" if isinstance(body, str) else name,
            function_id=self._ids[name],
            input_data=[_input(body)],
            trigger_metadata={},
            trace_context=SimpleNamespace(trace_parent="", trace_state="", attributes={}),
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        response = await self._ask("invocation_request", invocation_request=invocation)
        if response.result.status != StatusResult.Success:
            self.stack_traces.append(str(response.result.exception.stack_trace))
            return "raised " + str(response.result.exception.message)
        value = response.return_value or (response.output_data[0].data if response.output_data else None)
        if value is None:
            return "None"
        text = getattr(value, "string", None) or getattr(value, "json", None)
        return str(text or value.http.body.bytes.decode())

    async def _ask(self, entry: str, **request: Any) -> Any:
        message = SimpleNamespace(
            request=SimpleNamespace(**request), properties={"host": "127.0.0.1", "protos": PROTOS}
        )
        return await getattr(self._library, entry)(message)

    def _metadata(self, name: str) -> Any:
        content = json.loads((self._root / name / "function.json").read_text())
        bindings = {
            one["name"]: BindingInfo(type=one["type"], direction=int(one["direction"] == "out"), data_type=0)
            for one in content["bindings"]
        }
        script = os.path.normpath(self._root / name / content.get("scriptFile", "__init__.py"))
        return SimpleNamespace(
            name=name,
            function_id=name,
            directory=str(self._root / name),
            script_file=script,
            entry_point=content.get("entryPoint", "main"),
            bindings=bindings,
        )


async def _connect(host: str, port: int) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the worker's web server, which may still be starting."""
    while True:
        try:
            return await asyncio.open_connection(host, port)
        except ConnectionRefusedError:
            await asyncio.sleep(0.02)


def _input(body: Any) -> Message:
    if isinstance(body, str):
        return _http(body)
    return _http(**body) if "headers" in body else _other(**body)


def _http(body: str, headers: dict[str, str] | None = None) -> Message:
    content = Message(bytes=body.encode())
    http = Message(method="POST", url="http://x", headers=headers or {}, params={}, query={}, body=content)
    return Message(name="req", data=Message(http=http))


def _other(parameter: str, data: dict[str, Any]) -> Message:
    fields = {
        kind: Message(**{**value, "content": value["content"].encode()}) if isinstance(value, dict) else value
        for kind, value in data.items()
    }
    return Message(name=parameter, data=Message(**fields))


class Standalone:
    """The function host."""

    def __init__(self, root: Path) -> None:
        from hosting.host.function_host import FunctionHost

        self.host = FunctionHost(root)

    async def start(self, names: list[str]) -> None:
        self.host.load()
        await self.host.start()

    async def call(self, name: str, body: str) -> str:
        from hosting.bindings.http.request import HttpCall

        call = HttpCall("POST", "http://x", {}, "", {}, body.encode())
        result = await self.host.invoke(name, call)
        if result.exception is not None:
            return f"raised {type(result.exception).__name__}: {result.exception}"
        return str(result.reply.body.decode())

    @property
    def info(self) -> Any:
        return self.host.extensions._info


class Plain:
    """The functions of an indexed app, called as a unit test calls them."""

    def __init__(self, root: Path) -> None:
        sys.path.insert(0, str(root))
        self._functions: dict[str, Any] = {}
        self.stack_traces: list[str] = []

    async def start(self, names: list[str]) -> None:
        app = importlib.import_module("function_app").app
        self._functions = {one.get_function_name(): one.get_user_function() for one in app.get_functions()}

    async def call(self, name: str, body: str) -> str:
        import azure.functions as func

        request = func.HttpRequest("POST", "http://x", body=body.encode())
        arguments: dict[str, Any] = {"req": request}
        parameters = inspect.signature(self._functions[name]).parameters
        out = SimpleNamespace(value=None)
        if "res" in parameters:
            out.set = lambda value: setattr(out, "value", value)
            arguments["res"] = out
        if "context" in parameters:
            arguments["context"] = SimpleNamespace(invocation_id=f"{name}-{body}", function_name=name)
        try:
            value = self._functions[name](**arguments)
            value = await value if inspect.isawaitable(value) else value
        except Exception as error:
            self.stack_traces.append(traceback.format_exc())
            return f"raised {type(error).__name__}: {error}"
        value = out.value if value is None else value
        return str(value if isinstance(value, str) else value.get_body().decode())


async def drive(runtime: str, root: Path, calls: list[Call]) -> dict[str, Any]:
    """Start the app and call its functions; return the answers, the trace of the tracing extension, and ``_info``."""
    names = sorted({name for name, _ in calls}, key=str.lower)
    runtimes: dict[str, Callable[[Path], Any]] = {
        "standalone": Standalone,
        "plain": Plain,
        "v2": lambda folder: Worker("azure_functions_runtime", folder),
        "v1": lambda folder: Worker("azure_functions_runtime_v1", folder),
    }
    target = runtimes[runtime](root)
    await target.start(names)
    answers = [await target.call(name, body) for name, body in calls]
    if "opentelemetry.sdk.trace" in sys.modules:  # Azure's host lets a worker live until it has sent its spans
        sys.modules["opentelemetry.trace"].get_tracer_provider().force_flush()
    from hosting.authoring import pending

    shared = getattr(pending.shared, "host", None)
    info = target.info if runtime == "standalone" else shared and shared._info
    tracing = sys.modules.get("tracing_extension")
    stacks = getattr(target, "stack_traces", [])
    return {"answers": answers, "trace": tracing.trace if tracing else None, "info": info, "stacks": stacks}


async def _print_report(runtime: str, root: Path, calls: list[Call]) -> None:
    print("\n" + json.dumps(await drive(runtime, root, calls)), flush=True)
    os._exit(0)  # a worker and the web server of its HTTP streams run until they are killed


def main() -> None:
    """Run the calls, and print the report as the last line."""
    runtime, root, calls = sys.argv[1], Path(sys.argv[2]), json.loads(sys.argv[3])
    os.environ["AzureWebJobsScriptRoot"] = str(root)  # noqa: SIM112 - as Azure spells it
    if runtime in ("v1", "v2"):
        sys.path.append(str(root))
    asyncio.run(_print_report(runtime, root, calls))


if __name__ == "__main__":
    main()
