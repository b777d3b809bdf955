"""The files of a target, from an app's folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from hosting.deploy.manifests.components import Placement
from hosting.deploy.manifests.compose import compose_files
from hosting.deploy.manifests.container_apps import MAX_APP_NAME, container_app_files
from hosting.deploy.manifests.documents import ManifestFile, render
from hosting.deploy.manifests.kubernetes import KUSTOMIZATION, kubernetes_files
from hosting.deploy.manifests.names import MAX_NAME, check_hostname, check_image, check_name
from hosting.deploy.manifests.options import ManifestOptions
from hosting.deploy.manifests.plan import Plan, make_plan
from hosting.errors import UsageError
from hosting.host.function_host import FunctionHost
from hosting.host.process import enter


def check_options(options: ManifestOptions) -> None:
    """Check the options, before the app is loaded.

    Raises:
        UsageError: a name or the image cannot be used, or the fewest hosts are more than the most.
    """
    # The name of a container app has 32 characters at most, with the suffix of its component.
    check_name(options.name, "--name", MAX_APP_NAME if options.target == "aca" else MAX_NAME)
    if options.target != "compose" or options.image:
        check_image(options.image)
    for option, value in (("--namespace", options.namespace), ("--pull-secret", options.pull_secret)):
        if value:
            check_name(value, option, 63)
    _check_combination(options)
    if options.min_replicas > options.max_replicas:
        raise UsageError(
            f"--min-replicas {options.min_replicas} is more than --max-replicas {options.max_replicas}.",
            remedy="Raise --max-replicas, or lower --min-replicas.",
        )


def _check_combination(options: ManifestOptions) -> None:
    """Check that options which belong to some targets are given for those."""
    uses_addon = options.http_scaler != "hpa"
    kubernetes = options.target == "kubernetes"
    for option, given, targets in (
        (f"--http-scaler {options.http_scaler}", uses_addon, ("kubernetes",)),
        ("--jobs", options.jobs, ("kubernetes", "knative")),
        ("--cron", options.cron, ("kubernetes", "knative", "aca")),
    ):
        if given and options.target not in targets:
            raise UsageError(
                f"{option} has no effect for --target {options.target}.",
                remedy=f"Leave it out, or choose {' or '.join(f'--target {one}' for one in targets)}.",
            )
    if uses_addon and not options.hostname:
        raise UsageError(
            f"--http-scaler {options.http_scaler} needs the names by which callers reach the app.",
            remedy="Add them: --hostname shop.example.com",
        )
    for name in options.hostname:
        check_hostname(name)
    if kubernetes and not uses_addon and not options.min_replicas:
        raise UsageError(
            "--min-replicas 0 leaves no host that could use processor time, so that none would ever be started.",
            remedy="Let KEDA's HTTP add-on count requests: --http-scaler interceptorroute. Or use --min-replicas 1.",
        )


def plan_app(root: Path, options: ManifestOptions) -> Plan:
    """Load the app in this process, without serving it, and return the plan of its files.

    Args:
        root: the app's folder.
        options: what the command line says.

    Raises:
        HostingError: the app does not load, or cannot be described.
    """
    enter(root)
    host = FunctionHost(root)
    host.load()
    return make_plan(host, options)


def generate(plan: Plan) -> dict[str, str]:
    """Return the text of each file, by its name in the output folder.

    Raises:
        HostingError: PyYAML is not installed.
    """
    command = plan.options.command_line()
    return {file.path: render(file, command) for file in _files(plan)}


def applicable(files: Mapping[str, str]) -> Iterator[str]:
    """Yield the texts that can be applied as they are: no templates, and nothing that only kustomize reads."""
    for path, text in files.items():
        if path != KUSTOMIZATION and ".example." not in path:
            yield text


def document(plan: Plan) -> dict[str, Any]:
    """Return what the files say about each function, and the problems, for ``--json``."""
    return {
        "target": plan.options.target,
        "name": plan.options.name,
        "functions": [
            {
                "name": one.function.name,
                "trigger": one.function.trigger.type,
                "component": one.component,
                "scaling": _scaling(plan, one),
                "scaler": None
                if one.scaler is None
                else {"type": one.scaler.type, "metadata": dict(one.scaler.metadata)},
            }
            for one in plan.placements
        ],
        "settings": list(plan.settings.values),
        "secrets": list(plan.settings.secrets),
        "problems": [
            {"severity": one.severity, "message": one.message, "remedy": one.remedy, "function": one.function}
            for one in plan.problems
        ],
    }


def _scaling(plan: Plan, placement: Placement) -> str:
    """Return what scales a function, or why nothing does; a phrase for a table."""
    options = plan.options
    if placement.component is None:
        return placement.why
    if options.target == "compose":
        return "one host"
    if placement.component != "http":
        is_job = options.jobs and placement.component == "scaled" and placement.scaler is not None
        return f"{placement.scaler.type}, jobs" if is_job and placement.scaler else placement.why
    least = 0 if options.target == "knative" else options.min_replicas
    measure = "processor time" if options.target == "kubernetes" and options.http_scaler == "hpa" else "requests"
    return f"{measure}, {least} to {options.max_replicas} hosts"


def _files(plan: Plan) -> list[ManifestFile]:
    match plan.options.target:
        case "compose":
            return compose_files(plan)
        case "aca":
            return container_app_files(plan)
        case _:
            return kubernetes_files(plan)
