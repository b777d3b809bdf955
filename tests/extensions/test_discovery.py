"""What is installed is found from metadata alone, and imported only when it must be."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost, installed_entry_points
from tests.extensions.conftest import Start
from tests.support.invoking import ON, function, told
from tests.support.sites import FUNCTION_PRE, PRE, Site, hook

REPO = Path(__file__).parent.parent.parent


def f(req: str = "") -> str:
    """A function."""
    return req


def writes(file: Path) -> str:
    """Code that leaves a trace when it is imported."""
    return f"open({str(file)!r}, 'a').write('imported ')\n\n"


def statuses(host: ExtensionHost) -> dict[str, str]:
    """Every extension's status."""
    return {entry["name"]: entry["status"] for entry in host.diagnosis()["extensions"]}


def test_install_activates(site: Site, start: Start) -> None:
    """An installed extension is active, and told with its distribution, version, entry point and file."""
    file = site.extension("auth", PRE, distribution="My-Auth")
    entry = told(start(function(f)), "auth")
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
def test_the_value_of_an_entry_point(site: Site, start: Start, value: str, hooks: list[str]) -> None:
    """The value names a module, an object or a class, as deep as it lies."""
    site.install("dist", {"values_module.py": VALUES}, hosting={"thing": value})
    entry = told(start(function(f)), "thing")
    assert (entry["status"], entry["hooks"]) == ("active", hooks)


def test_off_lists_and_imports_nothing(site: Site, tmp_path: Path) -> None:
    """Without the flag the extensions are listed from metadata alone, with the way to switch them on."""
    trace = tmp_path / "trace"
    site.extension("auth", writes(trace) + PRE)
    host = ExtensionHost(environ={})
    host.discover()
    host.load([function(f)])
    document = host.diagnosis()
    assert not document["enabled"]
    assert [(one["name"], one["status"], one["distribution"]) for one in document["extensions"]] == [
        ("auth", "disabled", "dist-auth")
    ]
    assert "PYTHON_ENABLE_WORKER_EXTENSIONS" in told(host, "auth")["reason"]
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


def test_off_costs_not_one_import(site: Site) -> None:
    """A process that never switches extensions on imports neither them nor Azure's extension machinery."""
    site.extension("auth", PRE)
    code = OFF_COSTS_NOTHING.format(site=str(site.path))
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=REPO, env={"PYTHONPATH": str(REPO)})
    assert done.returncode == 0, done.stderr


def test_off_binds_the_function_itself() -> None:
    """Without the flag there is no hook to look for: an async function is called with nothing in between."""

    async def asynchronous() -> str:
        return "answer"

    host = ExtensionHost(environ={})
    target = function(asynchronous)
    host.load([target])
    coroutine = host.invoker(target, None).invoke(None, {})  # type: ignore[arg-type]
    assert coroutine.cr_code is asynchronous.__code__  # type: ignore[attr-defined]
    coroutine.close()  # type: ignore[attr-defined]


@pytest.mark.parametrize("second_group", ["hosting", "functions"])
def test_a_name_claimed_twice_is_nobodys(site: Site, start: Start, tmp_path: Path, second_group: str) -> None:
    """Two distributions that claim one name: neither is imported, and the diagnosis says how to choose."""
    trace = tmp_path / "trace"
    site.extension("auth", writes(trace) + PRE, distribution="one")
    site.extension("Auth", writes(trace) + FUNCTION_PRE, distribution="two", group=second_group)
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


def test_off_tells_a_name_claimed_twice(site: Site) -> None:
    """Metadata alone tells that two distributions claim one name, also where extensions are off."""
    site.extension("auth", PRE, distribution="one")
    site.extension("auth", PRE, distribution="two")
    assert [entry["status"] for entry in ExtensionHost(environ={}).diagnosis()["extensions"]] == ["failed", "failed"]


def test_allow_chooses_between_two(site: Site, start: Start) -> None:
    """Of two distributions with one name the one that HOSTING_ALLOW names loads, and the other is blocked."""
    site.extension("auth", PRE, distribution="one")
    site.extension("auth", PRE, distribution="two")
    document = start(function(f), environ={"HOSTING_ALLOW": "two"}).diagnosis()
    assert {one["distribution"]: one["status"] for one in document["extensions"]} == {"one": "blocked", "two": "active"}


def test_one_distribution_with_one_name_twice(site: Site, start: Start) -> None:
    """A package that uses a name for two entry points is told apart from two packages."""
    site.install("dist", {"both_module.py": ""}, hosting={"auth": "both_module"}, functions={"auth": "both_module"})
    document = start(function(f)).diagnosis()
    assert [one["status"] for one in document["extensions"]] == ["failed", "failed"]
    assert all("authors of dist" in problem["remedy"] for problem in document["problems"])


def test_allow_blocks_before_importing(site: Site, start: Start, tmp_path: Path) -> None:
    """With HOSTING_ALLOW only these distributions may load, however spelled; the others leave no trace."""
    trace = tmp_path / "trace"
    site.extension("good", PRE, distribution="Good_Dist")
    site.extension("bad", writes(trace) + PRE, distribution="bad-dist")
    site.extension("lazy", writes(trace) + FUNCTION_PRE, group="functions", distribution="lazy-dist")
    host = start(function(f, "F", "lazy"), environ={"HOSTING_ALLOW": "good-dist"})
    assert statuses(host) == {"good": "active", "bad": "blocked", "lazy": "blocked"}
    assert not trace.exists()
    assert "HOSTING_ALLOW" in told(host, "bad")["reason"]
    remedies = [problem["remedy"] for problem in host.diagnosis()["problems"]]
    assert any("Add bad-dist to HOSTING_ALLOW" in remedy for remedy in remedies)


def test_disabled_is_not_imported(site: Site, start: Start, tmp_path: Path) -> None:
    """host.json's 'disabled' and HOSTING_DISABLE keep extensions out before they are imported, and say so."""
    trace = tmp_path / "trace"
    for name in ("one", "two", "three"):
        site.extension(name, writes(trace) + PRE)
    host = start(function(f), section={"disabled": ["One", "three"]}, environ={"HOSTING_DISABLE": "two"})
    assert statuses(host) == {"one": "disabled", "two": "disabled", "three": "disabled"}
    assert "host.json" in told(host, "one")["reason"]
    assert not trace.exists()
    assert host.diagnosis()["problems"] == []


def test_function_level_extensions_are_imported_on_demand(site: Site, start: Start, tmp_path: Path) -> None:
    """Of group 'hosting.functions' only what some function opts in to is imported; the rest is idle."""
    trace = tmp_path / "trace"
    site.extension("idle", writes(trace) + FUNCTION_PRE, group="functions")
    site.extension("used", FUNCTION_PRE, group="functions")
    host = start(function(f, "F", "used"), function(f, "G"))
    assert statuses(host) == {"used": "active", "idle": "idle"}
    assert not trace.exists()
    assert "use" in told(host, "idle")["reason"]
    assert told(host, "idle")["scopes"] == ["function"]


def test_host_json_wakes_an_idle_extension(site: Site, start: Start) -> None:
    """host.json's 'include' opts a function in, so that the extension is imported; a pattern without match does not."""
    site.extension("one", FUNCTION_PRE, group="functions")
    site.extension("two", FUNCTION_PRE, group="functions")
    section = {"extensions": {"one": {"functions": {"include": ["F*"]}}, "two": {"functions": {"include": ["X*"]}}}}
    assert statuses(start(function(f), section=section)) == {"one": "active", "two": "idle"}


def test_an_excluded_opt_in_does_not_import(site: Site, start: Start, tmp_path: Path) -> None:
    """An extension whose every opt-in is excluded stays idle."""
    trace = tmp_path / "trace"
    site.extension("lazy", writes(trace) + FUNCTION_PRE, group="functions")
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
def test_an_import_that_fails(site: Site, start: Start, code: str, kind: str) -> None:
    """An extension that cannot be imported is failed with its traceback, and the next one loads."""
    site.extension("aaa", code)
    site.extension("bbb", PRE)
    host = start(function(f))
    assert statuses(host) == {"aaa": "failed", "bbb": "active"}
    error = told(host, "aaa")["error"]
    assert (error["phase"], error["type"]) == ("import", kind)
    assert kind in error["traceback"]
    assert "extensions/_registry" not in error["traceback"]


def test_an_entry_point_to_nowhere(site: Site, start: Start) -> None:
    """An entry point whose attribute is not there fails alone."""
    site.install("dist", {"nowhere_module.py": ""}, hosting={"lost": "nowhere_module:Thing", "odd": "not a value"})
    assert statuses(start(function(f))) == {"lost": "failed", "odd": "failed"}


def test_unreadable_metadata_hides_nobody_else(site: Site, start: Start) -> None:
    """A distribution with a broken entry_points.txt is told; the extensions of all others are found."""
    site.extension("good", PRE)
    info = site.install("broken", version="2.0")
    (info / "entry_points.txt").write_text("[hosting]\nthis line has no equals sign\n")
    host = start(function(f))
    assert statuses(host) == {"good": "active"}
    (problem,) = host.diagnosis()["problems"]
    assert "metadata of broken" in problem["message"]
    assert "Reinstall" in problem["remedy"]


def test_a_distribution_without_metadata(site: Site, start: Start) -> None:
    """An extension whose METADATA is lost still loads, without a distribution's name; HOSTING_ALLOW refuses it."""
    file = site.extension("anonymous", PRE)
    (site.path / "dist_anonymous-1.0.dist-info" / "METADATA").unlink()
    assert file.exists()
    assert told(start(function(f)), "anonymous")["distribution"] is None
    assert statuses(start(environ={"HOSTING_ALLOW": "dist-anonymous"})) == {"anonymous": "blocked"}


def test_the_first_on_the_path_counts(
    site: Site, start: Start, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A distribution that is installed twice is one: the one that Python imports."""
    site.extension("auth", PRE)
    second = Site(tmp_path / "second")
    second.extension("auth", PRE)
    monkeypatch.setattr(sys, "path", [*sys.path, str(second.path)])
    assert statuses(start(function(f))) == {"auth": "active"}


def test_required_are_named_all_at_once(site: Site, start: Start) -> None:
    """Every required extension that is not there is named in one error, with what is known of it."""
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
    assert [line.split("'")[1] for line in lines] == ["broken", "absent", "off", "blocked"]
    assert "failed to start: its import raised RuntimeError" in lines[0]
    assert "not installed" in lines[1]
    assert "is disabled" in lines[2]
    assert "is blocked" in lines[3]


def test_idle_satisfies_required(site: Site, start: Start) -> None:
    """An extension that no function uses is there, if anybody asks."""
    site.extension("lazy", FUNCTION_PRE, group="functions")
    assert statuses(start(function(f), section={"required": ["lazy"]})) == {"lazy": "idle"}


@pytest.mark.parametrize("name", ["init", "configure"])
def test_required_must_survive_its_setting_up(site: Site, start: Start, name: str) -> None:
    """A required extension whose init or configure raises stops the start."""
    site.extension("auth", hook(name, "raise RuntimeError"))
    with pytest.raises(
        ExtensionError, match=rf"Required extension 'auth' failed to start: {name}\(\) raised RuntimeError"
    ):
        start(function(f), section={"required": ["auth"]})


def test_required_while_off(site: Site) -> None:
    """Where extensions are switched off a required one stops the start, and the remedy is the flag."""
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
def test_strict_makes_any_error_fatal(site: Site, start: Start, code: str) -> None:
    """With --strict an extension that errs before the host serves stops the start, with its name and the reason."""
    site.extension("auth", code)
    start(function(f))
    with pytest.raises(ExtensionError, match=r"Extension 'auth' \(dist-auth 1\.0\)"):
        start(function(f), strict=True)


def test_strict_lets_pass_what_somebody_wished(site: Site, start: Start) -> None:
    """Extensions that are disabled, blocked or idle break nothing: --strict does not mind them."""
    for name in ("good", "off", "blocked"):
        site.extension(name, PRE)
    site.extension("lazy", FUNCTION_PRE, group="functions")
    environ = {"HOSTING_ALLOW": "dist-good,dist-off,dist-lazy", "HOSTING_DISABLE": "off"}
    start(function(f), strict=True, environ=environ)


def test_two_hosts_import_once_and_share_nothing(site: Site, start: Start) -> None:
    """Two hosts in one process each have the extension, with figures of their own."""
    site.extension("auth", hook("init", "raise RuntimeError"))
    first, second = start(function(f)), start(function(f), section={"disabled": ["auth"]})
    assert (told(first, "auth")["status"], told(second, "auth")["status"]) == ("failed", "disabled")


def test_entry_points_are_read_for_all_groups(site: Site) -> None:
    """One read of the metadata serves bindings too."""
    site.install("dist", {}, bindings={"queueTrigger": "somewhere:Provider"}, hosting={"auth": "somewhere"})
    assert {(one.group, one.name) for one in installed_entry_points()} == {
        ("hosting", "auth"),
        ("hosting.bindings", "queueTrigger"),
    }


def test_the_flag_is_read_from_what_the_host_is_given(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The host reads the settings that it is given, which hold local.settings.json, and not the process's."""
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "1")
    assert not ExtensionHost(environ={}).enabled
    assert ExtensionHost(environ=ON).enabled
