"""The version of the interface: old extensions run unchanged, changes are announced, newer extensions are refused."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import azure.functions as func
import pytest

import hosting
from hosting import hookspecs
from hosting.authoring import pending
from hosting.errors import ExtensionError
from hosting.testing import make_host
from tests.support.invoking import extension_entry, function, load_host

OLD = Path(__file__).parent / "interface_1_0"
APP = """
import azure.functions as func
import hosting
import all_hooks, hosting_profile, hosting_request_id, hosting_timer

app = hosting.extend(func.FunctionApp())
hosting.extension(hosting_timer.TimerExtension, name="timer")
hosting.extension(hosting_profile.ProfileExtension, name="profile")
hosting.extension(hosting_request_id.RequestIdExtension, name="request-id")
hosting.extension(all_hooks)
hosting.configure("timer", append_to_http_response=True)
hosting.configure("request-id", prefix="old")
hosting.configure("all_hooks", a=1)

@app.route("hello")
@hosting.use("profile", output=["header"], measure=["time"])
@hosting.use("all_hooks", b=2)
def hello(req: func.HttpRequest) -> func.HttpResponse:
    if "fail" in req.params:
        raise ValueError("no")
    return func.HttpResponse("hello")
"""
LOAD = [
    *("init", "configure 1", "init_function", "configure_function 2"),
    *("post_function_load_app_level", "post_function_load", "startup"),
]
BEFORE = ["invocation_app_level", "pre_invocation_app_level", "invocation", "pre_invocation ['req']"]
SUCCEEDED = ["post_invocation", "invocation None", "post_invocation_app_level", "invocation_app_level None"]
FAILED = [
    *("invocation_error", "invocation ValueError('no')", "invocation_error_app_level"),
    "invocation_app_level ValueError('no')",
]


@pytest.fixture
def old(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """Put the old extensions before the installed ones; return the one that has all hooks."""
    site = tmp_path / "old"
    for file in OLD.rglob("*.py.txt"):
        target = site / file.relative_to(OLD).with_suffix("")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(file.read_text("utf-8"), "utf-8")
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "function_app.py").write_text(APP, "utf-8")
    (tmp_path / "app" / "host.json").write_text('{"version": "2.0"}', "utf-8")
    names = ("all_hooks", "hosting_timer", "hosting_profile", "hosting_request_id")

    def forget() -> None:
        for name in [name for name in sys.modules if name.partition(".")[0] in names]:
            monkeypatch.delitem(sys.modules, name)

    forget()
    sys.modules.pop("function_app", None)  # of another test: it must not come back
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.delenv("PYTHON_ENABLE_WORKER_EXTENSIONS", raising=False)
    yield importlib.import_module("all_hooks")
    for name in [name for name in sys.modules if name.partition(".")[0] in (*names, "function_app")]:
        del sys.modules[name]
    pending.shared = None
    pending.take()


def check_answer(text: str, timing: str | None, log: str) -> None:
    """Check that each of the old extensions has done what it did."""
    assert text.startswith("hello (TimeElapsed: ")
    assert timing is not None
    assert timing.startswith("function;dur=")
    assert "old: hello starts" in log
    assert "old: hello succeeded" in log


def test_extensions_of_interface_1_0_run_in_a_host(old: ModuleType, tmp_path: Path) -> None:
    """Each hook is called with the arguments that it took, and without a warning: warnings are errors here."""
    with make_host(tmp_path / "app", raises=False) as host:
        assert "/old/" in Path(sys.modules["hosting_timer"].__file__ or "").as_posix()
        reply = host.get("/api/hello")
        check_answer(reply.text, reply.headers.get("server-timing"), "\n".join(host.messages))
        assert host.get("/api/hello?fail=1").status == 500
        assert [one["status"] for one in host.diagnosis()["extensions"] if one["distribution"] is None] == [
            "active"
        ] * 4
        assert [one for one in host.diagnosis()["extensions"] if one["error"]] == []
    assert [*LOAD, *BEFORE, *SUCCEEDED, *BEFORE, *FAILED, "shutdown"] == old.CALLS


def test_extensions_of_interface_1_0_run_in_azures_worker(
    old: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The same around functions that hosting.extend has wrapped; the worker never calls shutdown."""
    caplog.set_level("INFO")
    monkeypatch.setenv("AzureWebJobsScriptRoot", str(tmp_path / "app"))
    monkeypatch.syspath_prepend(str(tmp_path / "app"))
    (definition,) = importlib.import_module("function_app").app.get_functions()
    call = definition.get_user_function()
    answer = call(func.HttpRequest("GET", "/api/hello", body=b""))
    check_answer(answer.get_body().decode(), answer.headers.get("server-timing"), caplog.text)
    with pytest.raises(ValueError, match="no"):
        call(func.HttpRequest("GET", "/api/hello", params={"fail": "1"}, body=b""))
    assert [*LOAD, *BEFORE, *SUCCEEDED, *BEFORE, *FAILED] == old.CALLS


class Old:
    """An extension with a hook that is about to go."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, logger: Any, context: Any) -> None:
        """Take two of the hook's arguments."""


class Keywords:
    """The same with all arguments."""

    @hosting.hookimpl
    def pre_invocation_app_level(self, **arguments: Any) -> None:
        """Take every argument."""


class Other:
    """An extension without that hook, and without that argument."""

    @hosting.hookimpl
    def post_invocation_app_level(self, context: Any) -> None:
        """Take one argument."""


def deprecate(monkeypatch: pytest.MonkeyPatch, warning: Warning, argument: str | None) -> None:
    """Deprecate pre_invocation_app_level, or one of its arguments, as the file of hooks would."""
    spec = hookspecs.pre_invocation_app_level
    options = {"warn_on_impl": None if argument else warning, "warn_on_impl_args": {argument: warning}}
    old_options: dict[str, Any] = spec.hosting_spec  # type: ignore[attr-defined]
    monkeypatch.setattr(spec, "hosting_spec", {**old_options, **(options if argument else {"warn_on_impl": warning})})


KINDS = (hosting.RemovedIn2Warning, hosting.ExperimentalWarning)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("argument", [None, "context"])
@pytest.mark.parametrize("cls", [Old, Keywords, Other])
def test_deprecated_hook_or_argument_warns_with_the_line_of_its_implementation(
    monkeypatch: pytest.MonkeyPatch, kind: type[Warning], argument: str | None, cls: type
) -> None:
    """The extension runs all the same, also under --strict, and the diagnosis shows it."""
    deprecate(monkeypatch, kind("since 1.3; write invocation_app_level instead"), argument)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        host = load_host({"subject": cls}, function(lambda req: None), strict=True)
    assert extension_entry(host, "subject")["status"] == "active"
    problems = [one["message"] for one in host.diagnosis()["problems"]]
    if cls is Other:
        assert (caught, problems) == ([], [])
        return
    (warning,) = caught
    assert warning.category is kind
    assert str(warning.message).startswith("extension 'subject', hook 'pre_invocation_app_level': since 1.3; write ")
    assert warning.filename == __file__
    line = Path(__file__).read_text("utf-8").splitlines()[warning.lineno - 1 :][:2]
    assert any("hookimpl" in text or "def pre_invocation_app_level" in text for text in line)
    (problem,) = problems
    assert ("is deprecated" if kind is hosting.RemovedIn2Warning else "may still change") in problem


def test_deprecation_that_is_an_error_fails_the_extension_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """An author's tests turn warnings into errors, and see which extension it is."""
    deprecate(monkeypatch, hosting.RemovedIn2Warning("since 1.3"), None)
    host = load_host({"subject": Old, "other": Other}, function(lambda req: None))
    assert extension_entry(host, "subject")["status"] == "failed"
    assert "RemovedIn2Warning" in extension_entry(host, "subject")["error"]["type"]
    assert extension_entry(host, "other")["status"] == "active"


def test_nothing_of_the_interface_is_deprecated_without_a_text_in_the_one_file() -> None:
    """Each warning of a hook is a constant of hosting/_interface.py."""
    from hosting import _interface
    from hosting.extensions._hooks import spec_arguments, spec_warnings

    texts = [value for value in vars(_interface).values() if isinstance(value, Warning)]
    found = [spec_warnings(name) for name in spec_arguments()]
    assert [one for hook, arguments in found for one in (hook, *arguments.values()) if one and one not in texts] == []


MAJOR, MINOR = hosting.INTERFACE


def test_page_on_stability_names_the_version_of_the_interface() -> None:
    """A reader of the documentation knows which version it is about."""
    page = Path(__file__).parents[2] / "docs" / "reference" / "stability.md"
    assert f"`hosting.INTERFACE`, now `{MAJOR}.{MINOR}`." in page.read_text("utf-8")


NEEDS: dict[str, tuple[Any, str, str]] = {
    "newer minor": ((MAJOR, MINOR + 1), f"it needs the interface {MAJOR}.{MINOR + 1} of hosting", "newer version of h"),
    "newer major": ((MAJOR + 1, 0), f"it needs the interface {MAJOR + 1}.0 of hosting", "newer version of hosting"),
    "older major": ((MAJOR - 1, 9), f"it needs the interface {MAJOR - 1}.9 of hosting", "newer version of the ext"),
    "text": ("1.0", "'requires_interface' must be a version of the interface, found '1.0'", "Write requires_interface"),
    "three numbers": ((1, 0, 0), "'requires_interface' must be a version of the interface", "Write"),
}


@pytest.mark.parametrize("case", NEEDS)
def test_extension_that_needs_another_interface_is_refused_with_both_versions(case: str) -> None:
    """The message comes before complaints about hooks that this version does not know."""
    needed, message, remedy = NEEDS[case]

    class Newer:
        requires_interface = needed

        @hosting.hookimpl
        def hook_of_the_future(self) -> None:
            """Be a hook that does not exist yet."""

    host = load_host({"subject": Newer}, function(lambda req: None))
    entry = extension_entry(host, "subject")
    assert entry["status"] == "failed"
    assert entry["error"]["type"] == ExtensionError.__name__
    assert entry["error"]["message"].startswith(message)
    assert remedy in host.diagnosis()["problems"][0]["remedy"]


@pytest.mark.parametrize("needed", [hosting.INTERFACE, (MAJOR, 0)])
def test_extension_that_needs_this_interface_runs(needed: tuple[int, int]) -> None:
    """The version of the host, and each older one of the same major version, is enough."""
    kind: Any = type("Needing", (Other,), {"requires_interface": needed})
    host = load_host({"subject": kind}, function(lambda req: None))
    assert extension_entry(host, "subject")["status"] == "active"
    assert host.diagnosis()["environment"]["interface"] == f"{MAJOR}.{MINOR}"
