"""Pods: the container of a host, with its settings, probes, limits and mounts."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hosting.deploy.manifests.components import Component
from hosting.deploy.manifests.options import KEYS_FOLDER, MARGIN_SECONDS, PORT
from hosting.deploy.manifests.plan import Plan

_USER = 10001
_FUNCTIONS = "AzureFunctionsJobHost__functions__"
METRICS = "AzureFunctionsJobHost__extensionHost__extensions__prometheus__settings__"
_STARTUP_SECONDS, _STARTUP_PERIOD_SECONDS = 120, 2


def labels(plan: Plan, component: str = "") -> dict[str, str]:
    """Return the labels of an object, by which the pods of a component are selected as well."""
    name = plan.options.name
    found = {"app.kubernetes.io/name": name, "app.kubernetes.io/instance": name}
    return found | ({"app.kubernetes.io/component": component} if component else {})


def arguments(plan: Plan, component: Component) -> list[str]:
    """Return the arguments of ``hosting start`` in a container."""
    return [
        *("--host", "0.0.0.0", "--port", str(PORT), "--drain-delay", str(plan.drain_delay(component))),
        *("--grace", str(plan.grace(component)), "--log-format", "json"),
        *(("--until-idle",) if plan.runs_as_jobs(component) else ()),
    ]


def variables(plan: Plan, component: Component) -> dict[str, str]:
    """Return the variables of one component: its functions, and the port of its metrics."""
    found: dict[str, str] = {}
    if not component.is_whole and component.functions:
        names = [function.name for function in component.functions]
        # host.json's own list is overridden item by item, so that a shorter one would leave its end in place.
        names += names[-1:] * max(0, plan.listed - len(names))
        found |= {f"{_FUNCTIONS}{number}": name for number, name in enumerate(names)}
    if plan.metrics_port is not None:
        found |= {f"{METRICS}address": "0.0.0.0", f"{METRICS}port": str(plan.metrics_port)}
    return found


def termination_seconds(plan: Plan, component: Component) -> int:
    """Return how long a host may take from SIGTERM to its end."""
    return plan.drain_delay(component) + plan.grace(component) + MARGIN_SECONDS


def pod_template(plan: Plan, component: Component) -> dict[str, Any]:
    """Return the pod template of a Deployment, or of jobs."""
    digest = hashlib.sha256(json.dumps(plan.settings.values, sort_keys=True).encode()).hexdigest()
    identity = {"azure.workload.identity/use": "true"} if uses_identity(plan) else {}
    return {
        # A changed ConfigMap starts new pods, as a changed image does.
        "metadata": {
            "labels": {**labels(plan, component.name), **identity},
            "annotations": {"checksum/settings": digest[:16]},
        },
        "spec": pod_spec(plan, component),
    }


def pod_spec(plan: Plan, component: Component) -> dict[str, Any]:
    """Return the specification of a pod, which satisfies the Pod Security Standard "restricted"."""
    options = plan.options
    pull = {"imagePullSecrets": [{"name": options.pull_secret}]} if options.pull_secret else {}
    return {
        "serviceAccountName": options.name,
        "automountServiceAccountToken": False,
        **pull,
        "terminationGracePeriodSeconds": termination_seconds(plan, component),
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": _USER,
            "runAsGroup": _USER,
            "fsGroup": _USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **({"restartPolicy": "Never"} if plan.runs_as_jobs(component) else {}),
        **_spread(plan, component),
        "containers": [container(plan, component)],
        "volumes": [
            {"name": "tmp", "emptyDir": {}},
            {"name": "keys", "secret": {"secretName": f"{options.name}-keys"}},
        ],
    }


def container(plan: Plan, component: Component) -> dict[str, Any]:
    """Return the container of a host."""
    name = plan.options.name
    metrics = [] if plan.metrics_port is None else [_port("metrics", plan.metrics_port)]
    return {
        "name": "host",
        "image": plan.options.image,
        "command": ["hosting", "start"],
        "args": arguments(plan, component),
        "ports": [_port("http", PORT), *metrics],
        "envFrom": [{"configMapRef": {"name": f"{name}-settings"}}, {"secretRef": {"name": f"{name}-settings"}}],
        "env": _env(variables(plan, component)),
        **probes(),
        "resources": {"requests": {"cpu": "100m", "memory": "128Mi"}, "limits": {"memory": "512Mi"}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [
            {"name": "tmp", "mountPath": "/tmp"},
            {"name": "keys", "mountPath": KEYS_FOLDER, "readOnly": True},
        ],
    }


def probes(port: int | str | None = "http", failures: int | None = None) -> dict[str, Any]:
    """Return the probes: liveness asks nothing of storage, and readiness says no while the host drains.

    Args:
        port: the port, or its name; None where the platform knows it.
        failures: how often a start may not be ready yet; by default for two minutes.
    """

    def get(path: str) -> dict[str, Any]:
        return {"path": f"/admin/health/{path}", **({} if port is None else {"port": port})}

    failures = failures or _STARTUP_SECONDS // _STARTUP_PERIOD_SECONDS
    return {
        "startupProbe": {
            "httpGet": get("ready"),
            "periodSeconds": _STARTUP_PERIOD_SECONDS,
            "failureThreshold": failures,
            "timeoutSeconds": 2,
        },
        "readinessProbe": {"httpGet": get("ready"), "periodSeconds": 2, "failureThreshold": 1, "timeoutSeconds": 2},
        "livenessProbe": {"httpGet": get("live"), "periodSeconds": 10, "failureThreshold": 3, "timeoutSeconds": 5},
    }


def uses_identity(plan: Plan) -> bool:
    """Return whether a connection has an identity in place of a connection string."""
    uri = ("serviceuri", "accountname", "fullyqualifiednamespace", "accountendpoint")
    return any("__" in name and name.lower().endswith(uri) for name in plan.settings.values)


def _env(values: dict[str, str]) -> list[dict[str, str]]:
    fixed = {"HOSTING_KEYS_FOLDER": KEYS_FOLDER, "XDG_STATE_HOME": "/tmp/state"}
    return [{"name": name, "value": value} for name, value in (fixed | values).items()]


def _port(name: str, number: int) -> dict[str, Any]:
    return {"name": name, "containerPort": number, "protocol": "TCP"}


def _spread(plan: Plan, component: Component) -> dict[str, Any]:
    if component.name != "http":
        return {}
    selector = {"matchLabels": labels(plan, component.name)}
    constraint = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": selector,
    }
    return {"topologySpreadConstraints": [constraint]}
