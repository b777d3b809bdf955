"""Rules about the functions of an app."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hosting._install import install_command
from hosting.bindings.registry import PROVIDED_BY
from hosting.check.probe import child
from hosting.core import Binding, Function
from tests.support.checks import APP, Violation, check_violation, findings, function, replaced, rules_of

BLUEPRINT = "import azure.functions as func\n\norders = func.Blueprint()\n"
QUEUE = "\n@app.queue_trigger('msg', 'orders', 'AzureWebJobsStorage')\ndef order(msg: func.QueueMessage) -> None: ...\n"
EVENT_GRID = "\n@app.event_grid_trigger('event')\ndef event(event: func.EventGridEvent) -> None: ...\n"
UNDERSCORES = (
    "\n@app.route('x', trigger_arg_name='http_req')\ndef under(http_req: func.HttpRequest) -> str:\n    return ''\n"
)
UNKNOWN_TRIGGER = "\n@app.generic_trigger('thing', type='thingTrigger')\ndef strange(thing) -> None: ...\n"
WEB = "import azure.functions as func\n\napp = func.WsgiFunctionApp(app=lambda environ, start: [])\n"
V1_BINDINGS = """{"bindings": [
  {"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"},
  {"type": "http", "direction": "out", "name": "$return"}
]}"""

VIOLATIONS: Mapping[str, Violation] = {
    "APP201": Violation(function("\nraise ValueError('no color')\n"), "function_app.py:10", "no color"),
    "APP202": Violation(
        function(
            "\n@app.function_name('1st')\n@app.route('x')\ndef first(req: func.HttpRequest) -> str:\n    return ''\n"
        ),
        "function_app.py:10",
        "'1st' is not a valid function name",
    ),
    "APP203": Violation(
        {"Old/function.json": '{"bindings": []}'}, "", "these folders with a function.json are not loaded"
    ),
    "APP204": Violation(function(UNKNOWN_TRIGGER), "function_app.py", "'thingTrigger'"),
    "APP205": Violation(
        {"host.json": '{"version": "2.0"}', **function(QUEUE + UNKNOWN_TRIGGER)},
        "host.json",
        "which Azure needs for queueTrigger (order)",
        frozenset({"APP204", "APP210"}),
    ),
    "APP206": Violation(
        replaced(APP, "host.json", "[4.*, 5.0.0)", "[2.*, 3.0.0)"), "host.json:3", "end of support on 2026-08-04"
    ),
    "APP207": Violation({"orders.py": BLUEPRINT}, "orders.py:3", "'orders' is not registered"),
    "APP208": Violation({"function_app.py": WEB}, "function_app.py:3", "/api"),
    "APP210": Violation(function(QUEUE), "function_app.py", "AzureWebJobsStorage", frozenset({"APP204"})),
}

REPLACED = """
@app.route('order')
@app.generic_input_binding('rows', type='sql', connection='SQL')
@app.cosmos_db_output('out', database_name='d', container_name='c', connection='COSMOS')
def order(req: func.HttpRequest, rows: func.SqlRowList, out: func.Out[func.Document]) -> str:
    return ''
"""
HOSTING = '"hosting": {"missingOutputs": "log", "inputs": {"rows": "rows.json"}}, "version"'

MANY = """
@app.route('{*any}')
def web(req: func.HttpRequest) -> str:
    return ''

@app.route('items/{id:int}', methods=['GET'])
def item(req: func.HttpRequest) -> str:
    return ''

@app.route('ITEMS/{id}')
def item_of_any_name(req: func.HttpRequest) -> str:
    return ''

@app.route('items/{id:int}', methods=['POST'])
def post_item(req: func.HttpRequest) -> str:
    return ''

@app.blob_input('data', 'a/{id}', 'SharedStorage')
@app.blob_output('copy', 'b/{id}', 'SharedStorage')
@app.route('files/{id}')
def file(req: func.HttpRequest, data: bytes, copy: func.Out[bytes]) -> str:
    return ''

@app.queue_trigger('msg', 'orders', 'SharedStorage')
def queue(msg: func.QueueMessage) -> None: ...

@app.cosmos_db_trigger('docs', 'Documents', 'd', 'c')
def documents(docs: func.DocumentList) -> None: ...

@app.generic_trigger('thing', type='thingTrigger')
def thing(thing) -> None: ...

@app.generic_trigger('thing', type='thingTrigger')
def other_thing(thing) -> None: ...
"""
OVERLAP = (
    "The routes of functions 'item_of_any_name' ('ITEMS/{id}') and 'post_item' ('items/{id:int}') overlap: "
    "'item_of_any_name' handles requests that match both, because its name comes first."
)
OF_STORAGE = ("'blob'", "'queueTrigger'")
"""Types that have a provider or not, depending on what is installed."""


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, APP, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no app violates."""
    assert set(VIOLATIONS) == rules_of("APP2")


@pytest.mark.parametrize(
    "files",
    [
        {"orders.py": BLUEPRINT, **function("\nimport orders\n\napp.register_functions(orders.orders)\n")},
        {"orders.py": BLUEPRINT, **function("\nfrom orders import orders as bp\n\napp.register_blueprint(bp)\n")},
        {
            "orders.py": BLUEPRINT,
            **function("\nfrom orders import orders\n\nfor one in (orders,):\n    app.register_functions(one)\n"),
        },
        function(UNDERSCORES),
        {"function_app.py": WEB + "\nROUTES = ['/api/hello']\n"},
        {**function(EVENT_GRID), **replaced(APP, "host.json", '"extensionBundle"', '"ExtensionBundle"')},
        {**function(REPLACED), **replaced(APP, "host.json", '"version"', HOSTING), "rows.json": "[]"},
    ],
    ids=[
        "Blueprint registered through its module",
        "Blueprint registered under another name",
        "Blueprints registered in a loop",
        "binding names with underscores",
        "web app with the route prefix in its routes",
        "extension bundle in another case",
        "outputs that are logged and inputs from files",
    ],
)
def test_correct_code_has_no_finding(files: Mapping[str, str | None], tmp_path: Path) -> None:
    """Code that resembles a violation but is correct is not reported."""
    assert findings(tmp_path, APP, files) == ()


def test_each_setting_and_type_is_reported_once_with_all_functions(tmp_path: Path) -> None:
    """What a function lacks on this machine is not an error of the function as well."""
    found = [one for one in findings(tmp_path, APP, function(MANY)) if not any(map(one.message.count, OF_STORAGE))]
    assert sorted((one.code, one.message) for one in found) == [
        ("APP203", OVERLAP),
        ("APP204", "no installed package provides the binding type 'cosmosDBTrigger' of function 'documents'"),
        ("APP204", "no installed package provides the binding type 'thingTrigger' of functions 'other_thing', 'thing'"),
        ("APP210", "the setting 'Documents' is not set here; it is the connection of function 'documents'"),
        ("APP210", "the setting 'SharedStorage' is not set here; it is the connection of functions 'file', 'queue'"),
    ]
    remedies = {one.message.split("'")[1]: one.remedy for one in found if one.code == "APP204"}
    assert remedies["cosmosDBTrigger"].startswith("Azure has this type, and hosting does not: in Azure it works.")
    assert remedies["thingTrigger"].startswith("Correct the type")
    assert "install a package with an entry point 'thingTrigger'" in remedies["thingTrigger"]
    assert {one.file for one in found} == {"function_app.py"}


@pytest.mark.parametrize("alone", [True, False], ids=["no other function", "beside others"])
def test_setting_between_percent_signs_is_reported_once_with_all_functions(alone: bool, tmp_path: Path) -> None:
    """In Azure it may be set, so that it is no error: neither of its functions, nor of an app that has no others."""
    timers = "".join(
        f"\n@app.schedule('t', '%{name}%')\ndef {function}(t: func.TimerRequest) -> None: ...\n"
        for function, name in (("first", "WHEN"), ("second", "WHEN"), ("third", "LATER"))
    )
    code = f"import azure.functions as func\n\napp = func.FunctionApp()\n{timers}"
    found = findings(tmp_path, APP, {"function_app.py": code} if alone else function(timers))
    assert sorted((one.code, one.severity, one.message) for one in found) == [
        ("APP210", "warning", "the setting 'LATER' is not set here; a binding of function 'third' has '%LATER%'"),
        (
            "APP210",
            "warning",
            "the setting 'WHEN' is not set here; a binding of functions 'first', 'second' has '%WHEN%'",
        ),
    ]


@pytest.mark.parametrize(
    "other",
    [
        "\n@app.schedule('t', 'nonsense')\ndef other(t: func.TimerRequest) -> None: ...\n",
        "\n@app.function_name('1st')\n@app.route('y')\ndef other(req: func.HttpRequest) -> str:\n    return ''\n",
    ],
    ids=["schedule", "name"],
)
def test_other_errors_beside_an_unset_setting_are_still_errors(other: str, tmp_path: Path) -> None:
    """The app does not run in Azure either."""
    timer = "\n@app.schedule('t', '%WHEN%')\ndef first(t: func.TimerRequest) -> None: ...\n"
    code = f"import azure.functions as func\n\napp = func.FunctionApp()\n{timer}{other}"
    assert "error" in {one.severity for one in findings(tmp_path, APP, {"function_app.py": code})}


@pytest.mark.parametrize(("kind", "package"), PROVIDED_BY.items())
def test_remedy_for_a_missing_package_is_the_command_that_installs_it(
    kind: str, package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The type alone does not tell a reader which package has it."""
    monkeypatch.setattr("hosting.extensions.installed_entry_points", lambda: ())
    function = Function("f", "", "", "v2", print, False, (Binding("b", kind, "in"),))
    assert install_command(package) in child.function_document(function, {})["unprovided"][kind]


def test_app_that_ends_its_process_is_reported(tmp_path: Path) -> None:
    """The check itself goes on."""
    (found,) = findings(tmp_path, APP, {"function_app.py": "import os\nos._exit(3)\n"})
    assert found.code == "APP201"
    assert "code 3" in found.message


def test_v1_app_is_checked(tmp_path: Path) -> None:
    """A folder with a ``function.json`` is an app, and its imports are checked."""
    code = "import azure.functions as func\nimport click\n\ndef main(req: func.HttpRequest) -> str:\n    return ''\n"
    files = {"function_app.py": None, "Hello/function.json": V1_BINDINGS, "Hello/__init__.py": code}
    (found,) = findings(tmp_path, APP, files)
    assert (found.code, found.location) == ("APP302", "Hello/__init__.py:2")


def test_syntax_error_is_reported_once(tmp_path: Path) -> None:
    """A file that is not valid Python is the finding of loading the app, with its line."""
    (found,) = findings(tmp_path, APP, function("\ndef (:\n"))
    assert (found.code, found.location) == ("APP201", "function_app.py:10")
