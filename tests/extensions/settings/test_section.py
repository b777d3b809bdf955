"""hosting schema: the JSON Schema of host.json, with the settings of the installed extensions."""

from __future__ import annotations

import contextlib
import importlib
import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hosting.cli.main import cli
from hosting.extensions import _config
from hosting.extensions.settings.section import section_schema
from hosting.host.host_json_schema import schema_of_app
from hosting.scaffold.app import app_files
from tests.support.sites import PRE, Site

DATACLASS = """
import dataclasses, enum
from typing import Annotated, Literal

class Mode(enum.StrEnum):
    FAST = "fast"
    SAFE = "safe"

@dataclasses.dataclass
class Rule:
    '''A rule for a path.

    More.'''
    path: str
    inner: "list[Rule]" = dataclasses.field(default_factory=list)

@dataclasses.dataclass
class settings:
    issuer: Annotated[str, "Who issues tokens."]
    top: int = 20
    mode: Mode = Mode.SAFE
    kind: Literal["a", 1] = "a"
    pair: tuple[int, str] = (1, "a")
    rules: list[Rule] = dataclasses.field(default_factory=list)
    limits: dict[str, float] = dataclasses.field(default_factory=dict)
    token: hosting.Secret | None = None
"""
PYDANTIC = """
import pydantic

class Rule(pydantic.BaseModel):
    path: str

class settings(pydantic.BaseModel):
    issuer: str = pydantic.Field(description="Who issues tokens.")
    top: int = 20
    mode: str = pydantic.Field("safe", pattern="fast|safe")
    kind: str | int = 1
    pair: tuple[int, str] = (1, "a")
    rules: list[Rule] = []
    limits: dict[str, float] = {}
    token: hosting.Secret | None = None
"""
MSGSPEC = """
import msgspec
from typing import Annotated

class Rule(msgspec.Struct):
    path: str

class settings(msgspec.Struct):
    issuer: Annotated[str, msgspec.Meta(description="Who issues tokens.")]
    top: int = 20
    mode: Annotated[str, msgspec.Meta(pattern="fast|safe")] = "safe"
    kind: str | int = 1
    pair: tuple[int, str] = (1, "a")
    rules: list[Rule] = []
    limits: dict[str, float] = {}
    token: hosting.Secret | None = None
"""
KINDS = {"dataclass": DATACLASS, "pydantic": PYDANTIC, "msgspec": MSGSPEC}

GOOD: tuple[dict[str, Any], ...] = (
    {},
    {"issuer": "x", "top": 5, "mode": "fast", "kind": 1, "pair": [1, "b"], "limits": {"a": 1}},
    {"rules": [{"path": "/"}, {"path": {"$env": "P"}}], "token": "t"},
    {"issuer": {"$env": "ISSUER"}, "top": "%TOP%", "rules": {"$env": "RULES"}, "token": {"$file": "t"}},
)
BAD: tuple[dict[str, Any], ...] = (
    {"isuer": "x"},
    {"issuer": 5},
    {"top": "5"},
    {"top": 5.5},
    {"mode": "slow"},
    {"pair": [1]},
    {"rules": [{}]},
    {"rules": [{"path": "/", "x": 1}]},
    {"limits": {"a": "b"}},
    {"token": 5},
    {"issuer": {"$env": "A", "$file": "b"}},
    {"issuer": {"$evn": "A"}},
)


def run(*arguments: str) -> int:
    """Run the command line in this process; return its exit code."""
    try:
        cli.main(arguments, prog_name="hosting", standalone_mode=False)
    except SystemExit as end:
        return int(str(end.code or 0))
    return 0


@pytest.fixture
def libraries() -> None:
    """Import the libraries of models, which leave the path with the other packages."""
    for name in ("annotated_types", "pydantic", "msgspec"):
        with contextlib.suppress(ImportError):
            importlib.import_module(name)


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, libraries: None, site: Site) -> Path:
    """Return an app whose code must not be imported, without extensions in its environment."""
    root = tmp_path / "app"
    root.mkdir()
    (root / "function_app.py").write_text("raise SystemExit(1)\n", "utf-8")
    (root / "host.json").write_text('{"version": "2.0"}', "utf-8")
    monkeypatch.chdir(root)
    return root


def validator(text: str) -> jsonschema.Draft202012Validator:
    """Return what validates with a schema, which is valid itself."""
    schema = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def host_json(settings: Any) -> dict[str, Any]:
    """Return a host.json with settings of the extension auth."""
    return {"version": "2.0", "extensionHost": {"extensions": {"auth": {"settings": settings}}}}


@pytest.mark.parametrize("kind", KINDS)
def test_schema_accepts_what_the_host_accepts(
    kind: str,
    app: Path,
    site: Site,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """Settings, references and nested classes of each library are checked; unknown keys are not valid."""
    if kind != "dataclass":
        pytest.importorskip(kind)
    site.extension("auth", KINDS[kind] + PRE)
    site.extension("plain", PRE)
    site.extension("broken", "1 / 0")
    site.extension("ending", "raise SystemExit(3)")
    assert run("schema") == 0
    text, warnings = capfd.readouterr()
    checker = validator(text)
    assert "auth" not in warnings
    assert "Extension 'ending' (dist-ending 1.0) has no schema: SystemExit: 3" in warnings
    assert [settings for settings in GOOD if not checker.is_valid(host_json(settings))] == []
    assert [settings for settings in BAD if checker.is_valid(host_json(settings))] == []
    assert checker.is_valid({"version": "2.0", "extensionHost": {"extensions": {"other": {"settings": {"a": 1}}}}})
    assert "Who issues tokens." in text
    assert "Extension 'broken' (dist-broken 1.0) has no schema: ZeroDivisionError" in warnings
    issuer = json.loads(text)["$defs"]["auth.settings"]["properties"]["top"]
    assert issuer["default"] == 20


OTHERS: tuple[tuple[dict[str, Any], bool], ...] = (
    ({"version": "2.0", "$schema": "./host.schema.json", "extensions": {"http": {"routePrefix": ""}}}, True),
    ({"version": "2.0", "functionTimeout": -1, "somethingOfAzure": {"a": 1}}, True),
    ({"version": "2.0", "extensionHost": {"order": ["a", "*"], "budgets": {"hook": 1.5}}}, True),
    ({}, False),
    ({"version": "1.0"}, False),
    ({"version": "2.0", "functions": "a"}, False),
    ({"version": "2.0", "extensions": {"http": {"routePrefix": 5}}}, False),
    ({"version": "2.0", "extensionHost": {"odrer": []}}, False),
    ({"version": "2.0", "extensionHost": {"order": "a"}}, False),
    ({"version": "2.0", "extensionHost": {"budgets": {"hook": 0}}}, False),
    ({"version": "2.0", "extensionHost": {"quarantine": {"consecutiveErrors": 0}}}, False),
    ({"version": "2.0", "extensionHost": {"extensions": {"a": {"setings": {}}}}}, False),
)


@pytest.mark.usefixtures("site")
@pytest.mark.parametrize(
    ("code", "problems"),
    [("hosting.extension(Audit)", 1), ("@hosting.extension\nclass A: ...", 1), ("hosting.extend(app)", 0)],
)
def test_extensions_that_code_registers_are_said_to_have_no_schema(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, problems: int
) -> None:
    """The app is not imported, so that their settings are not known; the first file that registers one is named."""
    monkeypatch.setattr(sys, "path", [*sys.path])
    (tmp_path / "host.json").write_text('{"version": "2.0"}')
    (tmp_path / "parts").mkdir()
    (tmp_path / "parts" / "audit.py").write_text(code)
    expected = "The settings of extensions that parts/audit.py registers with hosting.extension have no schema"
    assert schema_of_app(tmp_path)[1] == [expected] * problems


def test_new_app_has_a_schema_that_its_host_json_names_and_fits() -> None:
    """An editor finds the file by $schema; Azure's part and the section itself are checked, and nothing is deployed."""
    files = app_files("shop", "v2")
    checker = validator(files["host.schema.json"])
    document = json.loads(files["host.json"])
    assert document["$schema"] == "./host.schema.json"
    assert [*checker.iter_errors(document)] == []
    assert "host.schema.json" in files[".funcignore"].splitlines()
    assert [document for document, is_valid in OTHERS if checker.is_valid(document) != is_valid] == []


def test_schema_has_every_key_of_the_section() -> None:
    """What the host reads, the editor completes."""
    checker = validator(app_files("shop", "v2")["host.schema.json"])
    schema: Any = checker.schema
    properties = schema["properties"]["extensionHost"]["properties"]
    assert sorted(properties) == sorted(_config.SECTION_KEYS)


def test_check_compares_the_file_that_o_writes(
    app: Path,
    site: Site,
    capfd: pytest.CaptureFixture[str],
) -> None:
    """CI notices that an extension's settings have changed since the file was written."""
    assert run("schema", "--check") == 1
    assert "does not exist" in capfd.readouterr().err
    assert run("schema", "-o", "host.schema.json") == 0
    assert capfd.readouterr().out == ""
    assert run("schema", "--check") == 0
    site.extension("auth", DATACLASS + PRE)
    assert run("schema", "--check") == 1
    assert "is not up to date.\n  Run: hosting schema -o " in capfd.readouterr().err
    assert "auth" not in (app / "host.schema.json").read_text("utf-8")
    (app / "host.json").write_text('{"version": "2.0", "extensionHost": {"odrer": []}}', "utf-8")
    assert run("schema") == 1
    assert "unknown key 'odrer'" in capfd.readouterr().err
    (app / "host.json").write_text('{"version": "2.0", "extensionHost": {"disabled": ["auth"]}}', "utf-8")
    assert run("schema") == 0
    assert "auth.settings" not in "".join(capfd.readouterr())
    (app / "own_hooks.py").write_text(f"import hosting\n{DATACLASS}\nclass Own:\n    settings = settings\n", "utf-8")
    load = {"load": ["own_hooks:Own", "function_app:Other"]}
    (app / "host.json").write_text(json.dumps({"version": "2.0", "extensionHost": load}), "utf-8")
    assert run("schema") == 0
    warnings = "".join(capfd.readouterr())  # the command writes to what standard output was before the first one
    assert "own.settings" in warnings
    assert (
        "Extension 'other' (defined by the app) has no schema: ExtensionError: 'function_app' is a module" in warnings
    )


NAMES = {"type": "array", "items": {"type": "string"}}
ANY_SETTINGS = {
    "type": "object",
    "properties": {
        "settings": {"type": "object"},
        "functions": {
            "type": "object",
            "properties": {"include": NAMES, "exclude": NAMES},
            "additionalProperties": False,
        },
    },
    "additionalProperties": False,
}


def test_section_has_an_entry_for_each_extension_and_allows_any_settings_for_others(site: Site) -> None:
    """Of an extension without a class for its settings, or that is not imported, they can be anything."""
    site.extension("plain", PRE)
    site.extension("off", "raise LookupError('imported')")
    site.extension("broken", "raise LookupError('gone')")
    found = section_schema({"disabled": ["off"]}, {})
    extensions = found.schema["properties"]["extensions"]
    assert extensions["properties"] == dict.fromkeys(("broken", "off", "plain"), ANY_SETTINGS)
    assert (extensions["type"], extensions["additionalProperties"]) == ("object", ANY_SETTINGS)
    assert (found.schema["type"], found.schema["additionalProperties"]) == ("object", False)
    assert found.problems == ["Extension 'broken' (dist-broken 1.0) has no schema: LookupError: gone"]
    assert list(found.definitions) == ["reference"]
    jsonschema.Draft202012Validator.check_schema(found.schema)
