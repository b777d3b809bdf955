"""The shape of the code: who imports whom, how long things are, and what lives at module level."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Collection, Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median, quantiles

import pytest

import hosting
import hosting.logging

PACKAGE = Path(__file__).parent.parent / "hosting"
PLUGINS = tuple(sorted(path.parent for path in (PACKAGE.parent / "plugins").glob("*/src/*/__init__.py")))

# A layer may import from itself and from the layers above it.
LAYERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (
        "contract",
        (
            "hosting.errors",
            "hosting.core",
            "hosting.app_handle",
            "hosting.app_services",
            "hosting.app_settings",
            "hosting.app_work",
            "hosting.authoring",
            "hosting.hookspecs",
            "hosting._author_line",
            "hosting._text",
            "hosting._redaction",
            "hosting._interface",
            "hosting._secret",
            "hosting._secret_shapes",
            "hosting._asyncio",
            "hosting._collection",
            "hosting._commands",
            "hosting._distributions",
            "hosting._exceptions",
            "hosting._files",
            "hosting._fork",
            "hosting._lazy",
            "hosting._log",
            "hosting._install",
            "hosting._injection",
            "hosting._invocation",
            "hosting",
        ),
    ),
    ("extension host", ("hosting.extensions",)),
    ("app loading", ("hosting.apps",)),
    ("bindings", ("hosting.bindings",)),
    ("function host", ("hosting.host",)),
    ("logging", ("hosting.logging",)),
    ("server", ("hosting.server",)),
    ("runner", ("hosting.runner",)),
    ("ways in", ("hosting.azure_worker", "hosting.check", "hosting.deploy", "hosting.scaffold", "hosting.testing")),
    ("command line", ("hosting.cli", "hosting.pytest_plugin", "hosting.__main__")),
)

# The package is its own face: hosting.extend is one name of the author's interface, imported when it is asked for.
EXEMPT = {("hosting", "hosting.azure_worker.extend")}

# Registries at module level that authors' code writes to before any host exists.
MUTABLE_STATE = {"hosting.authoring.pending"}

# What a module-level name may be made by; any other call is taken for an object with state.
IMMUTABLE_CALLS = frozenset(
    {
        "Level",
        "MappingProxyType",
        "ContextVar",
        "NewType",
        "ParamSpec",
        "Path",
        "TypeVar",
        "click.argument",
        "click.option",
        "frozenset",
        "host_logger",
        "logging.getLogger",
        "pluggy.HookimplMarker",
        "pluggy.HookspecMarker",
        "re.compile",
        "struct.Struct",
        "tuple",
    }
)

COLLECTIONS = (ast.List, ast.Dict, ast.Set, ast.ListComp, ast.DictComp, ast.SetComp)
MUTATORS = {"add", "append", "clear", "discard", "extend", "insert", "pop", "popitem", "remove", "setdefault", "update"}

HEAVY = {"azure", "click", "httptools", "importlib_metadata", "json5", "rich", "structlog", "uvicorn", "uvloop"}


@cache
def _modules() -> dict[str, ast.Module]:
    return {_name(path): _tree(path) for path in sorted(PACKAGE.rglob("*.py"))}


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), str(path))


def _name(path: Path) -> str:
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def _nodes() -> dict[str, tuple[ast.AST, ...]]:
    return {module: tuple(ast.walk(tree)) for module, tree in _modules().items()}


def _layer(module: str) -> int:
    for number, (_, names) in enumerate(LAYERS):
        if any(module == name or (name != "hosting" and module.startswith(f"{name}.")) for name in names):
            return number
    raise AssertionError(f"{module} belongs to no layer: add it to LAYERS, or move it")


def _imported(module: str, node: ast.AST, modules: Collection[str] | None = None) -> Iterator[str]:
    """Name the modules that one statement imports, wherever it stands; by default those known are of this package."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        base = node.module or ""
        if node.level:
            package = module if module in _packages() else module.rpartition(".")[0]
            base = ".".join([*package.split(".")[: len(package.split(".")) - node.level + 1], *filter(None, [base])])
        for alias in node.names:
            inner = f"{base}.{alias.name}"
            yield inner if inner in (_modules() if modules is None else modules) else base


@cache
def _packages() -> set[str]:
    return {_name(path) for path in PACKAGE.rglob("__init__.py")}


@cache
def _imports(module: str) -> set[str]:
    found = {name for node in _nodes()[module] for name in _imported(module, node)}
    return {name for name in found if name == "hosting" or name.startswith("hosting.")}


def _functions() -> dict[str, int]:
    """Give the length of every function in lines, docstring included."""
    return {
        f"{module}.{node.name}:{node.lineno}": (node.end_lineno or node.lineno) - node.lineno + 1
        for module, nodes in _nodes().items()
        for node in nodes
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
    }


def test_imports_go_one_way() -> None:
    """A module imports from its own layer and from those above it, at any place and for types alike."""
    below = {(module, name) for module in _modules() for name in _imports(module) if _layer(name) > _layer(module)}
    assert sorted(below - EXEMPT) == []


@pytest.mark.parametrize("package", ["azure_worker", "check", "deploy", "scaffold", "testing"])
def test_ways_in_are_imported_by_the_command_line_and_by_authors_only(package: str) -> None:
    """Each way in stands alone: only the command line, the pytest plugin and the author's interface import one."""
    inside = f"hosting.{package}"
    allowed = ("hosting", "hosting.cli", "hosting.pytest_plugin", inside)
    importers = {
        module for module in _modules() if any(f"{name}.".startswith(f"{inside}.") for name in _imports(module))
    }
    assert {one for one in importers if not one.startswith(allowed[1:]) and one != allowed[0]} == set()


def test_there_is_no_import_cycle() -> None:
    """No module of the package imports itself by way of others."""
    TopologicalSorter({module: _imports(module) - {module} for module in _modules()}).prepare()


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
def test_no_plugin_has_an_import_cycle(plugin: Path) -> None:
    """No module of an extension package imports itself by way of others, for types neither."""
    source = plugin.parent
    names = {path: ".".join(path.relative_to(source).with_suffix("").parts) for path in plugin.rglob("*.py")}
    modules = {name.removesuffix(".__init__"): _tree(path) for path, name in names.items()}
    graph = {
        module: {name for node in ast.walk(tree) for name in _imported(module, node, modules)} & set(modules) - {module}
        for module, tree in modules.items()
    }
    assert plugin.name in graph
    TopologicalSorter(graph).prepare()


def test_the_package_knows_no_plugin() -> None:
    """Extension packages of this repository are found by their metadata only."""
    plugins = {path.name for path in PLUGINS}
    assert plugins
    for module, nodes in _nodes().items():
        roots = {name.partition(".")[0] for node in nodes for name in _imported(module, node)}
        assert not roots & plugins, module


def test_the_authors_interface_is_light() -> None:
    """Importing hosting brings in no server, no SDK, no log renderer and no command line."""
    code = "import sys, hosting; print(*{name.partition('.')[0] for name in sys.modules})"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert HEAVY & set(run.stdout.split()) == set()


def test_files_are_short() -> None:
    """A file has 500 lines at most."""
    lengths = {str(path): len(path.read_text("utf-8").splitlines()) for path in PACKAGE.rglob("*.py")}
    assert {path: length for path, length in lengths.items() if length > 500} == {}


def test_functions_are_short() -> None:
    """Half of the functions have at most 7 lines, nine of ten at most 18, and none more than 50."""
    lengths = _functions()
    assert {name: length for name, length in lengths.items() if length > 50} == {}
    assert median(lengths.values()) <= 7
    assert quantiles(lengths.values(), n=10)[-1] <= 18


def test_no_global_statement() -> None:
    """Nothing rebinds a module's names while the program runs."""
    assert [
        (name, one.lineno) for name, nodes in _nodes().items() for one in nodes if isinstance(one, ast.Global)
    ] == []


def test_no_mutable_state_at_module_level() -> None:
    """Two hosts live side by side in one process, so that no module holds what one of them could change."""
    found = set()
    for module, tree in _modules().items():
        changed = {name for node in _nodes()[module] for name in _changed(node)}
        found |= {f"{module}.{name}" for statement in tree.body for name in _mutable(statement, changed)}
    assert sorted(found - MUTABLE_STATE) == []


def _mutable(statement: ast.stmt, changed: set[str]) -> Iterator[str]:
    """Name what a module-level statement binds to an object with state, or to a collection that is no constant."""
    match statement:
        case ast.If() | ast.Try() | ast.With():
            yield from (name for inner in statement.body for name in _mutable(inner, changed))
        case ast.Assign(targets=[ast.Name(name)], value=value) | ast.AnnAssign(target=ast.Name(name), value=value):
            constant = name == "__all__" or (name.isupper() and name not in changed)
            if _has_state(value) or (isinstance(value, COLLECTIONS) and not constant):
                yield name


def _has_state(value: ast.expr | None) -> bool:
    return isinstance(value, ast.Call) and ast.unparse(value.func) not in IMMUTABLE_CALLS | _frozen_classes()


@cache
def _frozen_classes() -> set[str]:
    return {
        node.name
        for nodes in _nodes().values()
        for node in nodes
        if isinstance(node, ast.ClassDef)
        if any("frozen=True" in ast.unparse(decorator) for decorator in node.decorator_list)
    }


def _changed(node: ast.AST) -> Iterator[str]:
    """Name what a statement or an expression changes in place."""
    match node:
        case ast.Subscript(value=ast.Name(name), ctx=ast.Store() | ast.Del()):
            yield name
        case ast.Call(func=ast.Attribute(value=ast.Name(name), attr=method)) if method in MUTATORS:
            yield name
        case ast.AugAssign(target=ast.Name(name)):
            yield name


def test_every_test_says_what_it_shows() -> None:
    """A test's docstring is one sentence that says the behaviour."""
    paths = [*Path(__file__).parent.rglob("test_*.py"), *(PACKAGE.parent / "plugins").glob("*/tests/test_*.py")]
    silent = [
        f"{path.name}:{node.lineno}: {node.name}"
        for path in paths
        for node in ast.walk(_tree(path))
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_") and not ast.get_docstring(node)
    ]
    assert silent == []


def test_architecture_page_names_every_folder_and_every_file_that_it_cites_exists() -> None:
    """The page for people who change the code has a row for each package, and no path that has moved."""
    root = PACKAGE.parent
    page = (root / "docs" / "explanation" / "architecture.md").read_text("utf-8")
    rows = set(re.findall(r"^\| `([^`]+)` \|", page, re.MULTILINE))
    folders = {path.parent.relative_to(root).as_posix() for path in PACKAGE.rglob("__init__.py")}
    plugins = {f"plugins/{path.parent.name}" for path in root.glob("plugins/*/pyproject.toml")}
    assert folders | plugins <= rows
    assert [row for row in rows if not (root / row).is_dir()] == []
    names = {path.name for folder in ("hosting", "plugins", "docs") for path in (root / folder).rglob("*.py")}
    assert [cited for cited in re.findall(r"`([\w/]+\.py)`", page) if cited.rpartition("/")[2] not in names] == []


def _undocumented(path: Path) -> Iterator[str]:
    """Name the public classes, and public functions of modules and classes, that have no docstring."""
    tree = _tree(path)
    owners: list[ast.Module | ast.ClassDef] = [tree, *(one for one in ast.walk(tree) if isinstance(one, ast.ClassDef))]
    for node in (node for owner in owners for node in owner.body):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            is_stub = (
                ast.unparse(node.body[-1]) == "..."
            )  # an overload, or a method of a protocol that its name explains
            if not (is_stub or ast.get_docstring(node)):
                yield f"{path}:{node.lineno} {node.name}"


def test_every_public_class_function_and_method_has_a_docstring() -> None:
    """An editor shows a sentence for each name, overrides included; functions inside of functions are not public."""
    paths = [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "plugins").glob("*/src/**/*.py")]
    assert [name for path in sorted(paths) for name in _undocumented(path)] == []


NEW_PLUGINS = (
    "hosting-auth",
    "hosting-durable",
    "hosting-mcp",
    "hosting-openapi",
    "hosting-otel",
    "hosting-prometheus",
)
PUBLIC_MODULES = ("hosting.bindings", "hosting.core", "hosting.errors", "hosting.hookspecs", "hosting.testing")


@pytest.mark.parametrize("plugin", NEW_PLUGINS)
def test_extensions_in_plugins_use_public_names_only(plugin: str) -> None:
    """They show what any package can do: they import no private module of hosting, and no name that it may change."""
    for path in sorted((PACKAGE.parent / "plugins" / plugin / "src").rglob("*.py")):
        for node in ast.walk(_tree(path)):
            found = list(_names_of_hosting(node))
            assert not [name for name in found if not _is_public(name)], path


def _names_of_hosting(node: ast.AST) -> Iterator[str]:
    """Yield the dotted names of hosting that a node imports or reads."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names if alias.name.split(".")[0] == "hosting")
    elif isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "hosting":
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "hosting":
        yield f"hosting.{node.attr}"


def _is_public(name: str) -> bool:
    first, _, rest = name.partition(".")
    is_documented = rest in hosting.__all__ or name == first or name in PUBLIC_MODULES
    is_documented |= rest in {f"logging.{one}" for one in hosting.logging.__all__}
    return is_documented or (name.startswith(tuple(f"{one}." for one in PUBLIC_MODULES)) and "._" not in name)


def test_every_provider_that_starts_something_can_resume_it_after_a_drain() -> None:
    """Otherwise an operator who ends a drain would have to restart the host."""
    paths = [*PACKAGE.rglob("*.py"), *(PACKAGE.parent / "plugins").glob("*/src/**/*.py")]
    classes = [one for path in paths for one in ast.walk(_tree(path))]
    missing = [
        one.name
        for one in classes
        if isinstance(one, ast.ClassDef) and any(ast.unparse(base).endswith("Provider") for base in one.bases)
        if {"start"} <= (defined := {node.name for node in one.body if isinstance(node, ast.AsyncFunctionDef)})
        if "resume" not in defined
    ]
    assert missing == []
