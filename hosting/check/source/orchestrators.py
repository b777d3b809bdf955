"""Orchestrators of Durable Functions in the source of an app, and the functions that they call.

An orchestrator runs again from its beginning whenever one of its tasks ends. All code that it calls is replayed, too.
Activities, entities and clients run outside of it and are left out.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import NamedTuple

from hosting.check.source.modules import Source

Definition = ast.FunctionDef | ast.AsyncFunctionDef
_DECORATOR = "orchestration_trigger"
_CREATE = "azure.durable_functions.Orchestrator.create"
_CONTEXT_CLASS = "DurableOrchestrationContext"


class ReplayedFunction(NamedTuple):
    """A function that runs as part of an orchestrator."""

    source: Source
    node: Definition
    orchestrator: str
    """The name of the orchestrator that runs it."""
    contexts: frozenset[str]
    """The names of its parameters that are the orchestration's context."""

    @property
    def is_orchestrator(self) -> bool:
        """Whether it is the orchestrator itself and not a function that the orchestrator calls."""
        return self.node.name == self.orchestrator

    @property
    def local_names(self) -> frozenset[str]:
        """The names of its parameters and variables, which hide imports of the same name."""
        stored = (one.id for one in self.walk() if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store))
        return frozenset({*_parameters(self.node), *stored})

    def walk(self) -> Iterator[ast.AST]:
        """Yield the syntax nodes of the body; functions inside it are not part of it."""
        return _walk(self.node.body)


class _Module(NamedTuple):
    """One file, with the functions at module level and the names that it imports relatively."""

    source: Source
    functions: Mapping[str, Definition]
    relative_imports: Mapping[str, str]


def replayed_functions(sources: Sequence[Source]) -> list[ReplayedFunction]:
    """Return all orchestrators of an app and the app's functions that they call, directly or indirectly.

    Calls are followed by name: of functions in the same file, inside the orchestrator, and in other files of the app
    that are imported. Methods are not followed.
    """
    modules = {_module_name(source): _read(source) for source in sources}
    found: dict[int, ReplayedFunction] = {}
    waiting = [one for module in modules.values() for one in _orchestrators(module, modules)]
    while waiting:
        function = waiting.pop(0)
        if id(function.node) not in found:
            found[id(function.node)] = function
            waiting.extend(_called(function, modules))
    return list(found.values())


def is_generator(node: Definition) -> bool:
    """Return whether a function has ``yield`` in its own body."""
    return any(isinstance(one, ast.Yield | ast.YieldFrom) for one in _walk(node.body))


def _module_name(source: Source) -> str:
    path = PurePosixPath(source.relative).with_suffix("")
    return ".".join(path.parent.parts if path.name == "__init__" else path.parts)


def _read(source: Source) -> _Module:
    functions = {one.name: one for one in source.tree.body if isinstance(one, Definition)}
    package = PurePosixPath(source.relative).parent.parts
    return _Module(source, functions, dict(_relative_imports(source.tree, package)))


def _relative_imports(tree: ast.Module, package: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield each name of a relative import, and what it refers to from the app's folder."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.level:
            base = [*package[: len(package) - node.level + 1], *filter(None, [node.module])]
            yield from ((one.asname or one.name, ".".join([*base, one.name])) for one in node.names)


def _orchestrators(module: _Module, modules: Mapping[str, _Module]) -> Iterator[ReplayedFunction]:
    """Yield the functions with the decorator of the v2 model, and those that ``Orchestrator.create`` is called with."""
    for node in ast.walk(module.source.tree):
        if isinstance(node, Definition) and _is_decorated(node):
            yield _orchestrator(module.source, node)
    for name, call in module.source.calls():
        found = _function_of(module, call.args[0], modules) if name == _CREATE and call.args else None
        if found is not None:
            yield _orchestrator(*found)


def _orchestrator(source: Source, node: Definition) -> ReplayedFunction:
    return ReplayedFunction(source, node, node.name, frozenset(_parameters(node)[:1]))


def _is_decorated(node: Definition) -> bool:
    calls = (one.func for one in node.decorator_list if isinstance(one, ast.Call))
    return any(isinstance(called, ast.Attribute) and called.attr == _DECORATOR for called in calls)


def _function_of(
    module: _Module, expression: ast.expr, modules: Mapping[str, _Module]
) -> tuple[Source, Definition] | None:
    """Return the app's function at module level that a name means; None if there is none."""
    if isinstance(expression, ast.Name) and expression.id in module.functions:
        return module.source, module.functions[expression.id]
    owner, _, name = _resolved(module, expression).removeprefix("__app__.").rpartition(".")
    other = modules.get(owner)
    return (other.source, other.functions[name]) if other and name in other.functions else None


def _resolved(module: _Module, expression: ast.expr) -> str:
    first, dot, rest = module.source.qualified_name(expression).partition(".")
    return module.relative_imports.get(first, first) + dot + rest


def _called(function: ReplayedFunction, modules: Mapping[str, _Module]) -> Iterator[ReplayedFunction]:
    """Yield the app's functions that a replayed function uses, except those that run elsewhere."""
    module = modules[_module_name(function.source)]
    inner = {one.name: one for one in _statements(function.node.body) if isinstance(one, Definition)}
    for expression in _used(function):
        if isinstance(expression, ast.Name) and expression.id in inner:
            found = function.source, inner[expression.id]
        elif target := _function_of(module, expression, modules):
            found = target
        else:
            continue
        if not found[1].decorator_list or not _runs_elsewhere(found[1]):
            yield ReplayedFunction(*found, function.orchestrator, _contexts(found[1], function))


def _used(function: ReplayedFunction) -> Iterator[ast.expr]:
    """Yield the names that a function uses, except as arguments of its context: those functions are activities."""
    scheduled = {
        id(argument)
        for call in function.walk()
        if isinstance(call, ast.Call) and context_method(function, call)
        for argument in (*call.args, *(one.value for one in call.keywords))
    }
    for node in function.walk():
        if isinstance(node, ast.Name | ast.Attribute) and id(node) not in scheduled:
            yield node


def context_method(function: ReplayedFunction, node: ast.AST | None) -> str:
    """Return the name of the method or property that an expression uses of the orchestration's context; or nothing."""
    match node:
        case ast.Call(func=ast.Attribute() as called):
            return context_method(function, called)
        case ast.Attribute(value=ast.Name(id=name), attr=attribute) if name in function.contexts:
            return attribute
    return ""


def _runs_elsewhere(node: Definition) -> bool:
    """Return whether a function is decorated as a function of the app, which is only called by its name."""
    calls = (one.func for one in node.decorator_list if isinstance(one, ast.Call))
    names = [called.attr for called in calls if isinstance(called, ast.Attribute)]
    return any(name.endswith("_trigger") or name in ("route", "schedule", "function_name") for name in names)


def _contexts(node: Definition, caller: ReplayedFunction) -> frozenset[str]:
    """Return the parameters of a called function that are the context: by name or by annotation."""
    annotated = (
        one.arg for one in _arguments(node) if one.annotation and _CONTEXT_CLASS in ast.unparse(one.annotation)
    )
    return frozenset({*annotated, *caller.contexts.intersection(_parameters(node))})


def _arguments(node: Definition) -> list[ast.arg]:
    given = node.args
    named = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [*named, *(one for one in (given.vararg, given.kwarg) if one)]


def _parameters(node: Definition) -> list[str]:
    return [one.arg for one in _arguments(node)]


def _statements(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """Yield all syntax nodes of a body, including the functions and classes in it, but not what these contain."""
    waiting = list(body)
    while waiting:
        node = waiting.pop(0)
        yield node
        if not isinstance(node, Definition | ast.ClassDef):
            waiting.extend(ast.iter_child_nodes(node))


def _walk(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    return (one for one in _statements(body) if not isinstance(one, Definition | ast.ClassDef))
