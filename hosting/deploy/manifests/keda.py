"""KEDA's objects: a ScaledObject for the component that it scales, and how it reads the secrets of each connection."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from hosting.deploy.manifests.components import Component
from hosting.deploy.manifests.names import as_label, unique
from hosting.deploy.manifests.plan import Plan
from hosting.deploy.manifests.pods import labels
from hosting.deploy.manifests.scalers import Scaler

_KEPT_JOBS = 5


class _Authentication(NamedTuple):
    """What a TriggerAuthentication says; scalers with the same secrets or identity share one."""

    secrets: tuple[tuple[str, str], ...]
    identity: str | None

    @property
    def text(self) -> str:
        """What its name is made of."""
        if self.secrets:
            return "-".join(dict.fromkeys(setting for _, setting in self.secrets))
        return f"identity-{self.identity}".strip("-")


def keda_objects(
    plan: Plan, component: Component, pod: dict[str, Any] | None = None
) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """Return the TriggerAuthentications of a component, and its ScaledObject, or ScaledJob.

    Args:
        plan: the plan.
        component: the component.
        pod: the template of the pods of a ScaledJob; None for a ScaledObject, whose Deployment has one.
    """
    needed = dict.fromkeys(filter(None, map(_authentication, component.scalers)))
    names = unique(as_label(f"{plan.options.name}-{one.text}") for one in needed)
    named = dict(zip(needed, names, strict=True))
    triggers = list(_triggers(component.scalers, named))
    scaled = _scaled(plan, component, triggers) if pod is None else _job(plan, component, triggers, pod)
    return [_trigger_authentication(plan, one, name) for one, name in named.items()], scaled


def _authentication(scaler: Scaler) -> _Authentication | None:
    if scaler.identity is None and not scaler.secrets:
        return None
    return _Authentication(tuple(sorted(scaler.secrets.items())), scaler.identity)


def _trigger_authentication(plan: Plan, wanted: _Authentication, name: str) -> dict[str, Any]:
    spec: dict[str, Any] = {}
    if wanted.identity is not None:
        identity = {"identityId": wanted.identity} if wanted.identity else {}
        spec["podIdentity"] = {"provider": "azure-workload", **identity}
    if wanted.secrets:
        secret = f"{plan.options.name}-settings"
        spec["secretTargetRef"] = [{"parameter": one, "name": secret, "key": key} for one, key in wanted.secrets]
    return keda_object(plan, "TriggerAuthentication", name, spec)


def _scaled(plan: Plan, component: Component, triggers: list[dict[str, Any]]) -> dict[str, Any]:
    options, target = plan.options, f"{plan.options.name}-{component.name}"
    spec = {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": target},
        "pollingInterval": options.polling_interval,
        "cooldownPeriod": options.cooldown_period,
        "minReplicaCount": 0,
        "maxReplicaCount": 1 if component.is_single else options.max_replicas,
        "triggers": triggers,
    }
    return keda_object(plan, "ScaledObject", target, spec)


def _job(plan: Plan, component: Component, triggers: list[dict[str, Any]], pod: dict[str, Any]) -> dict[str, Any]:
    options = plan.options
    spec = {
        # KEDA starts the next job as long as messages are left: Kubernetes need not repeat one that failed.
        "jobTargetRef": {"backoffLimit": 0, "template": pod},
        "pollingInterval": options.polling_interval,
        "minReplicaCount": 0,
        "maxReplicaCount": options.max_replicas,
        "successfulJobsHistoryLimit": _KEPT_JOBS,
        "failedJobsHistoryLimit": _KEPT_JOBS,
        # The jobs that run are subtracted, because the length of a queue has the messages that they process.
        "scalingStrategy": {"strategy": "default"},
        "triggers": triggers,
    }
    return keda_object(plan, "ScaledJob", f"{options.name}-{component.name}", spec)


def _triggers(scalers: Iterable[Scaler], names: dict[_Authentication, str]) -> Iterable[dict[str, Any]]:
    scalers = list(scalers)
    for scaler, label in zip(scalers, unique(as_label(one.function) for one in scalers), strict=True):
        trigger: dict[str, Any] = {"type": scaler.type, "name": label, "metadata": dict(scaler.metadata)}
        wanted = _authentication(scaler)
        if wanted is not None:
            trigger["authenticationRef"] = {"name": names[wanted]}
        yield trigger


def keda_object(plan: Plan, kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    """Return an object of KEDA's API."""
    namespace = {"namespace": plan.options.namespace} if plan.options.namespace else {}
    metadata = {"name": name, **namespace, "labels": {**labels(plan), "app.kubernetes.io/managed-by": "hosting"}}
    return {"apiVersion": "keda.sh/v1alpha1", "kind": kind, "metadata": metadata, "spec": spec}
