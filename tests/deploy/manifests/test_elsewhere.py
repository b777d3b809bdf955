"""The files for Docker Compose and for Azure Container Apps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from hosting.deploy.manifests.generate import generate
from hosting.deploy.manifests.metadata import faults
from tests.conftest import MakeApp
from tests.support.custom_resources import differences
from tests.support.manifests import plan_of

CODE = """
import azure.functions as func
app = func.FunctionApp()

@app.route("hello")
def hello(req: func.HttpRequest) -> str: return "hi"

@app.queue_trigger(arg_name="m", queue_name="%QUEUE%", connection="Orders")
def work(m: func.QueueMessage) -> None: ...

@app.queue_trigger(arg_name="m", queue_name="others", connection="Own")
def other(m: func.QueueMessage) -> None: ...

@app.event_hub_message_trigger(arg_name="m", event_hub_name="hub", consumer_group="$Default", connection="Hub")
def event(m: func.EventHubEvent) -> None: ...

@app.timer_trigger(arg_name="t", schedule="0 */5 * * * *")
def tick(t: func.TimerRequest) -> None: ...
"""
SECRET = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;"
SETTINGS = {
    "QUEUE": "orders",
    "Orders": SECRET,
    "Hub": SECRET,
    "AzureWebJobsStorage": SECRET,
    "Own__queueServiceUri": "https://acct.queue.core.windows.net",
    "PRICE": "$5",
}
HOST_JSON = '{"version": "2.0", "functionTimeout": "00:02:00"}'


@pytest.fixture
def app(make_app: MakeApp) -> Path:
    """An app with each kind of component."""
    return make_app({"function_app.py": CODE, "host.json": HOST_JSON})


def test_compose_runs_every_function_in_one_restricted_service(app: Path) -> None:
    """Secrets come from a file that is not in the repository; a host has the time of its longest function to stop."""
    files = generate(plan_of(app, SETTINGS, target="compose", image="", plain=("PRICE",)))
    assert list(files) == ["compose.yaml", "settings.example.env"]
    service = yaml.safe_load(files["compose.yaml"])["services"]["shop"]
    assert service["build"] == {"context": "."}
    assert service["stop_grace_period"] == "130s"
    assert service["entrypoint"] == ["hosting", "start"], "the command alone would come after the image's entry point"
    assert service["command"][0] == "--host"
    assert service["command"][-2:] == ["--grace", "120"]
    assert (service["read_only"], service["user"], service["cap_drop"]) == (True, "10001:10001", ["ALL"])
    assert service["environment"]["PRICE"] == "$$5", "Compose would replace $5 by a variable"
    assert not [name for name in service["environment"] if "functions__" in name]
    template = [line for line in files["settings.example.env"].splitlines() if not line.startswith("#")]
    assert template == [
        f"{name}=REPLACE-ME" for name in ("HOSTING_KEYS_SECRET", "AzureWebJobsStorage", "Hub", "Orders")
    ]
    assert "c2VjcmV0" not in "".join(files.values())


def test_container_apps_have_rules_of_their_own(app: Path) -> None:
    """Each component is a container app; its rules read secrets and settings that it has, and one host runs timers."""
    files = generate(plan_of(app, SETTINGS, target="aca", name="n" * 22))
    assert "c2VjcmV0" not in "".join(files.values())
    apps = {name: yaml.safe_load(text) for name, text in files.items()}
    assert [fault for one in apps.values() for fault in differences(one)] == []
    properties: Mapping[str, Any] = {name: one["properties"] for name, one in apps.items()}
    for one in properties.values():
        [container] = one["template"]["containers"]
        known = {secret["name"] for secret in one["configuration"]["secrets"]}
        assert {env["secretRef"] for env in container["env"] if "secretRef" in env} == known
        assert {secret["value"] for secret in one["configuration"]["secrets"]} == {"REPLACE-ME"}
        for rule in one["template"]["scale"].get("rules", ()):
            assert list(faults(rule["custom"]) if "custom" in rule else ()) == []
            auth = rule.get("custom", {}).get("auth", ())
            assert {entry["secretRef"] for entry in auth} <= known
    scaled = properties["containerapp-scaled.yaml"]["template"]["scale"]
    assert scaled["minReplicas"] == 0
    assert [rule["name"] for rule in scaled["rules"]] == ["event", "other", "work"]
    assert scaled["rules"][1]["custom"]["identity"] == "system"
    assert apps["containerapp-scaled.yaml"]["identity"] == {"type": "SystemAssigned"}
    assert properties["containerapp-always-on.yaml"]["template"]["scale"] == {"minReplicas": 1, "maxReplicas": 1}
    assert ["ingress" in one["configuration"] for one in properties.values()] == [True, False, False]


def test_timers_of_container_apps_can_have_windows(make_app: MakeApp) -> None:
    """KEDA's cron rule starts the one host of timers, and stops it again."""
    code = CODE.replace("0 */5 * * * *", "0 30 3 * * *")
    files = generate(plan_of(make_app({"function_app.py": code}), SETTINGS, target="aca", cron=True))
    document = yaml.safe_load(files["containerapp-timers.yaml"])
    assert list(differences(document)) == []
    scale = document["properties"]["template"]["scale"]
    assert (scale["minReplicas"], scale["maxReplicas"]) == (0, 1)
    assert scale["rules"][0]["custom"]["type"] == "cron"


def test_faults_of_a_container_app_are_found(app: Path) -> None:
    """A key that the platform does not have, too many failures of a probe, a name that is too long."""
    files = generate(plan_of(app, SETTINGS, target="aca"))
    document = yaml.safe_load(files["containerapp-http.yaml"])
    document["name"] = "n" * 33
    template = document["properties"]["template"]
    template["containers"][0]["probes"][0]["failureThreshold"] = 30
    template["scale"]["minReplica"] = 1
    assert [fault.partition(": ")[2] or fault[:5] for fault in differences(document)] == [
        "minReplica is not known",
        "nnnnn",
        "failureThreshold 30 is not 1 to 10",
    ]
