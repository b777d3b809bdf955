"""``hosting openapi``: the document for builds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hosting.errors import HostingError
from hosting_openapi.commands import openapi

SHOP = (Path(__file__).parent / "shop.py").read_text("utf-8")
REQUIRED = '["customer", "lines", "payment"]'


@pytest.fixture
def app(tmp_path: Path) -> Path:
    """The folder of the app, which prints at import."""
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "function_app.py").write_text(f"{SHOP}\nprint('imported')\n")
    host = {"version": "2.0", "extensionHost": {"required": ["auth"], "extensions": {"openapi": {"settings": {}}}}}
    (folder / "host.json").write_text(json.dumps(host))
    return folder


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(openapi, [str(one) for one in arguments])


def test_command_writes_the_same_bytes_each_time_and_checks_them(app: Path) -> None:
    """What the app prints is not in the document; a file that differs is an error that says where."""
    file = app / "openapi.json"
    printed = run(app)
    assert printed.exit_code == 0, printed.output
    assert json.loads(printed.stdout)["paths"]["/api/orders"]["post"]["operationId"] == "place"
    assert run(app, "-o", file).exit_code == 0
    assert file.read_bytes() == printed.stdout_bytes
    assert run(app, "-o", file, "--check").exit_code == 0
    host = json.loads((app / "host.json").read_text())
    host["extensionHost"]["extensions"]["openapi"]["settings"] = {"title": "Shop"}
    (app / "host.json").write_text(json.dumps(host))
    code = (app / "function_app.py").read_text()
    (app / "function_app.py").write_text(code.replace("    note: str | int | None = None\n", "    gift: bool\n"))
    checked = run(app, "-o", file, "--check")
    assert (checked.exit_code, type(checked.exception)) == (1, HostingError)
    assert str(checked.exception).splitlines()[1:4] == [
        "  #/components/schemas/Order/properties/gift: new",
        "  #/components/schemas/Order/properties/note: no longer there",
        f'  #/components/schemas/Order/required: {REQUIRED} is now {REQUIRED[:-1]}, "gift"]',
    ]
    assert '  #/info/title: "Function app" is now "Shop"' in str(checked.exception)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        ("[", "it is not JSON"),
        ("reformatted", "only the layout differs"),
    ],
)
def test_check_says_what_is_wrong_with_the_file(app: Path, content: str | None, message: str) -> None:
    """A file that is not there, is not JSON, or has another layout is not up to date."""
    file = app / "api.json"
    if content == "reformatted":
        content = json.dumps(json.loads(run(app).stdout))
    if content is not None:
        file.write_text(content)
    checked = run(app, "-o", file, "--check")
    assert checked.exit_code == 1
    assert message in str(checked.exception)
    assert isinstance(checked.exception, HostingError)
    assert checked.exception.remedy == f"Run: hosting openapi {app} -o {file}"


def test_function_that_cannot_be_validated_is_an_error_with_its_place(app: Path) -> None:
    """The document would not say what it takes."""
    code = (app / "function_app.py").read_text()
    line = len(code.splitlines()) + 2
    broken = "def bad(req: func.HttpRequest, other: Annotated[int, Path]) -> str:\n    return ''\n"
    (app / "function_app.py").write_text(f"{code}\n@app.route('bad/{{id}}')\n{broken}")
    failed = run(app)
    assert isinstance(failed.exception, HostingError)
    expected = f"{app / 'function_app.py'}:{line}: Function 'bad' cannot be validated, so each call of it fails"
    fault = "TypeError: parameter 'other' is for the path, and the route has no {other}"
    assert failed.exception.message == f"{expected}: {fault}"


def test_usage_errors(app: Path) -> None:
    """``--check`` needs a file, and the app's folder must be there."""
    assert "name it with -o FILE" in run(app, "--check").output
    assert run(app / "nowhere").exit_code == 2
    unwritable = run(app, "-o", app / "nowhere" / "api.json")
    assert "cannot be written" in str(unwritable.exception)
