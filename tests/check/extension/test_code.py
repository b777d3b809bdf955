"""Rules about the code of an extension."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.support.checks import EXTENSION, Violation, check_violation, findings, replaced, rules_of

MANIFEST = "pyproject.toml"
CODE = "src/hosting_stamp/stamp.py"


def _manifest(old: str, new: str) -> dict[str, str]:
    return replaced(EXTENSION, MANIFEST, old, new)


def _code(old: str, new: str) -> dict[str, str]:
    return replaced(EXTENSION, CODE, old, new)


def _added(code: str) -> dict[str, str]:
    return {CODE: EXTENSION[CODE] + code}


VIOLATIONS: Mapping[str, Violation] = {
    "EXT201": Violation(_manifest("hosting_stamp:Stamp", "hosting_stamp:Stemp"), "pyproject.toml:18", "Stemp"),
    "EXT202": Violation(_code("self, context, func_ret", "self, context, result"), f"{CODE}:16", "'result'"),
    "EXT203": Violation(
        _added("\n    def post_load_app_level(self, function_name): ...\n"), f"{CODE}:20", "'post_load_app_level'"
    ),
    "EXT204": Violation(_added("\nprint('loaded')\n"), "pyproject.toml", "importing it prints 'loaded'"),
    "EXT205": Violation(_added("\nimport logging\n\nlogging.basicConfig()\n"), "pyproject.toml", "StreamHandler"),
}


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, EXTENSION, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no project violates."""
    assert set(VIOLATIONS) == rules_of("EXT2")


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (_manifest("hosting_stamp:Stamp", "hosting_stemp"), "No module named 'hosting_stemp'"),
        (_added("\nraise SystemExit(1)\n"), "SystemExit: 1"),
        (_added("\nimport os\nos._exit(5)\n"), "code 5"),
        (_added("\nnothing_there\n"), "nothing_there"),
    ],
    ids=["module that does not exist", "SystemExit", "end of the process", "exception"],
)
def test_failed_import_is_one_finding(files: Mapping[str, str | None], message: str, tmp_path: Path) -> None:
    """Whatever an import does, the check goes on and reports it."""
    (found,) = findings(tmp_path, EXTENSION, files)
    assert found.code == "EXT201"
    assert message in found.message


@pytest.mark.parametrize(
    ("files", "code", "message"),
    [
        (_code("post_invocation_app_level", "post_invocation_level"), "EXT202", "unknown hook 'post_invocation_level'"),
        (_code("self.color\n", "self.color\n        yield\n"), "EXT202", "is a generator"),
        (_manifest("points.hosting]", 'points."hosting.functions"]'), "EXT202", "runs for every function"),
        (_code("    @hosting.hookimpl\n    async", "    async"), "EXT203", "not marked"),
        (_added("\n    def pre_invokation(self): ...\n"), "EXT203", "'pre_invokation' is not a hook"),
    ],
    ids=["unknown hook", "generator", "app-level hook in a function-level group", "unmarked hook", "misspelled hook"],
)
def test_validation_of_the_host_is_reported_at_the_hook(
    files: Mapping[str, str | None], code: str, message: str, tmp_path: Path
) -> None:
    """The message is that of the host, and the location is the definition of the hook."""
    (found,) = findings(tmp_path, EXTENSION, files)
    assert found.code == code
    assert message in found.message
    assert found.file == CODE


BROKEN = """import hosting


@hosting.hookimpl
def pre_invocation(contxt): ...


@hosting.hookimpl
def post_invocation(context):
    yield


@hosting.hookimpl
async def invocation(context): ...


@hosting.hookimpl
def post_invokation(context): ...


@hosting.hookimpl
class invocation_error: ...


@hosting.hookimpl
def pre_invocation_app_level(context): ...


order = 3
"""


def test_every_broken_hook_of_a_module_is_reported(tmp_path: Path) -> None:
    """Each finding is where its hook is defined; valid hooks have none."""
    names = "src/hosting_stamp/__init__.py"
    files = {names: BROKEN, **_manifest("hosting_stamp:Stamp", "hosting_stamp")}
    found = findings(tmp_path, EXTENSION, files)
    assert [(one.code, one.line, one.message.partition(": ")[2]) for one in found if one.file == names] == [
        ("EXT202", 5, "hook 'pre_invocation' has a parameter 'contxt', which is not one of the hook's arguments"),
        ("EXT202", 9, "hook 'post_invocation' is a generator, which would never run"),
        ("EXT202", 14, "hook 'invocation' must be a generator"),
        ("EXT202", 18, "unknown hook 'post_invokation'"),
        ("EXT202", 22, "'invocation_error' is marked as a hook, but is not a function: found type"),
        ("EXT202", 29, "'order' must be a hosting.Order, found int"),
    ]
    assert {one.file for one in found} == {names}


def test_output_of_an_import_is_reported(tmp_path: Path) -> None:
    """Output that an import writes without print counts as well."""
    (found,) = findings(tmp_path, EXTENSION, _added("\nimport os\n\nos.write(1, b'loading stamp')\n"))
    assert found.code == "EXT204"
    assert "'loading stamp'" in found.message


def test_binding_that_cannot_be_called_is_reported(tmp_path: Path) -> None:
    """An entry point in the group of bindings must name something that the host can call."""
    group = '[project.entry-points."hosting.bindings"]\nstampTrigger = "hosting_stamp:COLOR"\n'
    files = {
        MANIFEST: EXTENSION[MANIFEST] + "\n" + group,
        "src/hosting_stamp/__init__.py": EXTENSION["src/hosting_stamp/__init__.py"] + "\nCOLOR = 'red'\n",
    }
    (found,) = findings(tmp_path, EXTENSION, files)
    assert (found.code, found.line) == ("EXT202", 21)
    assert "str" in found.message


def test_extension_class_of_the_sdk_has_no_finding(tmp_path: Path) -> None:
    """An entry point may name such a class, whose hooks are not marked."""
    code = """import azure.functions as func


class Stamp(func.AppExtensionBase):
    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args, func_ret, *args, **kwargs): ...
"""
    assert findings(tmp_path, EXTENSION, {CODE: code, **_manifest('    "hosting>=0.1",\n', "")}) == ()
