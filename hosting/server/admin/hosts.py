"""The function hosts of all processes, as one: their status and diagnosis, and what is done in each of them."""

from __future__ import annotations

import platform
import uuid
from time import monotonic
from typing import Any

import hosting
from hosting.extensions import PauseWord
from hosting.host.function_host import FunctionHost
from hosting.server.admin.merging import absence_texts, merged_diagnosis, merged_texts, process_entries, values
from hosting.server.processes import Answer, Processes

DIAGNOSIS_SECONDS = 10.0
"""How long a process may take for a diagnosis: the first one imports a few modules."""
WARM_UP_SECONDS = 300.0


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
        processes.add("status", self._own_status)
        processes.add("diagnosis", host.extensions.diagnosis)
        processes.add("pause extension", host.extensions.pause)
        processes.add("resume extension", host.extensions.resume)
        processes.add("warm up", host.warm_up)

    async def status(self) -> dict[str, Any]:
        """Return the answer to ``GET /admin/host/status``."""
        answers = await self._processes.ask("status")
        found = [value for _, value in values(answers)] or [self._own_status()]
        absent = absence_texts(answers)
        document = {
            **self._own_description(),
            "state": "Error" if absent else _merged_state([one["state"] for one in found]),
            "processUptime": max(one["processUptime"] for one in found),
            "errors": [*merged_texts(answers, lambda value: value["errors"]), *absent],
        }
        return _with_processes(document, answers, "state", "processUptime")

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

    def _own_status(self) -> dict[str, Any]:
        return {
            "state": "Running",
            "processUptime": int((monotonic() - self._since) * 1000),
            "errors": [problem.message for problem in self._host.problems if problem.severity == "error"],
        }


def _merged_state(states: list[str]) -> str:
    return next((state for state in ("Error", "Stopping", "Running") if state in states), "Starting")


def _with_processes(document: dict[str, Any], answers: list[Answer], *keys: str) -> dict[str, Any]:
    if len(answers) == 1 and answers[0].process is None:
        return document
    return {**document, "processes": process_entries(answers, *keys)}


def _missing(answers: list[Answer]) -> list[dict[str, Any]]:
    return process_entries([answer for answer in answers if answer.error])


def _key(name: str) -> str:
    return f"extension {name.lower()}"
