"""A stand-in for the SDK 2.x where it cannot be installed: its decorators, and the same worker of durabletask below.

The SDK 2.x needs Python 3.13 and cannot be installed beside 1.x. What it adds to ``durabletask.worker`` is small: it
decodes the request, and hands it to the worker that also serves the protocol elsewhere. This does the same.
"""

import base64
import logging
from collections.abc import Callable
from typing import Any

import azure.functions as func
from durabletask.internal import orchestrator_service_pb2 as pb
from durabletask.worker import TaskHubGrpcWorker

_logger = logging.getLogger(__name__)


class Worker(TaskHubGrpcWorker):
    """Runs the functions of an app for requests of the protocol."""

    def run_orchestrator(self, text: str) -> str:
        """Return the response to a request, both in base64."""
        return self._run(self._execute_orchestrator, pb.OrchestratorRequest, "CompleteOrchestratorTask", text)

    def run_entity(self, text: str) -> str:
        """Return the result of a batch, both in base64."""
        return self._run(self._execute_entity_batch, pb.EntityBatchRequest, "CompleteEntityTask", text)

    def _run(self, execute: Callable[..., Any], kind: Any, method: str, text: str) -> str:
        answers: list[Any] = []
        stub = type("Stub", (), {method: staticmethod(answers.append)})
        execute(kind.FromString(base64.b64decode(text)), stub, "")
        return base64.b64encode(answers[0].SerializeToString()).decode()


class StandInApp(func.FunctionApp):
    """An app with the decorators of ``DFApp`` of the SDK 2.x."""

    def __init__(self) -> None:
        super().__init__(http_auth_level=func.AuthLevel.ANONYMOUS)
        self._worker = Worker(logger=_logger)

    def activity_trigger(self, input_name: str, activity: str | None = None) -> Callable[[Any], Any]:
        """Register an activity."""
        return self.generic_trigger(arg_name=input_name, type="activityTrigger", durableRequiresGrpc=True)

    def orchestration_trigger(self, context_name: str, orchestration: str | None = None) -> Callable[[Any], Any]:
        """Register an orchestrator."""

        def decorate(function: Any) -> Any:
            def handle(context: func.OrchestrationContext) -> str:
                return self._worker.run_orchestrator(context.body)

            self._worker.add_orchestrator(function)
            return self._add(handle, function.__name__, "orchestrationTrigger")

        return decorate

    def entity_trigger(self, context_name: str, entity_name: str | None = None) -> Callable[[Any], Any]:
        """Register an entity."""

        def decorate(function: Any) -> Any:
            def handle(context: func.EntityContext) -> str:
                return self._worker.run_entity(context.body)

            self._worker.add_entity(function, entity_name)
            return self._add(handle, function.__name__, "entityTrigger", entityName=entity_name)

        return decorate

    def _add(self, handle: Any, name: str, kind: str, **properties: Any) -> Any:
        handle.__name__ = name
        return self.generic_trigger(arg_name="context", type=kind, durableRequiresGrpc=True, **properties)(handle)
