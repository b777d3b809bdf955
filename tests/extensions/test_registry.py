"""Who is there: the steps from an installed distribution to a frozen line."""

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
from tests.support.invoking import ON, Context, function, invoke, told
from tests.support.sites import FUNCTION_PRE, PRE, Site, hook


def f(req: str = "") -> str:
    """A function."""
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
def test_frozen_after_load(mutate: Any, environ: dict[str, str]) -> None:
    """After load what a host is made of can no longer change: every public method that would raises FrozenError."""
    host = ExtensionHost(environ=environ)
    host.load([function(f)])
    before = host.diagnosis()
    with pytest.raises(FrozenError, match="create a new ExtensionHost"):
        mutate(host)
    assert host.diagnosis() == before


def test_frozen_even_if_load_fails() -> None:
    """A host whose load stopped the start cannot be loaded again with half of it done."""
    host = ExtensionHost(environ={**ON, "HOSTING_REQUIRE": "absent"})
    with pytest.raises(ExtensionError):
        host.load([])
    with pytest.raises(FrozenError):
        host.load([])


def test_init_in_order_before_the_app(site: Site, start: Start) -> None:
    """Discovery imports everybody, then calls init once each, in line."""
    trace = "import sys\nsys.trace = getattr(sys, 'trace', [])\n"
    for name, order in (("a", "after=('b',)"), ("b", "")):
        code = trace + f"order = hosting.Order({order})\nsys.trace.append('import {name}')\n"
        site.extension(name, code + hook("init", f"sys.trace.append('init {name}')"))
    try:
        start(function(f))
        assert sys.trace == ["import a", "import b", "init b", "init a"]  # type: ignore[attr-defined]
    finally:
        del sys.trace  # type: ignore[attr-defined]


def test_init_of_an_extension_on_demand(site: Site, start: Start) -> None:
    """An extension that is imported because a function opts in gets its init too, once."""
    file = site.extension("lazy", "seen = []\n" + hook("init", "seen.append(1)") + FUNCTION_PRE, group="functions")
    start(function(f, "F", "lazy"), function(f, "G", "lazy"))
    assert sys.modules[file.stem].seen == [1]


@pytest.mark.parametrize("name", ["init", "configure"])
@pytest.mark.parametrize("prefix", ["def", "async def"])
def test_a_failing_set_up_takes_the_extension_out(site: Site, start: Start, name: str, prefix: str) -> None:
    """An extension whose init or configure raises is failed: no hook of it runs, and the next extension is complete."""
    site.extension("aaa", hook(name, "raise SystemExit(3)", prefix=prefix) + PRE)
    site.extension("bbb", hook(name, prefix=prefix) + PRE)
    host = start(function(f))
    entry = told(host, "aaa")
    assert (entry["status"], entry["position"]) == ("failed", None)
    assert (entry["error"]["phase"], entry["error"]["type"]) == (name, "SystemExit")
    assert name in entry["reason"]
    assert host.diagnosis()["functions"][0]["extensions"] == {"pre_invocation_app_level": ["bbb"]}


def test_discover_twice_finds_once(site: Site) -> None:
    """The metadata is read once; a second call imports nothing again."""
    site.extension("auth", PRE)
    host = ExtensionHost(environ=ON)
    host.discover()
    host.discover()
    assert [entry["name"] for entry in host.diagnosis()["extensions"]] == ["auth"]


def test_installed_and_registered_by_hand(site: Site) -> None:
    """A name that an installed extension has is refused to one registered by hand, which says whose it is."""
    site.extension("auth", PRE)
    host = ExtensionHost(environ=ON)
    host.discover()
    with pytest.raises(ExtensionError, match=r"taken by hosting_auth_module \(dist-auth 1\.0\)"):
        host.register("AUTH", SimpleNamespace())


def test_a_host_of_its_own_lists_nobody_else(site: Site) -> None:
    """A host that was given its extensions by hand, and never looked around, does not list what is installed."""
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


def test_an_entry_point_may_name_azures_class(site: Site, start: Start) -> None:
    """An app-level class of Azure's interface loads by its entry point, under that name, with its settings."""
    site.install("dist-timer", {"sdk_timer.py": SDK}, hosting={"timer": "sdk_timer:Timer"})
    target = function(f)
    host = start(target, section={"extensions": {"timer": {"settings": {"digits": 3}}}})
    entry = told(host, "timer")
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


def test_azures_function_level_class_on_demand(site: Site, load: LoadApp) -> None:
    """A function-level class of Azure's interface is made for each function that opts in by name."""
    site.install("dist-profile", {"sdk_profile.py": SDK_FUNCTION}, functions={"profile": "sdk_profile:Profile"})
    host, app = load({"function_app.py": FUNCTION_APP})
    entry = told(host, "profile")
    assert (entry["status"], entry["scopes"], entry["distribution"]) == ("active", ["function"], "dist-profile")
    assert host._info["FuncExtension"] == {"A": ["profile"]}
    for one in app.functions:
        invoke(host, one, Context(), req=None)
    assert sys.modules["sdk_profile"].Profile.seen == ["F"]


def test_azures_function_level_class_that_cannot_be_made(site: Site, load: LoadApp) -> None:
    """A class of Azure's interface whose __init__ raises is failed, with the reason."""
    code = SDK_FUNCTION.replace("super().__init__(file_path)", "raise OSError('no disk')")
    site.install("dist-profile", {"sdk_profile.py": code}, functions={"profile": "sdk_profile:Profile"})
    host, _ = load({"function_app.py": FUNCTION_APP})
    entry = told(host, "profile")
    assert (entry["status"], entry["error"]["message"]) == ("failed", "no disk")
    assert host._info["FuncExtension"] == {}


def test_azures_function_level_class_idle(site: Site, start: Start) -> None:
    """Without an opt-in a class of Azure's interface is not imported either."""
    site.install("dist-profile", {"sdk_profile.py": SDK_FUNCTION}, functions={"profile": "sdk_profile:Profile"})
    assert told(start(function(f)), "profile")["status"] == "idle"
    assert "sdk_profile" not in sys.modules


@pytest.mark.parametrize("name", ["absent", "off", "failed"])
def test_pause_of_what_does_not_run(site: Site, start: Start, name: str) -> None:
    """Only what is loaded can be paused and resumed; anything else is an error that says where to look."""
    site.extension("off", PRE)
    site.extension("failed", "raise RuntimeError")
    host = start(function(f), section={"disabled": ["off"]})
    for switch in (host.pause, host.resume):
        with pytest.raises(ExtensionError, match=f"no extension '{name}' is loaded"):
            switch(name)


def test_pause_and_resume(site: Site, start: Start) -> None:
    """A paused extension keeps its place and its figures, its hooks do not run, and it comes back."""
    site.extension("stamp", hook("post_invocation_app_level", "return 'stamped'"))
    target = function(f)
    host = start(target)
    host.pause("Stamp")
    entry = told(host, "stamp")
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
    """A hook of this very module."""


def test_a_module_registered_by_hand() -> None:
    """A module is an extension too, with its file."""
    host = ExtensionHost(environ=ON)
    host.register("module", sys.modules[__name__])
    host.load([])
    assert told(host, "module")["file"] == __file__
