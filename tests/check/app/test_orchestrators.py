"""Rules about the orchestrators of an app."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hosting.check.app.orchestrators import check_orchestrators
from hosting.check.report import sorted_findings
from hosting.check.source.modules import read_sources
from tests.support.checks import APP, findings, rules_of, write

IMPORTS = """import asyncio, datetime as dt, os, random, threading, time, uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import azure.durable_functions as df
import azure.functions as func
import httpx
import requests

http = requests.Session()
rng = random.Random(1)
app = df.DFApp()
bp = df.Blueprint()
"""
START = "@bp.orchestration_trigger(context_name='ctx')\ndef flow(ctx: df.DurableOrchestrationContext):\n"

# What the body of an orchestrator holds in its last line, the code of the finding, and parts of its message and remedy.
IMPURE = [
    ("x = datetime.now()", "APP501", "'flow' reads the clock with datetime.now", "current_utc_datetime"),
    ("x = dt.datetime.now(dt.UTC)", "APP501", "reads the clock with dt.datetime.now", "current_utc_datetime"),
    ("x = datetime.utcnow().isoformat()", "APP501", "datetime.utcnow", "current_utc_datetime"),
    ("x = dt.date.today()", "APP501", "dt.date.today", "current_utc_datetime"),
    ("x = time.time()", "APP501", "time.time", "current_utc_datetime"),
    ("x = time.perf_counter_ns()", "APP501", "time.perf_counter_ns", "current_utc_datetime"),
    ("x = time.strftime('%H')", "APP501", "time.strftime", "current_utc_datetime"),
    ("x = uuid.uuid4().hex", "APP501", "creates an id with uuid.uuid4", "context.new_uuid()"),
    ("x = random.choice([1, 2])", "APP501", "random.choice", "random.Random(context.instance_id)"),
    ("x = random.Random()", "APP501", "random.Random", "activity"),
    ("x = rng.random()", "APP501", "uses random numbers with rng.random", "activity"),
    ("x = os.environ['COLOR']", "APP501", "reads the environment with os.environ", "as input"),
    ("x = os.environ.get('COLOR')", "APP501", "os.environ", "as input"),
    ("x = os.getenv('COLOR')", "APP501", "os.getenv", "as input"),
    ("x = [ctx.call_activity('A', one) for one in {'a', 'b'}]", "APP501", "in the order of a set", "sorted"),
    ("for one in set(ctx.get_input()): x = yield ctx.call_activity('A', one)", "APP501", "order of a set", "sorted"),
    ("x = requests.get('http://x').json()", "APP502", "calls HTTP with requests.get", "context.call_http"),
    ("x = httpx.Client()", "APP502", "httpx.Client", "context.call_http"),
    ("x = http.post('http://x')", "APP502", "calls HTTP with http.post", "context.call_http"),
    ("x = open('f').read()", "APP502", "uses files with open", "context.call_activity"),
    ("x = Path('f').read_text()", "APP502", "uses files with Path('f').read_text", "context.call_activity"),
    ("time.sleep(3)", "APP502", "sleeps with time.sleep", "context.create_timer"),
    ("x = asyncio.run(ctx.get_input())", "APP503", "uses asyncio with asyncio.run", "task_all"),
    ("threading.Thread(target=print).start()", "APP503", "starts threads", "task_all"),
    ("with ThreadPoolExecutor() as pool: pool.map(print, [1])", "APP503", "ThreadPoolExecutor", "task_all"),
    ("x = yield {'a': 1}", "APP504", "yields {'a': 1}, which is not a task", "context.call_activity"),
    ("x = yield", "APP504", "yields nothing", "context.call_activity"),
    ("x = yield [ctx.call_activity('A'), ctx.call_activity('B')]", "APP504", "not a task", "context.task_all"),
    ("x = yield (ctx.call_activity(one) for one in 'AB')", "APP504", "not a task", "context.call_activity"),
    ("x = yield ctx.get_input()", "APP504", "ctx.get_input(), which is not a task", "Remove yield"),
    ("x = yield ctx.signal_entity(df.EntityId('a', 'b'), 'add', 1)", "APP504", "not a task", "Remove yield"),
    ("ctx.call_activity('A', 1)", "APP505", "drops the task of context.call_activity", "yield"),
    ("ctx.create_timer(ctx.current_utc_datetime)", "APP505", "drops the task of context.create_timer", "yield"),
]

PURE = """
DEFAULT = os.environ.get('COLOR', 'blue')

def parsed(text):
    return datetime.fromisoformat(text)

def stamp():
    return datetime.now()

@app.route('start')
@app.durable_client_input(client_name='client')
async def start(req: func.HttpRequest, client):
    await asyncio.sleep(0)
    return stamp()

@app.activity_trigger(input_name='x')
def activity(x):
    def inner():
        return requests.get(x, timeout=time.time())
    return inner(), stamp(), os.environ['COLOR'], random.random()

@app.entity_trigger(context_name='context')
def entity(context):
    context.set_result(datetime.now())

@app.orchestration_trigger(context_name='context')
def pure(context):
    def key(one):
        return one['key']
    numbers = random.Random(context.instance_id)
    requests = context.get_input()
    day = parsed(requests.get('day')), time.localtime(3), time.strftime('%H', (2026,))
    name = uuid.uuid5(uuid.NAMESPACE_OID, 'x')
    if not context.is_replaying:
        print(datetime.now())
    first = yield context.call_activity(activity, numbers.random())
    tasks = [context.call_activity('A', one) for one in sorted({1, 2}, key=key)]
    winner = yield context.task_any(tasks)
    result = yield winner if winner in tasks else tasks[0]
    both = yield context.task_all([*tasks, context.create_timer(context.current_utc_datetime + timedelta(days=3))])
    context.signal_entity(df.EntityId('a', 'b'), 'add', 1)
    context.set_custom_status({'first': first})
    yield context.continue_as_new(result)
    return both

@app.orchestration_trigger(context_name='context')
def nothing_to_wait_for(context):
    return context.get_input()
    yield
"""

V1 = "import time\nimport azure.durable_functions as df\nfrom ..shared import clock\n\n"
HELPERS = "import time\n\ndef now():\n    return later()\n\ndef later():\n    return time.time()\n"

# Files, and the findings: code, file and line, message.
PLACES: list[tuple[str, Mapping[str, str], list[tuple[str, str, str]]]] = [
    (
        "v1: the function of Orchestrator.create",
        {"Flow/__init__.py": V1 + "def run(context):\n    yield time.time()\n\nmain = df.Orchestrator.create(run)\n"},
        [("APP501", "Flow/__init__.py:6", "the orchestrator 'run' reads the clock with time.time")],
    ),
    (
        "v1: a relative import",
        {
            "Flow/__init__.py": V1
            + "def run(context):\n    return clock.now()\n\nmain = df.Orchestrator.create(run)\n",
            "shared/clock.py": HELPERS,
        },
        [
            ("APP501", "shared/clock.py:7", "'run' calls 'later', which reads the clock with time.time"),
        ],
    ),
    (
        "v1: an orchestrator of another file",
        {
            "Flow/__init__.py": V1 + "from __app__.shared.clock import now\n\nmain = df.Orchestrator.create(now)\n",
            "shared/clock.py": HELPERS,
        },
        [("APP501", "shared/clock.py:7", "'now' calls 'later', which reads the clock with time.time")],
    ),
    (
        "a nested function that the orchestrator calls, and one that it does not call",
        {
            "function_app.py": IMPORTS
            + START
            + "    def used():\n        return time.time()\n"
            + "    def unused():\n        return time.time()\n    return used()\n"
        },
        [("APP501", "function_app.py:18", "'flow' calls 'used', which reads the clock with time.time")],
    ),
    (
        "a helper of an import from the app, given as a value",
        {
            "function_app.py": IMPORTS + "import clock\n" + START + "    return max([], key=clock.now)\n",
            "clock.py": HELPERS,
        },
        [("APP501", "clock.py:7", "'flow' calls 'later', which reads the clock with time.time")],
    ),
    (
        "a generator without yield from, and one with it",
        {
            "function_app.py": IMPORTS
            + "def steps(ctx):\n    yield ctx.get_input()\n\n"
            + START
            + "    yield steps(ctx)\n    yield from steps(ctx)\n"
        },
        [
            ("APP504", "function_app.py:16", "'flow' calls 'steps', which yields ctx.get_input(), which is not a task"),
            ("APP504", "function_app.py:20", "'flow' yields the generator steps(...)"),
        ],
    ),
    (
        "async def",
        {
            "function_app.py": IMPORTS
            + START.replace("def flow", "async def flow")
            + "    await ctx.call_activity('A')\n"
        },
        [("APP503", "function_app.py:16", "'flow' is async def, which Durable Functions cannot replay")],
    ),
    (
        "a file that is not Python",
        {"function_app.py": "def (:\n"},
        [],
    ),
]


@pytest.mark.parametrize(("line", "code", "message", "remedy"), IMPURE, ids=[row[0] for row in IMPURE])
def test_line_of_an_orchestrator_is_reported(line: str, code: str, message: str, remedy: str, tmp_path: Path) -> None:
    """Each is the only finding, with its file and line and what to write instead."""
    write(tmp_path, {"flows.py": f"{IMPORTS}{START}    yield ctx.call_activity('First')\n    {line}\n"})
    (found,) = check_orchestrators(read_sources(tmp_path, tmp_path, lambda _: False))
    assert (found.code, found.location) == (code, "flows.py:18")
    assert message in found.message
    assert remedy in found.remedy


def test_every_rule_of_the_section_has_a_line_that_violates_it() -> None:
    """The reference describes no rule that no app violates."""
    assert {row[1] for row in IMPURE} == rules_of("APP5")


def test_code_outside_of_orchestrators_and_deterministic_code_is_not_reported(tmp_path: Path) -> None:
    """Activities, clients, entities and settings read at import may do what orchestrators may not."""
    write(tmp_path, {"flows.py": IMPORTS + PURE})
    assert list(check_orchestrators(read_sources(tmp_path, tmp_path, lambda _: False))) == []


@pytest.mark.parametrize(("files", "expected"), [row[1:] for row in PLACES], ids=[row[0] for row in PLACES])
def test_orchestrators_and_what_they_call_are_found(
    files: Mapping[str, str], expected: list[tuple[str, str, str]], tmp_path: Path
) -> None:
    """Both models, Blueprints, functions inside and in other files; each finding is in the file of its line."""
    write(tmp_path, files)
    found = sorted_findings(check_orchestrators(read_sources(tmp_path, tmp_path, lambda _: False)))
    assert [(one.code, one.location) for one in found] == [row[:2] for row in expected]
    assert all(message in one.message for one, (_, _, message) in zip(found, expected, strict=True))


def test_check_of_an_app_includes_its_orchestrators(tmp_path: Path) -> None:
    """The rules run as part of the whole check."""
    flows = "import time\n\ndef run(context):\n    return time.time()\n"
    create = "import azure.durable_functions as df\nfrom flows import run\n\nmain = df.Orchestrator.create(run)\n"
    found = findings(tmp_path, APP, {"flows.py": flows, "durable.py": create})
    assert ("APP501", "flows.py:4") in [(one.code, one.location) for one in found]
