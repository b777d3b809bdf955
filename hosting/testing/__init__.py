"""Testing apps and extensions: a whole host in the test's own process, without sockets and without storage.

``import hosting`` does not import it, and the pytest plugin imports it only when one of its fixtures is used.
"""

from hosting.testing.builders import (
    blob,
    documents,
    event_grid_event,
    event_hub_event,
    http_request,
    invocation_context,
    queue_message,
    service_bus_message,
    timer_request,
)
from hosting.testing.factory import make_host
from hosting.testing.fixtures import HostFactory, ServerFactory
from hosting.testing.guards import unguarded
from hosting.testing.host import AsyncHost, Host, HostRequestOptions, HostView, InvocationFailed, RequestMethods
from hosting.testing.http import Reply, RequestOptions
from hosting.testing.isolation.trial import assert_isolated
from hosting.testing.overrides import override
from hosting.testing.providers import ProviderForTests
from hosting.testing.recorder import HookCall, RecordingExtension
from hosting.testing.recording import Invocation, Written
from hosting.testing.server import Server, serve

__all__ = [
    "AsyncHost",
    "HookCall",
    "Host",
    "HostFactory",
    "HostRequestOptions",
    "HostView",
    "Invocation",
    "InvocationFailed",
    "ProviderForTests",
    "RecordingExtension",
    "Reply",
    "RequestMethods",
    "RequestOptions",
    "Server",
    "ServerFactory",
    "Written",
    "assert_isolated",
    "blob",
    "documents",
    "event_grid_event",
    "event_hub_event",
    "http_request",
    "invocation_context",
    "make_host",
    "override",
    "queue_message",
    "serve",
    "service_bus_message",
    "timer_request",
    "unguarded",
]
