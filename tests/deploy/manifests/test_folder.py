"""``hosting manifests``: what it writes, what it refuses to overwrite, and what ``--check`` finds."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from hosting.deploy.manifests.documents import ManifestFile, is_generated, render
from hosting.errors import HostingError
from tests.conftest import MakeApp
from tests.support.commands import run_command
from tests.support.manifests import IMAGE

CODE = """
import azure.functions as func
app = func.FunctionApp()

@app.route("hello")
def hello(req: func.HttpRequest) -> str: return "hi"
"""
TIMER = """
@app.timer_trigger(arg_name="t", schedule="0 */5 * * * *")
def tick(t: func.TimerRequest) -> None: ...
"""


def run(*arguments: str | Path) -> int:
    """Run the command in this process; return its exit code."""
    return run_command("manifests", *arguments)


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An app, with the working directory beside it; the environment is restored."""
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    yield make_app({"function_app.py": CODE})
    os.environ.clear()
    os.environ.update(before)


def test_files_are_written_checked_and_kept_when_a_person_changed_them(
    app: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A change of the app is found by --check; a change of a person stops everything unless --force is given."""
    arguments = (app, "--image", IMAGE, "--name", "shop", "-o", tmp_path / "out")
    assert run(*arguments, "--check") == 1
    assert "kustomization.yaml: missing." in capfd.readouterr().err
    assert run(*arguments) == 0
    out = capfd.readouterr().out
    assert out.split()[:5] == ["function", "trigger", "runs", "in", "scaled"]
    assert run(*arguments, "--check") == 0
    written = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    assert run(*arguments[:3], *arguments[5:], "--check") == 0, "the name is that of the files"
    (app / "function_app.py").write_text(CODE + TIMER)
    assert run(*arguments, "--check") == 1
    assert "deployment-always-on.yaml: missing." in capfd.readouterr().err
    assert run(*arguments) == 0
    service = tmp_path / "out" / "service.yaml"
    service.write_text(service.read_text().replace("ClusterIP", "LoadBalancer"))
    (app / "function_app.py").write_text(CODE)
    assert run(*arguments) == 1
    assert "service.yaml: edited" in capfd.readouterr().err
    assert "LoadBalancer" in service.read_text()
    assert (tmp_path / "out" / "deployment-always-on.yaml").exists(), "something was written after all"
    assert run(*arguments, "--force") == 0
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == written


def test_files_of_others_are_neither_overwritten_nor_deleted(
    app: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """A file without this command's head is somebody's, and a folder of another app is refused."""
    out = tmp_path / "out"
    out.mkdir()
    (out / "service.yaml").write_text("kind: Service\n")
    (out / "ingress.yaml").write_text("kind: Ingress\n")
    arguments = (app, "--image", IMAGE, "-o", out)
    assert run(*arguments, "--name", "shop") == 1
    assert "service.yaml: not generated" in capfd.readouterr().err
    assert sorted(file.name for file in out.iterdir()) == ["ingress.yaml", "service.yaml"]
    (out / "service.yaml").unlink()
    assert run(*arguments, "--name", "shop") == 0
    assert (out / "ingress.yaml").read_text() == "kind: Ingress\n"
    assert run(*arguments, "--name", "other", "--force") == 1
    assert "has the files of the app 'shop', not of 'other'" in capfd.readouterr().err


def test_two_apps_of_one_name_do_not_share_a_folder(
    app: Path, make_app: MakeApp, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """An app none of whose functions the files there name is refused in one line, by --check as well."""
    arguments = ("--image", IMAGE, "--name", "shop", "-o", tmp_path / "out")
    assert run(app, *arguments) == 0
    (tmp_path / "other").mkdir()
    other = tmp_path / "other"
    (other / "function_app.py").write_text(CODE.replace("hello", "bye"))
    (other / "host.json").write_text('{"version": "2.0"}')
    for check in ((), ("--check",)):
        capfd.readouterr()
        assert run(other, *arguments, *check) == 1
        error = capfd.readouterr().err
        assert "another app of the same name: its functions are hello, those of this app bye" in error
    assert run(other, *arguments, "--force") == 0
    (app / "function_app.py").write_text(CODE + TIMER)
    assert run(app, *arguments) == 1
    (app / "function_app.py").write_text(CODE + CODE.replace("hello", "bye").partition("FunctionApp()")[2])
    assert run(app, *arguments) == 0, "an app that has got further functions is the same"


def test_report_as_json_and_files_on_standard_output(app: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Programs read where each function runs; a pipe to kubectl gets the documents alone."""
    assert run(app, "--image", "shop", "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert document["functions"][0] == {
        "name": "hello",
        "trigger": "httpTrigger",
        "component": "http",
        "scaling": "processor time, 2 to 10 hosts",
        "scaler": None,
    }
    assert {one["state"] for one in document["differences"]} == {"missing"}
    assert "no fixed version" in document["problems"][0]["message"]
    assert run(app, "--image", IMAGE, "-o", "-") == 0
    printed = capfd.readouterr()
    assert printed.out.count("\nkind: Deployment") == 1
    assert "REPLACE-ME" not in printed.out
    assert (printed.out.startswith("# sha256"), printed.err) == (True, "")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ((), 2, "need the reference of the app's image"),
        (("--image", "a b"), 2, "is not the reference of an image"),
        (("--target", "kuberntes"), 2, "kubernetes"),
        (
            ("--image", IMAGE, "-o", "function_app.py/x"),
            1,
            "cannot be read: Not a directory.\n  Choose another folder with -o",
        ),
    ],
)
def test_wrong_usage_is_one_message(
    app: Path, capfd: pytest.CaptureFixture[str], arguments: tuple[str, ...], code: int, message: str
) -> None:
    """Nothing is written, and the message says what to do."""
    Path("function_app.py").write_text("")
    assert run(app, *arguments) == code
    error = capfd.readouterr().err
    assert message in error
    assert "Traceback" not in error


def test_missing_library_is_named_with_the_command_that_installs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only this command needs PyYAML, so hosting does not install it for every host."""
    monkeypatch.setitem(sys.modules, "yaml", None)
    with pytest.raises(HostingError, match="PyYAML") as raised:
        render(ManifestFile("a.yaml", ({"a": "b"},)), "hosting manifests")
    assert "pip install" in raised.value.remedy


TEXTS = [
    "yes",
    "n",
    "1e3",
    "0x1F",
    "1_000",
    "1.5",
    "null",
    "~",
    "2026-01-01",
    "on",
    "a: b",
    " a",
    "a#b",
    "é",
    "=",
    "-a",
    "",
]


def test_texts_that_a_parser_could_take_for_something_else_are_quoted() -> None:
    """YAML 1.1, YAML 1.2 and Go's parser differ in what is a number or a truth value: only plain words are bare."""
    import yaml

    text = render(ManifestFile("a.yaml", ({"values": TEXTS, "plain": "orders"},)), "hosting manifests")
    assert yaml.safe_load(text)["values"] == TEXTS
    assert "plain: orders" in text
    assert [line for line in text.splitlines() if line.startswith("  -") and '"' not in line] == []
    assert is_generated(text.replace("\n", "\r\n"))
    assert not is_generated(text.replace("orders", "order"))
