"""The files for Kubernetes and Knative: valid objects that fit each other, for apps of every kind."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
from croniter import croniter

from hosting.app_settings import AppSettings
from hosting.bindings.timer.schedule import read_schedule
from hosting.core import Addition
from hosting.deploy.manifests.components import components, place
from hosting.deploy.manifests.generate import generate
from hosting.deploy.manifests.metadata import faults
from hosting.deploy.manifests.scalers import ScalerContext
from hosting.deploy.manifests.windows import NoWindowError, find_window
from hosting.errors import HostingError
from hosting.host.function_host import FunctionHost
from tests.conftest import MakeApp
from tests.support.custom_resources import differences, known_keys
from tests.support.manifests import broken_references, custom_schemas, find, objects_of, plan_of

CORE = ("v1", "apps/v1", "autoscaling/v2", "policy/v1", "networking.k8s.io/v1")
VERSIONS = [f"1.{minor}" for minor in range(25, 38)]
LONG = [version for version in VERSIONS if version not in (VERSIONS[0], VERSIONS[-1])]
SECRET = "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=c2VjcmV0;"

SHOP = """
import azure.functions as func
app = func.FunctionApp()

@app.route("hello")
def hello(req: func.HttpRequest) -> str: return "hi"

@app.queue_trigger(arg_name="m", queue_name="%QUEUE%", connection="Orders")
def work(m: func.QueueMessage) -> None: ...

@app.timer_trigger(arg_name="t", schedule="0 */5 * * * *")
def tick(t: func.TimerRequest) -> None: ...

@app.warm_up_trigger(arg_name="c")
def warm(c) -> None: ...
"""
QUEUE = """
import azure.functions as func
app = func.FunctionApp()

@app.queue_trigger(arg_name="m", queue_name="Orders", connection="{}")
def work(m: func.QueueMessage) -> None: ...
"""
GENERIC = """
import azure.functions as func
app = func.FunctionApp()

@app.function_name("{name}")
@app.generic_trigger(arg_name="m", type="{type}", **{properties})
def work(m) -> None: ...
"""
V1 = {
    "Work/function.json": json.dumps(
        {"bindings": [{"type": "queueTrigger", "direction": "in", "name": "m", "queueName": "%QUEUE%"}]}
    ),
    "Work/__init__.py": "def main(m) -> None: ...",
    "Page/function.json": json.dumps({"bindings": [{"type": "httpTrigger", "direction": "in", "name": "req"}]}),
    "Page/__init__.py": "def main(req) -> str: return ''",
}
HUNDRED = "import azure.functions as func\napp = func.FunctionApp()\n" + "".join(
    f"""
@app.queue_trigger(arg_name="m", queue_name="queue-{number}", connection="Account__{number % 3}")
def work_{number}(m: func.QueueMessage) -> None: ...
@app.route("page{number}")
def page_{number}(req: func.HttpRequest) -> str: return ""
"""
    for number in range(50)
)
APPS: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]]] = {
    "v2": ({"function_app.py": SHOP}, {"QUEUE": "orders", "Orders": SECRET, "AzureWebJobsStorage": SECRET}),
    "v1": (V1, {"QUEUE": "orders", "AzureWebJobsStorage": SECRET}),
    "identity": (
        {"function_app.py": QUEUE.format("Orders")},
        {"Orders__queueServiceUri": "https://acct.queue.core.windows.net", "Orders__credential": "managedidentity"},
    ),
    "hundred": ({"function_app.py": HUNDRED}, {}),
    "nightly": ({"function_app.py": SHOP.replace("0 */5 * * * *", "0 0 3 * * *")}, {"QUEUE": "orders"}),
}


def _plan(make_app: MakeApp, name: str, **options: Any) -> Any:
    files, environ = APPS[name]
    return plan_of(make_app(files), environ, **options)


ADDON: Mapping[str, Any] = {"hostname": ("shop.example.com",), "min_replicas": 0}
ROUTE = {"http_scaler": "interceptorroute", **ADDON}
CHOICES: list[tuple[str, Mapping[str, Any], set[str]]] = [
    *((name, {}, set[str]()) for name in ("v2", "v1", "identity", "hundred")),
    ("v2", {"target": "knative"}, {"Service"}),
    ("nightly", {"jobs": True, "cron": True}, {"ScaledJob", "ScaledObject"}),
    ("v1", {"jobs": True, "http_scaler": "httpscaledobject", **ADDON}, {"HTTPScaledObject", "ScaledJob"}),
    ("v2", ROUTE, {"InterceptorRoute", "ScaledObject", "TriggerAuthentication"}),
]


def _core_objects(objects: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield the objects of Kubernetes itself, and the jobs that KEDA makes from a ScaledJob."""
    for one in objects:
        if one["apiVersion"] in CORE:
            yield one
        elif one["kind"] == "ScaledJob":
            job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": one["metadata"]}
            yield {**job, "spec": one["spec"]["jobTargetRef"]}


@pytest.mark.parametrize(("name", "options", "kinds"), CHOICES)
def test_objects_fit_each_other_and_the_schemas(
    make_app: MakeApp, name: str, options: Mapping[str, Any], kinds: set[str]
) -> None:
    """References agree, the oldest and newest Kubernetes take the objects, and custom ones have only known keys."""
    is_knative = options.get("target") == "knative"  # its pods have one port
    plan = _plan(make_app, name, namespace="shops", **options)._replace(metrics_port=None if is_knative else 9464)
    objects = objects_of(plan)
    assert kinds <= {one["kind"] for one in objects}
    assert list(broken_references(objects)) == []
    assert {one["metadata"]["namespace"] for one in objects if one["kind"] != "Kustomization"} == {"shops"}
    for one in _core_objects(objects):
        for version in (VERSIONS[0], VERSIONS[-1]):
            kubernetes_validate.validate(one, version, strict=True)
    custom = [one for one in objects if one["apiVersion"] not in CORE and one["kind"] != "Kustomization"]
    assert [fault for one in custom for fault in differences(one)] == []
    for one in custom if custom_schemas() else ():
        schema = custom_schemas()[one["apiVersion"], one["kind"]]
        assert [str(error) for error in jsonschema.Draft202012Validator(schema).iter_errors(one)] == []


def test_listed_keys_of_custom_resources_are_those_of_their_projects() -> None:
    """The list of keys that all machines check is a part of the full schemas, where those are."""
    if not custom_schemas():
        pytest.skip("the schemas of custom resources are not part of this repository: put them into shared/schemas")
    for kind, keys in known_keys().items():
        if " " in kind:
            api, name = kind.split(" ")
            schema = custom_schemas()[api, name]
            assert list(_unlisted(keys, schema["properties"]["spec"], kind)) == []


def _unlisted(keys: Any, schema: Mapping[str, Any], path: str) -> Iterator[str]:
    if isinstance(keys, list):
        yield from _unlisted(keys[0], schema["items"], path)
    elif isinstance(keys, dict) and "*" not in keys:
        required = {key.rstrip("!") for key in keys if key.endswith("!")}
        if not required <= set(schema.get("required", ())):
            yield f"{path}: {sorted(required)} are not all required"
        for key in map(str, keys):
            name = key.rstrip("!")
            if name in schema["properties"]:
                yield from _unlisted(keys[key], schema["properties"][name], f"{path}.{name}")
            else:
                yield f"{path}.{name}"
    elif isinstance(keys, str) and keys != "any" and "|" not in keys and schema.get("type") != keys:
        yield f"{path}: {keys}"


@pytest.mark.long
@pytest.mark.parametrize("version", LONG)
def test_every_version_of_kubernetes_takes_the_objects(make_app: MakeApp, version: str) -> None:
    """No field is too new or was removed."""
    for jobs in (False, True):
        plan = _plan(make_app, "nightly", namespace="shops", pull_secret="registry", jobs=jobs, cron=jobs)
        for one in _core_objects(objects_of(plan)):
            kubernetes_validate.validate(one, version, strict=True)


TRIGGERS = [
    # type, properties, settings, host.json's extensions, type of scaler, metadata
    (
        "queueTrigger",
        {"queueName": "%Q%", "connection": ""},
        {"Q": "Big-Orders"},
        {"queues": {"batchSize": 8, "newBatchThreshold": 2}},
        ("azure-queue", {"queueName": "big-orders", "queueLength": "10", "queueLengthStrategy": "all"}),
    ),
    (
        "queueTrigger",
        {"queueName": "orders"},
        {"FUNCTIONS_WORKER_PROCESS_COUNT": "2"},
        {"queues": {"batchSize": "4"}},
        ("azure-queue", {"queueName": "orders", "queueLength": "12", "queueLengthStrategy": "all"}),
    ),
    (
        "queueTrigger",
        {"queueName": "orders", "connection": "Gov"},
        {"Gov__serviceUri": "https://acct.queue.core.usgovcloudapi.net", "Gov__clientId": "id"},
        {},
        (
            "azure-queue",
            {"queueName": "orders", "queueLength": "24", "queueLengthStrategy": "all"}
            | {"accountName": "acct", "cloud": "AzureUSGovernmentCloud"},
        ),
    ),
    (
        "queueTrigger",
        {"queueName": "orders", "connection": "Own"},
        {"AzureWebJobsOwn__queueServiceUri": "https://acct.queue.storage.example"},
        {},
        (
            "azure-queue",
            {"queueName": "orders", "queueLength": "24", "queueLengthStrategy": "all"}
            | {"accountName": "acct", "cloud": "Private", "endpointSuffix": "queue.storage.example"},
        ),
    ),
    (
        "serviceBusTrigger",
        {"topicName": "T", "subscriptionName": "S", "connection": "Bus"},
        {},
        {"serviceBus": {"maxConcurrentCalls": 4}},
        ("azure-servicebus", {"messageCount": "4", "topicName": "T", "subscriptionName": "S"}),
    ),
    (
        "serviceBusTrigger",
        {"queueName": "Q", "connection": "Bus"},
        {"Bus__fullyQualifiedNamespace": "ns.servicebus.windows.net"},
        {},
        ("azure-servicebus", {"messageCount": "16", "queueName": "Q", "namespace": "ns"}),
    ),
    (
        "eventHubTrigger",
        {"eventHubName": "hub", "connection": "Hub"},
        {"Hub": SECRET},
        {},
        (
            "azure-eventhub",
            {"consumerGroup": "$Default", "unprocessedEventThreshold": "64", "eventHubName": "hub"}
            | {"blobContainer": "azure-webjobs-eventhub", "checkpointStrategy": "blobMetadata"},
        ),
    ),
    (
        "kafkaTrigger",
        {"brokerList": "Brokers", "topic": "t", "consumerGroup": "g", "protocol": "SaslSsl"}
        | {"authenticationMode": "Plain", "username": "%U%", "password": "%P%"},
        {"Brokers": "kafka:9093", "U": "user", "P": "hunter-2-secret"},
        {},
        (
            "kafka",
            {"topic": "t", "consumerGroup": "g", "lagThreshold": "10", "bootstrapServers": "kafka:9093"}
            | {"tls": "enable", "sasl": "plaintext"},
        ),
    ),
    (
        "rabbitMQTrigger",
        {"queueName": "q", "connectionStringSetting": "Rabbit"},
        {},
        {},
        ("rabbitmq", {"queueName": "q", "mode": "QueueLength", "value": "30"}),
    ),
]


@pytest.mark.parametrize(("kind", "properties", "settings", "extensions", "expected"), TRIGGERS)
def test_trigger_gets_its_scaler(
    make_app: MakeApp,
    kind: str,
    properties: Mapping[str, str],
    settings: Mapping[str, str],
    extensions: Mapping[str, Any],
    expected: tuple[str, Mapping[str, str]],
) -> None:
    """Each type of trigger has KEDA's scaler with the metadata that KEDA reads, as texts, and the app's thresholds."""
    code = GENERIC.format(name="Work_It", type=kind, properties=dict(properties))
    files = {"function_app.py": code, "host.json": json.dumps({"version": "2.0", "extensions": extensions})}
    files["local.settings.json"] = json.dumps({"Values": dict(settings)})
    plan = plan_of(make_app(files))
    objects = objects_of(plan)
    [trigger] = find(objects, "ScaledObject")["spec"]["triggers"]
    assert (trigger["type"], trigger["metadata"]) == expected
    assert list(broken_references(objects)) == []
    assert not [text for text in generate(plan).values() if "hunter-2" in text or "c2VjcmV0" in text]
    if kind != "queueTrigger":
        assert any("never triggered" in one.message for one in plan.problems)


@pytest.mark.parametrize("kind", ["cosmosDBTrigger", "sqlTrigger", "orchestrationTrigger", "redisListTrigger"])
def test_trigger_without_a_scaler_keeps_one_host_and_is_reported(make_app: MakeApp, kind: str) -> None:
    """KEDA would refuse the whole ScaledObject for one type that it does not know."""
    plan = plan_of(make_app({"function_app.py": GENERIC.format(name="work", type=kind, properties={})}))
    objects = objects_of(plan)
    assert find(objects, "Deployment")["metadata"]["name"] == "shop-always-on"
    assert find(objects, "Deployment")["spec"]["replicas"] == 1
    assert "ScaledObject" not in {one["kind"] for one in objects}
    assert "KEDA has no scaler" in plan.problems[0].message


MISTAKES = [
    ("eventHubTrigger", {"eventHubName": "hub"}, {}, "has no connection"),
    ("rabbitMQTrigger", {"queueName": "q"}, {}, "has no connectionStringSetting"),
    ("serviceBusTrigger", {"topicName": "t"}, {}, "has no subscriptionName"),
    ("kafkaTrigger", {"topic": "t"}, {}, "has no brokerList"),
    (
        "queueTrigger",
        {"queueName": "q1-name", "connection": "S"},
        {"S__credential": "managedidentity"},
        "which account",
    ),
    ("serviceBusTrigger", {"queueName": "q", "connection": "S"}, {"S__clientId": "x"}, "which namespace"),
    ("serviceBusTrigger", {"queueName": "q", "connection": SECRET}, {}, "is not the name of a setting"),
]


@pytest.mark.parametrize(("kind", "properties", "settings", "message"), MISTAKES)
def test_trigger_that_cannot_be_scaled_is_an_error_that_says_what_is_missing(
    make_app: MakeApp, kind: str, properties: Mapping[str, str], settings: Mapping[str, str], message: str
) -> None:
    """A ScaledObject with a gap would be refused by KEDA, or would never start a host."""
    app = make_app({"function_app.py": GENERIC.format(name="work", type=kind, properties=dict(properties))})
    with pytest.raises(HostingError, match=message) as raised:
        plan_of(app, settings)
    assert "c2VjcmV0" not in str(raised.value)
    assert raised.value.remedy


def test_queue_name_of_a_setting_that_is_not_set_is_an_error(make_app: MakeApp) -> None:
    """In CI there is no local.settings.json: the message says which setting is missing."""
    with pytest.raises(HostingError, match="QUEUE"):
        plan_of(make_app({"function_app.py": SHOP}))


def test_components_run_apart_and_name_their_functions(make_app: MakeApp) -> None:
    """Each function runs in one component, a warm-up in all, and a disabled one in none; queues scale to zero."""
    files, environ = APPS["v2"]
    plan = plan_of(make_app(files), {**environ, "AzureWebJobs.tick.Disabled": "1"})
    assert {one.name: [f.name for f in one.functions] for one in plan.components} == {
        "http": ["hello", "warm"],
        "scaled": ["warm", "work"],
    }
    objects = objects_of(_plan(make_app, "v2"))
    env = find(objects, "Deployment", "shop-scaled")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "AzureFunctionsJobHost__functions__1", "value": "work"} in env
    scaled = find(objects, "ScaledObject")["spec"]
    assert (scaled["minReplicaCount"], scaled["scaleTargetRef"]["name"]) == (0, "shop-scaled")
    assert find(objects, "Deployment", "shop-always-on")["spec"]["replicas"] == 1
    assert find(objects, "HorizontalPodAutoscaler")["spec"]["minReplicas"] == 2


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ("0 0 3 * * *", ("55 2 * * *", "5 3 * * *")),
        ("30 3 * * *", ("25 3 * * *", "35 3 * * *")),
        ("15 30 * * * *", ("25 * * * *", "35 * * * *")),
        ("0 0 * * * *", ("55 * * * *", "5 * * * *")),
        ("0 0 0 * * *", ("55 23 * * *", "5 0 * * *")),
        ("0 58 23 * * *", ("53 23 * * *", "3 0 * * *")),
        ("0 0,50 9 * * *", ("55 8 * * *", "55 9 * * *")),
        ("0 30 8,12,23 * * *", ("25 8,12,23 * * *", "35 8,12,23 * * *")),
        ("0 30 9-11 * * MON-FRI", ("25 9,10,11 * * 1,2,3,4,5", "35 9,10,11 * * 1,2,3,4,5")),
        ("0 0 6 1 jan,jul *", ("55 5 1 1,7 *", "5 6 1 1,7 *")),
        ("0 0 0 1 * *", "another day"),
        ("0 58 23 * * 1", "another day"),
        ("0 0 * * * 1", "another day"),
        ("0 */5 * * * *", "too often"),
        ("0 0,59 9-17 * * *", "too often"),
        ("0 0 6 13 * 5", "not both"),
        ("00:05:00", "a time span"),
        ("0 0 25 * * *", "not valid"),
    ],
)
def test_window_of_a_timer(schedule: str, expected: tuple[str, str] | str) -> None:
    """It begins and ends five minutes around each time, in KEDA's syntax; without one the reason is a phrase."""
    if isinstance(expected, str):
        with pytest.raises(NoWindowError, match=expected):
            find_window(schedule)
        return
    window = find_window(schedule)
    assert (window.start, window.end) == expected
    start = datetime(2026, 12, 1, 12)
    times = [croniter(text, start, day_or=True).get_next(datetime) for text in window]
    due = read_schedule(schedule, UTC).next(times[0].replace(tzinfo=UTC))
    assert due is not None
    assert timedelta(minutes=5) <= due.replace(tzinfo=None) - times[0] <= timedelta(minutes=6)


def test_timers_with_windows_have_one_host_at_most(make_app: MakeApp) -> None:
    """A timer that is due too often, or runs at each start, keeps a host; windows are in the time zone of the app."""
    code = SHOP.replace("0 */5 * * * *", "0 0 3 * * *")
    code += """
@app.timer_trigger(arg_name="t", schedule="0 * * * * *")
def often(t: func.TimerRequest) -> None: ...

@app.timer_trigger(arg_name="t", schedule="0 0 3 * * *", run_on_startup=True)
def early(t: func.TimerRequest) -> None: ...
"""
    _, environ = APPS["v2"]
    plan = plan_of(make_app({"function_app.py": code}), {**environ, "WEBSITE_TIME_ZONE": "Europe/Paris"}, cron=True)
    assert {one.function.name: one.component for one in plan.placements if one.component != "http"} == {
        "work": "scaled",
        "tick": "timers",
        "often": "always-on",
        "early": "always-on",
    }
    objects = objects_of(plan)
    assert list(broken_references(objects)) == []
    scaled = find(objects, "ScaledObject", "shop-timers")["spec"]
    assert (scaled["minReplicaCount"], scaled["maxReplicaCount"]) == (0, 1)
    assert scaled["triggers"][0]["metadata"] == {
        "timezone": "Europe/Paris",
        "start": "55 2 * * *",
        "end": "5 3 * * *",
        "desiredReplicas": "1",
    }
    assert not [one for one in objects if one["kind"] == "PodDisruptionBudget" and "timers" in one["metadata"]["name"]]


def test_list_of_functions_in_host_json_is_overridden_to_its_end(make_app: MakeApp) -> None:
    """host.json's own list has more names than a component: the variables leave none of them in place."""
    files, environ = APPS["v2"]
    names = ["hello", "work", "tick"]
    app = make_app({**files, "host.json": json.dumps({"version": "2.0", "functions": names})})
    plan = plan_of(app, environ)
    objects = objects_of(plan)
    env = find(objects, "Deployment", "shop-scaled")["spec"]["template"]["spec"]["containers"][0]["env"]
    assert [one["value"] for one in env if "functions__" in one["name"]] == ["work"] * 3
    variables = {one["name"]: one["value"] for one in env}
    host = FunctionHost(app, environ={**environ, **variables})
    host.load()
    assert [one.name for one in host.functions] == ["work"]


def test_values_that_may_be_secret_are_never_written(make_app: MakeApp) -> None:
    """Only names go into the Secret's template; what a trigger's expression shows anyway is in the ConfigMap."""
    values = {
        "QUEUE": "orders",
        "Orders": SECRET,
        "API_KEY": "top-secret",
        "Pin": "orders",
        "ConnectionStrings:Db": "Server=db;Password=secret-password",
        "AzureWebJobsStorage": "UseDevelopmentStorage=true",
        "AzureFunctionsJobHost__logging__logLevel__default": "Debug",
        "REGION": "north",
        "two words": "x",
    }
    files, _ = APPS["v2"]
    app = make_app({**files, "local.settings.json": json.dumps({"Values": values})})
    plan = plan_of(app, plain=("REGION",))
    text = "".join(generate(plan).values())
    for secret in ("c2VjcmV0", "top-secret", "secret-password", "UseDevelopment"):
        assert secret not in text
    objects = objects_of(plan)
    data = find(objects, "ConfigMap")["data"]
    assert (data["QUEUE"], data["REGION"]) == ("orders", "north")
    assert data["AzureFunctionsJobHost__logging__logLevel__default"] == "Debug"
    template = find(objects, "Secret", "shop-settings")["stringData"]
    assert set(template.values()) == {"REPLACE-ME"}
    assert sorted(template) == ["API_KEY", "AzureWebJobsStorage", "ConnectionStrings__Db", "Orders", "Pin"]
    assert any("two words" in problem.message for problem in plan.problems)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "My Shop"}, "--name my-shop"),
        ({"name": "shop-"}, "--name shop"),
        ({"name": "a" * 41}, "1 to 40"),
        ({"namespace": "Shops"}, "--namespace shops"),
        ({"image": ""}, "--image"),
        ({"image": "Registry/Shop Image"}, "is not the reference of an image"),
        ({"image": "registry.example.com/Shop:1"}, "is not the reference of an image"),
        ({"min_replicas": 5, "max_replicas": 3}, "--max-replicas"),
        ({"plain": ("NOPE",)}, "NOPE"),
        ({"min_replicas": 0}, "--min-replicas 0"),
        ({"http_scaler": "interceptorroute"}, "--hostname"),
        ({"http_scaler": "httpscaledobject", "hostname": ("https://shop/",)}, "'https://shop/'"),
        ({"http_scaler": "interceptorroute", "target": "aca", **ADDON}, "--target aca"),
        ({"jobs": True, "target": "compose"}, "--jobs has no effect"),
        ({"cron": True, "target": "compose"}, "--cron has no effect"),
        ({"target": "aca", "name": "a" * 23}, "1 to 22"),
    ],
)
def test_option_that_cannot_be_used_is_an_error_with_a_remedy(
    make_app: MakeApp, options: Mapping[str, Any], message: str
) -> None:
    """Names that are not DNS labels, missing images and impossible numbers are reported before anything is written."""
    files, environ = APPS["v2"]
    with pytest.raises(HostingError) as raised:
        plan_of(make_app(files), environ, **options)
    assert message in str(raised.value)
    assert raised.value.remedy


def test_files_are_the_same_bytes_each_time(make_app: MakeApp, tmp_path: Path) -> None:
    """Neither the folder nor the order of settings nor the machine's cores change a byte."""
    files, environ = APPS["v2"]
    first = generate(plan_of(make_app(files), environ))
    second = generate(plan_of(make_app(files), dict(reversed(list(environ.items())))))
    assert first == second


def test_metrics_are_served_on_a_port_that_prometheus_finds(make_app: MakeApp) -> None:
    """A PodMonitor reads every component; the port is open inside the cluster only, and not in the Service."""
    objects = objects_of(_plan(make_app, "v2")._replace(metrics_port=9464))
    assert list(broken_references(objects)) == []
    monitor = find(objects, "PodMonitor")
    assert monitor["spec"]["podMetricsEndpoints"][0]["port"] == "metrics"
    assert len(next(one for one in objects if one["kind"] == "Service")["spec"]["ports"]) == 1


def test_faults_of_metadata_are_found() -> None:
    """A misspelled key, a number and a missing key, which no schema of KEDA's finds."""
    wrong = {"type": "azure-queue", "metadata": {"queuelength": "5", "queueLength": 5}}
    assert [text.partition(": ")[2] for text in faults(wrong)] == [
        "KEDA does not read the key 'queuelength'",
        "the value of 'queueLength' must be a text, found 5",
        "'queueName' is missing",
    ]
    assert "no such scaler" in next(faults({"type": "timertrigger"}))


DURABLE = """
import azure.functions as func
app = func.FunctionApp()

@app.route("start")
@app.generic_input_binding(arg_name="client", type="durableClient")
def start(req: func.HttpRequest, client) -> str: return ""

@app.generic_trigger(arg_name="context", type="orchestrationTrigger")
def orchestrate(context): ...
"""


def test_orchestrations_apart_from_their_starters_are_reported(make_app: MakeApp) -> None:
    """A task hub in a file is not shared: the functions that start orchestrations would write into one of their own."""
    plan = plan_of(make_app({"function_app.py": DURABLE}))
    assert [one.name for one in plan.components] == ["http", "always-on"]
    assert any("'start' starts orchestrations that run in other hosts" in one.message for one in plan.problems)


def test_function_that_an_extension_adds_needs_no_host_of_its_own(make_app: MakeApp) -> None:
    """It runs in every host, because the list of functions names only those of the app."""
    files, environ = APPS["v2"]
    plan = plan_of(make_app(files), environ)
    functions = [one.function for one in plan.placements if one.function.name in ("hello", "work")]
    functions[0].addition = Addition("openapi")
    found = components(place(functions, ScalerContext(AppSettings(environ), (), {})))
    assert [(one.name, [function.name for function in one.functions]) for one in found] == [("scaled", ["work"])]


@pytest.mark.parametrize(
    ("image", "moves"),
    [
        ("shop", True),
        ("shop:latest", True),
        ("localhost:5000/team/shop", True),
        ("localhost:5000/team/shop:1", False),
        ("registry.example.com/a_b/c-d__e:V1.2-x", False),
        ("shop@sha256:" + "a" * 64, False),
    ],
)
def test_image_without_a_fixed_version_is_reported(make_app: MakeApp, image: str, moves: bool) -> None:
    """Two hosts of one Deployment could run different code."""
    files, environ = APPS["v2"]
    plan = plan_of(make_app(files), environ, image=image)
    assert any("no fixed version" in one.message for one in plan.problems) is moves
