"""A Service of Knative for the functions that requests start: it scales them by requests, from zero."""

from __future__ import annotations

from typing import Any

from hosting.deploy.manifests.components import Component
from hosting.deploy.manifests.options import PORT
from hosting.deploy.manifests.plan import Plan
from hosting.deploy.manifests.pods import container, labels, probes

_MAX_SECONDS = 600
_DEFAULT_SECONDS = 300


def knative_service(plan: Plan, component: Component, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the Service; Knative sets ``PORT``, drains through its own proxy, and allows one port and no preStop.

    Args:
        plan: the plan.
        component: the component for HTTP.
        metadata: the metadata of the object.
    """
    options = plan.options
    annotations = {
        "autoscaling.knative.dev/min-scale": "0",
        "autoscaling.knative.dev/max-scale": str(options.max_replicas),
    }
    template = {
        "metadata": {"labels": labels(plan, component.name), "annotations": annotations},
        "spec": {
            "serviceAccountName": options.name,
            "automountServiceAccountToken": False,
            "timeoutSeconds": min(plan.timeout or _DEFAULT_SECONDS, _MAX_SECONDS),
            **({"imagePullSecrets": [{"name": options.pull_secret}]} if options.pull_secret else {}),
            "containers": [_container(plan, component)],
            "volumes": [
                {"name": "tmp", "emptyDir": {}},
                {"name": "keys", "secret": {"secretName": f"{options.name}-keys"}},
            ],
        },
    }
    return {
        "apiVersion": "serving.knative.dev/v1",
        "kind": "Service",
        "metadata": metadata,
        "spec": {"template": template},
    }


def _container(plan: Plan, component: Component) -> dict[str, Any]:
    made = container(plan, component)
    made.pop("lifecycle", None)  # Knative has no preStop
    made["ports"] = [{"name": "http1", "containerPort": PORT}]
    made["securityContext"] |= {
        "runAsNonRoot": True,
        "runAsUser": 10001,
        "runAsGroup": 10001,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return made | probes(None)
