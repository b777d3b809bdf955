"""Rules about the extensions of an app in Azure."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest

from hosting.check.app.extensions import check_extensions
from hosting.check.app.project import AppProject
from hosting.check.probe.parent import ProbeResult
from tests.support.checks import APP, Violation, check_violation, function, replaced, requirements, rules_of, write

VIOLATIONS: Mapping[str, Violation] = {
    "APP401": Violation(
        function("\nclass Timer(func.AppExtensionBase): ...\n"), "function_app.py:10", "up to Python 3.12 only"
    ),
    "APP402": Violation(
        {**function("\nimport hosting\n\napp = hosting.extend(app)\n"), **requirements("hosting")},
        "function_app.py:12",
        "extensions are switched off",
    ),
}


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, APP, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no app violates."""
    assert set(VIOLATIONS) == rules_of("APP4")


IN_CODE = """
import hosting

hosting.configure('Configured', color='red')

@app.route('twice')
@hosting.use('used')
@hosting.without('avoided')
def twice(req: func.HttpRequest) -> str:
    return ''
"""
SECTION = {"extensions": {"of-host": {"settings": {"a": 1}}}, "disabled": ["off"], "order": ["first"]}
V1 = {
    "function_app.py": None,
    "Hello/function.json": '{"bindings": [{"type": "timerTrigger", "name": "t", "schedule": "0 0 * * * *"}],'
    ' "extensions": ["of-v1"]}',
    "Hello/__init__.py": "def main(t): ...\n",
}


def _host(**section: object) -> dict[str, str]:
    return replaced(APP, "host.json", "{\n", f'{{\n  "extensionHost": {json.dumps(section)},\n')


@pytest.mark.parametrize(
    ("files", "uses"),
    [
        (
            {**function(IN_CODE), **requirements("hosting"), **_host(**SECTION)},
            [
                "Function 'twice' uses 'used'",
                "host.json configures 'of-host'",
                "hosting.configure configures 'Configured'",
            ],
        ),
        (V1, ["Function 'Hello' uses 'of-v1'"]),
        (_host(required=["needed"]), ["host.json requires 'needed'"]),
    ],
    ids=["code and host.json", "function.json", "an app that does not load without its extension"],
)
def test_extensions_that_an_app_uses_are_found_wherever_it_names_them(
    files: Mapping[str, str | None], uses: list[str], tmp_path: Path
) -> None:
    """Whether or not extensions are switched on; names that only keep an extension away are left out."""
    write(tmp_path, APP)
    document = AppProject(write(tmp_path, files)).probe.document
    assert sorted(f"{use} {name!r}" for name, use in document["uses"].items()) == uses


OWN = "\nimport hosting\n\n{extend}\n@hosting.extension\nclass Audit:\n    {hook}\n"
HOOK = "@hosting.hookimpl\n    def pre_invocation_app_level(self): ..."
HOOKS = {"my_hooks.py": f"import hosting\n\n\nclass Audit:\n    {HOOK}\n"}
LOAD = {"load": ["my_hooks:Audit"], "extensions": {"audit": {}}}


@pytest.mark.parametrize(
    ("files", "findings"),
    [
        (function(OWN.format(extend="app = hosting.extend(app)\n", hook=HOOK)), []),
        (function(OWN.format(extend="", hook=HOOK)), ["APP401"]),
        ({**HOOKS, **_host(**LOAD), **function("\nimport hosting\n\napp = hosting.extend(app)\n")}, []),
        ({**HOOKS, **_host(**LOAD)}, ["APP401"]),
    ],
    ids=["extension, extend", "extension", "load, extend", "load"],
)
def test_extension_of_the_app_needs_extend_but_no_flag_and_no_requirement(
    files: Mapping[str, str], findings: list[str], tmp_path: Path
) -> None:
    """It runs while installed extensions are off, and is not taken for a package that is missing."""
    write(tmp_path, APP)
    app = AppProject(write(tmp_path, {**files, **requirements("hosting")}))
    assert [one.code for one in check_extensions(app)] == findings


NOT_LISTED = "Function 'f' uses the extension 'Stamp', but the requirements do not list hosting-stamp, which has it"
NOT_INSTALLED = "Function 'f' uses the extension 'Stamp', which is not installed"
PYPROJECT = "[project]\ndependencies = ['hosting.stamp']\n"
ON = replaced(APP, "local.settings.json", '"python"', '"python", "PYTHON_ENABLE_WORKER_EXTENSIONS": "1"')


@pytest.mark.parametrize(
    ("files", "installed", "error", "says"),
    [
        ({}, True, None, NOT_LISTED),
        ({"requirements.txt": None}, True, None, NOT_LISTED),
        ({}, True, {"message": "it does not load"}, NOT_LISTED),
        (ON, True, None, NOT_LISTED),
        (requirements("Hosting_Stamp"), True, None, None),
        (
            {"requirements.txt": None, "pyproject.toml": "[project]\ndependencies = ['hosting.stamp']\n"},
            True,
            None,
            None,
        ),
        ({}, False, None, NOT_INSTALLED),
        ({"requirements.txt": None}, False, None, NOT_INSTALLED),
        (ON, False, None, None),
        ({}, False, {"message": "it does not load"}, None),
        (requirements("package-of-nobody"), False, None, None),
    ],
    ids=[
        "not listed",
        "no requirements",
        "not listed, in an app that does not load",
        "not listed, extensions are on",
        "listed in another spelling",
        "listed in pyproject.toml",
        "not installed",
        "not installed, no requirements",
        "not installed, which a host with extensions reports itself",
        "not installed, which is why the app does not load",
        "perhaps in a requirement that is not installed",
    ],
)
def test_extension_that_an_app_uses_must_be_in_its_requirements(
    files: Mapping[str, str | None],
    installed: bool,
    error: Mapping[str, str] | None,
    says: str | None,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A package that is installed on this machine only is missing in Azure."""
    entry = SimpleNamespace(name="stamp", group="hosting", dist=SimpleNamespace(name="hosting-stamp"))
    monkeypatch.setattr("hosting.check.app.extensions.installed_entry_points", lambda: [entry] if installed else [])
    write(tmp_path, APP)
    app = AppProject(write(tmp_path, files))
    app.probe = ProbeResult({"uses": {"Stamp": "Function 'f' uses"}, "error": error}, "")
    found = [one for one in check_extensions(app) if one.code == "APP312"]
    assert [one.message for one in found] == ([says] if says else [])
    assert all(one.file == ("requirements.txt" if (tmp_path / "requirements.txt").is_file() else None) for one in found)
