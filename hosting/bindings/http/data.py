"""The values of an HTTP request for ``{expressions}`` in the other bindings of its function."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.bindings.expressions import json_data, merged
from hosting.bindings.http.request import HttpCall, parse_headers, parse_query
from hosting.bindings.http.streams import StreamCall


def request_data(call: HttpCall | StreamCall) -> dict[str, Any]:
    """Return the properties of a JSON body, the query and the route values; later ones win, as in Azure's host.

    ``Query`` and ``Headers`` are the whole query and the headers, unless a value has that name. The body of a stream is
    not read; it is for the function.
    """
    if isinstance(call, StreamCall):
        query, headers, body = call.scope["query_string"].decode("latin-1"), parse_headers(call.scope["headers"]), b""
    else:
        query, headers, body = call.query, call.headers, call.body
    parameters = parse_query(query, keep_empty=True)
    # The function's key must not end up in a path or a queue.
    without_key = {name: value for name, value in parameters.items() if name.lower() != "code"}
    whole: Mapping[str, Any] = {"Query": parameters, "Headers": headers}
    return merged(whole, json_data(body), without_key, call.route_values)
