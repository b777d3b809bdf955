"""The same extensions, the same answers, the same order of hooks: under ``hosting start`` and in Azure's own worker."""

from __future__ import annotations

import importlib.util
import json
import re
import textwrap
from typing import Any

import pytest

from tests.conftest import MakeApp
from tests.support.driving import DISTRIBUTION, driven

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
    """One app for the standalone host, Azure's v2 library, and plain calls."""
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
    """The same functions in folders."""
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
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every face, driven once with every call."""
    faces = {
        "standalone": v2_files(),
        "v2": v2_files(),
        "v2, extended last": v2_files(where="last"),
        "v2, a Blueprint": v2_files(where="blueprint"),
        "v2, annotations as text": v2_files(future="from __future__ import annotations\n"),
        "plain": v2_files(),
    }
    results = {}
    for face, files in {**faces, "v1": v1_files()}.items():
        root = tmp_path_factory.mktemp("app")
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        results[face] = driven(face.partition(",")[0], root, CALLS)
    return results


FACES = ["v2", "v2, extended last", "v2, a Blueprint", "v2, annotations as text", "v1", "plain"]


def test_the_libraries_of_azures_worker_are_installed() -> None:
    """What the other tests drive is Azure's own code."""
    for name in ("azure_functions_runtime", "azure_functions_runtime_v1"):
        assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{name}-{body}" for name, body in CALLS])
def test_every_face_gives_the_same_answer(told: dict[str, Any], face: str, number: int) -> None:
    """Returned, raised, answered for, replaced, with and without a context, through an Out: as under the host."""
    expected, found = (ELAPSED.sub("(1 s)", told[one]["answers"][number]) for one in ("standalone", face))
    name, body = CALLS[number]
    if name.endswith("Context"):
        assert found.startswith(f"as {name}-{body}")
        assert expected.startswith("as ")
    else:
        assert found == expected


@pytest.mark.parametrize("face", ["standalone", *FACES])
def test_an_installed_extension_of_this_repository_takes_part(told: dict[str, Any], face: str) -> None:
    """hosting-timer appends to the HttpResponse of a coroutine and to the one that is set on an Out."""
    by_call = dict(zip(CALLS, told[face]["answers"], strict=True))
    assert ELAPSED.sub("(1 s)", by_call["Coroutine", "x"]) == "from a coroutine (1 s)"


@pytest.mark.parametrize("face", FACES)
def test_stack_traces_end_in_the_users_file(told: dict[str, Any], face: str) -> None:
    """As the worker serialises them for its host: the last frame is the line that raised."""
    assert len(told[face]["stacks"]) == 2
    for stack in told[face]["stacks"]:
        last = stack[stack.rindex('File "') :]
        assert re.match(r'File "\S+(function_app|__init__)\.py", line \d+, in (main|plain|coroutine)\n', last)
        assert 'raise LookupError("no such thing")' in last


def steps(trace: list[str], kind: str) -> list[str]:
    return [step for step in trace if step.startswith(kind)]


@pytest.mark.parametrize("face", FACES)
def test_every_face_calls_the_hooks_in_the_same_order(told: dict[str, Any], face: str) -> None:
    """From ``init`` to the last error hook; only the time of ``startup`` is the worker's, and invocation ids are."""

    def comparable(trace: list[str]) -> list[str]:
        kept = [step for step in trace if step != "startup"]
        return [step.partition(" ")[0] if step.startswith("around ") and "ends" not in step else step for step in kept]

    expected, found = told["standalone"]["trace"], told[face]["trace"]
    assert comparable(found) == comparable(expected)
    assert found.count("startup") == 1
    assert found.index("startup") < found.index(steps(found, "around")[0])


@pytest.mark.parametrize("face", FACES)
def test_every_face_has_the_same_info(told: dict[str, Any], face: str) -> None:
    """``_info`` is the same tree."""
    assert (
        told[face]["info"]
        == told["standalone"]["info"]
        == {"AppExtension": ["tracing", "timer"], "FuncExtension": {"Using": ["own"], "UsingAbove": ["own"]}}
    )


@pytest.mark.parametrize("face", ["v2", "v1"])
def test_a_function_without_context_gives_hooks_the_workers_context(told: dict[str, Any], face: str) -> None:
    """Hooks see the worker's invocation id, and ``func_args`` has no context that the function does not take."""
    assert "around Plain-x" in told[face]["trace"]
    assert "pre ['req']" in told[face]["trace"]
    assert "pre ['context', 'req']" in told[face]["trace"]


@pytest.mark.parametrize(("face", "files"), [("v2", v2_files()), ("v1", v1_files()), ("plain", v2_files())])
def test_with_the_flag_off_nothing_changes(make_app: MakeApp, face: str, files: dict[str, str]) -> None:
    """The functions stay the author's own; no extension is imported."""
    told = driven(face, make_app(files), [("Plain", "x"), ("Using", "x")], PYTHON_ENABLE_WORKER_EXTENSIONS="0")
    assert told == {"answers": ["plain", "using"], "trace": None, "info": None, "stacks": []}
