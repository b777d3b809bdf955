"""Azure's web extension and SDK types: which app has them, and which annotations fit then."""

from __future__ import annotations

from typing import Any

import pytest

from hosting.apps.web import web_extension
from hosting.errors import AppLoadError
from tests.apps.conftest import Load

V2 = "import azure.functions as func\n{imports}\napp = func.FunctionApp()\n"
HTTP = "@app.route('x')\nasync def x(req{request}){response}:\n    ...\n"
STREAMS = "from azurefunctions.extensions.http.fastapi import Request, JSONResponse, Response"
BLOBS = "import azurefunctions.extensions.bindings.blob as blob"


def app(imports: str, code: str, **places: str) -> dict[str, Any]:
    return {"function_app.py": V2.format(imports=imports) + code.format(**{"request": "", "response": "", **places})}


@pytest.mark.parametrize("imports", [STREAMS, "from azurefunctions.extensions.http import fastapi"])
def test_each_app_imports_it_for_itself(load: Load, imports: str) -> None:
    """An app that imports the extension has streams; the next one in the same process has none unless it imports it."""
    for _ in range(2):
        load(app(imports, HTTP))
        assert web_extension() is not None
        load(app("", HTTP, request=": func.HttpRequest"))
        assert web_extension() is None


@pytest.mark.parametrize(
    ("request_", "response"),
    [
        ("", ""),
        (": Request", ""),
        (": Request", " -> Response"),
        (": Request", " -> JSONResponse"),
        (": Request", " -> str"),
        (": Request", " -> dict"),
        (": Request", " -> int"),
    ],
)
def test_annotations_that_fit(load: Load, request_: str, response: str) -> None:
    """The extension's request and its responses fit, and the plain values that it makes responses of."""
    (function,) = load(app(STREAMS, HTTP, request=request_, response=response)).functions
    assert function.is_async


@pytest.mark.parametrize(
    ("request_", "response"), [(": func.HttpRequest", ""), (": Request", " -> func.HttpResponse"), (": int", "")]
)
def test_annotations_that_do_not_fit(load: Load, request_: str, response: str) -> None:
    """As in Azure, the SDK's own classes do not fit in an app that imports the extension."""
    with pytest.raises(AppLoadError, match="does not match") as raised:
        load(app(STREAMS, HTTP, request=request_, response=response))
    assert "web extension" in raised.value.remedy


def test_a_v1_function_may_keep_the_sdk_s_request(load: Load, http: dict[str, Any]) -> None:
    """In v1, where modules come one after the other, a function beside one with streams is checked by itself."""
    files = {
        "Classic/function.json": http,
        "Classic/__init__.py": "import azure.functions as func\ndef main(req: func.HttpRequest) -> str: ...\n",
        "Streams/function.json": http,
        "Streams/__init__.py": f"{STREAMS}\nasync def main(req: Request) -> Response: ...\n",
        "Zero/function.json": http,
        "Zero/__init__.py": "import azure.functions as func\ndef main(req: func.HttpRequest) -> str: ...\n",
    }
    assert [function.error for function in load(files).functions] == [None, None, None]


@pytest.mark.parametrize("kind", ["BlobClient", "ContainerClient", "StorageStreamDownloader"])
def test_sdk_types(load: Load, kind: str) -> None:
    """A blob binding may be annotated with the types of Azure's package for it."""
    code = "@app.blob_trigger('item', path='in/{{name}}', connection='C')\ndef f(item: blob." + kind + "): ...\n"
    assert [function.name for function in load(app(BLOBS, code)).functions] == ["f"]


def test_sdk_types_of_other_bindings(load: Load) -> None:
    """A blob's type does not fit a queue."""
    code = "@app.queue_trigger('item', queue_name='q', connection='C')\ndef f(item: blob.BlobClient): ...\n"
    with pytest.raises(AppLoadError, match="does not match"):
        load(app(BLOBS, code))
