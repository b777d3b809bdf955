"""What extensions have added to a running host: background tasks, health checks, and services to close."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from hosting.app_handle import SharedApp
from hosting.app_work import HealthCheck
from hosting.extensions._config import Budgets
from hosting.extensions._health import HealthChecks, HealthResult
from hosting.extensions._lifespan import close_service
from hosting.extensions._model import Extension
from hosting.extensions._tasks import TaskSupervisor, stop_tasks
from hosting.extensions.diagnostics.document import service_entry


class Background:
    """The tasks, the health checks and the services of one host, from its start to its stop.

    Args:
        app: what extensions have added.
        extension: returns an extension by its name.
        budgets: the time limits.
        guards: returns the guards of the host.
    """

    def __init__(
        self,
        app: SharedApp,
        extension: Callable[[str], Extension],
        budgets: Budgets,
        guards: Callable[[], Sequence[Extension]] = tuple,
    ) -> None:
        self._app = app
        self._guards = guards
        self._extension = extension
        self._budgets = budgets
        self._supervisors: list[TaskSupervisor] = []
        self._health = HealthChecks(app.health, extension)

    def start(self) -> None:
        """Start the tasks on the running event loop."""
        acquire = self._app.acquire_lease or _no_lease
        self._supervisors = [TaskSupervisor(one, self._extension(one.extension), acquire) for one in self._app.tasks]
        for supervisor in self._supervisors:
            supervisor.start()

    @property
    def denying_guards(self) -> list[str]:
        """The names of guards that do not run, so that their functions are denied."""
        return [one.name for one in self._guards() if _denies(one)]

    async def check_health(self, wanted: Callable[[HealthCheck], bool]) -> list[HealthResult]:
        """Run some of the health checks, and return their results."""
        return await self._health.run(wanted)

    def health_seconds(self, wanted: Callable[[HealthCheck], bool]) -> float:
        """Return how long some of the health checks may take together, in seconds."""
        return max((check.timeout for check in self._app.health if wanted(check)), default=0.0)

    async def stop_tasks(self) -> None:
        """Cancel the tasks and the health checks that run, and wait for the tasks."""
        self._health.stop()
        await stop_tasks(self._supervisors, self._budgets.shutdown)

    async def close_services(self) -> None:
        """Close the services that exist, the last one that was made first."""
        for service in self._app.services.closing():
            await close_service(self._extension(service.extension), service, self._budgets.shutdown)

    def document(self) -> dict[str, Any]:
        """Return the part of the diagnosis about services, health checks and tasks."""
        return {
            "services": [service_entry(one) for one in self._app.services],
            "health": self._health_entries(),
            "tasks": self._task_entries(),
        }

    def _task_entries(self) -> list[dict[str, Any]]:
        by_task = {id(one.task): one for one in self._supervisors}
        entries = []
        for task in self._app.tasks:
            one = by_task.get(id(task))
            status, restarts, error = (one.status, one.restarts, one.error) if one else ("added", 0, "")
            entry = {"name": task.name, "added_by": task.extension, "single": task.single, "restart": task.restart}
            entries.append({**entry, "status": status, "restarts": restarts, "error": error or None})
        return entries

    def _health_entries(self) -> list[dict[str, Any]]:
        entries = []
        for check in self._app.health:
            last = self._health.last.get(check.name)
            status = "unknown" if last is None else "unhealthy" if last.reason else "healthy"
            entry = {"name": check.name, "added_by": check.extension, "ready": check.ready, "live": check.live}
            entries.append({**entry, "status": status, "reason": last.reason or None if last else None})
        return entries


def _denies(guard: Extension) -> bool:
    """Return whether a guard could not be loaded, or is paused so that its functions do not run."""
    return guard.status in ("failed", "blocked") or (guard.status == "paused" and not guard.is_open)


async def _no_lease(_name: str) -> None:
    return None
