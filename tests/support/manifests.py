"""Plans and objects of ``hosting manifests`` for tests, and the checks that no API server does here."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from hosting.deploy.manifests.generate import check_options, generate
from hosting.deploy.manifests.options import ManifestOptions
from hosting.deploy.manifests.plan import Plan, make_plan
from hosting.host.function_host import FunctionHost
from tests.conftest import ROOT

_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")
IMAGE = "registry.example.com/shop:1.4.2"


def plan_of(root: Path, environ: Mapping[str, str] | None = None, **options: Any) -> Plan:
    """Return the plan of the app in a folder, loaded with its own environment."""
    options = {"target": "kubernetes", "name": "shop", "image": IMAGE} | options
    checked = ManifestOptions(**options)
    check_options(checked)
    host = FunctionHost(root, environ=dict(environ or {}))
    host.load()
    return make_plan(host, checked)


def objects_of(plan: Plan) -> list[dict[str, Any]]:
    """Return the objects in all files of a plan."""
    return [one for text in generate(plan).values() for one in yaml.safe_load_all(text) if isinstance(one, dict)]


def find(objects: list[dict[str, Any]], kind: str, name: str = "") -> dict[str, Any]:
    """Return the only object of a kind, or the one with a name."""
    [found] = [one for one in objects if one["kind"] == kind and name in ("", one["metadata"]["name"])]
    return found


def broken_references(objects: list[dict[str, Any]]) -> Iterator[str]:
    """Yield what one object says about another that is not so, and names that a cluster refuses."""
    names = [(one["kind"], one["metadata"]["name"]) for one in objects if one["kind"] != "Kustomization"]
    yield from (f"{one} is there twice" for one in set(names) if names.count(one) > 1)
    for one in objects:
        if one["kind"] != "Kustomization":
            name = one["metadata"]["name"]
            if not _LABEL.fullmatch(name) or len(name) > 63:
                yield f"{name} is not a DNS label"
        if one["kind"] in _CHECKS:
            yield from _CHECKS[one["kind"]](one, objects)


def _deployment(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    template = one["spec"]["template"]
    if not one["spec"]["selector"]["matchLabels"].items() <= template["metadata"]["labels"].items():
        yield f"{one['metadata']['name']} does not select its own pods"
    yield from _pod(template["spec"], objects)


def _knative(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    if "template" in one["spec"]:
        yield from _pod(one["spec"]["template"]["spec"], objects)
    else:
        [port] = one["spec"]["ports"]
        pods = list(_selected(one["spec"]["selector"], objects))
        if not pods or any(port["targetPort"] not in _ports(pod) for pod in pods):
            yield f"the port of the Service {one['metadata']['name']} is not one of its pods"


def _pod(spec: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    [container] = spec["containers"]
    known = {(one["kind"], one["metadata"]["name"]) for one in objects if one["kind"] != "Kustomization"}
    wanted = [("ServiceAccount", spec["serviceAccountName"])]
    wanted += [("ConfigMap", one["configMapRef"]["name"]) for one in container["envFrom"] if "configMapRef" in one]
    wanted += [("Secret", one["secretRef"]["name"]) for one in container["envFrom"] if "secretRef" in one]
    wanted += [("Secret", one["secret"]["secretName"]) for one in spec["volumes"] if "secret" in one]
    yield from (f"there is no {one}" for one in wanted if one not in known)
    volumes = {one["name"] for one in spec["volumes"]}
    yield from (f"no volume {one}" for one in container["volumeMounts"] if one["name"] not in volumes)
    probes = [container[f"{kind}Probe"]["httpGet"].get("port") for kind in ("startup", "readiness", "liveness")]
    yield from (f"no port {port}" for port in probes if port is not None and port not in _ports({"spec": spec}))
    arguments = [one for one in container["args"] if one != "--until-idle"]
    flags = dict(zip(arguments[::2], arguments[1::2], strict=True))
    needed = int(flags["--drain-delay"]) + int(flags["--grace"])
    if spec.get("terminationGracePeriodSeconds", needed + 1) <= needed:
        yield "the pod is killed before its host has drained"
    if flags["--port"] not in {str(one["containerPort"]) for one in container["ports"]}:
        yield "the host listens on a port that is not declared"
    names = [one["name"] for one in container["env"]]
    yield from (f"{name} is set twice" for name in names if names.count(name) > 1)


def _scaled_object(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    target = find(objects, "Deployment", one["spec"]["scaleTargetRef"]["name"])
    if "replicas" in target["spec"]:
        yield "the Deployment has a number of replicas that each apply would reset"
    yield from _triggers(one, objects)


def _scaled_job(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    pod = one["spec"]["jobTargetRef"]["template"]["spec"]
    yield from _pod(pod, objects)
    if pod["restartPolicy"] != "Never" or "--until-idle" not in pod["containers"][0]["args"]:
        yield "the job does not end"
    yield from _triggers(one, objects)


def _triggers(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    from hosting.deploy.manifests.metadata import SCALERS, faults

    names = [trigger["name"] for trigger in one["spec"]["triggers"]]
    yield from (f"two triggers are called {name}" for name in set(names) if names.count(name) > 1)
    for trigger in one["spec"]["triggers"]:
        yield from faults(trigger)
        route = trigger["metadata"].get("interceptorRoute")
        if route is not None:
            find(objects, "InterceptorRoute", route)
        if "authenticationRef" in trigger:
            authentication = find(objects, "TriggerAuthentication", trigger["authenticationRef"]["name"])
            for secret in authentication["spec"].get("secretTargetRef", ()):
                if secret["parameter"] not in SCALERS[trigger["type"]].parameters:
                    yield f"{trigger['type']} has no parameter {secret['parameter']}"


def _authentication(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    for secret in one["spec"].get("secretTargetRef", ()):
        if secret["key"] not in find(objects, "Secret", secret["name"])["stringData"]:
            yield f"the Secret {secret['name']} has no {secret['key']}"


def _autoscaler(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    if "replicas" in find(objects, "Deployment", one["spec"]["scaleTargetRef"]["name"])["spec"]:
        yield "the Deployment has a number of replicas that each apply would reset"


def _requests(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    """Yield where an object of the HTTP add-on names another Service, port or Deployment than the app has."""
    target = one["spec"].get("target") or one["spec"]["scaleTargetRef"]
    service = find(objects, "Service", target["service"])
    if target["port"] not in [port["port"] for port in service["spec"]["ports"]] or "portName" in target:
        yield f"{one['kind']}: the Service has no port {target['port']}"
    if "name" in target:
        yield from _autoscaler(one, objects)


def _selects_pods(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    selector = one["spec"].get("selector") or one["spec"]["podSelector"]
    pods = list(_selected(selector["matchLabels"], objects))
    if not pods:
        yield f"{one['kind']} {one['metadata']['name']} selects no pod"
    ports = [port["port"] for rule in one["spec"].get("ingress", ()) for port in rule["ports"]]
    ports += [endpoint["port"] for endpoint in one["spec"].get("podMetricsEndpoints", ())]
    yield from (f"{one['kind']}: no port {port}" for port in ports for pod in pods if port not in _ports(pod))


def _kustomization(one: dict[str, Any], objects: list[dict[str, Any]]) -> Iterator[str]:
    yield from (f"{path} has secrets" for path in one["resources"] if "example" in path)


def _selected(labels: Mapping[str, str], objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for one in objects:
        spec = one.get("spec", {})
        template = spec.get("template") or spec.get("jobTargetRef", {}).get("template", {})
        if template and labels.items() <= template["metadata"]["labels"].items():
            yield template


def _ports(template: dict[str, Any]) -> set[str | int]:
    return {
        value for one in template["spec"]["containers"][0]["ports"] for value in (one["name"], one["containerPort"])
    }


_CHECKS = {
    "Deployment": _deployment,
    "Service": _knative,
    "ScaledObject": _scaled_object,
    "ScaledJob": _scaled_job,
    "HTTPScaledObject": _requests,
    "InterceptorRoute": _requests,
    "TriggerAuthentication": _authentication,
    "HorizontalPodAutoscaler": _autoscaler,
    "PodDisruptionBudget": _selects_pods,
    "NetworkPolicy": _selects_pods,
    "PodMonitor": _selects_pods,
    "Kustomization": _kustomization,
}


@functools.cache
def custom_schemas() -> dict[tuple[str, str], Any]:
    """Return the JSON Schemas of custom resources by ``apiVersion`` and kind, from a folder beside the checkout.

    They are made from the projects' own definitions, which are not part of this repository; empty without the folder.
    """
    folders = [parent / "shared" / "schemas" for parent in ROOT.parents]
    found = {}
    for file in (file for folder in folders if folder.is_dir() for file in sorted(folder.glob("*.json"))):
        schema = json.loads(file.read_text("utf-8"))
        properties = schema["properties"]
        found[properties["apiVersion"]["const"], properties["kind"]["const"]] = schema
    return found
