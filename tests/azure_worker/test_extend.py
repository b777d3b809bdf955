"""The same extensions, answers and order of hooks under ``hosting start`` and in Azure's own worker."""

from __future__ import annotations

import importlib.util
import json
import re
import textwrap
from typing import Any

import pytest

from tests.conftest import MakeApp
from tests.support.driving import DISTRIBUTION, driver_report

FUNCTIONS = {
    "Coroutine": """
        async def FUNCTION(req: func.HttpRequest) -> func.HttpResponse:
            if req.get_body() == b"fail":
                raise LookupError("no such thing")
            return func.HttpResponse("from a coroutine")
        """,
    "FirstContext": """
        def FUNCTION(context: func.Context, req: func.HttpRequest) -> str:
            return f"as {context.invocation_id}"
        """,
    "Output": """
        def FUNCTION(req: func.HttpRequest, res: func.Out[func.HttpResponse]) -> None:
            res.set(func.HttpResponse("through Out"))
        """,
    "Plain": """
        def FUNCTION(req: func.HttpRequest) -> str:
            if req.get_body() == b"fail":
                raise LookupError("no such thing")
            return "plain"
        """,
    "LastContext": """
        def FUNCTION(req: "func.HttpRequest", context: "func.Context") -> "str":
            return f"as {context.invocation_id}"
        """,
    "Using": """
        @hosting.use("own", top=5)
        def FUNCTION(req: func.HttpRequest) -> str:
            return "using"
        """,
    "UsingAbove": """
        # ABOVE @hosting.use("own", top=7)
        async def FUNCTION(req: func.HttpRequest) -> str:
            return "using"
        """,
    "Without": """
        @hosting.without("tracing")
        def FUNCTION(req: func.HttpRequest) -> str:
            return "without"
        """,
    "Wrapped": """
        @wrapping
        def FUNCTION(req: func.HttpRequest) -> str:
            return "inside"
        """,
}
WRAPPING = """
import functools

def wrapping(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return f"wrapped {function(*args, **kwargs)}"
    return wrapper
"""
ELAPSED = re.compile(r"\(TimeElapsed: \d\.\d{6} sec\)")
ABOVE = re.compile(r"# ABOVE (.*)\n")
CALLS: list[tuple[str, Any]] = [
    *((name, "x") for name in FUNCTIONS),
    *((name, body) for name in ("Plain", "Coroutine", "Using") for body in ("answer", "replace")),
    ("Plain", "fail"),
    ("Coroutine", "fail"),
]


def v2_files(*, where: str = "first", future: str = "") -> dict[str, str]:
    """Return one app for the standalone host, Azure's v2 library, and plain calls."""
    app = "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)"
    parts = [
        f"{future}import azure.functions as func\nimport hosting\n{WRAPPING}",
        app.replace("= func", "= hosting.extend(func") + ")",
    ]
    if where != "first":
        parts[1] = app if where == "last" else f"{app}\nfunctions = hosting.extend(func.Blueprint())"
    owner = "functions" if where == "blueprint" else "app"
    for name, source in FUNCTIONS.items():
        decorator = f'@app.function_name("{name}")\n@app.route("{name}")\n'
        if "res:" in source:
            decorator = (
                f'@app.function_name("{name}")\n@app.generic_trigger("req", "httpTrigger", route="{name}")\n'
                '@app.generic_output_binding("res", "http")\n'
            )
        body = textwrap.dedent(source).strip().replace("FUNCTION", name.lower())
        decorator = "".join(f"{one}\n" for one in ABOVE.findall(body)) + decorator
        decorator = decorator.replace("@app.", f"@{owner}.")
        parts.append(decorator + ABOVE.sub("", body))
    if where == "last":
        parts.append("assert hosting.extend(hosting.extend(app)) is app")
    if where == "blueprint":
        parts.append("app.register_functions(functions)")
    return {**DISTRIBUTION, "function_app.py": "\n\n".join(parts)}


def v1_files() -> dict[str, str]:
    """Return the same functions in folders."""
    files = dict(DISTRIBUTION)
    for name, source in FUNCTIONS.items():
        out = "res" if "res:" in source else "$return"
        bindings = [
            {"type": "httpTrigger", "direction": "in", "name": "req"},
            {"type": "http", "direction": "out", "name": out},
        ]
        files[f"{name}/function.json"] = json.dumps({"bindings": bindings})
        body = textwrap.dedent(source).strip().replace("FUNCTION", "main")
        decorators = "".join(f"{one}\n" for one in ABOVE.findall(body)) + "@hosting.extend\n"
        head = f"import azure.functions as func\nimport hosting\n{WRAPPING}\n"
        files[f"{name}/__init__.py"] = f"{head}{decorators}{ABOVE.sub('', body)}\n"
    return files


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Run the driver once for each way to host the app, with every call; return its reports."""
    runtimes = {
        "standalone": v2_files(),
        "v2": v2_files(),
        "v2, extended last": v2_files(where="last"),
        "v2, a Blueprint": v2_files(where="blueprint"),
        "v2, annotations as text": v2_files(future="from __future__ import annotations\n"),
        "plain": v2_files(),
    }
    results = {}
    for runtime, files in {**runtimes, "v1": v1_files()}.items():
        root = tmp_path_factory.mktemp("app")
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        results[runtime] = driver_report(runtime.partition(",")[0], root, CALLS)
    return results


RUNTIMES = ["v2", "v2, extended last", "v2, a Blueprint", "v2, annotations as text", "v1", "plain"]


def test_azures_worker_libraries_are_installed() -> None:
    """The other tests run Azure's own code."""
    for name in ("azure_functions_runtime", "azure_functions_runtime_v1"):
        assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("runtime", RUNTIMES)
@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{name}-{body}" for name, body in CALLS])
def test_call_in_azures_worker_has_the_answer_of_the_host(reports: dict[str, Any], runtime: str, number: int) -> None:
    """Results, exceptions, short circuits, replacements and Outs are those of the host, with a context and without."""
    expected, actual = (ELAPSED.sub("(1 s)", reports[one]["answers"][number]) for one in ("standalone", runtime))
    name, body = CALLS[number]
    if name.endswith("Context"):
        assert actual.startswith(f"as {name}-{body}")
        assert expected.startswith("as ")
    else:
        assert actual == expected


@pytest.mark.parametrize("runtime", ["standalone", *RUNTIMES])
def test_timer_extension_in_azures_worker_appends_to_responses(reports: dict[str, Any], runtime: str) -> None:
    """hosting-timer appends to the HttpResponse of a coroutine and to the one that is set on an Out."""
    by_call = dict(zip(CALLS, reports[runtime]["answers"], strict=True))
    assert ELAPSED.sub("(1 s)", by_call["Coroutine", "x"]) == "from a coroutine (1 s)"


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_stack_trace_in_azures_worker_ends_in_the_users_file(reports: dict[str, Any], runtime: str) -> None:
    """As the worker serialises the stack trace for its host, the last frame is the line that raised."""
    assert len(reports[runtime]["stacks"]) == 2
    for stack in reports[runtime]["stacks"]:
        last = stack[stack.rindex('File "') :]
        assert re.match(r'File "\S+(function_app|__init__)\.py", line \d+, in (main|plain|coroutine)\n', last)
        assert 'raise LookupError("no such thing")' in last


def steps(trace: list[str], kind: str) -> list[str]:
    return [step for step in trace if step.startswith(kind)]


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_hooks_in_azures_worker_run_in_the_order_of_the_host(reports: dict[str, Any], runtime: str) -> None:
    """From ``init`` to the last error hook; only the time of ``startup`` and the invocation ids differ."""

    def comparable(trace: list[str]) -> list[str]:
        steps_without_startup = [step for step in trace if step != "startup"]
        return [
            step.partition(" ")[0] if step.startswith("around ") and "ends" not in step else step
            for step in steps_without_startup
        ]

    expected, actual = reports["standalone"]["trace"], reports[runtime]["trace"]
    assert comparable(actual) == comparable(expected)
    assert actual.count("startup") == 1
    assert actual.index("startup") < actual.index(steps(actual, "around")[0])


@pytest.mark.parametrize("runtime", RUNTIMES)
def test_info_in_azures_worker_equals_that_of_the_host(reports: dict[str, Any], runtime: str) -> None:
    """``_info`` is the same tree."""
    assert (
        reports[runtime]["info"]
        == reports["standalone"]["info"]
        == {"AppExtension": ["tracing", "timer"], "FuncExtension": {"Using": ["own"], "UsingAbove": ["own"]}}
    )


@pytest.mark.parametrize("runtime", ["v2", "v1"])
def test_hooks_of_a_function_without_context_get_the_workers_context(reports: dict[str, Any], runtime: str) -> None:
    """Hooks get the worker's invocation id, and ``func_args`` has no context that the function does not take."""
    assert "around Plain-x" in reports[runtime]["trace"]
    assert "pre ['req']" in reports[runtime]["trace"]
    assert "pre ['context', 'req']" in reports[runtime]["trace"]


@pytest.mark.parametrize(("runtime", "files"), [("v2", v2_files()), ("v1", v1_files()), ("plain", v2_files())])
def test_app_with_the_flag_off_runs_unchanged(make_app: MakeApp, runtime: str, files: dict[str, str]) -> None:
    """The functions stay the author's own, and no extension is imported."""
    report = driver_report(
        runtime, make_app(files), [("Plain", "x"), ("Using", "x")], PYTHON_ENABLE_WORKER_EXTENSIONS="0"
    )
    assert report == {"answers": ["plain", "using"], "trace": None, "info": None, "stacks": []}
