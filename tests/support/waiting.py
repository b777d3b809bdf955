"""An app whose functions wait until ``/api/release`` is requested."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any


def waiting_app(**host_json: Any) -> dict[str, str]:
    """Return the files of the app; ``host_json`` has the sections of its host.json."""
    code = Path(__file__).with_name("waiting_app") / "function_app.py"
    return {"function_app.py": code.read_text("utf-8"), "host.json": json.dumps({"version": "2.0", **host_json})}
