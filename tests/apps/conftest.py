"""Fixtures for apps in a temporary folder."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosting.apps.load import load_app
from hosting.core import App

Write = Callable[[Mapping[str, Any]], Path]
Load = Callable[..., App]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Return a function that writes an app: paths with their content, which is text or is encoded as JSON."""

    def write_files(files: Mapping[str, Any]) -> Path:
        root = tmp_path.resolve()
        for name, content in files.items():
            file = root / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return root

    return write_files


@pytest.fixture
def load(write: Write) -> Load:
    """Return a function that writes an app and loads it with the given environment."""

    def load_files(files: Mapping[str, Any], **environ: str) -> App:
        return load_app(write(files), environ=environ)

    return load_files


@pytest.fixture
def http() -> dict[str, Any]:
    """A function.json with an HTTP trigger ``req`` and a returned response."""
    return {
        "bindings": [
            {"type": "httpTrigger", "direction": "in", "name": "req"},
            {"type": "http", "direction": "out", "name": "$return"},
        ]
    }
