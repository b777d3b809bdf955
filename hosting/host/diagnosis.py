"""Diagnosis of an app: its extensions, functions and problems, found by loading it without serving it."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hosting.core import Problem
from hosting.errors import HostingError
from hosting.extensions import ExtensionHost
from hosting.host.function_host import FunctionHost
from hosting.host.process import enter


def diagnose(
    root: Path, functions: Sequence[str] = (), *, verify: bool = False, chain: str | None = None
) -> tuple[dict[str, Any], HostingError | None]:
    """Load the app in this process and return its diagnosis.

    Args:
        root: the app's folder.
        functions: names of the functions to load; empty for all.
        verify: whether to compare the files of extensions with what was installed.
        chain: the name of a function; the document shows its compiled hooks.

    Returns:
        The document that ``docs/reference/diagnosis.md`` describes, and the error of an app that does not load or of a
        function without a chain.
    """
    logging.getLogger("hosting").addHandler(logging.NullHandler())  # the document has what the log would say
    host = FunctionHost(root, functions=functions)
    failure: HostingError | None = None
    problems: tuple[Problem, ...] = ()
    compiled: dict[str, str] | None = None
    try:
        enter(root)
        host.load()
        problems = host.problems
        compiled = None if chain is None else host.extensions.describe_chain(chain)
    except HostingError as error:
        failure = error
        problems = (*problems, Problem("error", error.message, error.remedy, error.file, error.line).redacted())
    document = (getattr(host, "extensions", None) or ExtensionHost(environ=os.environ)).diagnosis(verify=verify)
    document["problems"] = [*document["problems"], *(_problem_document(problem) for problem in problems)]
    return (document if chain is None else {**document, "chain": compiled}), failure


def _problem_document(problem: Problem) -> dict[str, Any]:
    where = "" if problem.file is None else f"{problem.file}{f':{problem.line}' if problem.line else ''}: "
    return {"severity": problem.severity, "message": where + problem.message, "remedy": problem.remedy}
