"""Queues in host processes, against a real Azurite."""

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
from storage_support.proxy import Fault, run_proxy
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
SHORT_LEASE = """
import hosting_storage.queues.listener
hosting_storage.queues.listener.LEASE_SECONDS = 4.0
"""
"""In front of an app's functions: messages of a killed host return after 4 seconds, not after ten minutes."""
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


class QueueApp:
    """The settings of an app with a queue, and the notes of its functions.

    Args:
        storage: the connection string.
        name: the queue's name.
        effects: the file that functions append notes to.
    """

    def __init__(self, storage: str, name: str, effects: Path) -> None:
        self.env = {"AzureWebJobsStorage": storage, "QUEUE": name, "EFFECTS": str(effects)}
        self._effects = effects

    def notes(self) -> list[str]:
        """Return the notes of the functions, in order."""
        return self._effects.read_text().splitlines() if self._effects.exists() else []


@pytest.fixture
def queue_app(azurite: Azurite, name: str, tmp_path: Path) -> QueueApp:
    return QueueApp(azurite.connection_string, name, tmp_path / "effects")


def files(code: str, **queues: object) -> dict[str, str]:
    """Return the files of an app with these functions and options of queues."""
    host_json = {"version": "2.0", "extensions": {"queues": {**QUICK, **queues}}}
    return {"function_app.py": HEAD + code, "host.json": json.dumps(host_json)}


def until(condition: Callable[[], object], explain: Callable[[], object]) -> None:
    """Wait until a condition is true; a failure shows the result of ``explain``."""
    end = time.monotonic() + TIMEOUT_SECONDS
    while not condition():
        assert time.monotonic() < end, explain()
        time.sleep(0.02)


def test_queue_function_with_several_outputs_sends_a_message_to_each(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """Outputs, expressions and a return value send messages to the queues that the app names, and the log shows it."""
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
    server = serve(app, env=queue_app.env)
    queues.put(name, '{"kind": "tea"}')
    until(lambda: queue_app.notes() == ["done tea"], server.logs)
    until(lambda: queues.count(name) == queues.count(f"{name}-done") == 0, server.logs)
    text, message_id = queues.visible(f"{name}-tea")
    assert text == '{"kind": "tea"}'
    assert server.stop() == 0
    logs = server.logs()
    assert f"Executing 'Functions.forward' (Reason='New queue message detected on '{name}'.', Id=" in logs
    assert f"Trigger Details: MessageId: {message_id}, DequeueCount: 1, InsertedOn: 20" in logs
    assert "azure.core" not in logs


def test_host_until_idle_ends_when_all_that_its_functions_send_is_processed_too(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A job: messages that wait at its start, and a chain of those that they cause."""
    app = make_app(
        files("""
@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="Storage")
@app.queue_output(arg_name="$return", queue_name="%QUEUE%-next", connection="Storage")
def first(msg: str) -> str:
    return msg

@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%-next", connection="Storage")
def second(msg: str) -> None:
    note(msg)
""")
    )
    for number in range(20):
        queues.put(name, str(number))
    server = serve(app, "--until-idle", env=queue_app.env)
    assert server.process.wait(120) == 0
    assert sorted(queue_app.notes(), key=int) == [str(number) for number in range(20)]
    assert queues.count(name) == queues.count(f"{name}-next") == 0


def test_v1_app_with_queue_bindings_receives_and_sends(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
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
    server = serve(app, env=queue_app.env)
    queues.put(name, "hello")
    until(lambda: queues.visible(f"{name}-out") == ["HELLO"], server.logs)


def test_message_that_fails_too_often_moves_to_the_poison_queue(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A message that fails ``maxDequeueCount`` times goes to ``NAME-poison``; the log has Azure's words."""
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
    server = serve(app, env=queue_app.env)
    queues.put(name, "bad")
    until(lambda: "poison bad" in queue_app.notes(), server.logs)
    until(lambda: queues.count(name) == queues.count(f"{name}-poison") == 0, server.logs)
    assert queue_app.notes() == ["tried 1", "tried 2", "tried 3", "poison bad"]
    server.wait_for(f"Message has reached MaxDequeueCount of 3. Moving message to queue '{name}-poison'.")


def test_queue_function_with_a_retry_policy_retries_within_each_delivery(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """Each delivery has all attempts of the retry policy; ``retry_context`` counts them."""
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
    server = serve(app, env=queue_app.env)
    queues.put(name, "bad")
    until(lambda: queues.visible(f"{name}-poison") == ["bad"], server.logs)
    assert queue_app.notes() == ["1 0 2", "1 1 2", "1 2 2", "2 0 2", "2 1 2", "2 2 2"]


def test_queue_function_whose_output_fails_receives_the_message_again(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A message whose outputs cannot be written has failed: it is received again, and ends as poison."""
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
    server = serve(app, env=queue_app.env)
    queues.put(name, "bad")
    queues.put(f"{name}-big", "bad")
    until(lambda: queues.count(f"{name}-poison") == queues.count(f"{name}-big-poison") == 1, server.logs)
    server.wait_for("No value for named parameter 'missing'.")
    server.wait_for(rf"Function 'big': output '\$return' cannot be sent to queue '{name}-out'")


def test_manual_run_of_a_queue_function_passes_the_input_as_message(
    queue_app: QueueApp, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """``POST /admin/functions/NAME`` runs it with a message that was never in a queue."""
    app = make_app(files(WORK))
    server = serve(app, env=queue_app.env)
    answer = httpx.post(f"{server.url}/admin/functions/work", json={"input": "by hand"}, timeout=TIMEOUT_SECONDS)
    assert answer.status_code == 202
    until(queue_app.notes, server.logs)
    assert queue_app.notes()[0].startswith("by hand ")


def test_hosts_and_workers_on_one_queue_share_its_messages(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A host of three workers and one of one share a queue: each message runs once, each process takes part."""
    app = make_app(files(WORK_TOGETHER, batchSize=4, newBatchThreshold=0))
    hosts = [serve(app, "--workers", "3", env=queue_app.env), serve(app, env=queue_app.env)]
    queues.fill(name, [str(number) for number in range(300)])
    until(lambda: queues.count(name) == 0, hosts[0].logs)
    assert [host.stop() for host in hosts] == [0, 0]
    worked = [line.split() for line in queue_app.notes()]
    assert Counter(text for text, _ in worked) == Counter(map(str, range(300)))
    assert len({pid for _, pid in worked}) == 4


@pytest.mark.parametrize("flags", [(), ("--workers", "2")], ids=["one process", "two processes"])
def test_host_after_sigterm_runs_no_message_twice(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve, flags: tuple[str, ...]
) -> None:
    """A host that is stopped finishes what runs and releases the rest at once, every time."""
    app = make_app(files(WORK))
    queues.fill(name, [str(number) for number in range(300)])
    for done in (40, 120, 200):
        server = serve(app, *flags, env=queue_app.env)
        until(lambda done=done: len(queue_app.notes()) >= done, server.logs)  # type: ignore[misc]
        assert server.stop() == 0
        assert "another host" not in server.logs()
    server = serve(app, *flags, env=queue_app.env)
    until(lambda: queues.count(name) == 0, server.logs)
    assert server.stop() == 0
    assert Counter(line.split()[0] for line in queue_app.notes()) == Counter(map(str, range(300)))


@pytest.mark.parametrize(
    "kind", ["async def endless(msg: str): await asyncio.sleep(3600)", "def endless(msg: str): time.sleep(3600)"]
)
def test_message_still_running_after_the_grace_period_is_released(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve, kind: str
) -> None:
    """A message that still runs when the grace period ends is released, and other hosts receive it at once."""
    code = f"""
@app.queue_trigger(arg_name="msg", queue_name="%QUEUE%", connection="Storage")
{kind}
"""
    server = serve(make_app(files(code)), "--grace", "0.5", env=queue_app.env)
    queues.put(name, "endless")
    server.wait_for("Executing 'Functions.endless'")
    assert server.stop() == 0
    assert queues.visible(name) == ["endless"]


def test_host_without_its_queues_waits_and_loses_nothing(
    queue_app: QueueApp, name: str, make_app: MakeApp, tmp_path: Path
) -> None:
    """Storage that is missing at start, stops and returns is logged once each time, and no message is lost."""
    # If Azurite stops during a response, its messages are lost for the host until their lease ends.
    app = make_app(files(SHORT_LEASE + WORK))
    home = tmp_path / "storage"
    home.mkdir()
    with ExitStack() as cleanup:
        ports = cleanup.enter_context(reserved_ports())
        with run_azurite(home, ports=ports) as first:
            Queues(first).put(name, *(str(number) for number in range(50)))
            env = {**queue_app.env, "AzureWebJobsStorage": first.connection_string}
        server = launch(app, output=tmp_path / "output.txt", environ=environment(env))
        cleanup.callback(server.kill)
        server.wait_for("cannot be used for queue")
        for batch in range(2):
            with run_azurite(home, ports=ports) as again:
                queues = Queues(again)
                until(lambda queues=queues: queues.count(name) == 0, server.logs)  # type: ignore[misc]
                queues.put(name, *(f"{batch}-{number}" for number in range(50)))
                until(lambda batch=batch: len(queue_app.notes()) >= 50 * batch + 60, server.logs)  # type: ignore[misc]
        with run_azurite(home, ports=ports) as again:
            until(lambda: Queues(again).count(name) == 0, server.logs)
        assert server.stop() == 0
    expected = {*map(str, range(50)), *(f"{batch}-{number}" for batch in range(2) for number in range(50))}
    assert {line.split()[0] for line in queue_app.notes()} == expected
    for outage in server.logs().split("responds again"):
        reasons = re.findall("cannot be used for queue .*", outage)
        assert len(reasons) == len(set(reasons))


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html><br>Welcome"), (200, b""), (404, b"<html><br>No such page"), (502, b"Bad")]
)
def test_web_server_in_place_of_the_storage_is_logged_once(
    name: str, make_app: MakeApp, serve: Serve, tmp_path: Path, status: int, body: bytes
) -> None:
    """A web server in place of the storage is logged once, however often it is requested, without a traceback."""
    with respond_to_all(status, body) as (port, paths):
        queue_app = QueueApp(connection_string({"Queue": port}), name, tmp_path / "effects")
        server = serve(make_app(files(WORK)), env=queue_app.env)
        until(lambda: len(paths) > 5, server.logs)
        assert server.stop() == 0
    assert server.logs().count("cannot be used for queue") == 1
    assert "Traceback" not in server.logs()
    assert "does not exist yet" not in server.logs()


@contextmanager
def respond_to_all(status: int, body: bytes) -> Iterator[tuple[int, list[str]]]:
    """Run a web server with one response to all requests; yield its port, and the list of requested paths."""
    paths: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            paths.append(self.path)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_port, paths
        server.shutdown()
        thread.join()


def test_queue_with_failing_and_slow_requests_loses_no_message(
    azurite: Azurite, queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """Requests that fail, are cut off or take long lose no message."""
    faults: tuple[Fault, ...] = ("none", "error", "none", "hang up", "none", "slow", "none", "none", "none")
    turns = count()

    def take_turns(method: str, path: str) -> Fault:
        return faults[next(turns) % len(faults)]

    queues.fill(name, [str(number) for number in range(200)])
    with run_proxy(azurite.ports["Queue"]) as proxy:
        proxy.select_fault = take_turns
        env = {**queue_app.env, "AzureWebJobsStorage": azurite.through(Queue=proxy.port)}
        server = serve(make_app(files(WORK)), env=env)
        until(lambda: queues.count(name) == 0, server.logs)
        assert server.stop() == 0
    assert {line.split()[0] for line in queue_app.notes()} == set(map(str, range(200)))


def test_queue_with_lost_responses_to_deletions_runs_each_message_once(
    azurite: Azurite, queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """A deletion whose response is lost is repeated, and a message that is gone then counts as deleted."""
    turns = count()

    def lose_each_third_deletion(method: str, path: str) -> Fault:
        return "lose the response" if method == "DELETE" and next(turns) % 3 == 0 else "none"

    queues.fill(name, [str(number) for number in range(60)])
    with run_proxy(azurite.ports["Queue"]) as proxy:
        proxy.select_fault = lose_each_third_deletion
        env = {**queue_app.env, "AzureWebJobsStorage": azurite.through(Queue=proxy.port)}
        server = serve(make_app(files(WORK)), env=env)
        until(lambda: len(queue_app.notes()) >= 60 and queues.count(name) == 0, server.logs)
        assert server.stop() == 0
    assert Counter(line.split()[0] for line in queue_app.notes()) == Counter(map(str, range(60)))


def test_queue_functions_in_error_do_not_stop_the_others(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """An invalid queue name and a missing connection put their functions in error; the others run."""
    code = """
@app.queue_trigger(arg_name="msg", queue_name="no_queue", connection="Storage")
def misnamed(msg: str): ...

@app.queue_trigger(arg_name="msg", queue_name="queue", connection="Elsewhere")
def unconnected(msg: str): ...
"""
    server = serve(make_app(files(WORK + code)), env=queue_app.env)
    queues.put(name, "fine")
    until(queue_app.notes, server.logs)
    server.wait_for("'no_queue' is not a valid queue name")
    server.wait_for(r"Storage account connection string 'AzureWebJobsElsewhere' does not exist\.")


def test_disabled_queue_function_leaves_its_messages(
    queue_app: QueueApp, queues: Queues, name: str, make_app: MakeApp, serve: Serve
) -> None:
    """Messages of a disabled function stay in its queue."""
    other = """
@app.queue_trigger(arg_name="message", queue_name="%QUEUE%-other", connection="AzureWebJobsStorage")
def other(message: str) -> None:
    note("other", message)
"""
    server = serve(make_app(files(WORK + other)), env={**queue_app.env, "AzureWebJobs.work.Disabled": "1"})
    queues.put(name, "later")
    queues.put(f"{name}-other", "now")
    until(queue_app.notes, server.logs)
    assert queues.visible(name) == ["later"]
    assert server.stop() == 0
    assert queue_app.notes() == ["other now"]


def test_azurite_without_skip_api_version_check_works(
    name: str, make_app: MakeApp, serve: Serve, tmp_path: Path
) -> None:
    """The host asks for no API version that an Azurite without flags refuses."""
    with run_azurite(tmp_path, "--inMemoryPersistence") as strict:
        queues, queue_app = Queues(strict), QueueApp(strict.connection_string, name, tmp_path / "effects")
        server = serve(make_app(files(WORK)), env=queue_app.env)
        queues.put(name, "hello")
        until(lambda: queues.count(name) == 0 and queue_app.notes(), server.logs)
        queues.close()
        assert server.stop() == 0
