"""Queues under real hosts: ``hosting start`` in processes of their own, against a real Azurite."""

from __future__ import annotations

import json
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path

import httpx
import pytest
from storage_support.apps import TIMEOUT_SECONDS, MakeApp, Serve
from storage_support.ports import reserved_ports
from storage_support.proxy import Fault, proxying
from storage_support.queues import Queues

from hosting.testing.server import environment, launch
from hosting_storage.testing import Azurite, connection_string, run_azurite

QUICK = {"maxPollingInterval": "00:00:00.2"}
HEAD = """
import asyncio, os, random, time, typing
import azure.functions as func
app = func.FunctionApp()
effects = os.open(os.environ.get("EFFECTS", os.devnull), os.O_WRONLY | os.O_CREAT | os.O_APPEND)

def note(*words):
    os.write(effects, (" ".join(map(str, words)) + "\\n").encode())
"""
SOON = """
import hosting_storage.queues.listener
hosting_storage.queues.listener.LEASE_SECONDS = 4.0
"""
"""Before the functions of an app: what is taken and not answered for comes back then, and not after ten minutes."""
WORK = """
@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
async def work(message: str) -> None:
    await asyncio.sleep(random.uniform(0.02, 0.1))
    note(message, os.getpid())
"""
WORK_TOGETHER = """
@app.queue_trigger(arg_name="message", queue_name="%QUEUE%", connection="AzureWebJobsStorage")
async def work(message: str) -> None:
    note(message, os.getpid())
    while len({line.split()[1] for line in open(os.environ["EFFECTS"])}) < 4:
        await asyncio.sleep(0.05)
"""
"""Each of four processes waits until all of them have a message, so that no quick one handles all messages."""


class Scene:
    """An app on a queue, and what its functions noted.

    Args:
        storage: the connection string.
        name: the queue's.
        effects: the file that functions write to.
    """

    def __init__(self, storage: str, name: str, effects: Path) -> None:
        self.env = {"AzureWebJobsStorage": storage, "QUEUE": name, "EFFECTS": str(effects)}
        self._effects = effects

    def noted(self) -> list[str]:
        return self._effects.read_text().splitlines() if self._effects.exists() else []


@pytest.fixture
def scene(azurite: Azurite, name: str, tmp_path: Path) -> Scene:
    return Scene(azurite.connection_string, name, tmp_path / "effects")


def files(code: str, **queues: object) -> dict[str, str]:
    host_json = {"version": "2.0", "extensions": {"queues": {**QUICK, **queues}}}
    return {"function_app.py": HEAD + code, "host.json": json.dumps(host_json)}


def until(condition: Callable[[], object], told: Callable[[], object]) -> None:
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, told()
        time.sleep(0.02)


def test_a_message_goes_from_queue_to_queue(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """Trigger, several outputs, expressions and a return value: each message is where the app says, and in the log."""
    app = make_app(
        files("""
@app.queue_trigger(arg_name="order", queue_name="%QUEUE%", connection="")
@app.queue_output(arg_name="$return", queue_name="%QUEUE%-done", connection="Storage")
@app.queue_output(arg_name="copy", queue_name="%QUEUE%-{kind}", connection="AzureWebJobsStorage")
async def forward(order: func.QueueMessage, copy: func.Out[typing.List[str]]) -> str:
    copy.set([order.get_body().decode(), order.id])
    return f"done {order.get_json()['kind']}"

@app.queue_trigger(arg_name="text", queue_name="%QUEUE%-done", connection="AzureWebJobsStorage")
def last(text: bytes) -> None:
    note(text.decode())
""")
    )
    served = serve(app, env=scene.env)
    queues.put(name, '{"kind": "tea"}')
    until(lambda: scene.noted() == ["done tea"], served.logs)
    until(lambda: queues.left(name) == queues.left(f"{name}-done") == 0, served.logs)
    text, message_id = queues.seen(f"{name}-tea")
    assert text == '{"kind": "tea"}'
    assert served.stop() == 0
    logs = served.logs()
    assert f"Executing 'Functions.forward' (Reason='New queue message detected on '{name}'.', Id=" in logs
    assert f"Trigger Details: MessageId: {message_id}, DequeueCount: 1, InsertedOn: 20" in logs
    assert "azure.core" not in logs


def test_a_v1_app_has_queues_too(scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve) -> None:
    """function.json declares the same bindings."""
    bindings = [
        {"name": "msg", "type": "queueTrigger", "direction": "in", "queueName": name, "connection": "Storage"},
        {"name": "$return", "type": "queue", "direction": "out", "queueName": f"{name}-out"},
    ]
    app = make_app(
        {
            "Copy/function.json": json.dumps({"bindings": bindings}),
            "Copy/__init__.py": "def main(msg: str) -> str:\n    return msg.upper()\n",
            "host.json": files("")["host.json"],
        }
    )
    served = serve(app, env=scene.env)
    queues.put(name, "hello")
    until(lambda: queues.seen(f"{name}-out") == ["HELLO"], served.logs)


def test_poison_goes_where_azure_puts_it(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """What fails as often as it may goes to ``NAME-poison``, and to its function; Azure's words are in the log."""
    app = make_app(
        files(
            """
@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="Storage")
def fails(msg: func.QueueMessage):
    note("tried", msg.dequeue_count)
    raise ValueError("not this one")

@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%-poison", connection="Storage")
def poison(msg: str):
    note("poison", msg)
""",
            maxDequeueCount=3,
        )
    )
    served = serve(app, env=scene.env)
    queues.put(name, "bad")
    until(lambda: "poison bad" in scene.noted(), served.logs)
    until(lambda: queues.left(name) == queues.left(f"{name}-poison") == 0, served.logs)
    assert scene.noted() == ["tried 1", "tried 2", "tried 3", "poison bad"]
    served.wait_for(f"Message has reached MaxDequeueCount of 3. Moving message to queue '{name}-poison'.")


def test_retries_come_before_redelivery(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """With a retry policy, each delivery is that many attempts more; ``retry_context`` counts them."""
    app = make_app(
        files(
            """
@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="Storage")
@app.retry(strategy="fixed_delay", max_retry_count="2", delay_interval="00:00:00")
def fails(msg: func.QueueMessage, context: func.Context):
    retry = context.retry_context
    note(msg.dequeue_count, retry.retry_count, retry.max_retry_count)
    raise ValueError("never")
""",
            maxDequeueCount=2,
        )
    )
    served = serve(app, env=scene.env)
    queues.put(name, "bad")
    until(lambda: queues.seen(f"{name}-poison") == ["bad"], served.logs)
    assert scene.noted() == ["1 0 2", "1 1 2", "1 2 2", "2 0 2", "2 1 2", "2 2 2"]


def test_an_output_that_fails_brings_the_message_back(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A message whose outputs cannot be written was not worked on: it comes back, and ends as poison."""
    app = make_app(
        files(
            """
@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="Storage")
@app.queue_output(arg_name="out", queue_name="{missing}", connection="Storage")
def fails(msg: str, out: func.Out[str]):
    out.set(msg)

@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%-big", connection="Storage")
@app.queue_output(arg_name="$return", queue_name="%QUEUE%-out", connection="Storage")
def big(msg: str):
    return "x" * 100_000
""",
            maxDequeueCount=2,
        )
    )
    served = serve(app, env=scene.env)
    queues.put(name, "bad")
    queues.put(f"{name}-big", "bad")
    until(lambda: queues.left(f"{name}-poison") == queues.left(f"{name}-big-poison") == 1, served.logs)
    served.wait_for("No value for named parameter 'missing'.")
    served.wait_for(rf"Function 'big': output '\$return' cannot be sent to queue '{name}-out'")


def test_by_hand_a_function_gets_the_text(scene: Scene, name: str, make_app: MakeApp, serve: Serve) -> None:
    """``POST /admin/functions/NAME`` runs it with a message that was never in a queue."""
    app = make_app(files(WORK))
    served = serve(app, env=scene.env)
    answer = httpx.post(f"{served.url}/admin/functions/work", json={"input": "by hand"}, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 202
    until(scene.noted, served.logs)
    assert scene.noted()[0].startswith("by hand ")


def test_workers_and_hosts_share_a_queue(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """One host of three workers and one of one work on the same queue: each message runs once, and all of them help."""
    app = make_app(files(WORK_TOGETHER, batchSize=4, newBatchThreshold=0))
    hosts = [serve(app, "--workers", "3", env=scene.env), serve(app, env=scene.env)]
    queues.fill(name, [str(number) for number in range(300)])
    until(lambda: queues.left(name) == 0, hosts[0].logs)
    assert [host.stop() for host in hosts] == [0, 0]
    worked = [line.split() for line in scene.noted()]
    assert Counter(text for text, _ in worked) == Counter(map(str, range(300)))
    assert len({pid for _, pid in worked}) == 4


@pytest.mark.parametrize("flags", [(), ("--workers", "2")], ids=["one process", "two processes"])
def test_after_sigterm_no_message_runs_twice(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve, flags: tuple[str, ...]
) -> None:
    """A host that is asked to stop finishes what runs and gives back the rest at once, again and again."""
    app = make_app(files(WORK))
    queues.fill(name, [str(number) for number in range(300)])
    for done in (40, 120, 200):
        served = serve(app, *flags, env=scene.env)
        until(lambda done=done: len(scene.noted()) >= done, served.logs)  # type: ignore[misc]
        assert served.stop() == 0
        assert "somebody else" not in served.logs()
    served = serve(app, *flags, env=scene.env)
    until(lambda: queues.left(name) == 0, served.logs)
    assert served.stop() == 0
    assert Counter(line.split()[0] for line in scene.noted()) == Counter(map(str, range(300)))


@pytest.mark.parametrize(
    "kind", ["async def endless(msg: str): await asyncio.sleep(3600)", "def endless(msg: str): time.sleep(3600)"]
)
def test_after_the_grace_period_a_message_is_seen_at_once(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve, kind: str
) -> None:
    """What still runs when the grace period is over is given back, and others need not wait for it."""
    code = f"""
@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="Storage")
{kind}
"""
    served = serve(make_app(files(code)), "--grace", "0.5", env=scene.env)
    queues.put(name, "endless")
    served.wait_for("Executing 'Functions.endless'")
    assert served.stop() == 0
    assert queues.seen(name) == ["endless"]


def test_a_host_waits_for_its_storage(scene: Scene, name: str, make_app: MakeApp, tmp_path: Path) -> None:
    """Storage that is not there at start, goes away and comes back: said once each time, and nothing is lost."""
    # Where Azurite ends while it gives messages out, nobody has heard of those: they come back by themselves.
    app = make_app(files(SOON + WORK))
    home = tmp_path / "storage"
    home.mkdir()
    with ExitStack() as cleanup:
        ports = cleanup.enter_context(reserved_ports())
        with run_azurite(home, ports=ports) as first:
            Queues(first).put(name, *(str(number) for number in range(50)))
            env = {**scene.env, "AzureWebJobsStorage": first.connection_string}
        served = launch(app, output=tmp_path / "output.txt", environ=environment(env))
        cleanup.callback(served.kill)
        served.wait_for("cannot be used for queue")
        for batch in range(2):
            with run_azurite(home, ports=ports) as again:
                queues = Queues(again)
                until(lambda queues=queues: queues.left(name) == 0, served.logs)  # type: ignore[misc]
                queues.put(name, *(f"{batch}-{number}" for number in range(50)))
                until(lambda batch=batch: len(scene.noted()) >= 50 * batch + 60, served.logs)  # type: ignore[misc]
        with run_azurite(home, ports=ports) as again:
            until(lambda: Queues(again).left(name) == 0, served.logs)
        assert served.stop() == 0
    expected = {*map(str, range(50)), *(f"{batch}-{number}" for batch in range(2) for number in range(50))}
    assert {line.split()[0] for line in scene.noted()} == expected
    for outage in served.logs().split("responds again"):
        reasons = re.findall("cannot be used for queue .*", outage)
        assert len(reasons) == len(set(reasons))


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html><br>Welcome"), (200, b""), (404, b"<html><br>No such page"), (502, b"Bad")]
)
def test_what_answers_is_no_storage(
    name: str, make_app: MakeApp, serve: Serve, tmp_path: Path, status: int, body: bytes
) -> None:
    """A web server in place of the storage is told of once, however often it is asked, and without a traceback."""
    with answering(status, body) as (port, asked):
        scene = Scene(connection_string({"Queue": port}), name, tmp_path / "effects")
        served = serve(make_app(files(WORK)), env=scene.env)
        until(lambda: len(asked) > 5, served.logs)
        assert served.stop() == 0
    assert served.logs().count("cannot be used for queue") == 1
    assert "Traceback" not in served.logs()
    assert "does not exist yet" not in served.logs()


@contextmanager
def answering(status: int, body: bytes) -> Iterator[tuple[int, list[str]]]:
    """A web server that gives the same answer to all; its port, and the paths that were asked for."""
    asked: list[str] = []

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, asked
        server.shutdown()
        thread.join()


def test_storage_that_misbehaves_loses_nothing(
    azurite: Azurite, scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """Of requests that fail, are cut off or take long at random, none loses a message; few run twice."""
    faults: tuple[Fault, ...] = ("none", "error", "none", "hang up", "none", "slow", "none", "none", "none")
    turns = count()

    def moody(method: str, path: str) -> Fault:
        return faults[next(turns) % len(faults)]

    queues.fill(name, [str(number) for number in range(200)])
    with proxying(azurite.ports["Queue"]) as proxy:
        proxy.mood = moody
        env = {**scene.env, "AzureWebJobsStorage": azurite.through(Queue=proxy.port)}
        served = serve(make_app(files(WORK)), env=env)
        until(lambda: queues.left(name) == 0, served.logs)
        assert served.stop() == 0
    assert {line.split()[0] for line in scene.noted()} == set(map(str, range(200)))


def test_answers_that_get_lost_lose_nothing(
    azurite: Azurite, scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A deletion whose answer is lost is asked for again, and what it then finds gone was deleted."""
    turns = count()

    def forgetful(method: str, path: str) -> Fault:
        return "lose the answer" if method == "DELETE" and next(turns) % 3 == 0 else "none"

    queues.fill(name, [str(number) for number in range(60)])
    with proxying(azurite.ports["Queue"]) as proxy:
        proxy.mood = forgetful
        env = {**scene.env, "AzureWebJobsStorage": azurite.through(Queue=proxy.port)}
        served = serve(make_app(files(WORK)), env=env)
        until(lambda: len(scene.noted()) >= 60 and queues.left(name) == 0, served.logs)
        assert served.stop() == 0
    assert Counter(line.split()[0] for line in scene.noted()) == Counter(map(str, range(60)))


def test_one_bad_function_leaves_the_others_alone(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A queue that cannot be, and a connection that is not there, put their functions in error; the others run."""
    code = """
@app.queue_trigger(arg_name="msg", queue_name="no_queue", connection="Storage")
def misnamed(msg: str): ...

@app.queue_trigger(arg_name="msg", queue_name="queue", connection="Elsewhere")
def unconnected(msg: str): ...
"""
    served = serve(make_app(files(WORK + code)), env=scene.env)
    queues.put(name, "fine")
    until(scene.noted, served.logs)
    served.wait_for("'no_queue' is not a valid queue name")
    served.wait_for(r"Storage account connection string 'AzureWebJobsElsewhere' does not exist\.")


def test_a_disabled_function_leaves_its_messages(
    scene: Scene, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """Messages of a function that is switched off wait for it."""
    served = serve(make_app(files(WORK)), env={**scene.env, "AzureWebJobs.work.Disabled": "1"})
    queues.put(name, "later")
    time.sleep(1)
    assert queues.seen(name) == ["later"]
    assert served.stop() == 0
    assert scene.noted() == []


def test_old_azurites_need_no_flag(name: str, make_app: MakeApp, serve: Serve, tmp_path: Path) -> None:
    """An Azurite that is told nothing speaks with the host, which does not ask for what is newer than it."""
    with run_azurite(tmp_path, "--inMemoryPersistence") as strict:
        queues, scene = Queues(strict), Scene(strict.connection_string, name, tmp_path / "effects")
        served = serve(make_app(files(WORK)), env=scene.env)
        queues.put(name, "hello")
        until(lambda: queues.left(name) == 0 and scene.noted(), served.logs)
        queues.close()
        assert served.stop() == 0
