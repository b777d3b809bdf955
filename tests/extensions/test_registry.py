"""The registry: from an installed distribution to a frozen, ordered list of extensions."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import hosting
from hosting.errors import ExtensionError, FrozenError
from hosting.extensions import ExtensionHost
from tests.extensions.conftest import LoadApp, Start
from tests.support.invoking import ON, Context, extension_entry, function, invoke
from tests.support.sites import FUNCTION_PRE, PRE, Site, hook


def f(req: str = "") -> str:
    """Return the argument."""
    return req


@pytest.mark.parametrize(
    "mutate",
    [
        lambda host: host.discover(),
        lambda host: host.register("other", SimpleNamespace()),
        lambda host: host.load([]),
        lambda host: host.importing(Path()).__enter__(),
    ],
    ids=["discover", "register", "load", "importing"],
)
@pytest.mark.parametrize("environ", [{}, ON], ids=["off", "on"])
def test_host_after_load_refuses_changes(mutate: Any, environ: dict[str, str]) -> None:
    """Every public method that would change a host raises FrozenError after load."""
    host = ExtensionHost(environ=environ)
    host.load([function(f)])
    before = host.diagnosis()
    with pytest.raises(FrozenError, match="create a new ExtensionHost"):
        mutate(host)
    assert host.diagnosis() == before


def test_host_whose_load_failed_refuses_a_second_load() -> None:
    """A host whose load stopped the start cannot continue half-loaded."""
    host = ExtensionHost(environ={**ON, "HOSTING_REQUIRE": "absent"})
    with pytest.raises(ExtensionError):
        host.load([])
    with pytest.raises(FrozenError):
        host.load([])


def test_discovery_calls_init_once_per_extension_in_order(site: Site, start: Start) -> None:
    """Discovery imports every extension first, then calls init once each, in order."""
    trace = "import sys\nsys.trace = getattr(sys, 'trace', [])\n"
    for name, order in (("a", "after=('b',)"), ("b", "")):
        code = trace + f"order = hosting.Order({order})\nsys.trace.append('import {name}')\n"
        site.extension(name, code + hook("init", f"sys.trace.append('init {name}')"))
    try:
        start(function(f))
        assert sys.trace == ["import a", "import b", "init b", "init a"]  # type: ignore[attr-defined]
    finally:
        del sys.trace  # type: ignore[attr-defined]


def test_extension_imported_on_demand_gets_init_once(site: Site, start: Start) -> None:
    """An extension that is imported because a function opts in gets its init too."""
    file = site.extension("lazy", "seen = []\n" + hook("init", "seen.append(1)") + FUNCTION_PRE, group="functions")
    start(function(f, "F", "lazy"), function(f, "G", "lazy"))
    assert sys.modules[file.stem].seen == [1]


@pytest.mark.parametrize("name", ["init", "configure"])
@pytest.mark.parametrize("prefix", ["def", "async def"])
def test_extension_whose_set_up_raises_runs_no_hook(site: Site, start: Start, name: str, prefix: str) -> None:
    """An extension whose init or configure raises is failed, and the next extension is complete."""
    site.extension("aaa", hook(name, "raise SystemExit(3)", prefix=prefix) + PRE)
    site.extension("bbb", hook(name, prefix=prefix) + PRE)
    host = start(function(f))
    entry = extension_entry(host, "aaa")
    assert (entry["status"], entry["position"]) == ("failed", None)
    assert (entry["error"]["phase"], entry["error"]["type"]) == (name, "SystemExit")
    assert name in entry["reason"]
    assert host.diagnosis()["functions"][0]["extensions"] == {"pre_invocation_app_level": ["bbb"]}


def test_second_discovery_imports_nothing_again(site: Site) -> None:
    """The metadata is read once."""
    site.extension("auth", PRE)
    host = ExtensionHost(environ=ON)
    host.discover()
    host.discover()
    assert [entry["name"] for entry in host.diagnosis()["extensions"]] == ["auth"]


def test_registering_the_name_of_an_installed_extension_is_refused(site: Site) -> None:
    """The error names the distribution that has the name."""
    site.extension("auth", PRE)
    host = ExtensionHost(environ=ON)
    host.discover()
    with pytest.raises(ExtensionError, match=r"taken by hosting_auth_module \(dist-auth 1\.0\)"):
        host.register("AUTH", SimpleNamespace())


def test_host_without_discovery_lists_only_registered_extensions(site: Site) -> None:
    """A host that never discovers does not list what is installed."""
    site.extension("auth", PRE)
    host = ExtensionHost(environ=ON)
    host.load([])
    assert host.diagnosis()["extensions"] == []


SDK = """
import azure.functions as func

class Timer(func.AppExtensionBase):
    settings = None
    seen = []

    @classmethod
    def configure(cls, **settings):
        cls.settings = settings

    @classmethod
    def pre_invocation_app_level(cls, logger, context, func_args, *args, **kwargs):
        cls.seen.append(context.function_name)
"""
SDK_FUNCTION = """
import azure.functions as func

class Profile(func.FuncExtensionBase):
    seen = []

    def __init__(self, file_path):
        super().__init__(file_path)

    def pre_invocation(self, logger, context, func_args, *args, **kwargs):
        self.seen.append(context.function_name)
"""


def test_entry_point_to_an_app_level_class_of_azure_loads_with_its_settings(site: Site, start: Start) -> None:
    """An app-level class of Azure's interface loads under the entry point's name."""
    site.install("dist-timer", {"sdk_timer.py": SDK}, hosting={"timer": "sdk_timer:Timer"})
    target = function(f)
    host = start(target, section={"extensions": {"timer": {"settings": {"digits": 3}}}})
    entry = extension_entry(host, "timer")
    assert (entry["kind"], entry["distribution"], entry["status"]) == ("sdk", "dist-timer", "active")
    assert host._info["AppExtension"] == ["timer"]
    invoke(host, target, Context())
    assert sys.modules["sdk_timer"].Timer.seen == ["F"]
    assert sys.modules["sdk_timer"].Timer.settings == {"digits": 3}


FUNCTION_APP = """
import azure.functions as func
import hosting
app = func.FunctionApp()

@app.route('a')
@hosting.use('profile')
def A(req):
    pass

@app.route('b')
def B(req):
    pass
"""


def test_entry_point_to_a_function_level_class_of_azure_makes_an_instance_per_function(
    site: Site, load: LoadApp
) -> None:
    """The class is instantiated for each function that opts in by name."""
    site.install("dist-profile", {"sdk_profile.py": SDK_FUNCTION}, functions={"profile": "sdk_profile:Profile"})
    host, app = load({"function_app.py": FUNCTION_APP})
    entry = extension_entry(host, "profile")
    assert (entry["status"], entry["scopes"], entry["distribution"]) == ("active", ["function"], "dist-profile")
    assert host._info["FuncExtension"] == {"A": ["profile"]}
    for one in app.functions:
        invoke(host, one, Context(), req=None)
    assert sys.modules["sdk_profile"].Profile.seen == ["F"]


def test_function_level_class_of_azure_whose_init_raises_is_failed(site: Site, load: LoadApp) -> None:
    """The diagnosis has the reason."""
    code = SDK_FUNCTION.replace("super().__init__(file_path)", "raise OSError('no disk')")
    site.install("dist-profile", {"sdk_profile.py": code}, functions={"profile": "sdk_profile:Profile"})
    host, _ = load({"function_app.py": FUNCTION_APP})
    entry = extension_entry(host, "profile")
    assert (entry["status"], entry["error"]["message"]) == ("failed", "no disk")
    assert host._info["FuncExtension"] == {}


def test_function_level_class_of_azure_without_opt_in_is_not_imported(site: Site, start: Start) -> None:
    """Without an opt-in the class stays idle."""
    site.install("dist-profile", {"sdk_profile.py": SDK_FUNCTION}, functions={"profile": "sdk_profile:Profile"})
    assert extension_entry(start(function(f)), "profile")["status"] == "idle"
    assert "sdk_profile" not in sys.modules


@pytest.mark.parametrize("name", ["absent", "off", "failed"])
def test_pause_of_an_extension_that_is_not_loaded_is_an_error(site: Site, start: Start, name: str) -> None:
    """Only loaded extensions can be paused and resumed; the error says where they are listed."""
    site.extension("off", PRE)
    site.extension("failed", "raise RuntimeError")
    host = start(function(f), section={"disabled": ["off"]})
    for switch in (host.pause, host.resume):
        with pytest.raises(ExtensionError, match=f"no extension '{name}' is loaded"):
            switch(name)


def test_paused_extension_keeps_its_figures_and_runs_again_after_resume(site: Site, start: Start) -> None:
    """A paused extension keeps its place and its figures, and its hooks do not run."""
    site.extension("stamp", hook("post_invocation_app_level", "return 'stamped'"))
    target = function(f)
    host = start(target)
    host.pause("Stamp")
    entry = extension_entry(host, "stamp")
    assert (entry["status"], entry["position"], entry["reason"]) == (
        "paused",
        0,
        "paused by POST /admin/extensions/stamp/pause",
    )
    assert host._info["AppExtension"] == []
    (problem,) = host.diagnosis()["problems"]
    assert "resume" in problem["remedy"]
    assert invoke(host, target, req="own") == "own"
    host.resume("stamp")
    assert invoke(host, target, req="own") == "stamped"
    assert host.diagnosis()["problems"] == []


@hosting.hookimpl
def init() -> None:
    """Implement a hook in this module."""


def test_module_can_be_registered_and_is_reported_with_its_file() -> None:
    """A module is an extension too."""
    host = ExtensionHost(environ=ON)
    host.register("module", sys.modules[__name__])
    host.load([])
    assert extension_entry(host, "module")["file"] == __file__
