"""The dashboard shows what an app really exposes."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from unittest import mock

import azure.functions as func
import pytest
from prometheus_client.parser import text_string_to_metric_families as parse_text

import hosting
from hosting.testing import make_host, queue_message
from hosting_prometheus import PrometheusExtension
from hosting_prometheus.dashboard import dashboard

OF_PROMETHEUS = {"job", "instance"}
"""Labels that Prometheus itself adds."""


def exposed() -> dict[str, set[str]]:
    """Return the labels of each sample that an app exposes after each kind of event."""
    app = func.FunctionApp()

    @app.route("greet")
    def greet(req: func.HttpRequest) -> str:
        return "hello"

    @app.route("wrong")
    def wrong(req: func.HttpRequest):  # type: ignore[no-untyped-def]
        return {"not": "a response"}

    @app.queue_trigger("msg", "in", "Storage")
    def work(msg: func.QueueMessage) -> None: ...

    async def trigger_figures(_self: Any) -> Any:
        return {"work": {"source": "in", "waiting": 3, "poisoned": 1}}

    patch = mock.patch.object(hosting.AppHandle, "trigger_figures", trigger_figures)  # no storage is needed
    with patch, make_host(app, extensions=[PrometheusExtension], raises=False) as host:
        host.get("/api/greet")
        host.get("/api/wrong")
        host.invoke("work", queue_message("x", dequeue_count=2))
        found: dict[str, set[str]] = {}
        for family in parse_text(host.get("/metrics").text):
            if family.name == "hosting_responses_broken":  # a broken connection is nothing that this host can have
                found["hosting_responses_broken_total"] = {"function"}
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


EXPOSED = exposed()


def queries() -> Iterator[tuple[str, str, str]]:
    """Return the title, the expression and the legend of each query of the dashboard."""
    document: dict[str, Any] = json.loads(dashboard())
    for panel in document["panels"]:
        for target in panel.get("targets", ()):
            yield panel["title"], target["expr"], target["legendFormat"]
    for variable in document["templating"]["list"]:
        if variable["type"] == "query":
            metric, label = re.fullmatch(r"label_values\((.*), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            yield f"variable {variable['name']}", metric, "{{" + label + "}}"


@pytest.mark.parametrize(("title", "expression", "legend"), list(queries()))
def test_names_and_labels_of_the_dashboard_are_exposed(title: str, expression: str, legend: str) -> None:
    """Each metric exists, with each label that the query selects, groups by, or shows."""
    names = set(re.findall(r"hosting_\w+", expression))
    assert names
    selected = set(re.findall(r"(\w+)\s*(?:=~|!~|!=|=)\s*\"", expression))
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    shown = set(re.findall(r"{{(\w+)}}", legend))
    for name in names:
        assert name in EXPOSED, title
        assert (selected | grouped | shown) - OF_PROMETHEUS <= EXPOSED[name], title
    if "by (" in expression:
        assert shown <= grouped, title


def test_dashboard_shows_every_metric_of_the_extension() -> None:
    """What is counted and never shown is found by nobody."""
    shown = " ".join(expression for _, expression, _ in queries())
    of_histograms = re.compile("_(sum|count|created)$")
    missing = [
        name for name in EXPOSED if name.startswith("hosting_") and not of_histograms.search(name) and name not in shown
    ]
    assert missing == []


def test_command_prints_the_dashboard() -> None:
    """``python -m hosting_prometheus`` prints JSON that Grafana imports."""
    run = subprocess.run(
        [sys.executable, "-m", "hosting_prometheus"],
        env={"PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )
    document = json.loads(run.stdout)
    numbers = [panel["id"] for panel in document["panels"]]
    assert (document["uid"], len(numbers)) == ("hosting-prometheus", len(set(numbers)))
