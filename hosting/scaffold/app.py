"""``hosting new app``: the files of a function app with one function in it."""

from __future__ import annotations

from hosting.scaffold.extension import version
from hosting.scaffold.function import Model, tests_of, v1_files, v2_text
from hosting.scaffold.names import function_names
from hosting.scaffold.renderer import tree
from hosting.scaffold.source_edit import read_script

FUNCTION = "hello"
SCRIPT = "function_app.py"


def app_files(name: str, model: Model) -> dict[str, str]:
    """The text of each file of the app, by path.

    Args:
        name: what ``names.app_name`` gave.
        model: the programming model: folders with a function.json, or decorators.
    """
    values = {"name": name, "hosting_version": version()}
    files = tree("app", values, {model})
    names = function_names(FUNCTION, model)
    script = files.pop(SCRIPT)
    if model == "v1":
        files.update(v1_files(names, "http"))
    else:
        files[SCRIPT] = v2_text(read_script(SCRIPT, script.encode()), names, "http")
    return dict(sorted({**files, **tests_of(names, "http", "/api")}.items()))
