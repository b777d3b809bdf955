"""The guard of the tutorial does in Azure's worker what its last step says."""

from __future__ import annotations

import asyncio
import inspect
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import azure.functions as func
import pytest

from hosting.authoring import pending
from hosting.errors import ExtensionError
from tests.docs.pages import ROOT, blocks
from tests.support.invoking import Context

TUTORIAL = ROOT / "docs" / "tutorial" / "first-guard.md"
KEY = "azure-key-0123456789"


@pytest.fixture(autouse=True)
def deployed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Set this process up as Azure's worker with the app of the tutorial, and without installed extensions."""
    for block in blocks(TUTORIAL):
        if (block.file or "").startswith("shop/") and block.file != "shop/local.settings.json":
            file = tmp_path / str(block.file)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(block.text, "utf-8")
    for name in ("PYTHON_ENABLE_WORKER_EXTENSIONS", "SHOP_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path / "shop"))
    monkeypatch.syspath_prepend(str(tmp_path / "shop"))
    yield
    for name in ("function_app", "api_key"):
        sys.modules.pop(name, None)
    pending.shared = None
    pending.take()


def call(name: str, headers: dict[str, str]) -> tuple[int, str]:
    """Call a function of the app as the worker does, and return status and content type; those of a text are 200."""
    functions = {one.get_function_name(): one for one in __import__("function_app").app.get_functions()}
    request = func.HttpRequest("GET", f"/api/{name}", headers=headers, body=b"")
    answer: Any = functions[name].get_user_function()(request, context=Context("i1"))
    answer = asyncio.run(answer) if inspect.iscoroutine(answer) else answer
    return (200, "") if isinstance(answer, str) else (answer.status_code, answer.headers.get("content-type", ""))


@pytest.mark.parametrize(
    ("function", "key", "status"),
    [("pay", "", 401), ("pay", "wrong", 401), ("pay", "clé", 401), ("pay", KEY, 200), ("health", "", 200)],
)
def test_callers_need_the_key_for_what_is_guarded(
    function: str, key: str, status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a valid key ``pay`` answers 401, and ``health`` is open."""
    monkeypatch.setenv("SHOP_API_KEY", KEY)
    assert call(function, {"x-api-key": key})[0] == status


def test_guard_that_raises_denies(monkeypatch: pytest.MonkeyPatch) -> None:
    """The caller gets 500 with a problem document, also with the right key."""
    monkeypatch.setenv("SHOP_API_KEY", KEY)
    monkeypatch.setattr("hmac.compare_digest", None)
    assert call("pay", {"x-api-key": KEY}) == (500, "application/problem+json")


@pytest.mark.parametrize("key", [None, "", "short"])
def test_app_without_a_key_is_not_indexed(key: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A missing, empty or short key keeps the worker from loading any function."""
    if key is not None:
        monkeypatch.setenv("SHOP_API_KEY", key)
    with pytest.raises(ExtensionError, match="Guard 'apikey' failed to start"):
        call("health", {})
