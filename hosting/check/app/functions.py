"""The functions of an app: whether they load, and whether Azure has what their bindings need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from hosting.apps.load import ignored_files
from hosting.check.app.files import HOST, check_settings, line_in_host_json
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.blocking import find_blocking_calls
from hosting.check.source.modules import Source

BUILT_INTO_AZURE = frozenset({"http", "httptrigger", "timertrigger", "warmuptrigger"})
BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"
BUNDLE_REMEDY = f'Write "extensionBundle": {{"id": "{BUNDLE}", "version": "[4.*, 5.0.0)"}}.'
_OLDEST_BUNDLE_VERSION = 4
_DYNAMIC_IMPORTS = frozenset({"import_module", "iter_modules", "walk_packages"})
_BLUEPRINT_CLASSES = ("azure.functions.Blueprint", "azure.durable_functions.Blueprint")
_WEB_APP_CLASSES = ("azure.functions.AsgiFunctionApp", "azure.functions.WsgiFunctionApp")


def check_functions(app: AppProject) -> Iterator[Finding]:
    """Load the app in another process, and check its functions and its source."""
    yield from _check_loading(app)
    yield from _check_bundle(app)
    yield from _check_blueprints(app)
    yield from _check_web_app(app)
    for source in app.sources:
        for call in find_blocking_calls(source):
            yield finding("APP209", call.message, call.remedy, source.relative, call.line)


def _check_loading(app: AppProject) -> Iterator[Finding]:
    if app.probe.failure:
        yield finding("APP201", f"the app does not load: {app.probe.failure}", "Try: hosting start --verbose")
        return
    error = app.probe.document["error"]
    if error:
        if error["message"] not in {one.message for one in check_settings(app)}:
            remedy = error["remedy"].replace("Run with --verbose", "Run 'hosting start --verbose'")
            yield finding("APP201", error["message"], remedy, app.relative_path(error["file"]), error["line"])
        return
    reported: set[str] = set()
    for function in _functions(app):
        for one in _check_environment(app, function):
            reported.add(function["name"])
            yield one
    of_files = {one.message for one in check_settings(app)} | {one.message for one in ignored_files(app.root)}
    for problem in app.probe.document["problems"]:
        if problem["function"] not in reported and problem["message"] not in of_files:
            code = "APP202" if problem["severity"] == "error" else "APP203"
            file = app.relative_path(problem["file"])
            yield finding(code, problem["message"], problem["remedy"], file, problem["line"])


def _check_environment(app: AppProject, function: dict[str, Any]) -> Iterator[Finding]:
    """Report what this machine lacks to run a function that has no error itself."""
    name, file = function["name"], app.relative_path(function["file"])
    if function["unprovided"]:
        types = ", ".join(repr(kind) for kind in dict.fromkeys(function["unprovided"]))
        remedy = "Install the package that provides it, or correct the type; in Azure the extension bundle may have it."
        yield finding("APP204", f"function {name!r}: no installed package provides {types}", remedy, file)
    if function["unset"]:
        settings = ", ".join(dict.fromkeys(function["unset"]))
        remedy = "Set it in the Values of local.settings.json or in the environment, and check again."
        yield finding("APP210", f"function {name!r} connects with {settings}, which is not set here", remedy, file)


def _functions(app: AppProject) -> list[dict[str, Any]]:
    return list(app.probe.document.get("functions", ()))


def _check_bundle(app: AppProject) -> Iterator[Finding]:
    if app.host_json is None:
        return
    bundle = app.host_json.get("extensionBundle")
    if bundle is not None:
        yield from _check_bundle_version(app, bundle)
        return
    needed = {
        kind: function["name"]
        for function in _functions(app)
        for kind in function["types"]
        if kind.lower() not in BUILT_INTO_AZURE
    }
    if needed and not (app.root / "extensions.csproj").is_file():
        types = ", ".join(f"{kind} ({name})" for kind, name in sorted(needed.items()))
        message = f"host.json has no extensionBundle, which Azure needs for {types}"
        yield finding("APP205", message, BUNDLE_REMEDY, HOST)


def _check_bundle_version(app: AppProject, bundle: Any) -> Iterator[Finding]:
    section = bundle if isinstance(bundle, dict) else {}
    line = line_in_host_json(app, "extensionBundle")
    if not str(section.get("id", "")).startswith(BUNDLE):
        yield finding("APP206", f"extensionBundle.id is {section.get('id')!r}", BUNDLE_REMEDY, HOST, line)
    version = str(section.get("version", ""))
    upper = re.search(r",\s*(\d+)(?:\.[\d*]+)*\s*([)\]])|^(\d+)", version)
    if upper is None:
        yield finding("APP206", f"extensionBundle.version {version!r} is not a range", BUNDLE_REMEDY, HOST, line)
    elif _newest_major(upper) < _OLDEST_BUNDLE_VERSION:
        yield finding("APP206", f"extensionBundle {version} is not supported any more", BUNDLE_REMEDY, HOST, line)


def _newest_major(upper: re.Match[str]) -> int:
    """Return the newest major version in a range such as ``[4.*, 5.0.0)``."""
    if upper[3]:
        return int(upper[3])
    return int(upper[1]) - (upper[2] == ")")


def _check_blueprints(app: AppProject) -> Iterator[Finding]:
    """Report Blueprints that the app uses only as decorators, so that they cannot be registered."""
    used = {name for source in app.sources for name in _used_names(source)}
    if used & _DYNAMIC_IMPORTS:
        return  # modules that are found at run time may be registered without their name in the source
    for source in app.sources:
        for name, line in _blueprints(source):
            if name not in used:
                message = f"the Blueprint {name!r} is not registered"
                remedy = f"In function_app.py, write app.register_functions({name})."
                yield finding("APP207", message, remedy, source.relative, line)


def _blueprints(source: Source) -> Iterator[tuple[str, int]]:
    """Yield the name and the line of each Blueprint that a file creates at module level."""
    for node in source.tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=called)):
                if source.qualified_name(called) in _BLUEPRINT_CLASSES:
                    yield name, node.lineno


def _used_names(source: Source) -> Iterator[str]:
    """Yield the last part of each name that a file uses outside decorators, as it was called before an import."""
    waiting: list[ast.AST] = [source.tree]
    while waiting:
        node = waiting.pop()
        decorators = getattr(node, "decorator_list", ())
        waiting.extend(child for child in ast.iter_child_nodes(node) if child not in decorators)
        if isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Load):
            yield source.qualified_name(node).rpartition(".")[2]


def _check_web_app(app: AppProject) -> Iterator[Finding]:
    prefix = app.section("extensions", "http").get("routePrefix", "api")
    if prefix == "":
        return
    for source in app.sources:
        for name, call in source.calls():
            if name in _WEB_APP_CLASSES:
                remedy = 'Write "extensions": {"http": {"routePrefix": ""}} in host.json, or include it in the routes.'
                message = f"the web app is served below /{prefix} and receives paths that start with it"
                yield finding("APP208", message, remedy, source.relative, call.lineno)
