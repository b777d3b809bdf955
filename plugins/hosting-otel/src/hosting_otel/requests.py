"""HTTP requests: the attributes of their spans, and what the caller says of its trace."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from hosting import Invocation, Request

_KNOWN_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
"""RFC 9110, PATCH and QUERY, as the conventions for HTTP have them."""
_SECRET = re.compile(r"(?i)((?:^|&)(?:code|sig|signature|awsaccesskeyid|x-goog-signature)=)[^&]*")
"""Parameters of a query that are secrets: those that the conventions for HTTP name, and Azure's function keys."""


def known_methods() -> frozenset[str]:
    """Return the HTTP methods that may be values of attributes."""
    names = os.environ.get("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "")
    return frozenset(name.strip() for name in names.split(",") if name.strip()) or frozenset(_KNOWN_METHODS)


def request_of(invocation: Invocation) -> Request | None:
    """Return the request of an invocation; None if there is none, or if its argument could not be made."""
    try:
        return invocation.request
    except Exception:  # noqa: BLE001 - the reason is reported where it arose
        return None


def http_attributes(request: Request, methods: frozenset[str]) -> dict[str, Any]:
    """Return the attributes of a request that a sampler may need.

    Source: conventions for HTTP server spans, version 1.44.0.

    Args:
        request: the request.
        methods: the methods that are known.
    """
    method = request.method
    scheme, separator, rest = request.url.partition("://")
    authority, _, query = rest.partition("#")[0].partition("?")
    attributes: dict[str, Any] = {
        "http.request.method": method,
        "url.path": request.path,
        "url.scheme": scheme if separator else "http",
    }
    if method not in methods:
        attributes["http.request.method"] = "_OTHER"
        attributes["http.request.method_original"] = method
    if query:
        attributes["url.query"] = _SECRET.sub(r"\1REDACTED", query)
    if separator:
        _add_address(attributes, authority.partition("/")[0])
    agent, client = request.headers.get("user-agent"), request.client
    if agent:
        attributes["user_agent.original"] = agent
    if client is not None:
        attributes["client.address"] = attributes["network.peer.address"] = client
    return attributes


def _add_address(attributes: dict[str, Any], authority: str) -> None:
    """Add the host's name and, if there is one, its port."""
    host, separator, port = authority.rpartition(":")
    if separator and port.isdigit():
        attributes["server.address"], attributes["server.port"] = host.strip("[]"), int(port)
    else:
        attributes["server.address"] = authority.strip("[]")


class CarrierReader:
    """Collects the headers that say which span is the caller.

    Args:
        fields: the headers that the propagator reads.
    """

    def __init__(self, fields: set[str]) -> None:
        self._all = tuple(sorted(fields))
        self._others = tuple(sorted(fields - {"traceparent", "tracestate"}))

    def read(self, context: Any, request: Request | None) -> Mapping[str, str]:
        """Return headers by name; empty if nothing is known about the caller.

        Args:
            context: the context of the invocation; its trace context comes before the request's headers, because
                Azure's host makes a span of its own.
            request: the HTTP request, if there is one.
        """
        trace = context.trace_context
        carrier: dict[str, str] = {}
        if trace.trace_parent:
            carrier["traceparent"] = trace.trace_parent
            if trace.trace_state:
                carrier["tracestate"] = trace.trace_state
        if request is not None:
            headers = request.headers
            for name in self._others if carrier else self._all:
                if name in headers:
                    carrier[name] = headers[name]
        return carrier
