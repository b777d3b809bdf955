"""Every rule for extensions: a sound project is spoilt in one way, and that is what is found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import hosting
from hosting.check.report import Finding
from hosting.check.rules import RULES
from hosting.check.run import run
from tests.check.samples import EXTENSION, replaced, write

MANIFEST = "pyproject.toml"
CODE = "src/hosting_stamp/stamp.py"


@dataclass(frozen=True)
class Spoilt:
    """What is changed, where the finding is, and a part of what it says."""

    files: Mapping[str, str | None]
    place: str
    says: str


def _manifest(old: str, new: str) -> dict[str, str]:
    return replaced(EXTENSION, MANIFEST, old, new)


def _code(old: str, new: str) -> dict[str, str]:
    return replaced(EXTENSION, CODE, old, new)


def _added(code: str) -> dict[str, str]:
    return {CODE: EXTENSION[CODE] + code}


RENAMED = {
    **_manifest("hosting_stamp:Stamp", "queue:Stamp"),
    **{name: None for name in EXTENSION if name.startswith("src/")},
    **{
        name.replace("hosting_stamp", "queue"): text.replace("hosting_stamp", "queue")
        for name, text in EXTENSION.items()
        if name.startswith("src/")
    },
}

SPOILT: Mapping[str, Spoilt] = {
    "EXT101": Spoilt({MANIFEST: "[project]\nname = \n"}, "pyproject.toml:2", "not valid TOML"),
    "EXT102": Spoilt(
        _manifest(
            "[project.entry-points.hosting]",
            '[project.entry-points."hosting.function"]\nx = "x"\n\n[project.entry-points.hosting]',
        ),
        "pyproject.toml:17",
        "'hosting.function'",
    ),
    "EXT103": Spoilt(_manifest("stamp = ", "Stamp = "), "pyproject.toml:18", "'Stamp'"),
    "EXT104": Spoilt(RENAMED, "src/queue", "'queue' is a module of Python"),
    "EXT105": Spoilt(_manifest("stamp = ", "timer = "), "pyproject.toml:18", "hosting-timer"),
    "EXT106": Spoilt(_manifest('requires-python = ">=3.11"', 'requires-python = ">=3.8"'), "pyproject.toml:10", "3.10"),
    "EXT107": Spoilt(_added("\nimport click\n"), f"{CODE}:20", "'click' is imported but not listed"),
    "EXT108": Spoilt(_manifest("hosting>=0.1", "hosting>=99"), "pyproject.toml:14", hosting.__version__),
    "EXT109": Spoilt(_manifest("hosting>=0.1", "hosting"), "pyproject.toml:14", "no lower bound"),
    "EXT110": Spoilt(_manifest("functions>=1.21", "functions>=1.21,<2"), "pyproject.toml:13", "3.13"),
    "EXT111": Spoilt(_added("\nimport werkzeug\n"), f"{CODE}:20", "werkzeug is a dependency of another package"),
    "EXT201": Spoilt(_manifest("hosting_stamp:Stamp", "hosting_stamp:Stemp"), "pyproject.toml:18", "Stemp"),
    "EXT202": Spoilt(_code("self, context, func_ret", "self, context, result"), f"{CODE}:16", "'result'"),
    "EXT203": Spoilt(
        _added("\n    def post_load_app_level(self, function_name): ...\n"), f"{CODE}:20", "'post_load_app_level'"
    ),
    "EXT204": Spoilt(
        _code("self.color = settings", "print(settings)\n        self.color = settings"), f"{CODE}:13", "print"
    ),
    "EXT205": Spoilt(_added("\nimport logging\n\nlogging.basicConfig()\n"), "pyproject.toml", "StreamHandler"),
    "EXT206": Spoilt(
        _code("        if isinstance", "        import time\n\n        time.sleep(1)\n        if isinstance"),
        f"{CODE}:19",
        "time.sleep",
    ),
    "EXT301": Spoilt({"README.md": "# hosting-stamp\n\n## Install\n"}, "README.md", "configuration"),
    "EXT302": Spoilt({**_manifest('license = "MIT"\n', ""), "LICENSE": None}, "pyproject.toml", "no license"),
    "EXT303": Spoilt({"src/hosting_stamp/py.typed": None}, "src/hosting_stamp", "py.typed"),
}


def _checked(root: Path, files: Mapping[str, str | None]) -> tuple[Finding, ...]:
    write(root, EXTENSION)
    return run(write(root, files)).findings


def test_a_sound_project_has_nothing_to_mend(tmp_path: Path) -> None:
    """The project that the others are made of has no finding, though it is not installed."""
    assert _checked(tmp_path, {}) == ()


@pytest.mark.parametrize("code", SPOILT)
def test_a_spoilt_project_has_that_finding_alone(code: str, tmp_path: Path) -> None:
    """Each rule is found where it is broken, with what to do about it, and nothing else is."""
    spoilt = SPOILT[code]
    (found,) = _checked(tmp_path, spoilt.files)
    assert (found.code, found.severity, found.location) == (code, RULES[code].severity, spoilt.place)
    assert spoilt.says in found.message
    assert found.remedy


def test_every_rule_for_extensions_is_tried() -> None:
    """No rule stands in the reference that nothing ever breaks."""
    assert set(SPOILT) == {code for code in RULES if code.startswith("EXT")}


@pytest.mark.parametrize(
    ("files", "says"),
    [
        (_manifest("hosting_stamp:Stamp", "hosting_stemp"), "No module named 'hosting_stemp'"),
        (_added("\nraise SystemExit(1)\n"), "SystemExit: 1"),
        (_added("\nimport os\nos._exit(5)\n"), "code 5"),
        (_added("\nnothing_there\n"), "nothing_there"),
    ],
    ids=["a module that is not there", "leaving", "ending the process", "raising"],
)
def test_entry_points_that_do_not_resolve(files: Mapping[str, str | None], says: str, tmp_path: Path) -> None:
    """Whatever an import does, it is told as one finding."""
    (found,) = _checked(tmp_path, files)
    assert found.code == "EXT201"
    assert says in found.message


@pytest.mark.parametrize(
    ("files", "code", "says"),
    [
        (_code("post_invocation_app_level", "post_invocation_level"), "EXT202", "unknown hook 'post_invocation_level'"),
        (_code("self.color\n", "self.color\n        yield\n"), "EXT202", "is a generator"),
        (_manifest("points.hosting]", 'points."hosting.functions"]'), "EXT202", "runs for every function"),
        (_code("    @hosting.hookimpl\n    async", "    async"), "EXT203", "not marked"),
        (_added("\n    def pre_invokation(self): ...\n"), "EXT203", "'pre_invokation' is not a hook"),
    ],
    ids=["unknown", "generator", "group", "unmarked", "misspelt"],
)
def test_what_the_host_would_say_is_found(
    files: Mapping[str, str | None], code: str, says: str, tmp_path: Path
) -> None:
    """The host's own validation speaks, with the place of the hook it speaks of."""
    (found,) = _checked(tmp_path, files)
    assert found.code == code
    assert says in found.message
    assert found.file == CODE


def test_requires_python_with_an_upper_bound(tmp_path: Path) -> None:
    """A bound that shuts out versions of Python to come is told."""
    (found,) = _checked(tmp_path, _manifest('">=3.11"', '">=3.11,<3.13"'))
    assert (found.code, found.line) == ("EXT106", 10)


def test_what_an_import_prints_is_told(tmp_path: Path) -> None:
    """Output while importing is noise in every app's log, also where it is written without print."""
    (found,) = _checked(tmp_path, _added("\nimport os\n\nos.write(1, b'loading stamp')\n"))
    assert found.code == "EXT204"
    assert "'loading stamp'" in found.message


def test_bindings_are_resolved_too(tmp_path: Path) -> None:
    """An entry point of the bindings' group must be something that can be called."""
    group = '[project.entry-points."hosting.bindings"]\nstampTrigger = "hosting_stamp:COLOR"\n'
    files = {
        MANIFEST: EXTENSION[MANIFEST] + "\n" + group,
        "src/hosting_stamp/__init__.py": EXTENSION["src/hosting_stamp/__init__.py"] + "\nCOLOR = 'red'\n",
    }
    (found,) = _checked(tmp_path, files)
    assert (found.code, found.line) == ("EXT202", 21)
    assert "str" in found.message


def test_classes_of_azures_interface_may_be_named(tmp_path: Path) -> None:
    """An entry point may name an extension class of the SDK, whose hooks have no marker."""
    code = """import azure.functions as func


class Stamp(func.AppExtensionBase):
    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args, func_ret, *args, **kwargs): ...
"""
    files = {CODE: code, **_manifest('    "hosting>=0.1",\n', "")}
    assert _checked(tmp_path, files) == ()


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('name = "hosting-stamp"\n', "", "name is missing"),
        ('name = "hosting-stamp"\n', "name = 3\n", "name 3 is not a string"),
        ('version = "0.1.0"\n', "", "version is missing"),
        ('version = "0.1.0"\n', 'dynamic = ["version"]\n', None),
    ],
)
def test_a_project_has_a_name_and_a_version(old: str, new: str, says: str | None, tmp_path: Path) -> None:
    """Nothing is built without either; a version may be left to the build."""
    assert [one.message for one in _checked(tmp_path, _manifest(old, new)) if one.code == "EXT101"] == [says] * bool(
        says
    )
