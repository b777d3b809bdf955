"""The text pipeline, served as its README says, against a real Azurite."""

from __future__ import annotations

import uuid
from pathlib import Path

import httpx
from hosting_storage.testing import Azurite, azurite

from tests.support.processes import PATIENCE, ROOT, Running, environment, eventually, hosting_start

__all__ = ["azurite"]

APP = ROOT / "examples" / "queue_to_blob"


def _count(host: Running, name: str, text: str, counted: dict[str, int]) -> None:
    """Send a text, and wait until its words are counted so."""
    answer = httpx.post(f"{host.url}/api/texts/{name}", json={"text": text}, timeout=PATIENCE)
    assert answer.text == f"'{name}' is in the queue"
    eventually(lambda: host.get(f"/api/counts/{name}"), lambda seen: seen.is_success and seen.json() == counted)


def test_each_text_is_counted(azurite: Azurite, tmp_path: Path) -> None:
    """A request becomes a message, a blob, and a count; another text under the same name is counted anew."""
    name = f"ä {uuid.uuid4().hex}"
    environ = environment(XDG_STATE_HOME=str(tmp_path), AzureWebJobsStorage=azurite.connection_string)
    with hosting_start(APP, tmp_path / "host.log", environ=environ) as host:
        assert host.get(f"/api/counts/{name}").text == "not counted yet"
        _count(host, name, "to be or not to be", {"words": 6, "different": 4})
        _count(host, name, "that is the question", {"words": 4, "different": 4})
