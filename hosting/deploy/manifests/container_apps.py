"""Files for ``az containerapp create --yaml``: a container app for each component, with scale rules of its own.

The kind ``functionapp`` is not used: with it, the platform reads the triggers itself, which works with the image of
Azure's host only.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hosting.deploy.manifests.components import Component
from hosting.deploy.manifests.documents import ManifestFile
from hosting.deploy.manifests.names import as_label, unique
from hosting.deploy.manifests.options import CONCURRENT_REQUESTS, PLACEHOLDER, PORT
from hosting.deploy.manifests.plan import Plan
from hosting.deploy.manifests.pods import METRICS, arguments, probes, termination_seconds, uses_identity, variables
from hosting.deploy.manifests.scalers import Scaler

MAX_APP_NAME = 32 - len("-always-on")
"""The most characters of an app's name here."""
_STARTUP_SECONDS, _MAX_FAILURES = 60, 10
"""The platform takes no more failures of a probe."""
_MAX_TERMINATION_SECONDS = 600  # the platform's limit
_KEYS = "HOSTING_KEYS_SECRET"
_NOTES = (
    f"Replace each {PLACEHOLDER} at deployment, or name secrets of a Key Vault with keyVaultUrl and identity.",
    "az containerapp create --name NAME --resource-group GROUP --environment ENVIRONMENT --yaml FILE",
)


def container_app_files(plan: Plan) -> list[ManifestFile]:
    """Return one file for each component; each has placeholders, so that it is a template to be filled in."""
    return [
        ManifestFile(f"containerapp-{one.name}.yaml", (_container_app(plan, one),), _NOTES + one.notes)
        for one in plan.components
    ]


def _container_app(plan: Plan, component: Component) -> dict[str, Any]:
    secrets = [{"name": name, "value": PLACEHOLDER} for name in _secrets(plan).values()]
    ingress = {"external": True, "targetPort": PORT, "transport": "auto"}
    return {
        "type": "Microsoft.App/containerApps",
        "name": f"{plan.options.name}-{component.name}",
        **({"identity": {"type": "SystemAssigned"}} if uses_identity(plan) else {}),
        "properties": {
            "configuration": {
                "activeRevisionsMode": "Single",
                **({"ingress": ingress} if component.name == "http" else {}),
                "secrets": secrets,
            },
            "template": {
                "terminationGracePeriodSeconds": min(termination_seconds(plan, component), _MAX_TERMINATION_SECONDS),
                "containers": [_container(plan, component)],
                "scale": _scale(plan, component),
            },
        },
    }


def _container(plan: Plan, component: Component) -> dict[str, Any]:
    own = {name: value for name, value in variables(plan, component).items() if not name.startswith(METRICS)}
    values = {**plan.settings.values, "XDG_STATE_HOME": "/tmp/state", **own}
    env = [{"name": name, "value": value} for name, value in values.items()]
    env += [{"name": name, "secretRef": secret} for name, secret in _secrets(plan).items()]
    kinds = {"startupProbe": "Startup", "readinessProbe": "Readiness", "livenessProbe": "Liveness"}
    return {
        "name": "host",
        "image": plan.options.image,
        "command": ["hosting", "start"],
        "args": arguments(plan, component),
        "env": env,
        "resources": {"cpu": 0.5, "memory": "1Gi"},
        "probes": [{"type": kinds[name], **probe} for name, probe in _probes().items()],
    }


def _probes() -> dict[str, Any]:
    found = probes(PORT, _MAX_FAILURES)
    found["startupProbe"]["periodSeconds"] = _STARTUP_SECONDS // _MAX_FAILURES
    return found


def _scale(plan: Plan, component: Component) -> dict[str, Any]:
    if component.name == "always-on":
        return {"minReplicas": 1, "maxReplicas": 1}
    if component.scalers:
        rules = list(_rules(plan, component))
        return {
            "minReplicas": 0,
            "maxReplicas": 1 if component.is_single else plan.options.max_replicas,
            "pollingInterval": plan.options.polling_interval,
            "cooldownPeriod": plan.options.cooldown_period,
            "rules": rules,
        }
    metadata = {"concurrentRequests": str(CONCURRENT_REQUESTS)}
    return {
        "minReplicas": plan.options.min_replicas,
        "maxReplicas": plan.options.max_replicas,
        "rules": [{"name": "http", "http": {"metadata": metadata}}],
    }


def _rules(plan: Plan, component: Component) -> Iterator[dict[str, Any]]:
    names = unique(as_label(scaler.function) for scaler in component.scalers)
    for name, scaler in zip(names, component.scalers, strict=True):
        yield {"name": name, "custom": _custom(scaler, _secrets(plan))}


def _custom(scaler: Scaler, secrets: Mapping[str, str]) -> dict[str, Any]:
    rule: dict[str, Any] = {"type": scaler.type, "metadata": dict(scaler.metadata)}
    if scaler.identity is not None:
        rule["identity"] = "system" if not scaler.identity else PLACEHOLDER
    if scaler.secrets:
        auth = [{"secretRef": secrets[name], "triggerParameter": one} for one, name in scaler.secrets.items()]
        rule["auth"] = auth
    return rule


def _secrets(plan: Plan) -> dict[str, str]:
    """Return the name of the secret for each setting: lower-case letters, digits and dashes."""
    settings = (_KEYS, *plan.settings.secrets)
    return dict(zip(settings, unique(map(as_label, settings)), strict=True))
