"""``hosting new app``: create a function app with one function."""

from __future__ import annotations

import os

from hosting.host.host_json_schema import FILE as SCHEMA
from hosting.host.host_json_schema import schema_text
from hosting.scaffold.function import Model, render_test, v1_files, v2_text
from hosting.scaffold.names import function_names
from hosting.scaffold.renderer import render_tree
from hosting.scaffold.requirements import template_values
from hosting.scaffold.source_edit import read_script

FUNCTION = "hello"
SCRIPT = "function_app.py"


def app_files(name: str, model: Model) -> dict[str, str]:
    """Return the files of an app: their texts by their paths.

    Args:
        name: a name that ``names.check_app_name`` accepts.
        model: the programming model: ``v1`` for folders with a ``function.json``, ``v2`` for decorators.
    """
    values, chosen = template_values()
    schema, _ = schema_text(None, os.environ)
    files = {SCHEMA: schema, **render_tree("app", {"name": name, **values}, {model, *chosen})}
    names = function_names(FUNCTION, model)
    script = files.pop(SCRIPT)
    if model == "v1":
        files.update(v1_files(names, "http"))
    else:
        files[SCRIPT] = v2_text(read_script(SCRIPT, script.encode()), names, "http")
    return dict(sorted({**files, **render_test(names, "http", "/api")}.items()))
