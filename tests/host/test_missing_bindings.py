"""Bindings that no installed package provides: outputs that are logged and kept, inputs that are read from files."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from hosting.bindings import Services
from hosting.bindings.http.request import HttpCall
from hosting.bindings.registry import Providers
from hosting.errors import SettingsError
from hosting.host.function_host import FunctionHost
from hosting.host.kept_outputs import MAX_KEPT_CHARACTERS, MAX_OUTPUTS
from hosting.runner.banner import announce
from hosting.runner.options import StartOptions
from hosting.server.app import HostApp
from tests.conftest import MakeApp

LOG = {"missingOutputs": "log"}
HEAD = """
import logging
from typing import List
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""
OUTPUT = "@app.generic_output_binding('out', type='{}')\n"
COSMOS = "@app.cosmos_db_output('out', database_name='d', container_name='c', connection='C')\n"
SECOND = COSMOS.replace("'out'", "'second'")
TIMER = "@app.timer_trigger('timer', '0 0 1 1 1 *')\n"


def bare(services: Services) -> Providers:
    """Return the built-in providers only."""
    return Providers(services, entry_points=list)


def load(make_app: MakeApp, code: str, section: Any = None, **files: str) -> FunctionHost:
    section = {} if section is None else {"hosting": section}
    content = json.dumps({"version": "2.0", **section}, indent=1)
    named = {name.replace("__", "."): text for name, text in files.items()}
    host = FunctionHost(make_app({"function_app.py": HEAD + code, "host.json": content, **named}), providers=bare)
    host.load()
    return host


def request() -> HttpCall:
    return HttpCall("GET", "http://localhost/api/f", {}, "", {}, b"")


def kept(host: FunctionHost, name: str = "f") -> list[tuple[str, str, str]]:
    return [(one.name, one.type, one.value.replace(" ", "")) for one in host.manual_runs.kept_outputs.of(name)]


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        pytest.param(
            f"@app.route('f')\n{COSMOS}def f(req, out: func.Out[func.Document]):\n"
            "    out.set(func.Document.from_dict({'id': 1}))\n    return 'ok'\n",
            [("out", "cosmosDB", '[{"id":1}]')],
            id="def, an SDK type",
        ),
        pytest.param(
            f"@app.route('f')\n{COSMOS}async def f(req, out: func.Out[func.DocumentList]):\n"
            "    out.set([func.Document.from_dict({'id': n}) for n in (1, 2)])\n    return 'ok'\n",
            [("out", "cosmosDB", '[{"id":1},{"id":2}]')],
            id="async def, a list of an SDK type",
        ),
        pytest.param(
            f"{TIMER}{OUTPUT.format('signalR')}def f(timer, out: func.Out[str]):\n    out.set({{'target': 'x'}})\n",
            [("out", "signalR", '{"target":"x"}')],
            id="a dict, with a timer",
        ),
        pytest.param(
            f"{TIMER}@app.event_hub_output('$return', connection='C', event_hub_name='h')\n"
            "def f(timer) -> str:\n    return ['a', 'b']\n",
            [("$return", "eventHub", '["a","b"]')],
            id="a list as $return",
        ),
        pytest.param(
            f"{TIMER}@app.service_bus_queue_output('$return', connection='C', queue_name='q')\n"
            "async def f(timer) -> bytes:\n    return b'\\xff'\n",
            [("$return", "serviceBus", "/w==")],
            id="bytes that are not text, as $return",
        ),
        pytest.param(
            f"@app.route('f')\n{OUTPUT.format('signalR')}{SECOND}"
            "def f(req, out: func.Out[str], second: func.Out[func.Document]):\n    out.set('one')\n    return 'ok'\n",
            [("out", "signalR", "one")],
            id="two outputs, one of which is not set",
        ),
        pytest.param(
            f"@app.route('f')\n{OUTPUT.format('queue')}def f(req, out: func.Out[str]):\n    out.set('one')\n"
            "    return 'ok'\n",
            [("out", "queue", "one")],
            id="a type of a package of this project that is not installed",
        ),
    ],
)
async def test_function_runs_and_its_outputs_are_logged_and_kept(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture, code: str, expected: list[tuple[str, str, str]]
) -> None:
    """With "log" each value that is set is logged and kept as Azure's worker would send it."""
    caplog.set_level(logging.INFO)
    host = load(make_app, code, LOG)
    (notice,) = host.problems
    assert (notice.severity, notice.function) == ("warning", "f")
    is_http = "app.route" in code
    assert not host.never_triggered
    if is_http:
        result = await host.invoke("f", request())
        assert (result.exception, result.reply.body) == (None, b"ok")
    else:
        await host.manual_runs.start("f", None)
        await asyncio.wait(host.manual_runs._tasks)
    assert kept(host) == expected
    logged = [message.replace(" ", "") for message in caplog.messages]
    for name, kind, value in expected:
        assert f"output '{name}' ({kind}) is logged, not sent" in notice.message
        assert f"Function'f':output'{name}'({kind})isnotsent:{value}" in logged


async def test_classic_function_runs_and_its_outputs_are_logged(make_app: MakeApp) -> None:
    """It is the same for a function with a function.json, with a named output and $return."""
    bindings = [
        {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
        {"type": "sql", "direction": "out", "name": "row"},
        {"type": "signalR", "direction": "out", "name": "$return"},
        {"type": "sql", "direction": "in", "name": "rows"},
    ]
    code = "def main(req, row, rows: func.SqlRowList):\n    row.set(rows[0])\n    return 'returned'\n"
    files = {
        "f/function.json": json.dumps({"bindings": bindings}),
        "f/__init__.py": f"import azure.functions as func\n{code}",
        "host.json": json.dumps({"version": "2.0", "hosting": {**LOG, "inputs": {"f.rows": "rows.json"}}}),
        "rows.json": '[{"id": 7}]',
    }
    host = FunctionHost(make_app(files), providers=bare)
    host.load()
    result = await host.invoke("f", request())
    assert result.exception is None
    assert kept(host) == [("row", "sql", '[{"id":7}]'), ("$return", "signalR", "returned")]


@pytest.mark.parametrize("section", [None, {}, {"missingOutputs": "refuse"}, {"missingOutputs": "Refuse"}])
def test_refused_function_says_how_to_log_its_outputs(make_app: MakeApp, section: Any) -> None:
    """Without "log" a function with such an output is in error, and the remedy names the option."""
    code = f"@app.route('f')\n{COSMOS}def f(req, out: func.Out[str]): ...\n"
    host = load(make_app, code, section)
    (problem,) = host.problems
    assert problem.message == "Function 'f' cannot run: no installed package provides its binding type 'cosmosDB'."
    assert problem.remedy.endswith("log what it would send: hosting start --missing-outputs log")
    assert "f" not in host.invocations


def test_refused_function_says_how_to_read_its_input_from_a_file(make_app: MakeApp) -> None:
    """The remedy of an input has the entry for host.json."""
    code = "@app.route('f')\n@app.generic_input_binding('rows', type='sql')\ndef f(req, rows): ...\n"
    (problem,) = load(make_app, code, LOG).problems
    assert problem.severity == "error"
    assert '"hosting": {"inputs": {"rows": "rows.json"}}' in problem.remedy


def test_option_of_the_command_comes_before_host_json(make_app: MakeApp) -> None:
    """--missing-outputs decides, whatever host.json says."""
    code = f"@app.route('f')\n{COSMOS}def f(req, out: func.Out[str]): ...\n"
    root = make_app({"function_app.py": HEAD + code, "host.json": json.dumps({"version": "2.0", "hosting": LOG})})
    for choice, runs in (("refuse", False), ("log", True), (None, True)):
        host = FunctionHost(root, providers=bare, missing_outputs=choice)  # type: ignore[arg-type]
        host.load()
        assert ("f" in host.invocations) is runs


@pytest.mark.parametrize(
    ("kind", "annotation", "content", "shown"),
    [
        ("sql", "func.SqlRowList", '[{"id": 7}]', """['{"id":7}']"""),
        ("cosmosDB", "func.DocumentList", '[{"id": "7"}]', """['{"id":"7"}']"""),
        ("signalRConnectionInfo", "str", '{"url": "u"}', '{"url": "u"}'),
        ("signalRConnectionInfo", "", '{"url": "u"}', '{"url": "u"}'),
        ("sql", "func.SqlRowList", "null", "None"),
        ("blob", "func.InputStream", "not JSON", "not JSON"),
        ("blob", "bytes", "not JSON", "b'not JSON'"),
    ],
)
async def test_input_comes_from_a_file(make_app: MakeApp, kind: str, annotation: str, content: str, shown: str) -> None:
    """The parameter gets the file's content, converted as in Azure, and as it is when the function runs."""
    code = (
        f"@app.route('f')\n@app.generic_input_binding('value', type='{kind}')\n"
        f"def f(req, value{annotation and ': '}{annotation}):\n"
        "    if hasattr(value, 'append'): value = [one.to_json().replace(' ', '') for one in value]\n"
        "    return 'got ' + (value.read().decode() if hasattr(value, 'read') else str(value))\n"
    )
    host = load(make_app, code, {"inputs": {"Value": "data/value.json"}}, **{"data/value__json": content})
    assert "input 'value' (" in host.problems[0].message
    assert "is read from data/value.json" in host.problems[0].message
    for _ in range(2):
        result = await host.invoke("f", request())
        assert (result.exception, result.reply.body.decode()) == (None, f"got {shown}")
    (host.root / "data/value.json").unlink()
    assert "value.json, for input 'value'" in str((await host.invoke("f", request())).exception)


IN = "@app.route('f')\n@app.generic_input_binding('rows', type='sql')\ndef f(req, rows: func.SqlRowList): ...\n"


@pytest.mark.parametrize(
    ("section", "files", "line", "message"),
    [
        ({"missingOutputs": "logg"}, {}, 4, "hosting.missingOutputs: expected refuse or log, found the text 'logg'"),
        ({"missingOutputs": True}, {}, 4, "hosting.missingOutputs: expected a text, found true"),
        ({"missingOutput": "log"}, {}, 4, "hosting: unknown key 'missingOutput'"),
        ("log", {}, 3, "hosting: expected an object, found the text 'log'"),
        ({"inputs": ["rows"]}, {}, 4, "hosting.inputs: expected an object, found a list"),
        ({"inputs": {"rows": {}}}, {}, 5, "hosting.inputs.rows: expected the path of a file, found an object"),
        ({"inputs": {"row": "a.json"}}, {}, 5, "hosting.inputs.row: the app has no input binding of that name"),
        ({"inputs": {"req": "a.json"}}, {}, 5, "hosting.inputs.req: 'req' is the trigger of function 'f'"),
        ({"inputs": {"g.rows": "a.json"}}, {}, 4, "hosting.inputs.g.rows: the app has no input binding"),
        ({"inputs": {"$return": "a.json"}}, {}, 4, "hosting.inputs.$return: '$return' is an output of function 'f'"),
        (
            {"inputs": {"rows": "a.json"}},
            {},
            4,
            "hosting.inputs: {root}/a.json, for input 'rows' (sql) of function 'f'",
        ),
        ({"inputs": {"rows": "a.json"}}, {"a__json": "[\n1,"}, 2, "a.json, for input 'rows' (sql) of function 'f', is"),
        ({"inputs": {"rows": "a.json"}}, {"a__json": "[1]"}, None, "a.json cannot be input 'rows' (sql)"),
    ],
)
def test_mistake_is_an_error_with_file_and_line(
    make_app: MakeApp, section: Any, files: Mapping[str, str], line: int | None, message: str
) -> None:
    """A wrong word, key, name or file stops the load; the error says where it is."""
    with pytest.raises(SettingsError) as caught:
        load(make_app, IN, section, **files)
    error = caught.value
    assert error.file is not None
    root = error.file.rpartition("/")[0]
    assert message.format(root=root) in error.message
    assert (error.file.rpartition("/")[2], error.line) == ("a.json" if files else "host.json", line)
    assert error.remedy


def test_start_says_which_functions_run_without_their_services(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """The banner has one warning for each such function, with the types of its bindings."""
    code = f"@app.route('f')\n{COSMOS}{SECOND}def f(req, out: func.Out[str], second: func.Out[str]): ...\n"
    host = load(make_app, code + code.replace("def f", "def g").replace("route('f')", "route('g')"), LOG)
    caplog.clear()
    announce(host, "http://localhost", StartOptions(host.root), lambda _line: None)
    assert [record.levelname for record in caplog.records] == ["WARNING"] * len(host.functions)
    for name, message in zip("fg", caplog.messages, strict=True):
        both = "output 'second' (cosmosDB) is logged, not sent, output 'out' (cosmosDB) is logged, not sent"
        assert message.startswith(f"Function '{name}' runs without its services: {both}. (")


def test_names_of_bindings_are_not_checked_when_functions_are_left_out(make_app: MakeApp) -> None:
    """A name may be that of a function that host.json excludes."""
    files = {"function_app.py": f"{HEAD}@app.route('g')\ndef g(req): ...\n{IN}"}
    files["host.json"] = '{"version": "2.0", "functions": ["g"], "hosting": {"inputs": {"rows": "none.json"}}}'
    host = FunctionHost(make_app(files), providers=bare)
    host.load()
    assert not host.problems


async def test_large_and_secret_values_are_cut_and_redacted_and_the_oldest_are_dropped(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """A value is kept up to a length and without secrets; so is the log line; there is a limit for each function."""
    code = (
        f"@app.route('f')\n{OUTPUT.format('signalR')}def f(req, out: func.Out[str]):\n"
        "    out.set('password=hunter2hunter2 ' + 'x' * 50_000)\n    return ''\n"
    )
    caplog.set_level(logging.INFO)
    host = load(make_app, code, LOG)
    for _ in range(MAX_OUTPUTS + 3):
        await host.invoke("f", request())
    outputs = host.manual_runs.kept_outputs.of("F")
    assert len(outputs) == MAX_OUTPUTS
    assert len({one.invocation_id for one in outputs}) == MAX_OUTPUTS
    assert all(MAX_KEPT_CHARACTERS - 20 < len(one.value) <= MAX_KEPT_CHARACTERS for one in outputs)
    assert outputs[0].length == 50_024
    assert "hunter2" not in outputs[0].value
    (line,) = {message for message in caplog.messages if "is not sent" in message}
    assert len(line) < 1_200
    assert "hunter2" not in line
    assert line.endswith("... (50024 characters)")


async def test_admin_endpoint_shows_outputs_and_what_manual_runs_returned(
    make_app: MakeApp, caplog: pytest.LogCaptureFixture
) -> None:
    """GET /admin/functions/NAME/outputs lists both, the oldest first; it needs the master key where keys are needed."""
    code = (
        "@app.generic_trigger('data', type='kafkaTrigger')\n" + OUTPUT.format("signalR") + "def f(data: str, out:"
        " func.Out[str]) -> str:\n    out.set('sent')\n    return 'odd'\n"
        "@app.assistant_skill_trigger('task', function_description='d')\n@app.retry(strategy='fixed_delay',"
        " max_retry_count='1', delay_interval='00:00:01')\nasync def g(task: str) -> str:\n    return task + '!'\n"
    )
    caplog.set_level(logging.INFO)
    for section in (LOG, None):
        host = load(make_app, code.replace("    return 'odd'\n", "") if section else code, section)
        await host.manual_runs.start("f", "text")
        await host.manual_runs.start("G", "text")
        await asyncio.wait(host.manual_runs._tasks)
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(app=HostApp(host)), base_url="http://localhost"
        ) as c:
            f, g, none = [await c.get(f"/admin/functions/{name}/outputs") for name in ("F", "g", "h")]
        assert [(one["name"], one["value"]) for one in f.json()["outputs"]] == [
            ("out", "sent") if section else ("$return", "odd")
        ]
        assert [(one["name"], one["value"]) for one in g.json()["outputs"]] == [("$return", "text!")]
        assert none.status_code == 404
        kind = "assistantSkillTrigger" if section else ""
        assert g.json()["outputs"][0]["type"] == kind
    assert "Function 'g' returned: text!" in caplog.messages


async def test_outputs_need_the_master_key(make_app: MakeApp) -> None:
    """Where callers need keys, the endpoint answers 401 without one."""
    host = load(make_app, f"@app.route('f')\n{COSMOS}def f(req, out: func.Out[str]): ...\n", LOG)
    transport = httpx.ASGITransport(app=HostApp(host, keys=_Keys()))
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        for headers, status in (({}, 401), ({"x-functions-key": "key"}, 200)):
            answer = await client.get("/admin/functions/f/outputs", headers=headers)
            assert answer.status_code == status


class _Keys:
    def accepted(self, *names: str) -> tuple[str, ...]:
        return ("key",)


def test_trigger_without_a_provider_stays_one_that_never_runs(make_app: MakeApp) -> None:
    """Only outputs are logged: a trigger that no package provides is an error as before."""
    trigger = "@app.generic_trigger('data', type='kafkaTrigger')\n"
    code = f"{trigger}{OUTPUT.format('sql')}def f(data, out: func.Out[str]): ...\n"
    host = load(make_app, code, LOG)
    severities = {problem.severity: problem.message for problem in host.problems}
    assert "never triggered: no installed package provides its binding type 'kafkaTrigger'" in severities["error"]
    assert "output 'out' (sql) is logged" in severities["warning"]


def test_misspelled_type_is_hinted_at(make_app: MakeApp) -> None:
    """A type that Azure does not have may be a mistake: the warning asks."""
    code = f"@app.route('f')\n{OUTPUT.format('sqll')}def f(req, out: func.Out[str]): ...\n"
    (notice,) = load(make_app, code, LOG).problems
    assert "Did you mean 'sql'" in notice.remedy


async def test_file_of_an_input_that_a_package_provides_is_a_warning(make_app: MakeApp) -> None:
    """It is not read, which the host says."""
    code = "@app.route('f')\n@app.blob_input('data', path='images/b', connection='C')\ndef f(req, data: str): ...\n"
    files = {"function_app.py": HEAD + code, "host.json": '{"version": "2.0", "hosting": {"inputs": {"data": "x"}}}'}
    host = FunctionHost(make_app(files), environ={"C": "UseDevelopmentStorage=true"})
    host.load()
    assert [problem.severity for problem in host.problems] == ["warning"]
    assert "which is not read: an installed package provides this type" in host.problems[0].message
