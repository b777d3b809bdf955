"""The banner that ``hosting start`` prints once it serves: functions, extensions, the address, and problems."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator

from hosting._log import host_logger
from hosting._text import with_remedy
from hosting.bindings.http.provider import full_route
from hosting.core import Function, Problem
from hosting.extensions import Extension, ExtensionHost
from hosting.host.binder import grouped_problems
from hosting.host.function_host import FunctionHost
from hosting.runner.options import StartOptions

_logger = host_logger("start")


def announce(host: FunctionHost, base: str, options: StartOptions, echo: Callable[[str], None]) -> None:
    """Print what is served, and log its problems; with JSON logs, everything is logged.

    Args:
        host: the loaded host.
        base: the URL that it listens on, without a slash at the end.
        options: the flags of ``hosting start``.
        echo: writes a line.
    """
    lines = list(function_lines(host, base))
    extensions = extension_line(host.extensions)
    if options.log_format == "json":
        for line in filter(None, [*lines, extensions, f"Listening on {base}"]):
            _logger.info(line)
    else:
        _print(lines, extensions, base, echo, verbose=options.verbose)
    for name in host.skipped_settings:
        text = "Skipping '%s' from local settings as it's already defined in current environment variables."
        host_logger("settings").info(text, name)
    if host.extensions.unguarded():
        host_logger("extensions").warning("Functions without a guard: %s.", ", ".join(host.extensions.unguarded()))
    log_problems(
        (
            *host.other_problems,
            *grouped_problems(host.never_triggered),
            *host.replacements,
            *host.extensions.name_problems(),
        )
    )


def function_lines(host: FunctionHost, base: str) -> Iterator[str]:
    """Yield a line for each function that can run, HTTP functions first, then one for each disabled function.

    Args:
        host: the loaded host.
        base: the URL that it listens on, without a slash at the end.
    """
    routes = {route.function: route for route in host.router().routes}
    prefix = host.http.prefix if host.http else ""
    never_triggered = {one.function.name for one in host.never_triggered}
    runnable = [function for function in host.functions if _can_run(host, function)]
    for function in runnable:
        if function.name in routes:
            route = routes[function.name]
            methods = "" if route.methods is None else f"[{','.join(_methods(function))}]"
            yield f"{function.name}: {methods} {base}/{full_route(route, prefix)}"
    for function in runnable:
        if function.name not in routes:
            mark = " (never triggered)" if function.name in never_triggered else ""
            yield f"{function.name}: {function.trigger.type}{mark}"
    for function in host.functions:
        if function.disabled:
            yield f"Function {function.name} is disabled."


def extension_line(host: ExtensionHost) -> str:
    """Return which extensions are loaded, or how to load the installed ones; empty if none is installed."""
    if not host.enabled:
        names = ", ".join(extension.name for extension in host.installed if not extension.is_local)
        own = ", ".join(_extension(extension) for extension in host.installed if extension.is_local)
        hint = f" Set PYTHON_ENABLE_WORKER_EXTENSIONS=1 to load {names}." if names else ""
        return f"Extensions: {own or 'off'}.{hint}" if own or names else ""
    return f"Extensions: {', '.join(map(_extension, host.installed))}" if host.installed else ""


def log_problems(problems: Iterable[Problem]) -> None:
    """Log problems, each as one message without secrets."""
    for problem in problems:
        level = logging.ERROR if problem.severity == "error" else logging.WARNING
        _logger.log(level, problem_text(problem.redacted()))


def problem_text(problem: Problem) -> str:
    """Return a problem as one log message."""
    if problem.file is None:
        return with_remedy(problem.message, problem.remedy)
    where = f" ({problem.file}{f':{problem.line}' if problem.line else ''})"
    return f"{problem.message}{where}" + (f" {problem.remedy}" if problem.remedy else "")


def _print(lines: list[str], extensions: str, base: str, echo: Callable[[str], None], *, verbose: bool) -> None:
    echo("\nFunctions:\n" if lines else "")
    for line in lines:
        echo(line + "\n" if line.startswith("Function ") else f"\t{line}\n")
    if extensions:
        echo(extensions)
    echo(f"Listening on {base} (Ctrl+C to stop)")
    if not verbose:
        echo("For detailed output, run hosting start with --verbose.\n")


def _extension(extension: Extension) -> str:
    version = f" {extension.version}" if extension.version else ""
    status = "" if extension.status == "active" else f" ({extension.status})"
    return f"{extension.name}{version}{status}"


def _can_run(host: FunctionHost, function: Function) -> bool:
    return function.name.lower() in host.invocations and not function.disabled


def _methods(function: Function) -> list[str]:
    methods = function.trigger.properties["methods"]
    return [str(method).upper() for method in ([methods] if isinstance(methods, str) else methods)]
