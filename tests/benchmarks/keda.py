"""A simulated KEDA: hosts from zero to many and back, while messages arrive in waves at a real Azurite.

``hosting manifests`` writes the files for an app. This program reads them as a cluster would: it asks for the length of
the queue that the ScaledObject names, with the connection of its TriggerAuthentication, and starts and stops hosts with
the command, arguments and variables of the Deployment:

    PYTHONPATH=plugins/hosting-storage/tests python -m tests.benchmarks.keda [--messages 20000] [--waves 5] [--most 8]

Hosts to stop are chosen at random, as Kubernetes may do, and get SIGTERM; one that has not ended after
terminationGracePeriodSeconds is killed. The program fails if a message is lost, if work was cut off, or if a host was
killed. Simplified: hosts are processes of this machine, so that ports differ from the files, and the autoscaler
compares every polling interval instead of every 15 seconds, with a shorter window before it scales down.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from azure.storage.queue import QueueServiceClient
from hosting_storage.testing import Azurite, run_azurite
from storage_support.queues import VERSION, Queues

from tests.support.processes import PATIENCE, ROOT, environment

QUEUE = "waves"
BATCH, THRESHOLD = 8, 4
HOST_JSON = {
    "version": "2.0",
    "functionTimeout": "00:01:00",
    "extensions": {"queues": {"batchSize": BATCH, "newBatchThreshold": THRESHOLD, "maxPollingInterval": "00:00:00.5"}},
}
APP = """
import asyncio, os, random, time
import azure.functions as func
import hosting_storage.queues.listener

hosting_storage.queues.listener.LEASE_SECONDS = 30.0  # else a message returns after ten minutes if its host lost it
app = func.FunctionApp()
effects = os.open(os.environ["EFFECTS"], os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(*words):
    os.write(effects, (" ".join(map(str, (*words, os.getpid(), f"{time.time():.3f}"))) + chr(10)).encode())

@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="Orders")
async def work(message: str) -> None:
    note("begin", message)
    # One of a hundred takes seconds, so that hosts are stopped while they work.
    await asyncio.sleep(random.uniform(1, 4) if random.random() < 0.01 else random.uniform(0, 0.3))
    note("end", message)

@app.route("hello", auth_level="anonymous")
async def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
SCALE_DOWN_SECONDS = 3.0
"""The autoscaler takes the highest count of this time; the default of Kubernetes, 300, would stop only idle hosts."""


@dataclass
class Cluster:
    """What a cluster knows after the files were applied and the Secret was filled in."""

    objects: Sequence[Mapping[str, Any]]
    secrets: Mapping[str, str]

    def get(self, kind: str, name: str = "") -> Any:
        """Return the object of a kind and name."""
        return next(one for one in self.objects if one["kind"] == kind and name in ("", one["metadata"]["name"]))


def write_app(folder: Path) -> Path:
    """Write the app; return its folder."""
    app = folder / "waves"
    app.mkdir()
    (app / "function_app.py").write_text(APP)
    (app / "host.json").write_text(json.dumps(HOST_JSON))
    values = {"QUEUE": QUEUE, "Orders": "not written", "EFFECTS": str(folder / "effects")}
    (app / "local.settings.json").write_text(json.dumps({"Values": values}))
    return app


def apply(folder: Path, connection: str, *, polling: int, cooldown: int, most: int) -> Cluster:
    """Run ``hosting manifests`` for the app, and fill in the Secret."""
    app = write_app(folder)
    command = [sys.executable, "-m", "hosting", "manifests", str(app), "--image", "registry.example.com/waves:1"]
    command += ["-o", str(folder / "manifests"), "--plain", "EFFECTS", "--max-replicas", str(most)]
    command += ["--polling-interval", str(polling), "--cooldown-period", str(cooldown)]
    subprocess.run(command, env=environment(), cwd=folder, check=True, stdout=subprocess.DEVNULL, timeout=PATIENCE)
    (app / "local.settings.json").unlink()  # it is not in an image
    files = sorted((folder / "manifests").glob("*.yaml"))
    objects = [one for file in files for one in yaml.safe_load_all(file.read_text("utf-8"))]
    template = next(
        one for one in objects if one.get("metadata", {}).get("name") == "waves-settings" and "stringData" in one
    )
    return Cluster(objects, dict.fromkeys(template["stringData"], connection))


@dataclass
class Host:
    """One pod: its process, and when it was asked to stop."""

    process: subprocess.Popen[bytes]
    output: Path
    asked: float | None = None


class Deployment:
    """The hosts of a Deployment.

    Args:
        cluster: the cluster.
        name: the name of the Deployment.
        app: the folder that would be the working directory of the image.
        output: a folder for what hosts print.
    """

    def __init__(self, cluster: Cluster, name: str, app: Path, output: Path) -> None:
        spec = cluster.get("Deployment", name)["spec"]["template"]["spec"]
        [container] = spec["containers"]
        self.termination_seconds: int = spec["terminationGracePeriodSeconds"]
        self._command = [sys.executable, "-m", *container["command"], str(app), *_arguments(container["args"])]
        self._variables = {
            **cluster.get("ConfigMap", container["envFrom"][0]["configMapRef"]["name"])["data"],
            **cluster.secrets,
            **{one["name"]: one["value"] for one in container["env"]},
            "XDG_STATE_HOME": str(output / "state"),
            "HOSTING_KEYS_FOLDER": str(output / "keys"),
        }
        (output / "keys").mkdir(exist_ok=True)
        (output / "keys" / "host.master").write_text("a key of this simulation")
        self._output = output
        self.hosts: list[Host] = []
        self.stopping: list[Host] = []
        self.started = self.stopped = self.killed = self.unborn = 0
        self.codes: Counter[int] = Counter()

    @property
    def count(self) -> int:
        """The number of hosts that are not stopping."""
        return len(self.hosts)

    def scale(self, wanted: int) -> None:
        """Start or stop hosts; those to stop are chosen at random."""
        while len(self.hosts) < wanted:
            output = self._output / f"host{self.started}.txt"
            with output.open("wb") as sink:
                process = subprocess.Popen(
                    self._command, env=environment(**self._variables), cwd=ROOT, stdout=sink, stderr=sink
                )
            self.hosts.append(Host(process, output))
            self.started += 1
        while len(self.hosts) > wanted:
            host = self.hosts.pop(random.randrange(len(self.hosts)))
            host.process.send_signal(signal.SIGTERM)
            host.asked = time.monotonic()
            self.stopping.append(host)
            self.stopped += 1

    def look(self) -> None:
        """Restart hosts that ended, count those that were asked to, and kill those that take too long."""
        for host in [host for host in self.hosts if host.process.poll() is not None]:
            sys.exit(f"a host ended with {host.process.returncode}: see {self._output}")
        for host in [*self.stopping]:
            assert host.asked is not None
            if host.process.poll() is not None:
                # Before Python runs, nothing can take the signal, and nothing has begun.
                if host.process.returncode == -signal.SIGTERM and not host.output.stat().st_size:
                    self.unborn += 1
                else:
                    self.codes[host.process.returncode] += 1
                self.stopping.remove(host)
            elif time.monotonic() - host.asked > self.termination_seconds:
                host.process.kill()
                self.killed += 1

    def end(self) -> None:
        """Kill whatever still runs, after a failure."""
        for host in (*self.hosts, *self.stopping):
            host.process.kill()
            host.process.wait(PATIENCE)


def _arguments(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with any free port of this machine, because all hosts share it."""
    pairs = dict(zip(arguments[::2], arguments[1::2], strict=True)) | {"--host": "127.0.0.1", "--port": "0"}
    return [word for pair in pairs.items() for word in pair]


@dataclass
class Autoscaler:
    """KEDA for one ScaledObject: 0 to 1 and back by itself, between 1 and more as the autoscaler of Kubernetes does."""

    cluster: Cluster
    deployment: Deployment
    counts: list[tuple[float, int]] = field(default_factory=list)
    """What was wanted at which time."""
    active_at: float = -math.inf
    highest: int = 0
    history: list[tuple[float, int, int]] = field(default_factory=list)
    """Time, length of the queue, number of hosts."""

    def __post_init__(self) -> None:
        """Resolve the trigger's authentication, as KEDA does."""
        self.spec = self.cluster.get("ScaledObject")["spec"]
        [trigger] = self.spec["triggers"]
        assert trigger["type"] == "azure-queue"
        self.target = int(trigger["metadata"]["queueLength"])
        reference = self.cluster.get("TriggerAuthentication", trigger["authenticationRef"]["name"])
        [secret] = reference["spec"]["secretTargetRef"]
        assert secret["parameter"] == "connection"
        service = QueueServiceClient.from_connection_string(self.cluster.secrets[secret["key"]], api_version=VERSION)
        self._queue = service.get_queue_client(trigger["metadata"]["queueName"])

    def poll(self) -> None:
        """Ask for the length of the queue, and scale."""
        now, length = time.monotonic(), self._queue.get_queue_properties().approximate_message_count or 0
        self.deployment.look()
        if length > 0:
            self.active_at = now
        self.deployment.scale(self._wanted(now, length))
        self.highest = max(self.highest, self.deployment.count)
        self.history.append((now, length, self.deployment.count))

    def _wanted(self, now: float, length: int) -> int:
        current, least, most = self.deployment.count, self.spec["minReplicaCount"], self.spec["maxReplicaCount"]
        if current == 0:
            return int(max(least, min(1, length)))
        if now - self.active_at >= self.spec["cooldownPeriod"]:
            return int(least)
        wanted = min(most, max(1, math.ceil(length / self.target)))
        self.counts = [(at, one) for at, one in self.counts if now - at < SCALE_DOWN_SECONDS] + [(now, wanted)]
        if wanted >= current:
            return int(min(wanted, max(2 * current, current + 4)))  # the autoscaler's policy for scaling up
        return int(min(current, max(one for _, one in self.counts)))


@contextmanager
def cluster(folder: Path, azurite: Azurite, **options: int) -> Iterator[Autoscaler]:
    """Write the manifests, and yield what scales their Deployment; no host is left at the end."""
    applied = apply(folder, azurite.connection_string, **options)
    target = applied.get("ScaledObject")["spec"]["scaleTargetRef"]["name"]
    deployment = Deployment(applied, target, folder / "waves", folder)
    try:
        yield Autoscaler(applied, deployment)
    finally:
        deployment.end()


def run(folder: Path, messages: int, waves: int, **options: int) -> dict[str, Any]:
    """Send the messages in waves while hosts are scaled; return the figures.

    Raises:
        SystemExit: a message was lost, work was cut off, or a host had to be killed.
    """
    with run_azurite(folder) as azurite, cluster(folder, azurite, **options) as scaler:
        queues = Queues(azurite)
        queues.create(QUEUE)
        began = time.monotonic()
        for wave in range(waves):
            numbers = [str(number) for number in range(wave, messages, waves)]
            # Alternate waves come when no host runs, and when hosts of the wave before are about to stop.
            _wait(scaler, lambda wave=wave: wave % 2 == 1 or scaler.deployment.count == 0)
            _send(queues, scaler, numbers)
            _wait(scaler, lambda: scaler.history[-1][1] == 0)
        _wait(scaler, lambda: scaler.deployment.count == 0 and not scaler.deployment.stopping)
        poison = queues.count(f"{QUEUE}-poison")
        queues.close()
        figures = examine(folder / "effects", messages, scaler)
    return figures | {"seconds": round(time.monotonic() - began, 1), "poison": poison}


def _send(queues: Queues, scaler: Autoscaler, numbers: Sequence[str], step: int = 500) -> None:
    import asyncio

    for start in range(0, len(numbers), step):
        asyncio.run(queues._fill(QUEUE, numbers[start : start + step]))
        _tick(scaler)


def _wait(scaler: Autoscaler, is_done: Any) -> None:
    _tick(scaler)
    end = time.monotonic() + 20 * PATIENCE
    while not is_done():
        if time.monotonic() > end:
            sys.exit(f"the queue was not processed: {scaler.history[-1]}")
        time.sleep(0.02)
        _tick(scaler)


def _tick(scaler: Autoscaler) -> None:
    if not scaler.history or time.monotonic() - scaler.history[-1][0] >= scaler.spec["pollingInterval"]:
        scaler.poll()


def examine(effects: Path, messages: int, scaler: Autoscaler) -> dict[str, Any]:
    """Return the figures of a run, from what the functions noted.

    Raises:
        SystemExit: something was lost or cut off.
    """
    rows = [line.split() for line in effects.read_text().splitlines()]
    begun = Counter(row[1] for row in rows if row[0] == "begin")
    ended = Counter(row[1] for row in rows if row[0] == "end")
    deployment = scaler.deployment
    lost = messages - len(ended)
    figures = {
        "messages": messages,
        "lost": lost,
        "duplicates": sum(ended.values()) - len(ended),
        "cut off": sum((begun - ended).values()),
        "hosts at most": scaler.highest,
        "hosts started": deployment.started,
        "hosts stopped": deployment.stopped,
        "stopped while the queue had messages": _stopped_at_work(scaler),
        "stopped before Python ran": deployment.unborn,
        "hosts killed": deployment.killed,
        "exit codes": dict(deployment.codes),
        "processes that worked": len({row[2] for row in rows}),
    }
    if lost or figures["cut off"] or deployment.killed or set(deployment.codes) != {0}:
        sys.exit(f"the simulation failed: {json.dumps(figures)}")
    return figures


def _stopped_at_work(scaler: Autoscaler) -> int:
    pairs = zip(scaler.history, scaler.history[1:], strict=False)
    return sum(max(0, before[2] - after[2]) for before, after in pairs if after[1] > 0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the simulation and print its figures."""
    parser = argparse.ArgumentParser(description="Hosts from zero to many and back, while messages arrive in waves.")
    parser.add_argument("--messages", type=int, default=20_000, help="messages in all (default: 20000)")
    parser.add_argument("--waves", type=int, default=5, help="how many waves they arrive in (default: 5)")
    parser.add_argument("--most", type=int, default=8, help="hosts at most (default: 8)")
    parser.add_argument("--polling", type=int, default=1, help="pollingInterval in seconds (default: 1)")
    parser.add_argument("--cooldown", type=int, default=5, help="cooldownPeriod in seconds (default: 5)")
    options = parser.parse_args(arguments)
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        figures = run(
            Path(name),
            options.messages,
            options.waves,
            polling=options.polling,
            cooldown=options.cooldown,
            most=options.most,
        )
    for title, value in figures.items():
        print(f"{title:40} {value}", flush=True)


if __name__ == "__main__":
    main()
