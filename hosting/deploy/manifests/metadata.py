"""The keys that KEDA's scalers read. KEDA ignores every other key, so a misspelled one would silently be the default.

Source: the scalers of KEDA 2.20, ``pkg/scalers``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple


class ScalerKeys(NamedTuple):
    """What one type of scaler reads.

    Args:
        required: keys of the metadata without which it does not work.
        optional: all other keys of the metadata.
        parameters: what a TriggerAuthentication can supply.
    """

    required: tuple[str, ...]
    optional: tuple[str, ...]
    parameters: tuple[str, ...] = ()


_CLOUD = ("accountName", "cloud", "endpointSuffix")

SCALERS: Mapping[str, ScalerKeys] = {
    "azure-queue": ScalerKeys(
        ("queueName",),
        ("queueLength", "activationQueueLength", "queueLengthStrategy", "connection", "connectionFromEnv", *_CLOUD),
        ("connection",),
    ),
    "azure-servicebus": ScalerKeys(
        (),
        (
            *("queueName", "topicName", "subscriptionName", "messageCount", "activationMessageCount", "namespace"),
            *("connectionFromEnv", "useRegex", "operation", "cloud", "endpointSuffix"),
        ),
        ("connection",),
    ),
    "azure-eventhub": ScalerKeys(
        (),
        (
            *("consumerGroup", "unprocessedEventThreshold", "activationUnprocessedEventThreshold", "blobContainer"),
            *("checkpointStrategy", "eventHubName", "eventHubNamespace", "storageAccountName", "cloud"),
            *("eventHubNameFromEnv", "eventHubNamespaceFromEnv", "connectionFromEnv", "storageConnectionFromEnv"),
            *("stalePartitionInfoThreshold", "endpointSuffix", "storageEndpointSuffix"),
        ),
        ("connection", "storageConnection"),
    ),
    "kafka": ScalerKeys(
        ("topic", "consumerGroup"),
        (
            *("bootstrapServers", "bootstrapServersFromEnv", "lagThreshold", "activationLagThreshold", "tls", "sasl"),
            *("offsetResetPolicy", "allowIdleConsumers", "scaleToZeroOnInvalidOffset", "excludePersistentLag"),
            *("limitToPartitionsWithLag", "ensureEvenDistributionOfPartitions", "partitionLimitation", "version"),
            *("fullMetadata",),
        ),
        ("sasl", "tls", "username", "password", "ca", "cert", "key", "keyPassword"),
    ),
    "cron": ScalerKeys(("timezone", "start", "end", "desiredReplicas"), ()),
    # What the scaler at the address reads: the one of KEDA's HTTP add-on knows its route by name.
    "external-push": ScalerKeys(("scalerAddress", "interceptorRoute"), ()),
    "rabbitmq": ScalerKeys(
        ("queueName",),
        (
            *("host", "hostFromEnv", "mode", "value", "activationValue", "protocol", "vhostName", "useRegex"),
            *("usernameFromEnv", "passwordFromEnv", "operation", "pageSize", "timeout", "excludeUnacknowledged"),
            *("unsafeSsl",),
        ),
        ("host", "protocol", "vhostName", "username", "password"),
    ),
}
"""The types of scalers that are written here."""


def faults(trigger: Mapping[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a trigger of a ScaledObject: an unknown type or key, a missing key, a value not a text.

    Args:
        trigger: an item of ``spec.triggers``.
    """
    keys = SCALERS.get(trigger.get("type", ""))
    metadata = trigger.get("metadata", {})
    if keys is None:
        yield f"{trigger.get('type')}: KEDA has no such scaler, or it is not written here"
        return
    for name, value in metadata.items():
        if name not in (*keys.required, *keys.optional):
            yield f"{trigger['type']}: KEDA does not read the key {name!r}"
        if not isinstance(value, str):
            yield f"{trigger['type']}: the value of {name!r} must be a text, found {value!r}"
    yield from (f"{trigger['type']}: {name!r} is missing" for name in keys.required if not metadata.get(name))
