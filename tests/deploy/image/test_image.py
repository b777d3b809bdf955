"""``hosting image``: what it writes for each kind of app, what it refuses, and what never gets into an image."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from hosting import __version__
from hosting.deploy.image.generate import ImagePlan, image_differences, image_files, make_plan, write_image
from hosting.deploy.image.ignore import translated
from hosting.deploy.image.options import ImageOptions, check_options
from hosting.errors import HostingError, UsageError
from hosting.host.function_host import FunctionHost
from tests.conftest import MakeApp
from tests.support.commands import run_command

HTTP = """
import azure.functions as func
app = func.FunctionApp()

@app.route("hello")
def hello(req: func.HttpRequest) -> str: return "hi"
"""
QUEUE = f"""{HTTP}
@app.queue_trigger(arg_name="message", queue_name="orders", connection="AzureWebJobsStorage")
def ship(message: func.QueueMessage) -> None: ...
"""
HOST_WHEEL = f"hosting-{__version__}-py3-none-any.whl"
STORAGE_WHEEL = f"hosting_storage-{__version__}-py3-none-any.whl"
WHEELS = {f"wheels/{HOST_WHEEL}": "", f"wheels/{STORAGE_WHEEL}": ""}
APP = {"host.json": '{"version": "2.0"}', "function_app.py": HTTP, **WHEELS}
OWN = f"./wheels/{HOST_WHEEL}[host]"
PYPROJECT = '[project]\nname = "shop"\nversion = "1"\n'


def _plan(root: Path, **options: Any) -> ImagePlan:
    host = FunctionHost(root, environ={"AzureWebJobsStorage": "UseDevelopmentStorage=true"})
    host.load()
    return make_plan(host, ImageOptions(**{"name": "shop", "python": "3.13", "wheels": "wheels", **options}))


def _body(text: str) -> str:
    """Return a file without its header."""
    return text.split("\n", 3)[3]


KINDS: list[tuple[dict[str, str], str | None, list[str], list[str]]] = [
    # files of the app; requirements-image.txt; what the Dockerfile has; what it does not have
    (
        {"requirements.txt": "azure-functions\n"},
        f"-r requirements.txt\n{OWN}\n",
        [
            'COPY ["requirements.txt", "requirements-image.txt", "./"]\nCOPY ["wheels/", "./wheels/"]\n',
            "install --no-compile --find-links wheels --requirement requirements-image.txt\n",
        ],
        ["git"],
    ),
    (
        {
            "requirements.txt": "-r more/a.txt\n-c pins.txt\n",
            "more/a.txt": "-c ../pins.txt\nsix\n",
            "pins.txt": "six==1\n",
        },
        f"-r requirements.txt\n{OWN}\n",
        [
            'COPY ["requirements.txt", "pins.txt", "requirements-image.txt", "./"]\nCOPY ["more/a.txt", "./more/"]\n',
        ],
        [],
    ),
    ({"requirements.txt": "git+https://example.com/x#egg=x"}, f"-r requirements.txt\n{OWN}\n", ["--yes --no-inst"], []),
    (
        {"requirements.txt": "./own\n", "own/pyproject.toml": PYPROJECT},
        f"-r requirements.txt\n{OWN}\n",
        ["COPY . .\nRUN"],
        [],
    ),
    ({"requirements.txt": "hosting[host]==9\n"}, "-r requirements.txt\n", [], []),
    ({"requirements.txt": "hosting==9\n"}, f"-r requirements.txt\n{OWN}\n", [], []),
    (
        {"requirements.txt": "six\n", "requirements-image.lock": "six==1 --hash=sha256:00\n"},
        f"-r requirements.txt\n{OWN}\n",
        ['COPY ["requirements-image.lock", "./"]', "--require-hashes --requirement requirements-image.lock\n"],
        ["--requirement requirements-image.txt"],
    ),
    (
        {"pyproject.toml": f'{PYPROJECT}dependencies = ["six>=1", "azure-functions"]\n'},
        f"six>=1\nazure-functions\n{OWN}\n",
        [],
        [],
    ),
    ({}, f"{OWN}\n", ["--requirement requirements-image.txt"], []),
    ({"pyproject.toml": "[tool.ruff]\n"}, f"{OWN}\n", [], []),
    (
        {"pyproject.toml": PYPROJECT, "uv.lock": '[[package]]\nname = "six"\n'},
        f"{OWN}\n",
        [
            'COPY ["pyproject.toml", "uv.lock", "requirements-image.txt", "./"]',
            "uv sync --locked --no-default-groups --no-install-project\n",
            "uv pip install --python /opt/venv/bin/python --find-links wheels --requirement requirements-image.txt\n",
        ],
        [],
    ),
    (
        {
            "pyproject.toml": f'{PYPROJECT}[dependency-groups]\ndev = ["pytest"]\nrun = ["hosting[host]"]\n',
            "uv.lock": '[[package]]\nname = "hosting"\n',
            "requirements.txt": "six",
        },
        None,
        [
            "uv sync --locked --no-default-groups --group run --no-install-project\n",
            '["pyproject.toml", "uv.lock", "./"]',
        ],
        ["requirements-image.txt", "uv pip install"],
    ),
    ({"function_app.py": QUEUE}, f"{OWN}\n./wheels/{STORAGE_WHEEL}\n", [], []),
]


@pytest.mark.parametrize(("files", "listed", "present", "absent"), KINDS)
def test_packages_are_installed_from_what_the_app_has(
    make_app: MakeApp, files: dict[str, str], listed: str | None, present: list[str], absent: list[str]
) -> None:
    """Requirements with includes, a project, a lock, or nothing: the image gets them and what runs the app."""
    root = make_app({**APP, **files})
    plan = _plan(root)
    written = image_files(root, plan)
    assert (_body(written["requirements-image.txt"]) if "requirements-image.txt" in written else None) == listed
    assert plan.installation.is_locked == (listed is None or "requirements-image.lock" in files)
    for text in present:
        assert text in written["Dockerfile"]
    assert not [text for text in absent if text in _body(written["Dockerfile"])]
    write_image(root, written, force=False)
    again = image_files(root, _plan(root))
    assert again == written
    assert image_differences(root, again) == []


def test_image_is_as_small_and_closed_as_it_can_be(make_app: MakeApp) -> None:
    """Neither root nor a shell runs the host, the user is a number, and packages are installed in a stage before."""
    root = make_app({**APP, "requirements.txt": "six\n"})
    text = image_files(root, _plan(root))["Dockerfile"]
    final = text[text.rindex("\nFROM ") :]
    assert text.count("\nFROM ") == 4
    assert "ARG BASE=docker.io/library/python:3.13-slim\n" in text
    assert "\nUSER 10001:10001\n" in final
    assert not re.search(r"^(RUN|ADD|VOLUME)\b", final, re.MULTILINE)
    assert json.loads(final.partition("\nENTRYPOINT ")[2].splitlines()[0]) == ["hosting", "start"]
    assert json.loads(final.partition("\nCMD ")[2].splitlines()[0])[:2] == ["--host", "0.0.0.0"]
    assert "\nHEALTHCHECK " in final
    assert 'CMD ["hosting", "health", ' in final
    assert "org.opencontainers.image.revision" in final
    assert "cyclonedx" not in image_files(root, _plan(root, sbom=False))["Dockerfile"]
    pinned = image_files(root, _plan(root, base="python:3.13-slim@sha256:00"))["Dockerfile"]
    assert "ARG BASE=python:3.13-slim@sha256:00\n" in pinned


BAD_APPS: list[tuple[dict[str, str], dict[str, Any], str]] = [
    ({"requirements.txt": "-r ../common.txt"}, {}, "which an image cannot copy"),
    ({"requirements.txt": "-r 'a b.txt'"}, {}, "which an image cannot copy|does not exist"),
    ({"requirements.txt": "-r nothing.txt"}, {}, "requirements.txt:1: '-r nothing.txt' includes a file|does not exist"),
    ({"requirements.txt": "six = 1"}, {}, "requirements.txt:1: 'six = 1' is not a line that pip accepts"),
    ({"pyproject.toml": f'{PYPROJECT}dynamic = ["dependencies"]\n'}, {}, "are dynamic"),
    ({"pyproject.toml": "[project\n"}, {}, "pyproject.toml: The file cannot be read"),
    ({"poetry.lock": ""}, {}, "poetry export"),
    ({"Pipfile": ""}, {}, "pipenv requirements"),
    ({}, {"wheels": ""}, "--wheels wheels: pip wheel --no-deps --wheel-dir wheels "),
    ({}, {"wheels": "none"}, "installed from folders of this machine: hosting"),
    (
        {"host.json": '{"version": "2.0", "hosting": {"missingOutputs": "log"}}'},
        {},
        "keep it with --missing-outputs log",
    ),
]


@pytest.mark.parametrize(("files", "options", "message"), BAD_APPS)
def test_app_that_an_image_cannot_run_is_refused(
    make_app: MakeApp, files: dict[str, str], options: dict[str, Any], message: str
) -> None:
    """The error says what is wrong and the next step, and nothing is written."""
    root = make_app({**APP, **files})
    with pytest.raises(HostingError) as caught:
        _plan(root, **options)
    assert re.search(message, str(caught.value))
    assert caught.value.remedy


def test_outputs_are_logged_only_if_that_is_asked_for(make_app: MakeApp) -> None:
    """``--missing-outputs log`` is part of the image's command then."""
    root = make_app({**APP, "host.json": '{"version": "2.0", "hosting": {"missingOutputs": "log"}}'})
    text = image_files(root, _plan(root, missing_outputs="log"))["Dockerfile"]
    assert '"--missing-outputs", "log"]' in text
    assert "# Made by: hosting image --name shop --python 3.13 --wheels wheels --missing-outputs log\n" in text


@pytest.mark.parametrize(
    "options",
    [
        {"name": "My Shop"},
        {"name": 'x"\nRUN true'},
        {"python": "3"},
        {"python": "3.13.1"},
        {"base": "a b"},
        {"base": "-x"},
        {"wheels": "../w"},
        {"wheels": "/w"},
        {"wheels": "a b"},
    ],
)
def test_option_that_cannot_be_used_is_refused(options: dict[str, Any]) -> None:
    """The message has the option and its value."""
    [(name, value)] = options.items()
    with pytest.raises(UsageError, match=re.escape(f"--{name} {value!r}")):
        check_options(ImageOptions(**{"name": "shop", "python": "3.13", **options}))


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("tests/", ["**/tests"]),
        ("*.md", ["**/*.md"]),
        ("/docs", ["docs"]),
        ("a/b", ["a/b"]),
        ("!keep.md", ["!**/keep.md"]),
        ("**/x", ["**/x"]),
        ("# a comment", []),
        ("  ", []),
        ("/", []),
        (r"\#odd", ["**/#odd"]),
    ],
)
def test_rules_of_funcignore_mean_the_same_to_docker(rule: str, expected: list[str]) -> None:
    """Git's bare names are those of any folder; Docker's are those of the top folder."""
    assert list(translated(rule)) == expected


def test_secrets_are_excluded_whatever_funcignore_says(make_app: MakeApp) -> None:
    """The rules about secrets are the last ones, and those decide; what the build reads is sent to it."""
    root = make_app(
        {**APP, "requirements.txt": "six", ".funcignore": "!local.settings.json\n!.env\nrequirements.txt\n"}
    )
    lines = _body(image_files(root, _plan(root))[".dockerignore"]).splitlines()
    order = [
        "**/.*",
        "!**/local.settings.json",
        "**/requirements.txt",
        "!requirements.txt",
        "**/local.settings*.json",
        "**/.env*",
    ]
    assert sorted(order, key=lines.index) == order
    assert not [line for line in lines[lines.index("**/local.settings*.json") :] if line.startswith("!")]


def _run(*arguments: str | Path) -> int:
    return run_command("image", *arguments)


@pytest.fixture
def app(make_app: MakeApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An app in a folder with an odd name; the environment and the folder of this process are restored."""
    odd = make_app({**APP, "requirements.txt": "six==1.17.0\n"}).rename(tmp_path / "My $App; 'x'")
    monkeypatch.chdir(tmp_path)
    before = dict(os.environ)
    yield odd
    os.environ.clear()
    os.environ.update(before)


def _texts(root: Path) -> Mapping[str, str]:
    return {path.name: path.read_text() for path in root.iterdir() if path.is_file()}


def test_files_are_written_checked_and_not_overwritten(app: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A second run changes nothing, ``--check`` finds what is out of date, and a person's files need ``--force``."""
    before = _texts(app)
    assert _run(app, "--wheels", "wheels", "--check") == 1
    assert _texts(app) == before
    assert _run(app, "--wheels", "wheels", "--json") == 0
    document = json.loads(capfd.readouterr().out)
    assert (document["name"], document["requirements"], document["locked"]) == ("my-app-x", "requirements.txt", False)
    assert document["files"] == ["Dockerfile", ".dockerignore", "requirements-image.txt"]
    written = _texts(app)
    assert 'image.title="my-app-x"' in written["Dockerfile"]
    assert _run(app, "--wheels", "wheels", "--check") == 0
    assert _run(app, "--wheels", "wheels") == 0
    assert "docker build --tag my-app-x '" in capfd.readouterr().out
    assert _texts(app) == written
    (app / "requirements.txt").write_text("hosting[host]\n")
    assert _run(app, "--wheels", "wheels", "--check") == 1
    assert "requirements-image.txt: out of date." in capfd.readouterr().err
    (app / "Dockerfile").write_text(written["Dockerfile"] + "RUN true\n")
    (app / ".dockerignore").write_text("mine\n")
    edited = _texts(app)
    assert _run(app, "--wheels", "wheels") == 1
    error = capfd.readouterr().err
    assert f"{app / 'Dockerfile'}: edited" in error
    assert f"{app / '.dockerignore'}: not generated" in error
    assert _texts(app) == edited
    assert _run(app, "--wheels", "wheels", "--force") == 0
    assert _texts(app)["Dockerfile"] == written["Dockerfile"]
    assert _run(app, "--lock", "--check") == 2


def test_what_cannot_be_written_is_one_message(app: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A folder in place of a file, and a version of Python that is not one, are errors without a traceback."""
    (app / "Dockerfile").mkdir()
    assert _run(app, "--wheels", "wheels", "--force") == 1
    assert f"Error: {app / 'Dockerfile'} cannot be read: Is a directory." in capfd.readouterr().err
    (app / ".python-version").write_text("pypy3.10\n")
    assert _run(app, "--wheels", "wheels") == 2
    assert "--python 'pypy3.10' is not a version such as 3.13." in capfd.readouterr().err
    if sys.platform == "linux":
        (app / ".python-version").unlink()
        (app / "Dockerfile").rmdir()
        (app / "Dockerfile").symlink_to("elsewhere/Dockerfile")
        assert _run(app, "--wheels", "wheels", "--force") == 0
        assert not (app / "Dockerfile").is_symlink()


def test_check_says_the_same_in_another_folder_and_with_another_python(
    app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The version and the name are those of the Dockerfile, unless the app or the command line says another one."""
    monkeypatch.chdir(tmp_path)
    assert _run(app, "--wheels", "wheels", "--python", "3.12", "--name", "shop") == 0
    elsewhere = app.rename(tmp_path / "workspace")
    assert _run(elsewhere, "--wheels", "wheels", "--check") == 0, capfd.readouterr().err
    assert _run(elsewhere, "--wheels", "wheels") == 0
    assert "--name shop --python 3.12 " in (elsewhere / "Dockerfile").read_text().split("\n")[1]
    (elsewhere / ".python-version").write_text("3.14.1\n")
    assert _run(elsewhere, "--wheels", "wheels", "--check") == 1
    (elsewhere / "Dockerfile").write_text("# sha256: x\n# Made by: hosting image --name 'shop\n# z\n")
    assert _run(elsewhere, "--wheels", "wheels", "--check") == 1, "a line that a person has broken"
