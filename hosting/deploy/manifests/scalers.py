"""From triggers to KEDA: which scaler measures the work of a function, and from where it reads."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from hosting.app_settings import AppSettings
from hosting.bindings.timer.zone import SETTING as ZONE
from hosting.core import Binding, Function
from hosting.deploy.manifests.connections import STORAGE, Connection, find_connection
from hosting.deploy.manifests.metadata import faults
from hosting.deploy.manifests.names import folded, is_key
from hosting.deploy.manifests.windows import NoWindowError, find_window
from hosting.errors import HostingError

QUEUE_BATCH = 16
"""Azure's default of ``extensions.queues.batchSize``; on one core, ``newBatchThreshold`` is half of it."""
_MESSAGE_CALLS, _EVENT_BATCH, _LAG, _PREFETCH = 16, 64, 10, 30


class Scaler(NamedTuple):
    """One trigger of a ScaledObject.

    Args:
        function: the name of the function.
        type: KEDA's type of scaler.
        metadata: its metadata.
        secrets: the settings that it reads as parameters of a TriggerAuthentication, by parameter.
        identity: the client ID of the identity that it uses, empty for the pod's own; None for secrets.
    """

    function: str
    type: str
    metadata: Mapping[str, str]
    secrets: Mapping[str, str]
    identity: str | None = None


class ScalerContext(NamedTuple):
    """What a rule needs to know about the app.

    Args:
        settings: the app settings.
        names: the names of all settings, as they are spelled.
        host_json: the content of host.json.
        workers: the number of processes in each container.
        cron: whether timers have windows of time.
    """

    settings: AppSettings
    names: Iterable[str]
    host_json: Mapping[str, Any]
    workers: int = 1
    cron: bool = False

    def connection(self, binding: Binding, default: str, key: str = "connection") -> Connection:
        """Return the connection of a trigger.

        Raises:
            HostingError: it is not the name of a setting.
        """
        found = find_connection(self.settings, self.names, str(binding.get(key) or default))
        if found.setting and not is_key(found.setting):
            raise HostingError(  # the text may be a connection string, which must not be shown
                f"The {key} of a {binding.type} is not the name of a setting, but something else",
                remedy=f"Write the name of the setting in {key}, and the connection string in the setting.",
            )
        return found

    def setting_of(self, text: str) -> str:
        """Return the name of the setting that a property names, or whose value it has where it was written %NAME%."""
        named = (name for name in self.names if folded(name) == folded(text))
        valued = (name for name in self.names if self.settings.get(name) == text)
        return next(named, next(valued, "KafkaCredential"))

    def number(self, section: str, key: str, default: int) -> int:
        """Return a positive whole number of ``extensions`` in host.json; the default for anything else."""
        extensions = self.host_json.get("extensions")
        found: Any = extensions.get(section) if isinstance(extensions, Mapping) else None
        value = found.get(key) if isinstance(found, Mapping) else None
        if isinstance(value, str) and value.strip().isdecimal():
            value = int(value)
        return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else default


def scaler_of(function: Function, context: ScalerContext) -> Scaler | None:
    """Return the scaler for a function; None if KEDA has none for its trigger.

    Raises:
        HostingError: the trigger lacks what the scaler needs.
    """
    rule = RULES.get(function.trigger.type.lower())
    if rule is None:
        return None
    scaler = rule(function, context)
    for fault in faults(scaler._asdict()):
        raise HostingError(f"Function '{function.name}' cannot be scaled: {fault}", file=function.file)
    return scaler


def timer_scaler(function: Function, context: ScalerContext) -> Scaler:
    """Return the scaler that starts one host around the times at which a timer is due.

    Raises:
        NoWindowError: there is no such window; the text says why.
    """
    if str(function.trigger.get("runOnStartup") or "").lower() == "true":
        raise NoWindowError("it would run at each start of a host (runOnStartup)")
    window = find_window(str(function.trigger.get("schedule") or ""))
    zone = context.settings.get(ZONE) or context.settings.get("TZ") or "UTC"
    metadata = {"timezone": zone, "start": window.start, "end": window.end, "desiredReplicas": "1"}
    return Scaler(function.name, "cron", metadata, {})


def _queue(function: Function, context: ScalerContext) -> Scaler:
    binding = function.trigger
    batch = context.number("queues", "batchSize", QUEUE_BATCH)
    capacity = batch + context.number("queues", "newBatchThreshold", batch // 2)
    metadata = {
        "queueName": _value(function, "queueName").lower(),
        "queueLength": str(max(1, capacity) * context.workers),
        # It also counts messages that are being processed, so that the last host is not stopped before it is done.
        "queueLengthStrategy": "all",
    }
    return _with_storage(function, "azure-queue", metadata, context.connection(binding, STORAGE))


def _with_storage(function: Function, kind: str, metadata: dict[str, str], connection: Connection) -> Scaler:
    if not connection.is_identity:
        return Scaler(function.name, kind, metadata, {"connection": connection.setting})
    account = connection.account("queue")
    if not account:
        raise HostingError(
            f"Function '{function.name}': the settings {connection.setting}__... do not say which account it is",
            remedy=f"Set {connection.setting}__queueServiceUri or {connection.setting}__accountName.",
        )
    return Scaler(function.name, kind, {**metadata, **account}, {}, connection.client_id)


def _service_bus(function: Function, context: ScalerContext) -> Scaler:
    binding = function.trigger
    calls = context.number("serviceBus", "maxConcurrentCalls", _MESSAGE_CALLS)
    metadata = {"messageCount": str(max(1, calls) * context.workers)}
    if binding.get("topicName"):
        metadata |= {
            "topicName": _value(function, "topicName"),
            "subscriptionName": _value(function, "subscriptionName"),
        }
    else:
        metadata["queueName"] = _value(function, "queueName")
    connection = context.connection(binding, "AzureWebJobsServiceBus")
    if connection.is_identity:
        metadata["namespace"] = _namespace(function, connection)
        return Scaler(function.name, "azure-servicebus", metadata, {}, connection.client_id)
    return Scaler(function.name, "azure-servicebus", metadata, {"connection": connection.setting})


def _event_hub(function: Function, context: ScalerContext) -> Scaler:
    binding = function.trigger
    connection, storage = context.connection(binding, ""), find_connection(context.settings, context.names, STORAGE)
    if not connection.setting:
        raise _missing(function, "connection")
    batch = context.number("eventHubs", "maxEventBatchSize", _EVENT_BATCH)
    metadata = {
        "consumerGroup": str(binding.get("consumerGroup") or "$Default"),
        "unprocessedEventThreshold": str(max(1, batch) * context.workers),
        "eventHubName": _value(function, "eventHubName"),
        "blobContainer": "azure-webjobs-eventhub",
        "checkpointStrategy": "blobMetadata",
    }
    if connection.is_identity:
        account = storage.account("blob").get("accountName", "")
        metadata |= {"eventHubNamespace": _namespace(function, connection)}
        metadata |= {"storageAccountName": account} if account else {}
        secrets = {} if storage.is_identity else {"storageConnection": storage.setting}
        return Scaler(function.name, "azure-eventhub", metadata, secrets, connection.client_id)
    secrets = {"connection": connection.setting, "storageConnection": storage.setting}
    return Scaler(function.name, "azure-eventhub", metadata, secrets)


def _kafka(function: Function, context: ScalerContext) -> Scaler:
    binding = function.trigger
    brokers = _value(function, "brokerList")
    metadata = {
        "topic": _value(function, "topic"),
        "consumerGroup": _value(function, "consumerGroup"),
        "lagThreshold": str(_LAG * context.workers),
        # Azure's extension takes the name of a setting, or the brokers themselves.
        "bootstrapServers": context.settings.get(brokers) or brokers,
    }
    sasl = {"plain": "plaintext", "scramsha256": "scram_sha256", "scramsha512": "scram_sha512"}
    mode = sasl.get(str(binding.get("authenticationMode") or "").lower())
    if str(binding.get("protocol") or "").lower().endswith("ssl"):
        metadata["tls"] = "enable"
    if mode is None:
        return Scaler(function.name, "kafka", metadata, {})
    secrets = {key: context.setting_of(str(binding.get(key))) for key in ("username", "password") if binding.get(key)}
    return Scaler(function.name, "kafka", {**metadata, "sasl": mode}, secrets)


def _rabbit(function: Function, context: ScalerContext) -> Scaler:
    connection = context.connection(function.trigger, "", "connectionStringSetting")
    if not connection.setting:
        raise _missing(function, "connectionStringSetting")
    waiting = context.number("rabbitMQ", "prefetchCount", _PREFETCH)
    metadata = {
        "queueName": _value(function, "queueName"),
        "mode": "QueueLength",
        "value": str(max(1, waiting) * context.workers),
    }
    return Scaler(function.name, "rabbitmq", metadata, {"host": connection.setting})


def _namespace(function: Function, connection: Connection) -> str:
    if connection.namespace:
        return connection.namespace
    raise HostingError(
        f"Function '{function.name}': the settings {connection.setting}__... do not say which namespace it is",
        remedy=f"Set {connection.setting}__fullyQualifiedNamespace.",
    )


def _value(function: Function, key: str) -> str:
    value = str(function.trigger.get(key) or "").strip()
    if value:
        return value
    raise _missing(function, key)


def _missing(function: Function, key: str) -> HostingError:
    return HostingError(
        f"Function '{function.name}' cannot be scaled: its {function.trigger.type} has no {key}",
        remedy=f"Set {key} in the function's trigger.",
        file=function.file,
    )


RULES: Mapping[str, Callable[[Function, ScalerContext], Scaler]] = {
    "queuetrigger": _queue,
    "servicebustrigger": _service_bus,
    "eventhubtrigger": _event_hub,
    "kafkatrigger": _kafka,
    "rabbitmqtrigger": _rabbit,
}
"""The types of triggers with a scaler, in lower case."""
