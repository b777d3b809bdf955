"""What scales the hosts for HTTP: processor time by default, or the requests that KEDA's HTTP add-on counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hosting.deploy.manifests.documents import ManifestFile
from hosting.deploy.manifests.keda import keda_object
from hosting.deploy.manifests.options import CONCURRENT_REQUESTS
from hosting.deploy.manifests.plan import Plan

_CPU_PERCENT = 70
_SCALER = "keda-add-ons-http-external-scaler.keda:9090"
_SERVICE_PORT = 80
_NOTES = (
    "KEDA's HTTP add-on holds a request until a host is ready. So send requests to its Service",
    "keda-add-ons-http-interceptor-proxy in the namespace keda, port 8080, with one of the host names below.",
)
_DEPRECATED = ("Since 0.14 the add-on has InterceptorRoute in place of this object: --http-scaler interceptorroute.",)


def http_scaling_files(plan: Plan, metadata: dict[str, Any]) -> Iterator[ManifestFile]:
    """Yield the files of what scales the hosts for HTTP, in the order in which they are to be applied.

    Args:
        plan: the plan.
        metadata: the metadata of the objects.
    """
    match plan.options.http_scaler:
        case "httpscaledobject":
            yield ManifestFile("httpscaledobject.yaml", (_http_scaled(plan, metadata),), _NOTES + _DEPRECATED)
        case "interceptorroute":
            # KEDA falls back to processor time if the route is not there yet.
            yield ManifestFile("interceptorroute.yaml", (_route(plan, metadata),), _NOTES)
            yield ManifestFile("scaledobject-http.yaml", (_scaled(plan, metadata["name"]),))
        case _:
            yield ManifestFile("hpa.yaml", (_autoscaler(plan, metadata),))


def _autoscaler(plan: Plan, metadata: dict[str, Any]) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": _CPU_PERCENT}
    spec = {
        "scaleTargetRef": _deployment(metadata),
        "minReplicas": plan.options.min_replicas,
        "maxReplicas": plan.options.max_replicas,
        "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
    }
    return {"apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler", "metadata": metadata, "spec": spec}


def _http_scaled(plan: Plan, metadata: dict[str, Any]) -> dict[str, Any]:
    options = plan.options
    spec = {
        "hosts": list(options.hostname),
        "scaleTargetRef": {**_deployment(metadata), "service": metadata["name"], "port": _SERVICE_PORT},
        "replicas": {"min": options.min_replicas, "max": options.max_replicas},
        "scalingMetric": {"concurrency": {"targetValue": CONCURRENT_REQUESTS}},
        "scaledownPeriod": options.cooldown_period,
    }
    return {"apiVersion": "http.keda.sh/v1alpha1", "kind": "HTTPScaledObject", "metadata": metadata, "spec": spec}


def _route(plan: Plan, metadata: dict[str, Any]) -> dict[str, Any]:
    spec = {
        "target": {"service": metadata["name"], "port": _SERVICE_PORT},
        "rules": [{"hosts": list(plan.options.hostname)}],
        "scalingMetric": {"concurrency": {"targetValue": CONCURRENT_REQUESTS}},
    }
    return {"apiVersion": "http.keda.sh/v1beta1", "kind": "InterceptorRoute", "metadata": metadata, "spec": spec}


def _scaled(plan: Plan, name: str) -> dict[str, Any]:
    options = plan.options
    trigger = {
        "type": "external-push",
        "name": "requests",
        "metadata": {"scalerAddress": _SCALER, "interceptorRoute": name},
    }
    spec = {
        "scaleTargetRef": _deployment({"name": name}),
        "cooldownPeriod": options.cooldown_period,
        "minReplicaCount": options.min_replicas,
        "maxReplicaCount": options.max_replicas,
        "triggers": [trigger],
    }
    return keda_object(plan, "ScaledObject", name, spec)


def _deployment(metadata: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": "Deployment", "name": metadata["name"]}
