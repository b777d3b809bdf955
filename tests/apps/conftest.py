"""Apps written into a temporary folder."""

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
    """Write an app: paths and their content, text or what becomes JSON; into a folder of its own if it names one."""

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
    """Write an app and load it with an environment of its own."""

    def load_files(files: Mapping[str, Any], **environ: str) -> App:
        return load_app(write(files), environ=environ)

    return load_files


@pytest.fixture
def http() -> dict[str, Any]:
    """A function.json with an HTTP trigger ``req`` and an answer that is returned."""
    return {
        "bindings": [
            {"type": "httpTrigger", "direction": "in", "name": "req"},
            {"type": "http", "direction": "out", "name": "$return"},
        ]
    }
