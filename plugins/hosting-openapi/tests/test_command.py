"""``hosting openapi``: the document for builds."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from hosting.errors import HostingError
from hosting.testing import make_host
from hosting_openapi import OpenApi
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


INSTALLED = """
import hosting


class Reports:
    @hosting.hookimpl
    def prepare(self, app):
        app.add_route("reports/{id:int}", self.report)

    def report(self, request):
        '''Read a report.'''
        return "a report"
"""


@pytest.fixture
def reports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package whose extension ``reports`` adds a route."""
    site = tmp_path / "site"
    for name, content in {
        "zz_reports.py": INSTALLED,
        "zz_reports-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: zz-reports\nVersion: 1.0\n",
        "zz_reports-1.0.dist-info/entry_points.txt": "[hosting]\nreports = zz_reports:Reports\n",
    }.items():
        (site / name).parent.mkdir(parents=True, exist_ok=True)
        (site / name).write_text(content)
    monkeypatch.syspath_prepend(site)
    yield
    sys.modules.pop("zz_reports", None)


@pytest.mark.usefixtures("reports")
@pytest.mark.parametrize(("setting", "is_in"), [([], False), (["Reports"], True)])
def test_routes_of_an_installed_extension_are_in_the_document_where_the_setting_names_it(
    setting: list[str], is_in: bool, app: Path
) -> None:
    """The command loads that extension, and its document is the one that the app serves."""
    host = json.loads((app / "host.json").read_text())
    host["extensionHost"] = {"extensions": {"openapi": {"settings": {"routes_of": setting, "open": True}}}}
    (app / "host.json").write_text(json.dumps(host))
    printed = run(app)
    assert printed.exit_code == 0, printed.output
    get = json.loads(printed.stdout)["paths"].get("/api/reports/{id}", {}).get("get")
    assert (get is not None) == is_in
    assert get is None or get["summary"] == "Read a report."
    installed = {"reports": "reports"} if is_in else {}
    with make_host(app, extensions={"openapi": OpenApi(), **installed}) as served:
        assert served.get("/api/openapi.json").body == printed.stdout_bytes


def test_extension_that_is_not_installed_is_named(app: Path) -> None:
    """The command fails; a host reports it and serves the rest."""
    settings = {"extensionHost": {"extensions": {"openapi": {"settings": {"routes_of": ["reprots"]}}}}}
    host = json.loads((app / "host.json").read_text()) | settings
    (app / "host.json").write_text(json.dumps(host))
    command = run(app)
    assert (command.exit_code, "reprots" in str(command.exception)) == (1, True)
    with make_host(app, extensions={"openapi": OpenApi()}) as served:
        problems = [one["message"] for one in served.diagnosis()["problems"]]
    assert [one for one in problems if one.startswith("routes_of names the extension 'reprots'")] != []


@pytest.mark.parametrize("path", ["shop", "shop/function_app.py", "shop/shared/more", "shop/shared/words.py", "."])
def test_app_is_found_from_a_folder_inside_and_from_its_file(
    path: str, app: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As ``hosting start`` finds it; the remedy of ``--check`` is the command for this folder."""
    (app / "shared" / "more").mkdir(parents=True)
    (app / "shared" / "words.py").touch()
    monkeypatch.chdir(app / "shared" if path == "." else tmp_path)
    assert run(path).stdout_bytes == run(app).stdout_bytes != b""


def test_ends_of_lines_as_windows_has_them_are_up_to_date(app: Path) -> None:
    """Git may check a file out that way."""
    file = app / "openapi.json"
    assert run(app, "-o", file).exit_code == 0
    file.write_bytes(file.read_bytes().replace(b"\n", b"\r\n"))
    assert run(app, "-o", file, "--check").exit_code == 0


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
