"""Every rule for apps: a sound app is spoilt in one way, and that is what is found."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from hosting.check.report import Finding
from hosting.check.rules import RULES
from hosting.check.run import run
from tests.check.samples import APP, replaced, write

KEY = "A" * 86 + "=="


@dataclass(frozen=True)
class Spoilt:
    """What is changed, where the finding is, and a part of what it says."""

    files: Mapping[str, str | None]
    place: str
    says: str
    besides: frozenset[str] = frozenset()
    """What else may be found, depending on what is installed."""


def _function(code: str) -> dict[str, str]:
    return {"function_app.py": APP["function_app.py"] + code}


def _settings(old: str, new: str) -> dict[str, str]:
    return replaced(APP, "local.settings.json", old, new)


def _requirements(*lines: str) -> dict[str, str]:
    return {"requirements.txt": "\n".join(("azure-functions", *lines, ""))}


BLUEPRINT = "import azure.functions as func\n\norders = func.Blueprint()\n"
BLOCKING = """
import time

@app.route('slow')
async def slow(req: func.HttpRequest) -> str:
    time.sleep(1)
    return ''
"""
QUEUE = "\n@app.queue_trigger('msg', 'orders', 'AzureWebJobsStorage')\ndef order(msg: func.QueueMessage) -> None: ...\n"
STRANGE = "\n@app.generic_trigger('thing', type='thingTrigger')\ndef strange(thing) -> None: ...\n"
CLASS = "\nclass Timer(func.AppExtensionBase): ...\n"
WEB = "import azure.functions as func\n\napp = func.WsgiFunctionApp(app=lambda environ, start: [])\n"
V1_BINDINGS = """{"bindings": [
  {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
  {"type": "http", "direction": "out", "name": "$return"}
]}"""

SPOILT: Mapping[str, Spoilt] = {
    "APP101": Spoilt({"host.json": '{\n  "version": "1.0"\n}'}, "host.json:2", "'1.0'"),
    "APP102": Spoilt({"host.json": None}, "", "no host.json"),
    "APP103": Spoilt({"local.settings.json": "{"}, "local.settings.json:1", "not valid JSON"),
    "APP104": Spoilt(_settings('"IsEncrypted": false,', ""), "local.settings.json:1", "IsEncrypted is missing"),
    "APP105": Spoilt({".funcignore": ".venv/\n"}, "local.settings.json", ".funcignore does not exclude it"),
    "APP106": Spoilt(
        {
            **_settings('"python"', f'"python",\n    "Storage": "AccountName=x;AccountKey={KEY}"'),
            ".gitignore": "",
            ".git/HEAD": "",
        },
        "local.settings.json:5",
        ".gitignore does not exclude it",
    ),
    "APP107": Spoilt({"node_modules/x.js": ""}, "node_modules", "is deployed"),
    "APP108": Spoilt(
        _function(f'\nSTORAGE = "AccountName=x;AccountKey={KEY}"\n'), "function_app.py:10", "account's key"
    ),
    "APP109": Spoilt({"queue.py": ""}, "queue.py", "'queue'"),
    "APP110": Spoilt(
        {".python_packages/lib/site-packages/fast.cp311-win_amd64.pyd": ""},
        ".python_packages/lib/site-packages/fast.cp311-win_amd64.pyd",
        "1 files",
    ),
    "APP111": Spoilt({".venv/pyvenv.cfg": "home = /usr/bin\n"}, ".venv", sys.prefix),
    "APP112": Spoilt({"proxies.json": "{}"}, "proxies.json", "has no effect"),
    "APP201": Spoilt(_function("\nraise ValueError('no color')\n"), "function_app.py:10", "no color"),
    "APP202": Spoilt(
        _function(
            "\n@app.function_name('1st')\n@app.route('x')\ndef first(req: func.HttpRequest) -> str:\n    return ''\n"
        ),
        "function_app.py:10",
        "'1st' is not a valid function name",
    ),
    "APP203": Spoilt(
        {"Old/function.json": '{"bindings": []}'}, "", "these folders with a function.json are not loaded"
    ),
    "APP204": Spoilt(_function(STRANGE), "function_app.py", "'thingTrigger'"),
    "APP205": Spoilt(
        {"host.json": '{"version": "2.0"}', **_function(QUEUE)},
        "host.json",
        "queueTrigger (order)",
        frozenset({"APP204", "APP210"}),
    ),
    "APP206": Spoilt(replaced(APP, "host.json", "[4.*, 5.0.0)", "[2.*, 3.0.0)"), "host.json:3", "no longer supported"),
    "APP207": Spoilt({"orders.py": BLUEPRINT}, "orders.py:3", "'orders' is not registered"),
    "APP208": Spoilt({"function_app.py": WEB}, "function_app.py:3", "/api"),
    "APP209": Spoilt(_function(BLOCKING), "function_app.py:14", "time.sleep blocks in 'async def slow'"),
    "APP210": Spoilt(_function(QUEUE), "function_app.py", "AzureWebJobsStorage", frozenset({"APP204"})),
    "APP301": Spoilt({"requirements.txt": None}, "", "imports azure"),
    "APP302": Spoilt(_function("\nimport click\n"), "function_app.py:10", "'click'"),
    "APP303": Spoilt(
        {**_function("\nimport starlette.requests\n"), **_requirements("fastapi")},
        "function_app.py:10",
        "is a dependency of another package",
    ),
    "APP304": Spoilt(
        {"helper.py": "import moduleofnobody\n", **_requirements("package-of-nobody")},
        "helper.py:1",
        "'moduleofnobody'",
    ),
    "APP305": Spoilt({"requirements.txt": ""}, "function_app.py:1", "azure-functions"),
    "APP306": Spoilt(_requirements("click=>8"), "requirements.txt:2", "'click=>8'"),
    "APP307": Spoilt(_requirements("azure_functions.worker"), "requirements.txt:2", "platform provides"),
    "APP308": Spoilt(_requirements("pywin32==306"), "requirements.txt:2", "pywin32"),
    "APP309": Spoilt(_requirements("-e ../shared"), "requirements.txt:2", "'-e ../shared'"),
    "APP310": Spoilt(_requirements("Opencv_Python"), "requirements.txt:2", "libGL"),
    "APP311": Spoilt(_requirements("asyncio"), "requirements.txt:2", "part of Python"),
    "APP401": Spoilt(_function(CLASS), "function_app.py:10", "Python 3.12"),
    "APP402": Spoilt(
        {**_function("\nimport hosting\n\napp = hosting.extend(app)\n"), **_requirements("hosting")},
        "function_app.py:12",
        "extensions are switched off",
    ),
}


def _checked(root: Path, files: Mapping[str, str | None]) -> tuple[Finding, ...]:
    write(root, APP)
    return run(write(root, files)).findings


def test_a_sound_app_has_nothing_to_mend(tmp_path: Path) -> None:
    """The app that the others are made of has no finding."""
    assert _checked(tmp_path, {}) == ()


@pytest.mark.parametrize("code", SPOILT)
def test_a_spoilt_app_has_that_finding_alone(code: str, tmp_path: Path) -> None:
    """Each rule is found where it is broken, with what to do about it, and nothing else is."""
    spoilt = SPOILT[code]
    (found,) = (one for one in _checked(tmp_path, spoilt.files) if one.code not in spoilt.besides)
    assert (found.code, found.severity, found.location) == (code, RULES[code].severity, spoilt.place)
    assert spoilt.says in found.message
    assert found.remedy


def test_every_rule_for_apps_is_tried() -> None:
    """No rule stands in the reference that nothing ever breaks."""
    assert set(SPOILT) == {code for code in RULES if code.startswith("APP")}


@pytest.mark.parametrize(
    "files",
    [
        _function("\nimport typing\nif typing.TYPE_CHECKING:\n    import nobody_has_this\n"),
        _function("\ntry:\n    import nobody_has_this\nexcept ImportError:\n    nobody_has_this = None\n"),
        {".funcignore": APP[".funcignore"] + "tools/\n", "tools/plot.py": "import click\n"},
        {"tests/test_app.py": "import pytest\n"},
        {"shared/words.py": "", "helper.py": "from shared import words\n"},
        _requirements("pywin32==306; sys_platform == 'win32'"),
        {"helper.py": "import click\n", **_requirements("click @ https://example.com/click-8.1.8-py3-none-any.whl")},
        {"helper.py": "import click\n", **_requirements("git+https://example.com/click.git#egg=click")},
        {
            "helper.py": "import click\n",
            "requirements.txt": "-r more.txt\n",
            "more.txt": "azure_functions\nClick>=8 # yes\n",
        },
        {"helper.py": "from opencensus.trace import tracer\n", **_requirements("opencensus")},
        {"orders.py": BLUEPRINT, **_function("\nimport orders\n\napp.register_functions(orders.orders)\n")},
        {"orders.py": BLUEPRINT, **_function("\nfrom orders import orders as bp\n\napp.register_blueprint(bp)\n")},
        {
            "orders.py": BLUEPRINT,
            **_function("\nfrom orders import orders\n\nfor one in (orders,):\n    app.register_functions(one)\n"),
        },
        _function(BLOCKING.replace("time.sleep(1)", "await __import__('asyncio').to_thread(lambda: time.sleep(1))")),
        {"requirements.txt": None, "pyproject.toml": '[project]\nname = "x"\ndependencies = ["azure-functions"]\n'},
    ],
    ids=[
        "imports of type checkers",
        "optional imports",
        "files that are not deployed",
        "tests",
        "modules of the app",
        "requirements for Windows that say so",
        "requirements by address",
        "requirements in a repository",
        "requirements in another file, spelt otherwise",
        "packages that share a first name",
        "a blueprint registered through its module",
        "a blueprint registered under another name",
        "blueprints registered in a loop",
        "blocking calls in a thread",
        "a project file instead of requirements",
    ],
)
def test_what_is_no_mistake_is_not_found(files: Mapping[str, str | None], tmp_path: Path) -> None:
    """Where an app is right, a rule that could be taken in keeps quiet."""
    assert _checked(tmp_path, files) == ()


def test_secrets_are_never_shown(tmp_path: Path) -> None:
    """A finding says what kind of secret stands where, and not the secret."""
    found = _checked(tmp_path, SPOILT["APP108"].files)
    assert KEY not in repr(found)


def test_the_emulators_key_is_no_secret(tmp_path: Path) -> None:
    """Everybody has the key of the storage emulator, and samples may show it."""
    key = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
    assert _checked(tmp_path, _function(f'\nLOCAL = "AccountName=devstoreaccount1;AccountKey={key}"\n')) == ()


def test_a_requirements_file_of_powershell_is_read(tmp_path: Path) -> None:
    """A file in UTF-16, as redirecting ``pip freeze`` writes it on Windows, is read as pip reads it."""
    write(tmp_path, APP)
    (tmp_path / "requirements.txt").write_text("azure-functions\r\nasyncio\r\n", "utf-16")
    (found,) = run(tmp_path).findings
    assert (found.code, found.line) == ("APP311", 2)


def test_code_that_ends_the_process_is_told(tmp_path: Path) -> None:
    """An app that takes its process with it does not take the check along."""
    (found,) = _checked(tmp_path, {"function_app.py": "import os\nos._exit(3)\n"})
    assert found.code == "APP201"
    assert "code 3" in found.message


def test_v1_apps_are_checked_as_well(tmp_path: Path) -> None:
    """A folder with a function.json is an app, and its script's imports count."""
    code = "import azure.functions as func\nimport click\n\ndef main(req: func.HttpRequest) -> str:\n    return ''\n"
    files = {"function_app.py": None, "Hello/function.json": V1_BINDINGS, "Hello/__init__.py": code}
    (found,) = _checked(tmp_path, files)
    assert (found.code, found.location) == ("APP302", "Hello/__init__.py:2")


def test_checking_leaves_nothing_behind(tmp_path: Path) -> None:
    """No compiled file and no setting of the app stays in the folder or in this process."""
    files = _settings('"python"', '"python",\n    "LEFT_BEHIND": "1"')
    before = set(APP)
    _checked(tmp_path, files)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")} == before
    assert "LEFT_BEHIND" not in os.environ
