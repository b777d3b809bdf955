"""HTTP requests: the attributes of their spans, and what the caller says of its trace."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import Any

from hosting import Invocation, Request

_KNOWN_METHODS = ("CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "QUERY", "TRACE")
"""RFC 9110, PATCH and QUERY, as the conventions for HTTP have them."""
_SECRET_NAMES = ("code", "sig", "signature", "awsaccesskeyid", "x-goog-signature")
"""Parameters of a query that are secrets: those that the conventions for HTTP name, and Azure's function keys."""
_SECRET = re.compile(f"(?i)((?:^|&)(?:{'|'.join(_SECRET_NAMES)})=)[^&]*")


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


def add_http_attributes(attributes: dict[str, Any], request: Request, methods: frozenset[str]) -> None:
    """Add the attributes of a request that a sampler may need.

    Source: conventions for HTTP server spans, version 1.44.0.

    Args:
        attributes: the attributes of the span.
        request: the request.
        methods: the methods that are known.
    """
    method, url, headers, client = request.method, request.url, request.headers, request.client
    if method in methods:
        attributes["http.request.method"] = method
    else:
        attributes["http.request.method"], attributes["http.request.method_original"] = "_OTHER", method
    address, _, query = url.partition("#")[0].partition("?")
    scheme, separator, rest = address.partition("://")
    if separator:
        authority, _, path = rest.partition("/")
        attributes["url.scheme"], attributes["url.path"] = scheme, f"/{path}"
        _add_address(attributes, authority)
    else:
        attributes["url.scheme"], attributes["url.path"] = "http", address
    if query:
        attributes["url.query"] = redact_query(query)
    agent = headers.get("user-agent")
    if agent:
        attributes["user_agent.original"] = agent
    if client is not None:
        attributes["client.address"] = attributes["network.peer.address"] = client


def redact_query(query: str) -> str:
    """Return a query without the values of secret parameters."""
    names = query.lower()
    if any(name in names for name in _SECRET_NAMES):
        return _SECRET.sub(r"\1REDACTED", query)
    return query


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
                value = headers.get(name)
                if value:
                    carrier[name] = value
        return carrier
