"""HTTP functions with a binding to an account that no setting names."""

from __future__ import annotations

from pathlib import Path

import pytest

from hosting.host.function_host import FunctionHost

APP = """
import azure.functions as func

app = func.FunctionApp()


@app.route("broken")
@app.{decorator}
def broken(req: func.HttpRequest, {name}) -> str:
    return ""
"""


@pytest.mark.parametrize(
    ("decorator", "name"),
    [
        ("blob_input('one', path='a/b', connection='Elsewhere')", "one"),
        ("blob_output('one', path='a/b', connection='Elsewhere')", "one: func.Out[str]"),
        ("queue_output('one', queue_name='queue', connection='Elsewhere')", "one: func.Out[str]"),
        ("table_input('one', table_name='rows', connection='Elsewhere')", "one"),
        ("table_output('one', table_name='rows', connection='Elsewhere')", "one: func.Out[str]"),
    ],
)
@pytest.mark.parametrize("text", [None, "nonsense"], ids=["missing", "unusable"])
def test_function_has_its_route_and_the_problem_names_the_setting(
    decorator: str, name: str, text: str | None, tmp_path: Path
) -> None:
    """As in Azure, only its calls fail."""
    (tmp_path / "function_app.py").write_text(APP.format(decorator=decorator, name=name))
    setting = "AzureWebJobsElsewhere" if text is None else "Elsewhere"
    host = FunctionHost(tmp_path, environ={} if text is None else {"Elsewhere": text})
    host.load()
    assert [route.function for route in host.router().routes] == ["broken"]
    (problem,) = host.problems
    assert f"'{setting}'" in problem.message
    assert problem.function == "broken"
