"""The HTTP API of a task hub: for the SDK's client on this machine, and for others as a webhook.

Paths, parameters, status codes and payloads are those of ``HttpApiHandler.cs`` of Azure's extension.
"""

from hosting_durable.http.api import DurableApi
from hosting_durable.http.links import Links
from hosting_durable.http.requests import ApiReply, ApiRequest

__all__ = ["ApiReply", "ApiRequest", "DurableApi", "Links"]
