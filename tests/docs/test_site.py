"""The site builds without a warning, and its generated pages agree with the code."""

from __future__ import annotations

import importlib.util
import inspect
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import hosting
from hosting import bindings, hookspecs, testing
from tests.docs.pages import ROOT
from tests.support.changelog import next_changelog

HOOKS = sorted(name for name, value in vars(hookspecs).items() if hasattr(value, "hosting_spec"))


@pytest.fixture(scope="module")
def generated() -> dict[str, str]:
    """The pages that the build writes itself."""
    pages: dict[str, str] = _generator().pages()
    return pages


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generated", ROOT / "docs" / "generated.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_site_builds_strictly(tmp_path: Path) -> None:
    """Broken links, missing pages and other warnings of MkDocs are errors."""
    build = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(build, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reference" / "hooks" / "index.html").is_file()


@pytest.mark.parametrize("name", HOOKS)
def test_every_hook_has_a_heading_with_its_signature(name: str, generated: dict[str, str]) -> None:
    """The reference shows each hook with the arguments that the specification has."""
    section = generated["reference/hooks.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    code = section.partition("```python\n")[2].partition("```")[0]
    scope: dict[str, object] = {}
    source = "from __future__ import annotations\n" + code.replace("@hosting.hookimpl\n", "").rstrip() + ": ...\n"
    exec(source, scope)
    written = scope[name]
    assert callable(written)
    assert inspect.signature(written) == inspect.signature(getattr(hookspecs, name))
    assert section.rpartition("```")[2].strip()


def test_the_reference_names_no_other_hook(generated: dict[str, str]) -> None:
    """A heading stands for a hook that exists."""
    headings = [line[3:] for line in generated["reference/hooks.md"].splitlines() if line.startswith("## ")]
    assert sorted(headings) == HOOKS


def test_the_authors_interface_is_described(generated: dict[str, str]) -> None:
    """Each public class and function has a heading of its own."""
    for name in set(hosting.__all__) - {"__version__", "hookimpl"}:
        assert f"\n## hosting.{name}\n" in generated["reference/python.md"]


def test_the_interface_of_bindings_is_described(generated: dict[str, str]) -> None:
    """What a provider's author implements or calls has a heading with its signature and what it is for."""
    page = generated["reference/bindings.md"]
    for name in bindings.__all__:
        assert f"\n## {name}\n" in page
        public = {member for member in vars(getattr(bindings, name)) if not member.startswith("_")}
        for member in public - {"exception", "reply"}:
            section = page.partition(f"\n### {name}.{member}\n")[2].partition("\n##")[0]
            assert section.partition("```python\n")[2].rpartition("```")[2].strip(), f"{name}.{member}"


def test_the_testing_module_is_described(generated: dict[str, str]) -> None:
    """Each name of hosting.testing, and each fixture, has a heading of its own."""
    for name in testing.__all__:
        assert f"\n## {name}\n" in generated["reference/testing.md"]
    for fixture in ("hosting_host", "hosting_server"):
        assert f"\n### {fixture}\n" in generated["reference/testing.md"]


def test_every_command_is_described(generated: dict[str, str]) -> None:
    """The command line's reference has each command's own help."""
    page = generated["reference/command-line.md"]
    for command in ("hosting start", "hosting diag"):
        assert f"\n## {command}\n" in page
        assert f"Usage: {command} " in page


def test_the_changelog_speaks_of_this_version() -> None:
    """The newest entry is for the version of the package."""
    assert next_changelog(ROOT, hosting.__version__).startswith(f"## [{hosting.__version__}] - ")
