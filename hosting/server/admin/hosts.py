"""The function hosts of all processes, as one: their status and diagnosis, and what is done in each of them."""

from __future__ import annotations

import asyncio
import platform
import uuid
from collections.abc import Collection
from time import monotonic
from typing import Any

import hosting
from hosting.extensions import PauseWord
from hosting.host.function_host import FunctionHost
from hosting.host.health import DRAINED
from hosting.server.admin.merging import absence_texts, merged_diagnosis, merged_texts, process_entries, values
from hosting.server.processes import ASK_SECONDS, Answer, Processes

DIAGNOSIS_SECONDS = 10.0
"""How long a process may take for a diagnosis: the first one imports a few modules."""
WARM_UP_SECONDS = 300.0
RESUME_SECONDS = 10.0
_STATES = {"starting": "Starting", "running": "Running", "stopping": "Stopping", "stopped": "Stopping"}
"""The states of Azure's host, by ours."""


class AllHosts:
    """What the endpoints below ``/admin/host`` say and do, over all processes of a host.

    Args:
        host: the function host of this process, loaded.
        processes: all processes, to which it adds its questions.
    """

    def __init__(self, host: FunctionHost, processes: Processes) -> None:
        self._host = host
        self._processes = processes
        self._since = monotonic()
        self._instance = str(uuid.uuid4())
        self._tasks: set[asyncio.Task[None]] = set()
        processes.add("status", self._own_status)
        processes.add("drain", self._drain)
        processes.add("end drain", self._end_drain)
        processes.add("drain status", lambda: host.listening.drain_status.document())
        processes.add("diagnosis", host.extensions.diagnosis)
        processes.add("pause extension", host.extensions.pause)
        processes.add("resume extension", host.extensions.resume)
        processes.add("warm up", host.warm_up)

    async def status(self) -> dict[str, Any]:
        """Return the answer to ``GET /admin/host/status``."""
        answers = await self._processes.ask("status", seconds=ASK_SECONDS + self._host.health.seconds(""))
        found = [value for _, value in values(answers)] or [await self._own_status()]
        absent, state = absence_texts(answers), _merged_state([one["state"] for one in found])
        document = {
            **self._own_description(),
            "state": "Error" if absent and state != "Stopping" else state,
            "processUptime": max(one["processUptime"] for one in found),
            "drain": _merged_drain([one["drain"] for one in found]),
            "errors": [*merged_texts(answers, lambda value: value["errors"]), *absent],
        }
        return _with_processes(document, answers, "state", "drain", "processUptime")

    async def diagnosis(self) -> dict[str, Any]:
        """Return the answer to ``GET /admin/host/extensions``."""
        answers = await self._processes.ask("diagnosis", seconds=DIAGNOSIS_SECONDS)
        if not values(answers):
            answers = [Answer(None, 0, self._host.extensions.diagnosis()), *answers]
        return merged_diagnosis(answers)

    async def pause(self, name: str, word: PauseWord) -> list[dict[str, Any]]:
        """Pause an extension in every process, also in those that start later.

        Returns:
            The processes that have not done it yet.

        Raises:
            GuardPauseError: the word is missing, or the extension is not a guard.
            ExtensionError: no extension of this name is loaded.
        """
        self._host.extensions.pause(name, word)  # what it refuses must not be kept for processes that start later
        return _missing(await self._processes.ask("pause extension", keep=_key(name), name=name, word=word))

    async def resume(self, name: str) -> list[dict[str, Any]]:
        """Resume an extension in every process, also in those that start later.

        Returns:
            The processes that have not done it yet.

        Raises:
            ExtensionError: no extension of this name is loaded.
        """
        self._host.extensions.resume(name)
        return _missing(await self._processes.ask("resume extension", keep=_key(name), name=name))

    async def drain(self) -> dict[str, Any]:
        """Begin to drain every process, also those that start later, and return how far it is."""
        answers = await self._processes.ask("drain", keep="drain")
        return _with_processes(_drain_document(answers), _without_answer(answers))

    async def drain_status(self) -> dict[str, Any]:
        """Return the answer to ``GET /admin/host/drain/status``."""
        answers = await self._processes.ask("drain status")
        return _with_processes(_drain_document(answers), answers, "state")

    async def end_drain(self) -> tuple[int, dict[str, Any]]:
        """Let every process listen again; return the status of the response, and its document."""
        if self._host.state != "running":
            return 409, {"state": _STATES[self._host.state]}
        answers = _without_answer(await self._processes.ask("end drain", keep="drain", seconds=RESUME_SECONDS))
        return 202 if answers else 200, _with_processes({"state": "Running"}, answers)

    async def warm_up(self) -> bool:
        """Run the app's warm-up functions in every process, unless they have run; return whether all succeeded."""
        answers = await self._processes.ask("warm up", seconds=WARM_UP_SECONDS)
        return all(value for _, value in values(answers))

    def _own_description(self) -> dict[str, Any]:
        return {
            "id": self._host.root.name,
            "state": "",
            "version": hosting.__version__,
            "versionDetails": hosting.__version__,
            "platformVersion": platform.python_version(),
            "instanceId": self._instance,
            "computerName": platform.node(),
        }

    async def _own_status(self) -> dict[str, Any]:
        state = _STATES[self._host.state]
        problems = [problem.message for problem in self._host.problems if problem.severity == "error"]
        failures: list[str] = []
        if state == "Running":
            results = await self._host.health.check("")
            # A drain is not an error.
            failures = [f"{one.name}: {one.reason}" for one in results if one.reason not in ("", DRAINED)]
        return {
            "state": "Error" if failures else state,
            "drain": self._host.listening.drain_status.state,
            "processUptime": int((monotonic() - self._since) * 1000),
            "errors": [*problems, *failures],
        }

    async def _drain(self) -> dict[str, Any]:
        draining = asyncio.create_task(self._host.listening.drain())
        self._tasks.add(draining)
        draining.add_done_callback(self._tasks.discard)
        await asyncio.sleep(0)  # so that the answer says that it drains
        return self._host.listening.drain_status.document()

    async def _end_drain(self) -> None:
        await self._host.listening.resume()


def _merged_state(states: list[str]) -> str:
    return next((state for state in ("Stopping", "Error", "Running") if state in states), "Starting")


def _merged_drain(states: Collection[str]) -> str:
    """Return the state of a drain over all processes, some of which may be slower than others."""
    return next(iter(states)) if len(set(states)) == 1 else "InProgress"


def _drain_document(answers: list[Answer]) -> dict[str, Any]:
    """Return how far the drain of all processes is; one that has not answered may still run something."""
    found = [value for _, value in values(answers)]
    states = {value["state"] for value in found} | ({"InProgress"} if len(found) < len(answers) else set())
    numbers = {key: sum(value[key] for value in found) for key in ("outstandingInvocations", "outstandingRetries")}
    return {"state": _merged_drain(states), **numbers}


def _with_processes(document: dict[str, Any], answers: list[Answer], *keys: str) -> dict[str, Any]:
    if not answers or answers[0].process is None:
        return document
    return {**document, "processes": process_entries(answers, *keys)}


def _without_answer(answers: list[Answer]) -> list[Answer]:
    return [answer for answer in answers if answer.error]


def _missing(answers: list[Answer]) -> list[dict[str, Any]]:
    return process_entries(_without_answer(answers))


def _key(name: str) -> str:
    return f"extension {name.lower()}"
