"""Azure's web extension and SDK types: the apps that have them, and the annotations that match then."""

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
def test_web_extension_of_an_app_does_not_affect_the_next_app(load: Load, imports: str) -> None:
    """An app that imports the extension has streams; the next one in the same process only if it imports it too."""
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
def test_requests_and_responses_of_the_extension_match(load: Load, request_: str, response: str) -> None:
    """So do the plain values from which the extension creates responses."""
    (function,) = load(app(STREAMS, HTTP, request=request_, response=response)).functions
    assert function.is_async


@pytest.mark.parametrize(
    ("request_", "response"), [(": func.HttpRequest", ""), (": Request", " -> func.HttpResponse"), (": int", "")]
)
def test_sdk_classes_do_not_match_in_an_app_with_the_extension(load: Load, request_: str, response: str) -> None:
    """This is the rule in Azure."""
    with pytest.raises(AppLoadError, match="does not match") as raised:
        load(app(STREAMS, HTTP, request=request_, response=response))
    assert "web extension" in raised.value.remedy


def test_v1_function_may_use_the_sdks_request_beside_streams(load: Load, http: dict[str, Any]) -> None:
    """In v1 modules are imported one after the other, so that each function is checked separately."""
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
def test_sdk_types_match_a_blob_binding(load: Load, kind: str) -> None:
    """The types are those of Azure's package for blobs."""
    code = "@app.blob_trigger('item', path='in/{{name}}', connection='C')\ndef f(item: blob." + kind + "): ...\n"
    assert [function.name for function in load(app(BLOBS, code)).functions] == ["f"]


def test_sdk_types_of_blobs_do_not_match_a_queue(load: Load) -> None:
    """Each type belongs to a binding."""
    code = "@app.queue_trigger('item', queue_name='q', connection='C')\ndef f(item: blob.BlobClient): ...\n"
    with pytest.raises(AppLoadError, match="does not match"):
        load(app(BLOBS, code))
