"""The plan of an app's manifests: components, settings, and what a person must know, read from the loaded app."""

from __future__ import annotations

from typing import Any, NamedTuple

from hosting.app_settings import AppSettings
from hosting.apps.local_settings import read_local_settings
from hosting.apps.timespans import parse_timespan
from hosting.core import Function, Problem
from hosting.deploy.manifests.components import (
    Component,
    Placement,
    components,
    durable_apart,
    listeners_missing,
    place,
)
from hosting.deploy.manifests.names import is_moving
from hosting.deploy.manifests.options import METRICS_PORT, ManifestOptions
from hosting.deploy.manifests.scalers import ScalerContext
from hosting.deploy.manifests.settings import Settings, collect, make_host_id, setting_names
from hosting.errors import AppLoadError
from hosting.host.function_host import FunctionHost
from hosting.runner.options import PROCESS_COUNT

_HTTP_GRACE_SECONDS, _TRIGGER_GRACE_SECONDS, _MAX_GRACE_SECONDS = 30, 300, 3600
_PROMETHEUS = "prometheus"


class Plan(NamedTuple):
    """Everything that the files of a target say.

    Args:
        options: what the command line says.
        components: what runs, in hosts of its own each.
        settings: the settings of the containers.
        placements: where each function runs.
        problems: what a person must know.
        timeout: ``functionTimeout`` of host.json in seconds; None if it is not set, or has no limit.
        listed: the number of names in ``functions`` of host.json.
        metrics_port: the port for Prometheus; None without hosting-prometheus.
    """

    options: ManifestOptions
    components: tuple[Component, ...]
    settings: Settings
    placements: tuple[Placement, ...]
    problems: tuple[Problem, ...]
    timeout: int | None = None
    listed: int = 0
    metrics_port: int | None = None

    def has(self, name: str) -> bool:
        """Return whether there is a component of that name."""
        return any(component.name == name for component in self.components)

    def grace(self, component: Component) -> int:
        """Return the seconds in which a host completes its invocations after SIGTERM.

        A message that is being processed when KEDA stops its host has the time that a function may take.
        """
        if self.options.grace is not None:
            return self.options.grace
        if component.name == "http":
            return _HTTP_GRACE_SECONDS
        return min(self.timeout or _TRIGGER_GRACE_SECONDS, _MAX_GRACE_SECONDS)

    def runs_as_jobs(self, component: Component) -> bool:
        """Return whether KEDA starts jobs for a component, each of which ends when its queues are empty."""
        return self.options.jobs and component.name == "scaled"

    def drain_delay(self, component: Component) -> int:
        """Return the seconds in which a host still accepts requests after SIGTERM: only what has a Service gets any."""
        return self.options.drain_delay if component.name == "http" else 0


def make_plan(host: FunctionHost, options: ManifestOptions) -> Plan:
    """Return the plan for an app.

    Args:
        host: the app, loaded.
        options: what the command line says.

    Raises:
        HostingError: a trigger lacks what its scaler needs, or a function has an invalid definition.
        UsageError: ``--plain`` has a name that is not set.
    """
    _check_definitions(host)
    settings = AppSettings(host.environ)
    names = setting_names(read_local_settings(host.root).values, host.environ, host.functions)
    context = ScalerContext(settings, names, host.app.host_json, _workers(settings), options.cron)
    placements = place(host.functions, context)
    running = [one.function for one in placements if one.component is not None]
    host_id = make_host_id(options.namespace, options.name)
    required = [name for one in placements if one.scaler is not None for name in one.scaler.secrets.values()]
    collected = collect(names, settings, running, required, options.plain, host_id)
    listed = host.app.host_json.get("functions")
    return Plan(
        options,
        tuple(components(placements)),
        collected,
        tuple(placements),
        (*_problems(host, placements), *collected.problems, *_about_image(options.image)),
        _timeout(host.app.host_json.get("functionTimeout")),
        len(listed) if isinstance(listed, list) else 0,
        METRICS_PORT if _has_metrics(host) else None,
    )


def _check_definitions(host: FunctionHost) -> None:
    """Check that each function can be read: what would be its trigger decides where it runs."""
    for function in host.app.in_error:
        raise AppLoadError(
            f"Function '{function.name}' has an error, so that its manifests would be wrong: {function.error}",
            file=function.file,
        )


def _problems(host: FunctionHost, placements: list[Placement]) -> list[Problem]:
    found = [one.problem for one in placements if one.problem is not None]
    never = [(one.function, one.binding.type) for one in host.never_triggered]
    found += listeners_missing(placements, never)
    found += durable_apart(placements)
    found += [_does_not_load(one.function) for one in placements if one.function.error is not None]
    if not host.functions:
        found.append(Problem("warning", "The app has no functions", "Add one: hosting new function"))
    return found


def _does_not_load(function: Function) -> Problem:
    message = f"Function '{function.name}' cannot be loaded here, and is part of the manifests all the same"
    return Problem("warning", message, "See: hosting diag", function.file, function=function.name)


def _about_image(image: str) -> list[Problem]:
    if not image or not is_moving(image):
        return []
    message = f"The image {image} has no fixed version: hosts that start later may run other code"
    return [Problem("warning", message, "Name a tag that never moves, or a digest.")]


def _workers(settings: AppSettings) -> int:
    text = settings.get(PROCESS_COUNT) or "1"
    return max(1, int(text)) if text.isascii() and text.isdigit() else 1


def _timeout(text: Any) -> int | None:
    seconds = parse_timespan(text) if isinstance(text, str) else None
    return None if seconds is None else max(1, round(seconds))


def _has_metrics(host: FunctionHost) -> bool:
    return any(one.name == _PROMETHEUS and one.status == "active" for one in host.extensions.installed)
