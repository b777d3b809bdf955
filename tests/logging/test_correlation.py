"""Correlation: which extension, function and invocation a log line belongs to."""

from __future__ import annotations

import json

from tests.conftest import MakeApp, Serve

FAILING = """
import hosting

class Failing:
    @hosting.hookimpl
    def configure_function(self, function_name):
        raise ValueError("no such setting")

    @hosting.hookimpl
    def post_invocation_app_level(self):
        raise ValueError("nothing to do")
"""
APP = """
import azure.functions as func, hosting
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@hosting.use("failing")
@app.route("f")
async def f(req: func.HttpRequest) -> str:
    return "fine"
"""


def test_json_line_of_an_extensions_error_names_extension_and_invocation(make_app: MakeApp, serve: Serve) -> None:
    """The line has extension, distribution, version, hook, function and invocation."""
    packages = ".python_packages/lib/site-packages"
    info = f"{packages}/failing_thing-1.5.dist-info"
    files = {
        "host.json": '{"version": "2.0"}',
        "function_app.py": APP,
        f"{packages}/failing.py": FAILING,
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: failing-thing\nVersion: 1.5\n",
        f"{info}/entry_points.txt": "[hosting]\nfailing = failing:Failing\n",
    }
    served = serve(make_app(files), "--log-format", "json", env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    assert served.get("/api/f").text == "fine"
    assert served.stop() == 0
    lines = [json.loads(line) for line in served.logs().splitlines()]
    errors = [line for line in lines if line.get("extension") == "failing" and line["level"] == "error"]
    assert [(line["hook"], line["function"]) for line in errors] == [
        ("configure_function", "f"),
        ("post_invocation_app_level", "f"),
    ]
    assert {(line["category"], line["distribution"], line["version"]) for line in errors} == {
        ("Host.Extensions.Failing", "failing-thing", "1.5")
    }
    started = next(line for line in lines if line["message"].startswith("Executing"))
    assert [line.get("invocation_id") for line in errors] == [None, started["invocation_id"]]
