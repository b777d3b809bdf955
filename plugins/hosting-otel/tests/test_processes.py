"""Several processes of ``hosting start``: what they have is sent when they end."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from urllib.request import urlopen

import pytest

from .conftest import Receiver

APP = """
import os

import azure.functions as func

import hosting
from hosting_otel import OpenTelemetryExtension

hosting.extension(OpenTelemetryExtension, name="otel")
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.route("worker")
async def worker(req: func.HttpRequest) -> str:
    return "worker " + os.environ["HOSTING_WORKER_NUMBER"]
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM")
def test_each_process_sends_what_is_left_when_the_host_gets_sigterm(receiver: Receiver, tmp_path: Path) -> None:
    """The batches of this test leave after an hour, or at the end."""
    (tmp_path / "function_app.py").write_text(APP)
    (tmp_path / "host.json").write_text(json.dumps({"version": "2.0"}))
    path = os.pathsep.join([str(Path(__file__).parent.parent / "src"), os.environ.get("PYTHONPATH", "")])
    environ = {**os.environ, "PYTHONPATH": path.rstrip(os.pathsep), "PYTHON_ENABLE_WORKER_EXTENSIONS": "0"}
    command = [sys.executable, "-m", "hosting", "start", str(tmp_path), "--port", "0", "--workers", "2"]
    host = subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert host.stdout is not None
    try:
        address = next(found[0] for line in host.stdout if (found := re.search(r"http://localhost:\d+", line)))
        answers = list[str]()
        while len(set(answers)) < 2:
            with urlopen(f"{address}/api/worker") as response:
                answers.append(response.read().decode())
        host.send_signal(signal.SIGTERM)
        log, _ = host.communicate(timeout=60)
    finally:
        host.kill()
        host.wait()
    assert len(receiver.spans) == len(answers), log
    assert len({span.resource["service.instance.id"] for span in receiver.spans}) == 2
