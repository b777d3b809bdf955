"""The examples, served as their READMEs say."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.driving import driver_report
from tests.support.processes import ROOT, Running, environment, hosting_start

EXAMPLES = ROOT / "examples"
ELAPSED = re.compile(r" \(TimeElapsed: \d\.\d{6} sec\)")


def _served(name: str, directory: Path) -> Iterator[Running]:
    with hosting_start(EXAMPLES / name, directory / "host.log") as host:
        yield host


@pytest.fixture(scope="module")
def quickstart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The quickstart, as make start serves it."""
    yield from _served("quickstart", tmp_path_factory.mktemp("quickstart"))


@pytest.fixture(scope="module")
def v1_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app of function.json files."""
    yield from _served("v1_app", tmp_path_factory.mktemp("v1_app"))


@pytest.fixture(scope="module")
def v2_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app of decorators and a blueprint."""
    yield from _served("v2_app", tmp_path_factory.mktemp("v2_app"))


@pytest.fixture(scope="module")
def azure_extension(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app whose extensions are written for Azure's interface."""
    yield from _served("azure_extension", tmp_path_factory.mktemp("azure_extension"))


@pytest.fixture(scope="module")
def azure_app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The app that is made for Azure."""
    yield from _served("azure_app", tmp_path_factory.mktemp("azure_app"))


def test_quickstart_answers_with_the_timers_note(quickstart: Running) -> None:
    """The function's text comes first, and what the installed extension appended follows."""
    response = quickstart.get("/api/HttpTrigger?name=Ada")
    text = "Hello, Ada. This HTTP triggered function executed successfully."
    assert response.text.startswith(text)
    assert ELAPSED.fullmatch(response.text.removeprefix(text))
    assert response.headers["content-type"] == "text/plain; charset=utf-8"


def test_quickstart_asks_for_a_name(quickstart: Running) -> None:
    """Without a name the function's own status is kept."""
    assert quickstart.get("/api/HttpTrigger").status_code == 400


def test_quickstart_prints_its_function(quickstart: Running) -> None:
    """The function is listed with its address."""
    assert f"HttpTrigger:  {quickstart.url}/api/HttpTrigger" in quickstart.printed()


def test_extensions_can_be_switched_off_for_one_run(tmp_path: Path) -> None:
    """The environment wins over local.settings.json, and nothing is appended."""
    off = environment(PYTHON_ENABLE_WORKER_EXTENSIONS="0")
    with hosting_start(EXAMPLES / "quickstart", tmp_path / "host.log", environ=off) as host:
        response = host.get("/api/HttpTrigger?name=Ada")
        assert response.text == "Hello, Ada. This HTTP triggered function executed successfully."


def test_v1_main_uses_shared_code_and_its_context(v1_app: Running) -> None:
    """The default file and function are found, and modules beside the functions can be imported."""
    response = v1_app.get("/api/Greet?name=Ada")
    assert (response.text, response.headers["x-function"]) == ("Hello, Ada.", "Greet")


def test_v1_script_file_and_entry_point(v1_app: Running) -> None:
    """function.json names another file and an async function in it."""
    assert httpx.post(f"{v1_app.url}/api/Total", json=[1, 2, 3]).text == "Total: 6"


def test_v1_named_output_and_route(v1_app: Running) -> None:
    """A response set on a named output is sent with its media type, on the function's own route."""
    response = v1_app.get("/api/reports/2024")
    assert (response.text, response.headers["content-type"]) == ("<h1>2024</h1>", "text/html; charset=utf-8")


@pytest.mark.parametrize(("path", "text"), [("/api/hello/Ada", "Hello, Ada."), ("/api/hello", "Hello, world.")])
def test_v2_decorated_function(v2_app: Running, path: str, text: str) -> None:
    """An async function with an optional route parameter answers with text."""
    assert v2_app.get(path).text == text


def test_v2_blueprint_reads(v2_app: Running) -> None:
    """A blueprint's route takes numbers only."""
    assert v2_app.get("/api/orders/7").json() == {"number": 7, "state": "open"}
    assert v2_app.get("/api/orders/seven").status_code == 404


def test_v2_blueprint_writes(v2_app: Running) -> None:
    """A JSON body is read, and one that is not JSON is refused by the function."""
    placed = httpx.post(f"{v2_app.url}/api/orders", json={"item": "tea"})
    assert (placed.status_code, placed.json()) == (201, {"placed": {"item": "tea"}})
    assert httpx.post(f"{v2_app.url}/api/orders", content=b"tea").status_code == 400


def test_azure_app_extension_serves_every_function(azure_extension: Running) -> None:
    """The class that the app imported and configured measures both functions."""
    for path, text in (("/api/HttpTrigger?name=Ada", "Hello, Ada."), ("/api/Health", "fine")):
        body = azure_extension.get(path).text
        assert body.startswith(text)
        assert ELAPSED.fullmatch(body.removeprefix(text))


def test_azure_function_extension_serves_its_folder_only(azure_extension: Running) -> None:
    """The instance made in one function's folder numbers that function's responses, and no others."""
    numbers = [int(azure_extension.get("/api/HttpTrigger").headers["x-call-number"]) for _ in range(2)]
    assert numbers[1] == numbers[0] + 1
    assert "x-call-number" not in azure_extension.get("/api/Health").headers


def test_azure_app_is_served_here(azure_app: Running) -> None:
    """Under hosting start the line with hosting.extend does nothing, and the extension runs."""
    body = azure_app.get("/api/HttpTrigger?name=Ada").text
    assert ELAPSED.fullmatch(body.removeprefix("Hello, Ada."))
    assert azure_app.get("/api/extensions").status_code == 404


def test_azure_app_runs_in_azures_worker() -> None:
    """In Azure's own library for Python 3.13 and later the extension runs, and the diagnosis is one more function."""
    calls = [("HttpTrigger", ""), ("hosting_diagnostics", "")]
    told = driver_report("v2", EXAMPLES / "azure_app", calls, HOSTING_ALLOW="hosting-timer")
    greeting, diagnosis = told["answers"]
    assert ELAPSED.fullmatch(greeting.removeprefix("Hello, world."))
    assert json.loads(diagnosis)["_info"] == told["info"] == {"AppExtension": ["timer"], "FuncExtension": {}}


def test_azure_app_needs_no_server_in_azure() -> None:
    """Its requirements are what it imports, and the extension."""
    needed = (EXAMPLES / "azure_app" / "requirements.txt").read_text().split()
    assert needed == ["azure-functions", "hosting", "hosting-timer"]


def test_every_example_is_served_here() -> None:
    """An example without a test is one that may not run."""
    elsewhere = {path.stem.removeprefix("test_") for path in Path(__file__).parent.glob("test_*.py")}
    served = {name for name in elsewhere.union(globals()) if (EXAMPLES / name).is_dir()}
    assert served == {path.name for path in EXAMPLES.iterdir() if path.is_dir()}
