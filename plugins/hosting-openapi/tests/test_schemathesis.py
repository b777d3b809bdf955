"""schemathesis attacks the app of the tests from its own document, and finds nothing."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode

from hosting.testing import Host, make_host
from hosting_openapi import OpenApi

SHOP = (Path(__file__).parent / "shop.py").read_text("utf-8")
EXAMPLES = 5
"""Requests for each operation and kind."""


def send(host: Host, case: Any) -> int:
    """Send a request to the host in this process, and check the response against the document."""
    options = case.as_transport_kwargs(base_url="http://shop.example")
    known = ("method", "url", "headers", "data", "params", "cookies", "json")
    prepared = requests.Request(**{name: value for name, value in options.items() if name in known}).prepare()
    content: Any = prepared.body or b""
    headers = {name: one.decode("latin-1") if isinstance(one, bytes) else one for name, one in prepared.headers.items()}
    reply = host.request(str(prepared.method), prepared.path_url, headers=headers, body=content)
    sent = {name: [value] for name, value in reply.headers.items()}
    response = schemathesis.Response(reply.status, sent, reply.body, prepared, elapsed=0.1, verify=False)
    case.validate_response(response)
    return reply.status


@pytest.mark.slow
def test_schemathesis_finds_nothing() -> None:
    """Valid requests are accepted, invalid ones refused, and each response is one that the document has."""
    statuses: dict[str, Counter[int]] = {}
    with make_host({"function_app.py": SHOP}, extensions={"openapi": OpenApi()}, raises=False) as host:
        schema = schemathesis.openapi.from_dict(host.get("/api/openapi.json").json())
        for found in schema.get_all_operations():
            assert isinstance(found, Ok), found
            one = found.ok()
            for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
                if mode is GenerationMode.NEGATIVE and "plain" in one.label:
                    continue  # no request to it is invalid
                seen = statuses.setdefault(f"{one.label} {mode.value}", Counter())
                attack(host, one.as_strategy(generation_mode=mode), seen)
    assert statuses["POST /api/orders positive"].keys() == {201}
    assert statuses["POST /api/orders negative"].keys() <= {400, 415, 422}
    assert statuses["GET /api/orders positive"].keys() == {200}
    assert statuses["GET /api/orders/{order} negative"].keys() == {422}


def attack(host: Host, strategy: Any, seen: Counter[int]) -> None:
    """Send some requests, always the same, and count the statuses."""

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(strategy)
    def run(case: Any) -> None:
        seen[send(host, case)] += 1

    run()
