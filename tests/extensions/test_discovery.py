"""Discovery: installed extensions are found from metadata alone, and imported only when they are needed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost, installed_entry_points
from tests.extensions.conftest import Start
from tests.support.invoking import ON, extension_entry, function
from tests.support.sites import FUNCTION_PRE, PRE, Site, hook

REPO = Path(__file__).parent.parent.parent


def f(req: str = "") -> str:
    """Return the argument."""
    return req


def import_marker(file: Path) -> str:
    """Return code that writes a file when it is imported."""
    return f"open({str(file)!r}, 'a').write('imported ')\n\n"


def statuses(host: ExtensionHost) -> dict[str, str]:
    """Return the status of every extension, by name."""
    return {entry["name"]: entry["status"] for entry in host.diagnosis()["extensions"]}


def test_installed_extension_is_active_and_reported_with_its_origin(site: Site, start: Start) -> None:
    """An installed extension is active; its distribution, version, entry point and file are reported."""
    file = site.extension("auth", PRE, distribution="My-Auth")
    entry = extension_entry(start(function(f)), "auth")
    assert entry["status"] == "active"
    assert (entry["distribution"], entry["version"]) == ("My-Auth", "1.0")
    assert entry["entry_point"] == file.stem
    assert entry["file"] == str(file)
    assert entry["error"] is None


VALUES = f"""
import hosting

{PRE}
class Thing:
    @hosting.hookimpl
    def init(self):
        pass

class Outer:
    Thing = Thing

thing = Thing()
"""


@pytest.mark.parametrize(
    ("value", "hooks"),
    [
        ("values_module", ["pre_invocation_app_level"]),
        ("values_module:thing", ["init"]),
        ("values_module:Thing", ["init"]),
        ("values_module:Outer.Thing", ["init"]),
    ],
)
def test_entry_point_value_may_name_a_module_an_object_or_a_class(
    site: Site, start: Start, value: str, hooks: list[str]
) -> None:
    """The value names a module, an object or a class, at any depth."""
    site.install("dist", {"values_module.py": VALUES}, hosting={"thing": value})
    entry = extension_entry(start(function(f)), "thing")
    assert (entry["status"], entry["hooks"]) == ("active", hooks)


def test_extensions_switched_off_are_listed_and_not_imported(site: Site, tmp_path: Path) -> None:
    """Without the flag, extensions are listed from metadata alone, with instructions to switch them on."""
    trace = tmp_path / "trace"
    site.extension("auth", import_marker(trace) + PRE)
    host = ExtensionHost(environ={})
    host.discover()
    host.load([function(f)])
    document = host.diagnosis()
    assert not document["enabled"]
    assert [(one["name"], one["status"], one["distribution"]) for one in document["extensions"]] == [
        ("auth", "disabled", "dist-auth")
    ]
    assert "PYTHON_ENABLE_WORKER_EXTENSIONS" in extension_entry(host, "auth")["reason"]
    (problem,) = document["problems"]
    assert "auth" in problem["message"]
    assert "PYTHON_ENABLE_WORKER_EXTENSIONS=1" in problem["remedy"]
    assert not trace.exists()


OFF_COSTS_NOTHING = """
import sys
sys.path.insert(0, {site!r})
import asyncio
import queue  # for the threads of sync functions, with extensions or without
from hosting.core import Binding, Function
from hosting.extensions import ExtensionHost, ThreadPool
import hosting.extensions._app_hooks  # what every host with functions has
import hosting.extensions._guard_scope

def call():
    return "answer"

one = Function("F", "", "", "v2", call, False, (Binding("req", "httpTrigger", "in"),))
threads = ThreadPool()
before = set(sys.modules)
host = ExtensionHost(environ={{}})
host.discover()
host.load([one])
assert asyncio.run(host.invoker(one, threads).invoke(None, {{}})) == "answer"
asyncio.run(host.startup())
asyncio.run(host.shutdown())
new = {{name for name in set(sys.modules) - before if not name.startswith(("concurrent.", "encodings."))}}
assert not new, new
"""


def test_process_with_extensions_off_imports_no_extension_machinery(site: Site) -> None:
    """A process that never switches extensions on imports neither them nor Azure's extension machinery."""
    site.extension("auth", PRE)
    code = OFF_COSTS_NOTHING.format(site=str(site.path))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO, env={"PYTHONPATH": str(REPO)})
    assert done.returncode == 0, done.stderr


def test_invoker_with_extensions_off_calls_the_function_directly() -> None:
    """Without the flag there are no hooks: an async function is called without a wrapper."""

    async def asynchronous() -> str:
        return "answer"

    host = ExtensionHost(environ={})
    target = function(asynchronous)
    host.load([target])
    coroutine = host.invoker(target, None).invoke(None, {})  # type: ignore[arg-type]
    assert coroutine.cr_code is asynchronous.__code__  # type: ignore[attr-defined]
    coroutine.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("second_group", ["hosting", "functions"])
def test_name_claimed_by_two_distributions_fails_without_an_import(
    site: Site, start: Start, tmp_path: Path, second_group: str
) -> None:
    """Neither distribution is imported, and the diagnosis says how to choose one."""
    trace = tmp_path / "trace"
    site.extension("auth", import_marker(trace) + PRE, distribution="one")
    site.extension("Auth", import_marker(trace) + FUNCTION_PRE, distribution="two", group=second_group)
    document = start(function(f, "F", "auth")).diagnosis()
    assert [(one["distribution"], one["status"]) for one in document["extensions"]] == [
        ("one", "failed"),
        ("two", "failed"),
    ]
    for entry in document["extensions"]:
        assert entry["error"]["phase"] == "discovery"
        assert "one 1.0" in entry["error"]["message"]
        assert "two 1.0" in entry["error"]["message"]
    for problem in document["problems"]:
        assert problem["severity"] == "error"
        assert "HOSTING_ALLOW" in problem["remedy"]
        assert "one or two" in problem["remedy"]
    assert not trace.exists()


def test_name_claimed_twice_is_reported_with_extensions_off(site: Site) -> None:
    """Metadata alone shows that two distributions claim one name, so that it is reported with extensions off too."""
    site.extension("auth", PRE, distribution="one")
    site.extension("auth", PRE, distribution="two")
    assert [entry["status"] for entry in ExtensionHost(environ={}).diagnosis()["extensions"]] == ["failed", "failed"]


def test_allow_list_decides_which_of_two_distributions_gets_a_name(site: Site, start: Start) -> None:
    """Of two distributions with one name, the one in HOSTING_ALLOW loads and the other is blocked."""
    site.extension("auth", PRE, distribution="one")
    site.extension("auth", PRE, distribution="two")
    document = start(function(f), environ={"HOSTING_ALLOW": "two"}).diagnosis()
    assert {one["distribution"]: one["status"] for one in document["extensions"]} == {"one": "blocked", "two": "active"}


def test_distribution_that_uses_a_name_twice_is_reported_as_one_package(site: Site, start: Start) -> None:
    """The message for one package with two entry points differs from the message for two packages."""
    site.install("dist", {"both_module.py": ""}, hosting={"auth": "both_module"}, functions={"auth": "both_module"})
    document = start(function(f)).diagnosis()
    assert [one["status"] for one in document["extensions"]] == ["failed", "failed"]
    assert all("authors of dist" in problem["remedy"] for problem in document["problems"])


def test_allow_list_blocks_other_distributions_before_their_import(site: Site, start: Start, tmp_path: Path) -> None:
    """With HOSTING_ALLOW, only these distributions are imported, in any spelling of their names."""
    trace = tmp_path / "trace"
    site.extension("good", PRE, distribution="Good_Dist")
    site.extension("bad", import_marker(trace) + PRE, distribution="bad-dist")
    site.extension("lazy", import_marker(trace) + FUNCTION_PRE, group="functions", distribution="lazy-dist")
    host = start(function(f, "F", "lazy"), environ={"HOSTING_ALLOW": "good-dist"})
    assert statuses(host) == {"good": "active", "bad": "blocked", "lazy": "blocked"}
    assert not trace.exists()
    assert "HOSTING_ALLOW" in extension_entry(host, "bad")["reason"]
    remedies = [problem["remedy"] for problem in host.diagnosis()["problems"]]
    assert any("Add bad-dist to HOSTING_ALLOW" in remedy for remedy in remedies)


def test_disabled_extension_is_not_imported_and_says_where_it_was_disabled(
    site: Site, start: Start, tmp_path: Path
) -> None:
    """host.json's 'disabled' and HOSTING_DISABLE exclude extensions before they are imported."""
    trace = tmp_path / "trace"
    for name in ("one", "two", "three"):
        site.extension(name, import_marker(trace) + PRE)
    host = start(function(f), section={"disabled": ["One", "three"]}, environ={"HOSTING_DISABLE": "two"})
    assert statuses(host) == {"one": "disabled", "two": "disabled", "three": "disabled"}
    assert "host.json" in extension_entry(host, "one")["reason"]
    assert not trace.exists()
    assert host.diagnosis()["problems"] == []


def test_function_level_extension_is_imported_only_when_a_function_opts_in(
    site: Site, start: Start, tmp_path: Path
) -> None:
    """In group 'hosting.functions', an extension that no function opts in to stays idle."""
    trace = tmp_path / "trace"
    site.extension("idle", import_marker(trace) + FUNCTION_PRE, group="functions")
    site.extension("used", FUNCTION_PRE, group="functions")
    host = start(function(f, "F", "used"), function(f, "G"))
    assert statuses(host) == {"used": "active", "idle": "idle"}
    assert not trace.exists()
    assert "use" in extension_entry(host, "idle")["reason"]
    assert extension_entry(host, "idle")["scopes"] == ["function"]


def test_include_in_host_json_imports_an_idle_extension(site: Site, start: Start) -> None:
    """host.json's 'include' opts a function in, which imports the extension; a pattern without a match does not."""
    site.extension("one", FUNCTION_PRE, group="functions")
    site.extension("two", FUNCTION_PRE, group="functions")
    section = {"extensions": {"one": {"functions": {"include": ["F*"]}}, "two": {"functions": {"include": ["X*"]}}}}
    assert statuses(start(function(f), section=section)) == {"one": "active", "two": "idle"}


def test_extension_whose_every_opt_in_is_excluded_stays_idle(site: Site, start: Start, tmp_path: Path) -> None:
    """An extension is not imported if host.json excludes each function that opts in."""
    trace = tmp_path / "trace"
    site.extension("lazy", import_marker(trace) + FUNCTION_PRE, group="functions")
    section = {"extensions": {"lazy": {"functions": {"exclude": ["*"]}}}}
    assert statuses(start(function(f, "F", "lazy"), section=section)) == {"lazy": "idle"}
    assert not trace.exists()


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("def broken(:", "SyntaxError"),
        ("raise RuntimeError('no')", "RuntimeError"),
        ("import sys; sys.exit(3)", "SystemExit"),
        ("class Odd(BaseException): pass\nraise Odd()", "Odd"),
    ],
)
def test_extension_whose_import_fails_is_failed_and_the_next_one_loads(
    site: Site, start: Start, code: str, kind: str
) -> None:
    """The failed extension is reported with its traceback."""
    site.extension("aaa", code)
    site.extension("bbb", PRE)
    host = start(function(f))
    assert statuses(host) == {"aaa": "failed", "bbb": "active"}
    error = extension_entry(host, "aaa")["error"]
    assert (error["phase"], error["type"]) == ("import", kind)
    assert kind in error["traceback"]
    assert "extensions/_registry" not in error["traceback"]


def test_entry_point_without_its_attribute_fails_alone(site: Site, start: Start) -> None:
    """An entry point that names a missing attribute fails, and other extensions load."""
    site.install("dist", {"nowhere_module.py": ""}, hosting={"lost": "nowhere_module:Thing", "odd": "not a value"})
    assert statuses(start(function(f))) == {"lost": "failed", "odd": "failed"}


def test_broken_entry_points_file_hides_no_other_extension(site: Site, start: Start) -> None:
    """A distribution with a broken entry_points.txt is reported, and all other extensions are found."""
    site.extension("good", PRE)
    info = site.install("broken", version="2.0")
    (info / "entry_points.txt").write_text("[hosting]\nthis line has no equals sign\n")
    host = start(function(f))
    assert statuses(host) == {"good": "active"}
    (problem,) = host.diagnosis()["problems"]
    assert "metadata of broken" in problem["message"]
    assert "Reinstall" in problem["remedy"]


def test_extension_without_metadata_loads_unless_an_allow_list_is_set(site: Site, start: Start) -> None:
    """Without METADATA an extension has no distribution's name, so that HOSTING_ALLOW refuses it."""
    file = site.extension("anonymous", PRE)
    (site.path / "dist_anonymous-1.0.dist-info" / "METADATA").unlink()
    assert file.exists()
    assert extension_entry(start(function(f)), "anonymous")["distribution"] is None
    assert statuses(start(environ={"HOSTING_ALLOW": "dist-anonymous"})) == {"anonymous": "blocked"}


def test_distribution_installed_twice_counts_once_as_python_imports_it(
    site: Site, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a distribution that is installed twice, only the first on the path counts."""
    site.extension("auth", PRE)
    second = Site(tmp_path / "second")
    second.extension("auth", PRE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(second.path)])
    assert statuses(start(function(f))) == {"auth": "active"}


def test_missing_required_extensions_are_named_in_one_error(site: Site, start: Start) -> None:
    """One error names every required extension that is missing, with what is known about it, and the remedy once."""
    site.extension("broken", "raise RuntimeError")
    site.extension("blocked", PRE)
    site.extension("off", PRE)
    site.extension("here", PRE)
    with pytest.raises(ExtensionError) as caught:
        start(
            function(f),
            section={"required": ["broken", "absent", "Here"], "disabled": ["off"]},
            environ={"HOSTING_REQUIRE": "off,blocked", "HOSTING_ALLOW": "dist-broken,dist-off,dist-here"},
        )
    lines = caught.value.message.splitlines()
    assert [line.split("'")[1] for line in lines[:-1]] == ["broken", "absent", "off", "blocked"]
    assert "failed to start: its import raised RuntimeError" in lines[0]
    assert "not installed" in lines[1]
    assert "is disabled" in lines[2]
    assert "is blocked" in lines[3]
    assert lines[4].startswith("  Install or fix it, or remove it from ")


def test_required_extension_that_is_idle_satisfies_the_requirement(site: Site, start: Start) -> None:
    """An extension that no function uses still counts as installed; whether it is a guard is not known."""
    site.extension("lazy", FUNCTION_PRE, group="functions")
    assert statuses(start(function(f), section={"required": ["lazy"]})) == {"lazy": "idle"}


@pytest.mark.parametrize("name", ["init", "configure"])
def test_required_extension_whose_set_up_fails_stops_the_start(site: Site, start: Start, name: str) -> None:
    """A required extension whose init or configure raises stops the start."""
    site.extension("auth", hook(name, "raise RuntimeError"))
    with pytest.raises(
        ExtensionError, match=rf"Required extension 'auth' failed to start: {name}\(\) raised RuntimeError"
    ):
        start(function(f), section={"required": ["auth"]})


def test_required_extension_with_extensions_off_stops_the_start(site: Site) -> None:
    """The remedy in the error is to set the flag."""
    site.extension("auth", PRE)
    host = ExtensionHost(environ={"HOSTING_REQUIRE": "auth"})
    host.discover()
    with pytest.raises(ExtensionError, match="'auth' is disabled"):
        host.load([])
    problems = host.diagnosis()["problems"]
    assert any(problem["remedy"].startswith("Set PYTHON_ENABLE_WORKER_EXTENSIONS=1") for problem in problems)


@pytest.mark.parametrize(
    "code",
    [
        "raise RuntimeError('no')",
        "",
        hook("no_such_hook"),
        hook("init", "raise RuntimeError"),
        hook("configure", "raise RuntimeError"),
        hook("post_function_load_app_level", "raise RuntimeError"),
        "order = hosting.Order(before=('auth',))\n" + PRE,
        PRE + "def post_invocation_app_level():\n    pass\n",
    ],
)
def test_strict_start_stops_at_any_error_of_an_extension(site: Site, start: Start, code: str) -> None:
    """With --strict, an error before the host serves stops the start, with the extension's name and the reason."""
    site.extension("auth", code)
    start(function(f))
    with pytest.raises(ExtensionError, match=r"Extension 'auth' \(dist-auth 1\.0\)"):
        start(function(f), strict=True)


def test_strict_start_accepts_disabled_blocked_and_idle_extensions(site: Site, start: Start) -> None:
    """Extensions that are disabled, blocked or idle on purpose are no error for --strict."""
    for name in ("good", "off", "blocked"):
        site.extension(name, PRE)
    site.extension("lazy", FUNCTION_PRE, group="functions")
    environ = {"HOSTING_ALLOW": "dist-good,dist-off,dist-lazy", "HOSTING_DISABLE": "off"}
    start(function(f), strict=True, environ=environ)


def test_two_hosts_in_one_process_keep_their_own_status(site: Site, start: Start) -> None:
    """An extension has a status of its own in each of two hosts in one process."""
    site.extension("auth", hook("init", "raise RuntimeError"))
    first, second = start(function(f)), start(function(f), section={"disabled": ["auth"]})
    assert (extension_entry(first, "auth")["status"], extension_entry(second, "auth")["status"]) == (
        "failed",
        "disabled",
    )


def test_installed_entry_points_of_all_groups_are_read_at_once(site: Site) -> None:
    """One read of the metadata serves extensions and bindings."""
    site.install("dist", {}, bindings={"queueTrigger": "somewhere:Provider"}, hosting={"auth": "somewhere"})
    assert {(one.group, one.name) for one in installed_entry_points()} == {
        ("hosting", "auth"),
        ("hosting.bindings", "queueTrigger"),
    }


def test_flag_is_read_from_the_hosts_settings_and_not_the_process(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host reads the settings that are passed to it, which include local.settings.json."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    assert not ExtensionHost(environ={}).enabled
    assert ExtensionHost(environ=ON).enabled
