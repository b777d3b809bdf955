"""structlog in functions that ``hosting.extend`` has extended: ``add_invocation`` names the function and invocation."""

from __future__ import annotations

import json

import pytest

from tests.conftest import MakeApp
from tests.support.driving import DISTRIBUTION, driver_report

HEAD = """
import json
import azure.functions as func
import hosting
import structlog
from hosting.logging import add_invocation

lines = []

class Lines:
    def msg(self, line):
        lines.append(line)
    info = msg

structlog.configure(
    processors=[add_invocation, structlog.processors.JSONRenderer()],
    wrapper_class=structlog.BoundLogger,
    logger_factory=lambda *arguments: Lines(),
)
log = structlog.get_logger()
log.info("imported")
"""
BODY = """
    log.info("asked", function="mine")
    return json.dumps(lines)
"""
V2 = f"""{HEAD}
app = hosting.extend(func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS))

@app.function_name("Sync")
@app.route("sync")
def sync(req: func.HttpRequest) -> str:{BODY}
@app.function_name("Async")
@app.route("async")
async def coroutine(req: func.HttpRequest) -> str:{BODY}
"""
V1 = f"""{HEAD}
@hosting.extend
async def main(req: func.HttpRequest) -> str:{BODY}
"""
BINDINGS = [
    {"type": "httpTrigger", "direction": "in", "name": "req"},
    {"type": "http", "direction": "out", "name": "$return"},
]


@pytest.mark.parametrize(
    ("model", "files", "functions"),
    [
        ("v2", {"function_app.py": V2}, ["Sync", "Async"]),
        ("v1", {"Async/__init__.py": V1, "Async/function.json": json.dumps({"bindings": BINDINGS})}, ["Async"]),
    ],
)
@pytest.mark.parametrize("enabled", [True, False])
def test_add_invocation_in_azures_worker_adds_the_workers_ids_to_events_of_extended_functions(
    make_app: MakeApp, model: str, files: dict[str, str], functions: list[str], enabled: bool
) -> None:
    """An event at import has none, nor has one while extensions are off; the app's own value moves to another name."""
    app = make_app({**DISTRIBUTION, **files})
    run = driver_report(
        model, app, [(name, "x") for name in functions], PYTHON_ENABLE_WORKER_EXTENSIONS=str(int(enabled))
    )
    imported, *asked = [json.loads(line) for line in json.loads(run["answers"][-1])]
    assert imported == {"event": "imported"}
    ids = [{"function": name, "function_": "mine", "invocation_id": f"{name}-x"} for name in functions]
    assert asked == [{"event": "asked", **(one if enabled else {"function": "mine"})} for one in ids]
