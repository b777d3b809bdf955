"""What ``{expressions}`` in the other bindings of an HTTP function may use of a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hosting.bindings.expressions import json_data, merged
from hosting.bindings.http.request import HttpCall, parse_headers, parse_query
from hosting.bindings.http.streams import StreamCall


def request_data(call: HttpCall | StreamCall) -> dict[str, Any]:
    """Properties of a JSON body, query and route values, the later ones over the earlier, as in Azure's host.

    And ``Query`` and ``Headers`` as a whole, unless one of those is called so. The body of a stream is left to the
    function.
    """
    if isinstance(call, StreamCall):
        query, headers, body = call.scope["query_string"].decode("latin-1"), parse_headers(call.scope["headers"]), b""
    else:
        query, headers, body = call.query, call.headers, call.body
    asked = parse_query(query, keep_empty=True)
    # The key of the function is nobody else's business.
    named = {name: value for name, value in asked.items() if name.lower() != "code"}
    whole: Mapping[str, Any] = {"Query": asked, "Headers": headers}
    return merged(whole, json_data(body), named, call.route_values)
