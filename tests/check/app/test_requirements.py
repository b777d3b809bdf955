"""Rules about the requirements of an app."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from hosting.check.app.project import AppProject
from hosting.check.app.requirements import check_requirements
from hosting.check.run import run
from tests.support.checks import (
    APP,
    Violation,
    check_violation,
    findings,
    function,
    requirements,
    rules_of,
    write,
)

WHEEL = "./wheels/click-8.1.8-py3-none-any.whl"
VIOLATIONS: Mapping[str, Violation] = {
    "APP301": Violation(
        {"requirements.txt": None, **function("\nimport azure.storage.blob, rich\n")}, "", "azure.storage, rich"
    ),
    "APP302": Violation(function("\nimport click\n"), "function_app.py:10", "'click'"),
    "APP303": Violation(
        {**function("\nimport starlette.requests\n"), **requirements("fastapi")},
        "function_app.py:10",
        "is a dependency of another package",
    ),
    "APP304": Violation(
        {"helper.py": "import moduleofnobody\n", **requirements("package-of-nobody")},
        "helper.py:1",
        "'moduleofnobody'",
    ),
    "APP305": Violation({"requirements.txt": ""}, "function_app.py:1", "azure-functions"),
    "APP306": Violation(requirements("click=>8"), "requirements.txt:2", "'click=>8'"),
    "APP307": Violation(requirements("azure_functions.worker"), "requirements.txt:2", "platform provides"),
    "APP308": Violation(requirements("pywin32==306"), "requirements.txt:2", "pywin32"),
    "APP309": Violation(requirements("-e ../shared"), "requirements.txt:2", "'-e ../shared'"),
    "APP310": Violation(requirements("Opencv_Python"), "requirements.txt:2", "libGL"),
    "APP311": Violation(requirements("asyncio"), "requirements.txt:2", "part of Python"),
    "APP312": Violation(
        {**function("\nimport hosting\n\nhosting.configure('of-nobody', a=1)\n"), **requirements("hosting")},
        "requirements.txt",
        "hosting.configure configures the extension 'of-nobody', which is not installed",
    ),
}

VENDORED = {
    f".python_packages/lib/site-packages/{name}": "" for name in ("rich/__init__.py", "azure/storage/blob/__init__.py")
}
OPTIONAL_IMPORTS = {
    "ImportError in a tuple": "try:\n    import rich\nexcept (ValueError, ImportError):\n    rich = None\n",
    "suppressed ImportError": "import contextlib\nwith contextlib.suppress(ImportError):\n    import rich\n",
    "module looked up first": "from importlib.util import find_spec\nif find_spec('rich'):\n    import rich\n",
    "another platform": "import sys\nif sys.platform == 'win32':\n    import rich\n",
    "another version": "import sys\nif sys.version_info < (3, 11):\n    import rich\nelse:\n    import tomllib\n",
    "script": "if __name__ == '__main__':\n    import rich\n",
    "type checkers, under another name": "import typing as t\nif t.TYPE_CHECKING:\n    import rich\n",
    "fallback of an optional import": "try:\n    import ujson\nexcept ImportError:\n    import json as ujson\n",
    "group of exceptions": "try:\n    import rich\nexcept* ImportError:\n    rich = None\n",
}


@pytest.mark.parametrize(
    "line", [WHEEL, "-e ./lib", "../lib", "/srv/click-8.1.8-py3-none-any.whl", "file:lib", "words @ file:///lib"]
)
def test_path_that_is_not_deployed_is_reported(line: str, tmp_path: Path) -> None:
    """A wheel that is not there, what is editable, and what lies outside of the app's folder."""
    files = {"lib/pyproject.toml": '[project]\nname = "words"\n', **requirements(line)}
    assert [one.code for one in findings(tmp_path, APP, files)] == ["APP309"]


@pytest.mark.parametrize("code", VIOLATIONS)
def test_violation_is_the_only_finding(code: str, tmp_path: Path) -> None:
    """Each rule is reported where it is violated, with a remedy, and no other rule is."""
    check_violation(tmp_path, APP, code, VIOLATIONS[code])


def test_every_rule_of_the_section_has_a_violation() -> None:
    """The reference describes no rule that no app violates."""
    assert set(VIOLATIONS) == rules_of("APP3")


@pytest.mark.parametrize(
    "files",
    [
        function("\nimport typing\nif typing.TYPE_CHECKING:\n    import nobody_has_this\n"),
        function("\ntry:\n    import nobody_has_this\nexcept ImportError:\n    nobody_has_this = None\n"),
        {".funcignore": APP[".funcignore"] + "tools/\n", "tools/plot.py": "import click\n"},
        {"tests/test_app.py": "import pytest\n"},
        {"shared/words.py": "", "helper.py": "from shared import words\n"},
        requirements("pywin32==306; sys_platform == 'win32'"),
        {"helper.py": "import click\n", **requirements("click @ https://example.com/click-8.1.8-py3-none-any.whl")},
        {"helper.py": "import click\n", **requirements("git+https://example.com/click.git#egg=click")},
        {"wheels/click-8.1.8-py3-none-any.whl": "", "helper.py": "import click\n", **requirements(WHEEL)},
        {"lib/click-8.1.8.tar.gz": "", "helper.py": "import click\n", **requirements("lib/click-8.1.8.tar.gz")},
        {"lib/pyproject.toml": '[project]\nname = "Click"\n', "helper.py": "import click\n", **requirements("./lib")},
        {
            "helper.py": "import click\n",
            "requirements.txt": "-r more.txt\n",
            "more.txt": "azure_functions\nClick>=8 # yes\n",
        },
        {"helper.py": "from opencensus.trace import tracer\n", **requirements("opencensus")},
        {"requirements.txt": None, "pyproject.toml": '[project]\nname = "x"\ndependencies = ["azure-functions"]\n'},
        {
            "requirements.txt": None,
            "pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.11"\nAzure_Functions = "*"\n',
        },
        {"requirements.txt": None},
        {"requirements.txt": None, "helper.py": "import azure\nimport wsgiref\nfrom azure import functions\n"},
        {"requirements.txt": None, "helper.py": "import rich, azure.storage.blob\n", **VENDORED},
        {"helper.py": "from rich.console import Console\nfrom azure.storage.blob import BlobClient\n", **VENDORED},
        {"helper.py": "import azure\n"},
        {"lib/words/__init__.py": "", "helper.py": "import sys\nsys.path.append('lib')\nimport words\n"},
        {"src/orders.py": "", "helper.py": "import sys\nsys.path.append('src')\nfrom orders import x\n"},
        {"setup.py": "import setuptools\n"},
        {"noxfile.py": "import nox\n"},
        *({"helper.py": code} for code in OPTIONAL_IMPORTS.values()),
    ],
    ids=[
        "import for type checkers",
        "optional import",
        "import in a file that is not deployed",
        "import in a test",
        "import of the app's own module",
        "requirement for Windows with a marker",
        "requirement with an address",
        "requirement in a repository",
        "wheel in the app's folder",
        "source archive in the app's folder",
        "folder in the app's folder",
        "requirement in an included file, in another spelling",
        "packages with a common top-level name",
        "pyproject.toml instead of requirements.txt",
        "pyproject.toml of Poetry",
        "azure.functions alone, which Azure's worker has",
        "namespace and standard library",
        "packages in .python_packages alone",
        "packages in .python_packages",
        "import of a namespace",
        "own package in a folder on the path",
        "own module in a folder on the path",
        "setup.py",
        "noxfile.py",
        *OPTIONAL_IMPORTS,
    ],
)
def test_correct_requirements_have_no_finding(files: Mapping[str, str | None], tmp_path: Path) -> None:
    """Imports and requirements that resemble a violation but are correct are not reported."""
    write(tmp_path, APP)
    assert list(check_requirements(AppProject(write(tmp_path, files)))) == []


def test_requirements_in_utf_16_are_checked(tmp_path: Path) -> None:
    """A file that ``pip freeze >`` writes in PowerShell is read as pip reads it."""
    write(tmp_path, APP)
    (tmp_path / "requirements.txt").write_text("azure-functions\r\nasyncio\r\n", "utf-16")
    (found,) = run(tmp_path).findings
    assert (found.code, found.line) == ("APP311", 2)


def test_included_file_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    """pip stops there; addresses are not opened."""
    lines = "azure-functions\n-r gone.txt\n-r https://example.org/r.txt\n"
    (found,) = findings(tmp_path, APP, {"requirements.txt": lines})
    assert (found.code, found.location) == ("APP306", "requirements.txt:2")
    assert found.message == "'-r gone.txt' names a file that does not exist"


def test_imports_that_cannot_be_compared_are_one_finding(tmp_path: Path) -> None:
    """A requirement that is not installed may provide any of them, or depend on it."""
    code = "import moduleofnobody\nimport othermodule\nimport rich\n"
    (found,) = findings(tmp_path, APP, {"helper.py": code, **requirements("package-of-nobody")})
    assert (found.code, found.severity, found.location) == ("APP304", "warning", "helper.py:1")
    assert "'moduleofnobody', 'othermodule', 'rich'" in found.message
    assert "not installed here: package-of-nobody" in found.message
