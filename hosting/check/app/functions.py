"""The functions of an app: whether they load, what they are bound to, what Azure needs for that."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from hosting.check.app.files import HOST, check_settings, json_line
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.blocking import blocking_calls
from hosting.check.source.modules import Source

BUILT_INTO_AZURE = frozenset({"http", "httptrigger", "timertrigger", "warmuptrigger"})
BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"
ADVICE = f'Write "extensionBundle": {{"id": "{BUNDLE}", "version": "[4.*, 5.0.0)"}}.'
_OLDEST_BUNDLE = 4
_IMPORTING = frozenset({"import_module", "iter_modules", "walk_packages"})


def check_functions(app: AppProject) -> Iterator[Finding]:
    """Load the app, and look at what it has."""
    yield from _load(app)
    yield from _bundle(app)
    yield from _blueprints(app)
    yield from _web_app(app)
    for source in app.sources:
        for name, function, remedy, line in blocking_calls(source):
            yield finding("APP209", f"{name} blocks in 'async def {function}'", remedy, source.relative, line)


def _load(app: AppProject) -> Iterator[Finding]:
    probed = app.probed
    if probed.failure:
        yield finding("APP201", f"the app does not load: {probed.failure}", "Try: hosting start --verbose")
        return
    error = probed.document["error"]
    if error:
        if error["message"] not in {one.message for one in check_settings(app)}:
            remedy = error["remedy"].replace("Run with --verbose", "Run 'hosting start --verbose'")
            yield finding("APP201", error["message"], remedy, app.shown(error["file"]), error["line"])
        return
    excused: set[str] = set()
    for one in _functions(app):
        for told in _not_here(app, one):
            excused.add(one["name"])
            yield told
    for one in probed.document["problems"]:
        if one["function"] not in excused:
            code = "APP202" if one["severity"] == "error" else "APP203"
            yield finding(code, one["message"], one["remedy"], app.shown(one["file"]), one["line"])


def _not_here(app: AppProject, function: dict[str, Any]) -> Iterator[Finding]:
    """Why a function does not run here, though nothing is wrong with it."""
    name, file = function["name"], app.shown(function["file"])
    if function["unprovided"]:
        listed = ", ".join(repr(kind) for kind in dict.fromkeys(function["unprovided"]))
        remedy = "Install the package that provides it, or correct the type; in Azure the extension bundle may have it."
        yield finding("APP204", f"function {name!r}: nothing here provides {listed}", remedy, file)
    if function["unset"]:
        listed = ", ".join(dict.fromkeys(function["unset"]))
        remedy = "Set it among the Values of local.settings.json, or in the environment, and check again."
        yield finding("APP210", f"function {name!r} connects with {listed}, which is not set here", remedy, file)


def _functions(app: AppProject) -> list[dict[str, Any]]:
    return list(app.probed.document.get("functions", ()))


def _bundle(app: AppProject) -> Iterator[Finding]:
    if app.host_json is None:
        return
    bundle = app.host_json.get("extensionBundle")
    if bundle is None:
        needed = {
            kind: one["name"]
            for one in _functions(app)
            for kind in one["types"]
            if kind.lower() not in BUILT_INTO_AZURE
        }
        if needed and not (app.root / "extensions.csproj").is_file():
            told = ", ".join(f"{kind} ({name})" for kind, name in sorted(needed.items()))
            yield finding("APP205", f"host.json has no extensionBundle, which Azure needs for {told}", ADVICE, HOST)
        return
    yield from _odd_bundle(app, bundle)


def _odd_bundle(app: AppProject, bundle: Any) -> Iterator[Finding]:
    found = bundle if isinstance(bundle, dict) else {}
    line = json_line(app, "extensionBundle")
    if not str(found.get("id", "")).startswith(BUNDLE):
        yield finding("APP206", f"extensionBundle.id is {found.get('id')!r}", ADVICE, HOST, line)
    version = str(found.get("version", ""))
    upper = re.search(r",\s*(\d+)(?:\.[\d*]+)*\s*([)\]])|^(\d+)", version)
    if upper is None:
        yield finding("APP206", f"extensionBundle.version {version!r} is not a range", ADVICE, HOST, line)
    elif _newest(upper) < _OLDEST_BUNDLE:
        yield finding("APP206", f"extensionBundle {version} is out of support", ADVICE, HOST, line)


def _newest(upper: re.Match[str]) -> int:
    """The newest major version of a range such as ``[4.*, 5.0.0)``."""
    if upper[3]:
        return int(upper[3])
    return int(upper[1]) - (upper[2] == ")")


def _blueprints(app: AppProject) -> Iterator[Finding]:
    """Names that stand for a Blueprint, and that nothing but its decorators speaks of."""
    used = {name for source in app.sources for name in _used(source)}
    if used & _IMPORTING:
        return  # modules that are looked up at run time may be registered so
    for source in app.sources:
        for name, line in _made(source):
            if name not in used:
                remedy = f"In function_app.py: app.register_functions({name})."
                yield finding("APP207", f"the Blueprint {name!r} is never registered", remedy, source.relative, line)


def _made(source: Source) -> Iterator[tuple[str, int]]:
    """The Blueprints of a file, with the lines that make them."""
    for node in source.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=made)) if _is_blueprint(
                source.named(made)
            ):
                yield name, node.lineno


def _used(source: Source) -> Iterator[str]:
    """The last part of every name that a file uses outside of decorators, as it was before it was imported."""
    waiting: list[ast.AST] = [source.tree]
    while waiting:
        node = waiting.pop()
        decorators = getattr(node, "decorator_list", ())
        waiting.extend(child for child in ast.iter_child_nodes(node) if child not in decorators)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield source.named(node).rpartition(".")[2]


def _is_blueprint(name: str) -> bool:
    return name in ("azure.functions.Blueprint", "azure.durable_functions.Blueprint")


def _web_app(app: AppProject) -> Iterator[Finding]:
    prefix = app.section("extensions", "http").get("routePrefix", "api")
    if prefix == "":
        return
    for source in app.sources:
        for name, call in source.calls():
            if name in ("azure.functions.AsgiFunctionApp", "azure.functions.WsgiFunctionApp"):
                remedy = 'Write "extensions": {"http": {"routePrefix": ""}} in host.json, or let the routes have it.'
                message = f"the web app is served below /{prefix}, and sees paths that begin with it"
                yield finding("APP208", message, remedy, source.relative, call.lineno)
