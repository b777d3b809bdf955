"""Timers of several hosts that share a storage account: a real Azurite has their locks and status."""

from __future__ import annotations

import json
import os
import time
from itertools import groupby
from pathlib import Path

import pytest
from azure.storage.blob import BlobServiceClient
from storage_support.apps import TIMEOUT_SECONDS, MakeApp, Serve
from storage_support.ports import reserved_ports

from hosting.testing import Server
from hosting_storage.testing import SERVICES, Azurite, connection_string, run_azurite

HOST_JSON = {
    "version": "2.0",
    "singleton": {"listenerLockPeriod": "00:00:15", "listenerLockRecoveryPollingInterval": "00:00:01"},
}
CODE = """
import os
from pathlib import Path
import azure.functions as func
app = func.FunctionApp()

@app.timer_trigger("timer", "* * * * * *")
def Tick(timer: func.TimerRequest) -> None:
    with Path(os.environ["RUNS"]).open("a") as runs:
        print(os.getpid(), file=runs)

@app.timer_trigger("timer", "0 0 0 * * *")
def Nightly(timer: func.TimerRequest) -> None: ...
"""


@pytest.fixture
def app(make_app: MakeApp) -> Path:
    """An app with two timers."""
    return make_app({"host.json": json.dumps(HOST_JSON), "function_app.py": CODE})


def runs(path: Path) -> list[int]:
    """The ids of the processes that ran the timer, one for each run."""
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def wait_for_run(path: Path, server: Server) -> None:
    """Wait until this host has run the timer."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while server.process.pid not in runs(path):
        assert time.monotonic() < end, server.logs()
        time.sleep(0.1)


def test_timers_of_two_hosts_run_in_one_host_at_a_time(
    azurite: Azurite, app: Path, serve: Serve, tmp_path: Path
) -> None:
    """Of two hosts with one host id one runs the timers, whatever their folders; the other runs them when it ends."""
    run_log, host_id = tmp_path / "runs", f"timers{os.getpid()}"
    env = {
        "AzureWebJobsStorage": azurite.connection_string,
        "AzureFunctionsWebHost__hostid": host_id,
        "RUNS": str(run_log),
    }
    first = serve(app, env={**env, "XDG_STATE_HOME": str(tmp_path / "one")})
    wait_for_run(run_log, first)
    second = serve(app, env={**env, "XDG_STATE_HOME": str(tmp_path / "two")})
    second.wait_for("Another process runs '(Tick', 'Nightly|Nightly', 'Tick)' on schedule")
    assert first.stop() == 0
    wait_for_run(run_log, second)
    assert second.stop() == 0
    assert [process for process, _ in groupby(runs(run_log))] == [first.process.pid, second.process.pid]
    with BlobServiceClient.from_connection_string(azurite.connection_string) as service:
        names = {blob.name for blob in service.get_container_client("azure-webjobs-hosts").list_blobs()}
    assert {
        f"timers/{host_id}/Host.Functions.Nightly/status",
        f"locks/{host_id}/Host.Functions.Nightly.Listener",
        f"locks/{host_id}/Host.Functions.Tick.Listener",
    } <= names
    assert not (tmp_path / "one").exists()


def test_timers_without_their_storage_wait_and_log_it_once(app: Path, serve: Serve, tmp_path: Path) -> None:
    """Timers wait for their storage and log it once with a remedy; when the storage is there, they run."""
    run_log = tmp_path / "runs"
    with reserved_ports() as ports:
        storage = connection_string(dict(zip(SERVICES, ports, strict=True)))
        server = serve(app, env={"AzureWebJobsStorage": storage, "XDG_STATE_HOME": str(tmp_path), "RUNS": str(run_log)})
        server.wait_for("Timers are waiting for the host's storage; trying again: ")
        with run_azurite(tmp_path, "--inMemoryPersistence", "--skipApiVersionCheck", ports=ports):
            wait_for_run(run_log, server)
            server.wait_for("The host's storage can be used again.")
            assert server.stop() == 0
    assert server.logs().count("Timers are waiting for the host's storage; trying again: ") == 1
