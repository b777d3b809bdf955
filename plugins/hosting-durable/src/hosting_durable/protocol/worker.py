"""The worker of a backend of the Durable Task protocol: takes its work items, and runs the app's functions for them."""

from __future__ import annotations

import asyncio
import base64
import traceback
from collections.abc import Coroutine
from typing import Any

from hosting.bindings import Invoke, Result, host_logger
from hosting_durable.engine.functions import ActivityData, Functions, TurnData
from hosting_durable.errors import DurableError, StoreError
from hosting_durable.model import EntityId
from hosting_durable.protocol.backend import Backend
from hosting_durable.protocol.dialect import decoded
from hosting_durable.protocol.history import optional, put, write_failure
from hosting_durable.settings import DurableSettings
from hosting_durable.status import STATUSES, Status

_RETRY_SECONDS = 2.0
_AGAIN_SECONDS = 0.1

_logger = host_logger("durable")


class ProtocolWorker:
    """Runs the functions of the SDK 2.x of one process for a backend, which is the engine.

    Args:
        backend: the backend; open while it runs.
        functions: the app's functions.
        settings: how much runs at once.
    """

    def __init__(self, backend: Backend, functions: Functions, settings: DurableSettings) -> None:
        self._backend, self._functions, self._settings = backend, functions, settings
        self._messages = backend.messages
        self._tasks: set[asyncio.Task[None]] = set()
        self._reader: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether nothing runs at the moment."""
        return not self._tasks

    def start(self) -> None:
        """Begin to take work; call it on the event loop."""
        self._reader = asyncio.create_task(self._read())

    def stop(self) -> None:
        """Take nothing more, until ``resume``; what runs goes on."""
        if self._reader is not None:
            self._reader.cancel()

    def resume(self) -> None:
        """Take work again after ``stop``; call it on the event loop."""
        self.start()

    async def close(self) -> None:
        """Cancel what still runs, and let other workers have it at once."""
        self.stop()
        ending = [*self._tasks, *([] if self._reader is None else [self._reader])]
        for task in ending:
            task.cancel()
        await asyncio.gather(*ending, return_exceptions=True)

    async def _read(self) -> None:
        """Read work items until ``stop``, and connect again when the backend was away."""
        import grpc

        request = self._messages.GetWorkItemsRequest(
            maxConcurrentOrchestrationWorkItems=self._settings.max_orchestrators,
            maxConcurrentActivityWorkItems=self._settings.max_activities,
            maxConcurrentEntityWorkItems=self._settings.max_entities,
        )
        while True:
            pause = _AGAIN_SECONDS
            try:
                async for item in self._backend.method("GetWorkItems")(request, metadata=self._backend.metadata):
                    self._run(item)
            except grpc.RpcError as error:
                pause = _RETRY_SECONDS
                text = self._backend.error("GetWorkItems", error)
                _logger.error("%s Trying again in %g s.", text.message, pause)
            await asyncio.sleep(pause)

    def _run(self, item: Any) -> None:
        token = item.completionToken
        match item.WhichOneof("request"):
            case "orchestratorRequest":
                self._spawn(self._orchestrate(item.orchestratorRequest, token), "Orchestrator", token)
            case "activityRequest":
                self._spawn(self._act(item.activityRequest, token), "Activity", token)
            case "entityRequest":
                self._spawn(self._operate(item.entityRequest, [], token), "Entity", token)
            case "entityRequestV2":
                self._spawn(self._operate(*self._batch(item.entityRequestV2), token), "Entity", token)

    def _spawn(self, work: Coroutine[Any, Any, None], kind: str, token: str) -> None:
        async def run() -> None:
            try:
                await work
            except asyncio.CancelledError:
                await self._abandon(kind, token)
                raise
            except StoreError as error:
                _logger.error("The result of a work item is lost; the backend gives it out again. %s", error)
            except Exception:
                _logger.exception("A work item failed; the backend gives it out again.")
                await self._abandon(kind, token)

        task = asyncio.create_task(run())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _abandon(self, kind: str, token: str) -> None:
        try:
            await self._backend.call(f"AbandonTask{kind}WorkItem", _RETRY_SECONDS, completionToken=token)
        except DurableError as error:
            _logger.warning("A work item waits until the backend gives it out again. %s", error.message)

    # Orchestrations

    async def _orchestrate(self, request: Any, token: str) -> None:
        events = [one.executionStarted for one in (*request.pastEvents, *request.newEvents) if _starts(one)]
        name = events[-1].name if events else ""
        invoke = self._functions.orchestrators.get(name)
        trace = _trace(events[-1].parentTraceContext if events else None)
        data = TurnData(_encoded(request), request.instanceId, bool(request.pastEvents))
        response = await self._response(name, invoke, data, trace)
        response.instanceId, response.completionToken = request.instanceId, token
        await self._backend.send("CompleteOrchestratorTask", response)

    async def _response(self, name: str, invoke: Invoke | None, data: TurnData, trace: tuple[str, str]) -> Any:
        if invoke is None:
            return self._failed("OrchestratorNotFound", self._functions.orchestrators.unknown(name))
        result = await invoke(data, *trace, reason=f"Orchestration '{data.instance_id}' has new events.")
        if result.exception is not None:
            return self._failed(type(result.exception).__name__, str(result.exception))
        try:
            return decoded(self._messages.OrchestratorResponse, result.reply)
        except ValueError as error:
            return self._failed("ValueError", f"the function has returned no response of the protocol: {error}")

    def _failed(self, kind: str, text: str) -> Any:
        """Return the response of an orchestration that fails."""
        response = self._messages.OrchestratorResponse()
        completion = response.actions.add(id=-1).completeOrchestration
        completion.orchestrationStatus = STATUSES.index(Status.FAILED)
        write_failure(completion.failureDetails, {"ErrorType": kind, "ErrorMessage": text})
        return response

    # Activities

    async def _act(self, request: Any, token: str) -> None:
        instance_id = request.orchestrationInstance.instanceId
        response = self._messages.ActivityResponse(instanceId=instance_id, taskId=request.taskId, completionToken=token)
        invoke = self._functions.activities.get(request.name)
        if invoke is None:
            text = self._functions.activities.unknown(request.name)
            write_failure(response.failureDetails, {"ErrorType": "ActivityNotFound", "ErrorMessage": text})
        else:
            data = ActivityData(optional(request, "input"), instance_id)
            reason = f"Orchestration '{instance_id}' has called it."
            result = await invoke(data, *_trace(request.parentTraceContext), reason=reason)
            _write_result(response, result)
        await self._backend.send("CompleteActivityTask", response)

    # Entities

    def _batch(self, request: Any) -> tuple[Any, list[Any]]:
        """Return a request of the newer kind as one of the older, and who gets the results."""
        batch = self._messages.EntityBatchRequest(instanceId=request.instanceId)
        put(batch, entityState=optional(request, "entityState"))
        infos = []
        for one in request.operationRequests:
            kind = one.WhichOneof("eventType")
            if kind not in ("entityOperationCalled", "entityOperationSignaled"):
                continue
            found = getattr(one, kind)
            put(
                batch.operations.add(operation=found.operation, requestId=found.requestId),
                input=optional(found, "input"),
            )
            info = self._messages.OperationInfo(requestId=found.requestId)
            if kind == "entityOperationCalled":
                info.responseDestination.instanceId = found.parentInstanceId.value
                put(info.responseDestination, executionId=optional(found, "parentExecutionId"))
            infos.append(info)
        return batch, infos

    async def _operate(self, request: Any, infos: list[Any], token: str) -> None:
        name = EntityId.parse(request.instanceId).name
        invoke = self._functions.entities.get(name)
        if invoke is None:
            raise DurableError(self._functions.entities.unknown(name))
        data = TurnData(_encoded(request), request.instanceId)
        result = await invoke(data, reason=f"Entity '{request.instanceId}' has operations.")
        if result.exception is not None:
            raise DurableError(f"Entity '{request.instanceId}': the function failed: {result.exception}")
        reply = decoded(self._messages.EntityBatchResult, result.reply)
        reply.completionToken = token
        reply.operationInfos.extend(infos)
        await self._backend.send("CompleteEntityTask", reply)


def _starts(event: Any) -> bool:
    return bool(event.HasField("executionStarted"))


def _encoded(message: Any) -> str:
    return base64.b64encode(message.SerializeToString()).decode()


def _trace(context: Any) -> tuple[str, str]:
    return ("", "") if context is None else (context.traceParent, optional(context, "traceState") or "")


def _write_result(response: Any, result: Result) -> None:
    error = result.exception
    if error is None:
        put(response, result=None if result.reply == "null" else result.reply)
        return
    stack = "".join(traceback.format_exception(error))
    details = {"ErrorType": type(error).__name__, "ErrorMessage": str(error), "StackTrace": stack}
    write_failure(response.failureDetails, details)
