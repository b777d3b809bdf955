"""The orchestrators of an app: whether replaying them gives the same calls, and whether they yield tasks.

Source of the rules: Azure's documentation, "Orchestrator function code constraints".
"""

from __future__ import annotations

import ast
import builtins
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from hosting.check.report import Finding, finding
from hosting.check.source.modules import Source
from hosting.check.source.orchestrators import ReplayedFunction, context_method, is_generator, replayed_functions


class Impure(NamedTuple):
    """Calls, or attributes, that an orchestrator must not use."""

    names: re.Pattern[str]
    """Qualified names."""
    code: str
    does: str
    """What the orchestrator does with it: a verb and its object."""
    remedy: str


_ACTIVITY = "Do it in an activity: result = yield context.call_activity(NAME, INPUT)."
_HTTP = f"Use yield context.call_http(METHOD, URL). Or: {_ACTIVITY}"
_TIMER = "Use yield context.create_timer(context.current_utc_datetime + timedelta(...))."
_CLOCK = "Use context.current_utc_datetime, which a replay repeats."
_MODULES = "requests|httpx|urllib3|aiohttp|niquests"
_VERBS = "get|post|put|patch|delete|head|options|request|stream|session|Session|Client|AsyncClient|ClientSession"
_DATABASES = "sqlite3|psycopg|psycopg2|pyodbc|pymysql|pymssql|asyncpg|oracledb|mysql.connector"


def _named(text: str) -> re.Pattern[str]:
    return re.compile(rf"(?:{text})")


_IMPURE: tuple[Impure, ...] = (
    Impure(
        _named(r"datetime\.datetime\.(now|utcnow|today)|datetime\.date\.today"), "APP501", "reads the clock", _CLOCK
    ),
    Impure(
        _named(r"time\.(time|monotonic|perf_counter|process_time)(_ns)?|time\.(localtime|gmtime|ctime|strftime)"),
        "APP501",
        "reads the clock",
        _CLOCK,
    ),
    Impure(_named(r"uuid\.uuid[14]"), "APP501", "creates an id", "Use context.new_uuid(), which a replay repeats."),
    Impure(
        _named(r"(numpy\.)?random\.\w+(\.\w+)?|secrets\.\w+|os\.urandom"),
        "APP501",
        "uses random numbers",
        f"{_ACTIVITY} Or use random.Random(context.instance_id) for numbers that a replay repeats.",
    ),
    Impure(
        _named(r"os\.(environ|getenv)b?"),
        "APP501",
        "reads the environment",
        "Give the value as input, or read it in an activity: it may change while an orchestration waits.",
    ),
    Impure(
        _named(rf"({_MODULES})\.({_VERBS})(\.\w+)?|urllib\.request\.\w+|http\.client\.\w+"),
        "APP502",
        "calls HTTP",
        _HTTP,
    ),
    Impure(
        _named(rf"socket\.\w+|({_DATABASES})\.connect(\.\w+)?|sqlalchemy\.create_engine(\.\w+)?|boto3\.\w+|redis\.\w+"),
        "APP502",
        "connects to a service",
        _ACTIVITY,
    ),
    Impure(
        _named(r"(azure|pymongo|openai|google|motor)\.[\w.]*(Client|Credential|OpenAI)(\.\w+)?"),
        "APP502",
        "connects to a service",
        _ACTIVITY,
    ),
    Impure(
        _named(
            r"open|io\.open|os\.(listdir|scandir|walk|remove|mkdir|makedirs|stat)|shutil\.\w+|tempfile\.\w+|glob\.i?glob"
        ),
        "APP502",
        "uses files",
        _ACTIVITY,
    ),
    Impure(
        _named(r"pathlib\.Path\.(read_\w+|write_\w+|open|exists|is_file|is_dir|iterdir|glob|rglob|stat|unlink|mkdir)"),
        "APP502",
        "uses files",
        _ACTIVITY,
    ),
    Impure(_named(r"subprocess\.\w+|os\.(system|popen)"), "APP502", "starts a process", _ACTIVITY),
    Impure(_named(r"input"), "APP502", "reads from the terminal", "Use yield context.wait_for_external_event(NAME)."),
    Impure(_named(r"time\.sleep"), "APP502", "sleeps", _TIMER),
    Impure(
        _named(r"asyncio\.\w+"),
        "APP503",
        "uses asyncio",
        "Yield tasks of the context: task_all and task_any wait for several, create_timer waits for a time.",
    ),
    Impure(
        _named(r"(_?thread|threading|multiprocessing|concurrent\.futures)\.\w+(\.\w+)?"),
        "APP503",
        "starts threads or processes",
        "Run activities in parallel: results = yield context.task_all([context.call_activity(...), ...]).",
    ),
)
_SEEDED = frozenset({"random.Random", "random.seed", "numpy.random.default_rng", "numpy.random.RandomState"})
"""Calls that are deterministic if they receive a seed."""
_OF_A_GIVEN_TIME = frozenset({"time.localtime", "time.gmtime", "time.ctime", "time.strftime"})
"""Calls that read the clock only if they do not receive a time."""
_TASKS = frozenset(
    {
        "call_activity",
        "call_activity_with_retry",
        "call_sub_orchestrator",
        "call_sub_orchestrator_with_retry",
        "call_http",
        "call_entity",
        "create_timer",
        "wait_for_external_event",
        "task_all",
        "task_any",
    }
)
"""Methods of the context that return a task."""
_NO_TASKS = frozenset(
    {
        "get_input",
        "new_uuid",
        "new_guid",
        "set_custom_status",
        "signal_entity",
        "current_utc_datetime",
        "instance_id",
        "parent_instance_id",
        "is_replaying",
        "custom_status",
        "version",
    }
)
"""Methods and properties of the context that are not tasks."""
_VALUES = (
    ast.Constant,
    ast.Dict,
    ast.Set,
    ast.DictComp,
    ast.SetComp,
    ast.GeneratorExp,
    ast.JoinedStr,
    ast.Compare,
    ast.BoolOp,
    ast.Lambda,
)
_SEVERAL = (ast.List, ast.Tuple, ast.ListComp)


def check_orchestrators(sources: list[Source]) -> Iterator[Finding]:
    """Check the functions that are replayed: the orchestrators of an app, and what they call."""
    replayed = replayed_functions(sources)
    generators = {id(one.node) for one in replayed if is_generator(one.node)}
    for function in replayed:
        yield from _check_async(function)
        yield from _check_calls(function)
        yield from _check_order(function)
        yield from _check_yields(function, [one for one in replayed if id(one.node) in generators])
        yield from _check_forgotten(function)


def _finding(code: str, function: ReplayedFunction, does: str, remedy: str, node: ast.AST) -> Finding:
    subject = f"the orchestrator {function.orchestrator!r}"
    if not function.is_orchestrator:
        subject += f" calls {function.node.name!r}, which"
    line = getattr(node, "lineno", function.node.lineno)
    return finding(code, f"{subject} {does}", remedy, function.source.relative, line)


def _check_async(function: ReplayedFunction) -> Iterator[Finding]:
    if isinstance(function.node, ast.AsyncFunctionDef):
        remedy = "Write def instead of async def, and yield instead of await; await belongs in activities and clients."
        yield _finding("APP503", function, "is async def, which Durable Functions cannot replay", remedy, function.node)


def _check_calls(function: ReplayedFunction) -> Iterator[Finding]:
    """Report calls with a result that differs on replay, or that act on something outside of the orchestration."""
    local, objects = function.local_names, _module_objects(function.source)
    guarded = {id(node) for node in _only_first_time(function)}
    for node, name, arguments in _uses(function, local, objects):
        rule = next((one for one in _IMPURE if one.names.fullmatch(name)), None)
        if rule is not None and id(node) not in guarded and not _is_deterministic(name, arguments):
            yield _finding(rule.code, function, f"{rule.does} with {_text(node)}", rule.remedy, node)


def _text(node: ast.expr) -> str:
    shown = node.func if isinstance(node, ast.Call) else node
    return ast.unparse(shown)


def _uses(
    function: ReplayedFunction, local: frozenset[str], objects: Mapping[str, str]
) -> Iterator[tuple[ast.expr, str, int]]:
    """Yield calls, and uses of ``os.environ``, with the qualified name and the number of arguments."""
    for node in function.walk():
        if isinstance(node, ast.Call):
            name = _called_name(function.source, node.func, local, objects)
            yield node, name, len(node.args) + len(node.keywords)
        elif isinstance(node, ast.Attribute | ast.Name) and isinstance(node.ctx, ast.Load):
            name = _called_name(function.source, node, local, objects)
            if name in ("os.environ", "os.environb"):
                yield node, name, 0


def _called_name(source: Source, node: ast.expr, local: frozenset[str], objects: Mapping[str, str]) -> str:
    """Return the qualified name of what is called; empty if it is of a variable, or not known."""
    match node:
        case ast.Attribute(value=ast.Call(func=called), attr=attribute):
            inner = _called_name(source, called, local, objects)
            return f"{inner}.{attribute}" if inner == "pathlib.Path" else ""
    first = _first_name(node)
    if first in local:
        return ""
    if first in objects:
        return objects[first] + source.qualified_name(node).removeprefix(first)
    is_known = first in source.aliases or hasattr(builtins, first)
    return source.qualified_name(node) if is_known else ""


def _first_name(node: ast.expr) -> str:
    while isinstance(node, ast.Attribute):
        node = node.value
    return node.id if isinstance(node, ast.Name) else ""


def _module_objects(source: Source) -> dict[str, str]:
    """Return the objects that a file creates at module level: the qualified names of their classes, by their names."""
    return {
        target.id: source.qualified_name(node.value.func)
        for node in source.tree.body
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call)
        for target in node.targets
        if isinstance(target, ast.Name)
    }


def _is_deterministic(name: str, arguments: int) -> bool:
    needed = 2 if name == "time.strftime" else 1
    return name in _SEEDED | _OF_A_GIVEN_TIME and arguments >= needed


def _only_first_time(function: ReplayedFunction) -> Iterator[ast.AST]:
    """Yield the code in ``if not context.is_replaying``, which runs once and may log what it likes."""
    for node in function.walk():
        match node:
            case ast.If(test=ast.UnaryOp(op=ast.Not(), operand=operand), body=body):
                if context_method(function, operand) == "is_replaying":
                    yield from (one for statement in body for one in ast.walk(statement))


def _check_order(function: ReplayedFunction) -> Iterator[Finding]:
    """Report loops over sets that schedule tasks: the order of strings in a set differs between processes."""
    for node in function.walk():
        for iterated, body in _loops(node):
            if _is_set(iterated) and any(context_method(function, one) in _TASKS for one in _nodes(body)):
                remedy = "Write sorted(...) around the set: the order of a set differs between processes."
                yield _finding("APP501", function, "schedules tasks in the order of a set", remedy, iterated)


def _loops(node: ast.AST) -> Iterator[tuple[ast.expr, Iterable[ast.AST]]]:
    match node:
        case ast.For(iter=iterated, body=body):
            yield iterated, body
        case ast.ListComp(elt=element, generators=generators) | ast.GeneratorExp(elt=element, generators=generators):
            yield from ((one.iter, [element]) for one in generators)


def _nodes(body: Iterable[ast.AST]) -> Iterator[ast.AST]:
    return (one for part in body for one in ast.walk(part))


def _is_set(node: ast.expr) -> bool:
    match node:
        case ast.Set() | ast.SetComp() | ast.Call(func=ast.Name(id="set" | "frozenset")):
            return True
    return False


def _check_yields(function: ReplayedFunction, generators: list[ReplayedFunction]) -> Iterator[Finding]:
    """Report ``yield`` of something that is certainly not a task."""
    unreachable = {id(node) for node in _unreachable(function)}
    for node in function.walk():
        if isinstance(node, ast.Yield) and id(node) not in unreachable:
            problem = _problem_of_yield(function, node.value, generators)
            if problem is not None:
                does, remedy = problem
                yield _finding("APP504", function, does, remedy, node)


def _unreachable(function: ReplayedFunction) -> Iterator[ast.AST]:
    """Yield the code after ``return``, which only makes a function a generator."""
    for node in [function.node, *function.walk()]:
        body = getattr(node, "body", None)
        if isinstance(body, list):
            end = next((index for index, one in enumerate(body) if isinstance(one, ast.Return)), len(body))
            yield from _nodes(body[end:])


def _problem_of_yield(
    function: ReplayedFunction, value: ast.expr | None, generators: list[ReplayedFunction]
) -> tuple[str, str] | None:
    """Return what is wrong with a yielded value, and the remedy; None if it may be a task."""
    if value is None:
        return "yields nothing", "Yield a task of the context, such as context.call_activity(NAME, INPUT)."
    shown = f"yields {_shortened(ast.unparse(value))}, which is not a task"
    if isinstance(value, _SEVERAL):
        return shown, "Yield one task for all of them: yield context.task_all([...]), or task_any."
    if isinstance(value, _VALUES):
        return shown, "Yield only tasks of the context, such as context.call_activity(NAME, INPUT)."
    if context_method(function, value) in _NO_TASKS:
        return shown, f"Remove yield: context.{context_method(function, value)} needs no waiting."
    if isinstance(value, ast.Call) and _calls_generator(function, value, generators):
        return f"yields the generator {ast.unparse(value.func)}(...)", "Write yield from instead of yield."
    return None


def _calls_generator(function: ReplayedFunction, call: ast.Call, generators: list[ReplayedFunction]) -> bool:
    return isinstance(call.func, ast.Name) and any(
        one.node.name == call.func.id and one.source is function.source and not one.is_orchestrator
        for one in generators
    )


def _shortened(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 60 else f"{line[:57]}..."


def _check_forgotten(function: ReplayedFunction) -> Iterator[Finding]:
    """Report tasks that a statement creates and drops: they are never scheduled."""
    for node in function.walk():
        if isinstance(node, ast.Expr) and context_method(function, node.value) in _TASKS:
            does = f"drops the task of context.{context_method(function, node.value)}, which then never runs"
            yield _finding("APP505", function, does, "Write yield before it, or keep it for task_all.", node)
