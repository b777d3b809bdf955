"""The functions of an app: whether they load, and whether Azure has what their bindings need."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Sequence
from typing import Any

from hosting.apps.load import ignored_files
from hosting.bindings.registry import OF_AZURE, PROVIDED_BY
from hosting.check.app.files import HOST, check_settings, line_in_host_json
from hosting.check.app.lifecycle import bundle_end
from hosting.check.app.project import AppProject
from hosting.check.report import Finding, finding
from hosting.check.source.modules import Source

_IN_BUNDLES = frozenset({*OF_AZURE, *PROVIDED_BY, "eventgridtrigger"})
"""The binding types of Azure's extension bundles, in lower case."""
BUNDLE = "Microsoft.Azure.Functions.ExtensionBundle"
BUNDLE_REMEDY = f'Write "extensionBundle": {{"id": "{BUNDLE}", "version": "[4.*, 5.0.0)"}}.'
_IN_ERROR = "function is in error: "
_UNSET = re.compile(rf"The '([^']+)' {_IN_ERROR}'%([^%]+)%' does not resolve to a value\.")
_SET_IT = "Set it in the Values of local.settings.json or in the environment, and check again."
_DYNAMIC_IMPORTS = frozenset({"import_module", "iter_modules", "walk_packages"})
_BLUEPRINT_CLASSES = ("azure.functions.Blueprint", "azure.durable_functions.Blueprint")
_WEB_APP_CLASSES = ("azure.functions.AsgiFunctionApp", "azure.functions.WsgiFunctionApp")


def check_functions(app: AppProject) -> Iterator[Finding]:
    """Load the app in another process, and check its functions and its source."""
    yield from _check_loading(app)
    yield from _check_bundle(app)
    yield from _check_blueprints(app)
    yield from _check_web_app(app)


def _check_loading(app: AppProject) -> Iterator[Finding]:
    if app.probe.failure:
        yield finding("APP201", f"the app does not load: {app.probe.failure}", "Try: hosting start --verbose")
        return
    error = app.probe.document["error"]
    if error and len(_UNSET.findall(error["message"])) == error["message"].count(_IN_ERROR) > 0:
        yield from _check_expressions(app, [error])
        return
    if error:
        if error["message"] not in {one.message for one in check_settings(app)}:
            remedy = error["remedy"].replace("Run with --verbose", "Run 'hosting start --verbose'")
            yield finding("APP201", error["message"], remedy, app.relative_path(error["file"]), error["line"])
        return
    yield from _check_binding_types(app)
    yield from _check_connections(app)
    yield from _check_expressions(app, app.probe.document["problems"])
    yield from _check_problems(app)


def _check_problems(app: AppProject) -> Iterator[Finding]:
    """Report what the host says about an app that loads, except for what other rules report better."""
    functions = {function["name"]: function for function in _functions(app)}
    of_files = {one.message for one in check_settings(app)} | {one.message for one in ignored_files(app.root)}
    for problem in app.probe.document["problems"]:
        function = functions.get(problem["function"])
        is_lack = _UNSET.fullmatch(problem["message"]) or (function and _is_lack(problem, function))
        if problem["message"] not in of_files and not is_lack:
            code = "APP202" if problem["severity"] == "error" else "APP203"
            file = problem["file"] or (function["file"] if function else None)
            yield finding(code, problem["message"], problem["remedy"], app.relative_path(file), problem["line"])


def _is_lack(problem: dict[str, Any], function: dict[str, Any]) -> bool:
    """Return whether a problem is that this machine lacks what a function needs: a binding's package or setting."""
    # The host quotes a setting as NAME or as AzureWebJobsNAME.
    is_named = any(f"{name}'" in problem["message"] for name in (*function["unprovided"], *function["unset"]))
    return problem["severity"] == "error" and is_named


def _check_binding_types(app: AppProject) -> Iterator[Finding]:
    """Report each binding type that no package provides on this machine, with the functions that have it."""
    for kind, users in _users(app, "unprovided").items():
        message = f"no installed package provides the binding type {kind!r} of {_named(users)}"
        yield finding("APP204", message, users[0]["unprovided"][kind], app.relative_path(users[0]["file"]))


def _check_connections(app: AppProject) -> Iterator[Finding]:
    """Report each connection setting that this machine does not have, with the functions that connect with it."""
    for setting, users in _users(app, "unset").items():
        message = f"the setting {setting!r} is not set here; it is the connection of {_named(users)}"
        yield finding("APP210", message, _SET_IT, app.relative_path(users[0]["file"]))


def _check_expressions(app: AppProject, problems: Sequence[dict[str, Any]]) -> Iterator[Finding]:
    """Report each setting that this machine does not have, with the functions that have it between percent signs."""
    users: dict[str, dict[str, dict[str, Any]]] = {}
    for problem in problems:
        for function, setting in _UNSET.findall(problem["message"]):
            users.setdefault(setting, {})[function] = problem
    for setting, found in users.items():
        named, first = [{"name": name} for name in found], next(iter(found.values()))
        message = f"the setting {setting!r} is not set here; a binding of {_named(named)} has '%{setting}%'"
        yield finding("APP210", message, _SET_IT, app.relative_path(first["file"]), first["line"])


def _users(app: AppProject, key: str) -> dict[str, list[dict[str, Any]]]:
    """Return the functions that need something, by what they need: ``unprovided`` types or ``unset`` settings."""
    found: dict[str, list[dict[str, Any]]] = {}
    for function in _functions(app):
        for needed in dict.fromkeys(function[key]):
            found.setdefault(needed, []).append(function)
    return found


def _named(functions: list[dict[str, Any]]) -> str:
    names = ", ".join(repr(function["name"]) for function in functions)
    return f"function {names}" if len(functions) == 1 else f"functions {names}"


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
        if kind.lower() in _IN_BUNDLES
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
    elif end := bundle_end(_newest_major(upper), app.today):
        message = f"extensionBundle {version} reached its end of support on {end}"
        yield finding("APP206", message, BUNDLE_REMEDY, HOST, line)


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
    if any(_has_text_below(source, f"/{prefix}/") for source in app.sources):
        return  # the app's routes include the prefix
    for source in app.sources:
        for name, call in source.calls():
            if name in _WEB_APP_CLASSES:
                remedy = 'Write "extensions": {"http": {"routePrefix": ""}} in host.json, or include it in the routes.'
                message = f"the web app is served below /{prefix} and receives paths that start with it"
                yield finding("APP208", message, remedy, source.relative, call.lineno)


def _has_text_below(source: Source, beginning: str) -> bool:
    """Return whether a file has a string that is a path below another one, or that one itself."""
    texts = (node.value for node in ast.walk(source.tree) if isinstance(node, ast.Constant))
    return any(isinstance(text, str) and f"{text}/".startswith(beginning) for text in texts)
