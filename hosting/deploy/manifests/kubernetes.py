"""Files for Kubernetes with KEDA, and for Knative, where a Service of Knative runs the component for HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hosting.deploy.manifests.components import Component
from hosting.deploy.manifests.documents import ManifestFile
from hosting.deploy.manifests.http_scaling import http_scaling_files
from hosting.deploy.manifests.keda import keda_objects
from hosting.deploy.manifests.knative import knative_service
from hosting.deploy.manifests.options import PLACEHOLDER
from hosting.deploy.manifests.plan import Plan
from hosting.deploy.manifests.pods import labels, pod_template, uses_identity
from hosting.deploy.manifests.windows import AFTER_MINUTES, BEFORE_MINUTES

KUSTOMIZATION = "kustomization.yaml"
_SECRET_NOTE = (
    "A template: it is not part of kustomization.yaml, so that no apply writes placeholders over real secrets.",
    "Copy it to a place that is not in the repository, fill it in, and apply it once before the other files.",
)
_KEYS_NOTE = (
    "A template: 'hosting keys --format secret --secret-name {}' prints this Secret with keys, to be applied once.",
    "The keys are the same in every host, and are not part of kustomization.yaml.",
)
_TIMERS_NOTE = (
    f"A window begins {BEFORE_MINUTES} minutes before a timer is due, and ends {AFTER_MINUTES} minutes after that.",
    "A timer that has missed its time runs when its host starts the next time.",
)
_SCALED_NOTE = ("KEDA ignores metadata that it does not know. queueLength: what one host takes at once, by host.json.",)


def kubernetes_files(plan: Plan) -> list[ManifestFile]:
    """Return the files for a cluster, in the order in which they are to be applied."""
    files = [*_shared(plan)]
    for component in plan.components:
        files += _component_files(plan, component)
    files += _monitor(plan)
    return [_kustomization(plan, [file.path for file in files]), *files, *_secrets(plan)]


def _shared(plan: Plan) -> Iterator[ManifestFile]:
    name = plan.options.name
    account: dict[str, Any] = _object(plan, "v1", "ServiceAccount", name)
    if uses_identity(plan):
        client = next((value for key, value in plan.settings.values.items() if key.lower().endswith("__clientid")), "")
        account["metadata"]["annotations"] = {"azure.workload.identity/client-id": client or PLACEHOLDER}
    account["automountServiceAccountToken"] = False
    yield ManifestFile("serviceaccount.yaml", (account,))
    settings = _object(plan, "v1", "ConfigMap", f"{name}-settings")
    yield ManifestFile("configmap.yaml", (settings | {"data": dict(plan.settings.values)},))


def _component_files(plan: Plan, component: Component) -> Iterator[ManifestFile]:
    if component.name == "http" and plan.options.target == "knative":
        service = knative_service(plan, component, _metadata(plan, "http"))
        yield ManifestFile("knative-service.yaml", (service,), component.notes)
        return
    is_job = plan.runs_as_jobs(component)
    if not is_job:
        yield ManifestFile(f"deployment-{component.name}.yaml", (_deployment(plan, component),), component.notes)
    if component.name == "http":
        yield ManifestFile("service.yaml", (_service(plan),))
        yield from http_scaling_files(plan, _metadata(plan, "http"))
    if component.scalers:
        yield from _keda_files(plan, component)
    # A budget for the only host would stop every drain of its node, and one for jobs counts no replicas.
    if not component.is_single and not is_job:
        yield ManifestFile(f"pdb-{component.name}.yaml", (_budget(plan, component),))
    yield ManifestFile(f"networkpolicy-{component.name}.yaml", (_network_policy(plan, component),))


def _keda_files(plan: Plan, component: Component) -> Iterator[ManifestFile]:
    pod = pod_template(plan, component) if plan.runs_as_jobs(component) else None
    authentications, scaled = keda_objects(plan, component, pod)
    if authentications:
        yield ManifestFile("triggerauthentication.yaml", tuple(authentications))
    if component.name == "timers":
        yield ManifestFile("scaledobject-timers.yaml", (scaled,), _TIMERS_NOTE)
    elif pod is None:
        yield ManifestFile("scaledobject.yaml", (scaled,), _SCALED_NOTE)
    else:
        yield ManifestFile("scaledjob.yaml", (scaled,), _SCALED_NOTE + component.notes)


def _deployment(plan: Plan, component: Component) -> dict[str, Any]:
    # An autoscaler sets the number of replicas: with one in the manifest, each apply would reset it.
    replicas = {"replicas": 1} if component.name == "always-on" else {}
    return _object(plan, "apps/v1", "Deployment", _named(plan, component), component.name) | {
        "spec": {
            **replicas,
            "revisionHistoryLimit": 5,
            "selector": {"matchLabels": labels(plan, component.name)},
            "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}},
            "template": pod_template(plan, component),
        }
    }


def _service(plan: Plan) -> dict[str, Any]:
    ports = [{"name": "http", "port": 80, "targetPort": "http", "protocol": "TCP"}]
    return _object(plan, "v1", "Service", f"{plan.options.name}-http", "http") | {
        "spec": {"type": "ClusterIP", "selector": labels(plan, "http"), "ports": ports}
    }


def _budget(plan: Plan, component: Component) -> dict[str, Any]:
    return _object(plan, "policy/v1", "PodDisruptionBudget", _named(plan, component), component.name) | {
        "spec": {"maxUnavailable": 1, "selector": {"matchLabels": labels(plan, component.name)}}
    }


def _network_policy(plan: Plan, component: Component) -> dict[str, Any]:
    """Return from where connections are allowed: HTTP from everywhere, metrics from the cluster; probes are exempt."""
    ingress: list[dict[str, Any]] = []
    if component.name == "http":
        ingress.append({"ports": [{"port": "http", "protocol": "TCP"}]})
    if plan.metrics_port is not None:
        ingress.append({"from": [{"namespaceSelector": {}}], "ports": [{"port": "metrics", "protocol": "TCP"}]})
    selector = {"matchLabels": labels(plan, component.name)}
    return _object(plan, "networking.k8s.io/v1", "NetworkPolicy", _named(plan, component), component.name) | {
        "spec": {"podSelector": selector, "policyTypes": ["Ingress"], "ingress": ingress}
    }


def _monitor(plan: Plan) -> Iterator[ManifestFile]:
    """Yield the monitor that lets Prometheus read every pod; a ServiceMonitor needs Services, which most pods lack."""
    if plan.metrics_port is None:
        return
    monitor = _object(plan, "monitoring.coreos.com/v1", "PodMonitor", plan.options.name) | {
        "spec": {
            "selector": {"matchLabels": labels(plan)},
            "podMetricsEndpoints": [{"port": "metrics", "path": "/metrics", "interval": "30s"}],
        }
    }
    yield ManifestFile("podmonitor.yaml", (monitor,))


def _secrets(plan: Plan) -> Iterator[ManifestFile]:
    name = plan.options.name
    settings = _object(plan, "v1", "Secret", f"{name}-settings")
    data = dict.fromkeys(plan.settings.secrets, PLACEHOLDER)
    yield ManifestFile(
        "secret.example.yaml", (settings | {"type": "Opaque", "stringData": data},), _SECRET_NOTE, is_template=True
    )
    keys = _object(plan, "v1", "Secret", f"{name}-keys")
    names = ["host.master", "host.function.default"]
    notes = [note.format(f"{name}-keys") for note in _KEYS_NOTE]
    keys |= {"type": "Opaque", "stringData": dict.fromkeys(names, PLACEHOLDER)}
    yield ManifestFile("keys.example.yaml", (keys,), notes, is_template=True)


def _kustomization(plan: Plan, paths: list[str]) -> ManifestFile:
    namespace = {"namespace": plan.options.namespace} if plan.options.namespace else {}
    document = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        **namespace,
        "resources": paths,
    }
    return ManifestFile(KUSTOMIZATION, (document,))


def _named(plan: Plan, component: Component) -> str:
    return f"{plan.options.name}-{component.name}"


def _object(plan: Plan, api: str, kind: str, name: str, component: str = "") -> dict[str, Any]:
    return {"apiVersion": api, "kind": kind, "metadata": _metadata(plan, component, name)}


def _metadata(plan: Plan, component: str = "", name: str = "") -> dict[str, Any]:
    namespace = {"namespace": plan.options.namespace} if plan.options.namespace else {}
    return {
        "name": name or f"{plan.options.name}-{component}",
        **namespace,
        "labels": {**labels(plan, component), "app.kubernetes.io/managed-by": "hosting"},
    }
