"""The site builds without a warning, and its derived pages agree with the code."""

from __future__ import annotations

import inspect
import json
import subprocess
import sys
from pathlib import Path

import pytest

import hosting
from hosting import bindings, hookspecs, testing
from tests.docs.pages import DERIVED, ROOT
from tests.support.changelog import next_changelog

HOOKS = sorted(name for name, value in vars(hookspecs).items() if hasattr(value, "hosting_spec"))


@pytest.fixture(scope="module")
def derived() -> dict[str, str]:
    """Return the pages that are derived from the code, as they should be now."""
    code = "import json, runpy, sys; print(json.dumps(runpy.run_path(sys.argv[1])['pages']()))"
    # Click keeps the option --help of a command that another test has called with a context of its own.
    command = [sys.executable, "-c", code, str(ROOT / "docs" / "make_reference.py")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    pages: dict[str, str] = json.loads(done.stdout)
    return pages


def test_pages_derived_from_the_code_are_up_to_date(derived: dict[str, str]) -> None:
    """The repository has the reference as the code is now, so that it can be read without a build."""
    assert sorted(ROOT / "docs" / address for address in derived) == DERIVED
    for address, text in derived.items():
        assert (ROOT / "docs" / address).read_text("utf-8") == text, f"docs/{address} is stale: run `make reference`"


def test_site_has_one_page_for_each_file(site: Path) -> None:
    """The site has only pages, figures and schemas."""
    docs = ROOT / "docs"
    for page in docs.rglob("*.md"):
        assert (site / page.relative_to(docs)).with_suffix(".html").is_file()
    assert list(site.rglob("*.py")) == []
    assert not (site / "theme").exists()


def test_figure_of_the_layers_names_every_package() -> None:
    """A reader of the code finds each package of ``hosting`` in the figure of its layers."""
    figure = (ROOT / "docs" / "explanation" / "figures" / "layers.svg").read_text("utf-8")
    packages = {path.parent.name for path in (ROOT / "hosting").glob("*/__init__.py")}
    assert {name for name in packages if name not in figure} == set()


@pytest.mark.parametrize("name", HOOKS)
def test_reference_has_every_hook_with_its_signature(name: str, derived: dict[str, str]) -> None:
    """The reference shows each hook with the arguments of the specification."""
    section = derived["reference/hooks.md"].partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    code = section.partition("```python\n")[2].partition("```")[0]
    scope: dict[str, object] = {}
    source = "from __future__ import annotations\n" + code.replace("@hosting.hookimpl\n", "").rstrip() + ": ...\n"
    exec(source, scope)
    written = scope[name]
    assert callable(written)
    assert inspect.signature(written) == inspect.signature(getattr(hookspecs, name))
    assert section.rpartition("```")[2].strip()


def test_reference_has_no_hook_that_does_not_exist(derived: dict[str, str]) -> None:
    """Each heading is that of a hook in the specification."""
    headings = [line[3:] for line in derived["reference/hooks.md"].splitlines() if line.startswith("## ")]
    assert sorted(headings) == HOOKS


def test_reference_has_every_class_and_function_for_authors(derived: dict[str, str]) -> None:
    """Each public class and function has a heading of its own; one with methods has it as classes of bindings do."""
    for name in set(hosting.__all__) - {"AppHandle", "INTERFACE", "__version__", "hookimpl"}:
        assert f"\n## hosting.{name}\n" in derived["reference/python.md"]
    assert "\n## AppHandle\n" in derived["reference/python.md"]


def test_reference_has_every_name_for_authors_of_bindings(derived: dict[str, str]) -> None:
    """Each class and method for authors of providers has a heading with its signature and purpose."""
    page = derived["reference/bindings.md"]
    for name in bindings.__all__:
        assert f"\n## {name}\n" in page
        public = {member for member in vars(getattr(bindings, name)) if not member.startswith("_")}
        for member in public - {"exception", "reply"}:
            section = page.partition(f"\n### {name}.{member}\n")[2].partition("\n##")[0]
            assert section.partition("```python\n")[2].rpartition("```")[2].strip(), f"{name}.{member}"


def test_reference_has_every_name_of_the_testing_module(derived: dict[str, str]) -> None:
    """Each name of hosting.testing, and each fixture, has a heading of its own."""
    for name in testing.__all__:
        assert f"\n## {name}\n" in derived["reference/testing.md"]
    for fixture in ("hosting_host", "hosting_server"):
        assert f"\n### {fixture}\n" in derived["reference/testing.md"]


def test_reference_has_the_help_of_every_command(derived: dict[str, str]) -> None:
    """The command line's reference has each command's own help."""
    page = derived["reference/command-line.md"]
    for command in ("hosting start", "hosting diag"):
        assert f"\n## {command}\n" in page
        assert f"Usage: {command} " in page


def test_changelog_begins_with_the_version_of_the_package() -> None:
    """The newest entry is for the version of the package."""
    assert next_changelog(ROOT, hosting.__version__).startswith(f"## [{hosting.__version__}] - ")
