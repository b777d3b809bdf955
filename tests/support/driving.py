"""Run the driver of an app, and a distribution for the app with extensions that record their calls."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.conftest import PATIENCE, ROOT, clean_environment

TRACING = """
import asyncio
import hosting

trace = []

class Tracing:
    @hosting.hookimpl
    def init(self): trace.append("init")
    @hosting.hookimpl
    def configure(self, settings): trace.append(f"configure {dict(settings)}")
    @hosting.hookimpl
    async def startup(self): trace.append("startup")
    @hosting.hookimpl
    def post_function_load_app_level(self, function_name): trace.append(f"load {function_name}")
    @hosting.hookimpl
    def invocation_app_level(self, context):
        trace.append(f"around {context.invocation_id}")
        outcome = yield
        trace.append(f"around ends {outcome.result is not None} {outcome.exception!r}")
    @hosting.hookimpl
    def pre_invocation_app_level(self, context, func_args):
        trace.append(f"pre {sorted(func_args)}")
        if func_args["req"].get_body() == b"answer":
            raise hosting.ShortCircuit("the extension's answer")
    @hosting.hookimpl
    def post_invocation_app_level(self, func_args, func_ret):
        trace.append("post")
        if func_args["req"].get_body() == b"replace":
            return "the extension's result"
    @hosting.hookimpl
    async def invocation_error_app_level(self, exception):
        await asyncio.sleep(0)
        trace.append(f"error {exception!r}")

class Own:
    @hosting.hookimpl
    def configure_function(self, function_name, settings): trace.append(f"own {function_name} {dict(settings)}")
    @hosting.hookimpl
    async def pre_invocation(self):
        await asyncio.sleep(0)
        trace.append("own pre")
    @hosting.hookimpl
    def post_invocation(self): trace.append("own post")
"""
PACKAGES = ".python_packages/lib/site-packages"
DISTRIBUTION = {
    f"{PACKAGES}/tracing_extension.py": TRACING,
    f"{PACKAGES}/tracing-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: tracing\nVersion: 1.0\n",
    f"{PACKAGES}/tracing-1.0.dist-info/entry_points.txt": (
        "[hosting]\ntracing = tracing_extension:Tracing\n[hosting.functions]\nown = tracing_extension:Own\n"
    ),
    "host.json": json.dumps(
        {
            "version": "2.0",
            "extensionHost": {
                "extensions": {
                    "tracing": {"settings": {"level": 3}},
                    "timer": {"settings": {"append_to_http_response": True}},
                }
            },
        }
    ),
}


def drive(
    runtime: str, root: Path, calls: Sequence[Any], *, warnings: str = "error", **environ: str
) -> subprocess.CompletedProcess[str]:
    """Run the driver to its end, with extensions on and only those of the tests' own distributions allowed."""
    settings = {"PYTHON_ENABLE_WORKER_EXTENSIONS": "1", "HOSTING_ALLOW": "tracing,hosting-timer", **environ}
    environment = clean_environment(settings)
    environment["PYTHONPATH"] = f"{ROOT}{os.pathsep}{root / PACKAGES}"
    driver = str(ROOT / "tests/support/driver.py")
    command = [sys.executable, "-W", warnings, driver, runtime, str(root), json.dumps(calls)]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False, cwd=root
    )


def driver_report(runtime: str, root: Path, calls: Sequence[Any], **environ: Any) -> dict[str, Any]:
    """Run the driver in one runtime; return its report."""
    done = drive(runtime, root, calls, **environ)
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report
