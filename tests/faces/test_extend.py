"""The same extensions, the same answers, the same order of hooks: under ``hosting start`` and in Azure's own worker."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import PATIENCE, ROOT, MakeApp, clean_environment

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
    "host.json": '{"version": "2.0", "extensionHost": {"extensions": {"tracing": {"settings": {"level": 3}}}}}',
}
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
    "Using": """
        @hosting.use("own", top=5)
        def FUNCTION(req: func.HttpRequest) -> str:
            return "using"
        """,
    "Without": """
        @hosting.without("tracing")
        def FUNCTION(req: func.HttpRequest) -> str:
            return "without"
        """,
}
CALLS = [
    *((name, "x") for name in FUNCTIONS),
    *((name, body) for name in ("Plain", "Coroutine", "Using") for body in ("answer", "replace")),
    ("Plain", "fail"),
    ("Coroutine", "fail"),
]


def v2_files(*, where: str = "first") -> dict[str, str]:
    """One app for the standalone host, Azure's v2 library, and plain calls."""
    app = "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)"
    parts = ["import azure.functions as func\nimport hosting", app.replace("= func", "= hosting.extend(func") + ")"]
    if where == "last":
        parts[1] = app
    for name, source in FUNCTIONS.items():
        decorator = f'@app.function_name("{name}")\n@app.route("{name}")\n'
        if "res:" in source:
            decorator = (
                f'@app.function_name("{name}")\n@app.generic_trigger("req", "httpTrigger", route="{name}")\n'
                '@app.generic_output_binding("res", "http")\n'
            )
        parts.append(decorator + textwrap.dedent(source).strip().replace("FUNCTION", name.lower()))
    if where == "last":
        parts.append("assert hosting.extend(hosting.extend(app)) is app")
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
        files[f"{name}/__init__.py"] = f"import azure.functions as func\nimport hosting\n\n@hosting.extend\n{body}\n"
    return files


def driven(face: str, root: Path, calls: list[Any] | None = None, *, flag: str = "1") -> dict[str, Any]:
    """What the driver tells of one face."""
    environment = clean_environment({"PYTHON_ENABLE_WORKER_EXTENSIONS": flag, "HOSTING_ALLOW": "tracing"})
    environment["PYTHONPATH"] = f"{ROOT}:{root / PACKAGES}"
    command = [
        sys.executable,
        "-W",
        "error",
        str(ROOT / "tests/faces/driver.py"),
        face,
        str(root),
        json.dumps(calls or CALLS),
    ]
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=PATIENCE, check=False, cwd=root
    )
    assert done.returncode == 0, done.stderr
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """Every face, driven once with every call."""
    faces = {
        "standalone": v2_files(),
        "v2": v2_files(),
        "v2, extended last": v2_files(where="last"),
        "plain": v2_files(),
    }
    results = {}
    for face, files in {**faces, "v1": v1_files()}.items():
        root = tmp_path_factory.mktemp("app")
        for name, content in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(content)
        results[face] = driven(face.partition(",")[0], root)
    return results


FACES = ["v2", "v2, extended last", "v1", "plain"]


def test_the_libraries_of_azures_worker_are_installed() -> None:
    """What the other tests drive is Azure's own code."""
    for name in ("azure_functions_runtime", "azure_functions_runtime_v1"):
        assert importlib.util.find_spec(name) is not None


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("number", range(len(CALLS)), ids=[f"{name}-{body}" for name, body in CALLS])
def test_every_face_gives_the_same_answer(told: dict[str, Any], face: str, number: int) -> None:
    """Returned, raised, answered for, replaced, with and without a context, through an Out: as under the host."""
    expected, found = told["standalone"]["answers"][number], told[face]["answers"][number]
    if CALLS[number][0] == "FirstContext":
        assert found == "as FirstContext-x"
        assert expected.startswith("as ")
    else:
        assert found == expected


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
        == {"AppExtension": ["tracing"], "FuncExtension": {"Using": ["own"]}}
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
    told = driven(face, make_app(files), [("Plain", "x"), ("Using", "x")], flag="0")
    assert told == {"answers": ["plain", "using"], "trace": None, "info": None}
