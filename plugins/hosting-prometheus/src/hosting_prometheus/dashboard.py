"""The dashboard for Grafana that is part of this package."""

from __future__ import annotations

from importlib.resources import files


def dashboard() -> str:
    """Return the dashboard as JSON, to be imported into Grafana."""
    return files("hosting_prometheus").joinpath("dashboard.json").read_text("utf-8")
