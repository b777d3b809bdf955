"""Extensions that are refused when they are found or registered: the whole message and its remedy."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from hosting._interface import INTERFACE
from hosting.errors import ExtensionError, HostingError
from hosting.extensions import _config
from hosting.extensions._compatibility import ATTRIBUTE, check_interface
from hosting.extensions._discovery import discover, load_entry_point, may_load
from hosting.extensions._local import LocalEntry
from hosting.extensions._model import GUARDS, Extension
from hosting.extensions._registration import try_register
from tests.support.invoking import ON


def entry_point(name: str, value: str, package: str | None, group: str = "hosting", version: str = "1.0") -> Any:
    """Return an entry point of an installed package; one without metadata has no distribution."""
    distribution = None if package is None else SimpleNamespace(name=package, version=version)
    return SimpleNamespace(name=name, value=value, group=group, dist=distribution)


def found(*entry_points: Any, **section: Any) -> dict[str | None, Extension]:
    """Return the extensions that are found, by the value of their entry point."""
    return {one.entry_point: one for one, _ in discover(_config.read(section, ON), entry_points)}


NAMELESS = "a package without metadata"
DUPLICATES: dict[str, tuple[list[tuple[str, str, str | None]], str, str]] = {
    "two packages": (
        [("auth", "second:x", "two"), ("Auth", "first:x", "one")],
        "the name 'Auth' is used by one 1.0 (first:x) and by two 1.0 (second:x); none of them is loaded",
        "Uninstall all but one, or set HOSTING_ALLOW to all distributions that may load, with one or two.",
    ),
    "one package": (
        [("auth", "first:y", "one"), ("auth", "first:x", "one")],
        "the name 'auth' is used by one 1.0 (first:x) and by one 1.0 (first:y); none of them is loaded",
        "Report it to the authors of one: a package may use a name for one entry point only.",
    ),
    "a package without metadata": (
        [("auth", "b:x", "one"), ("auth", "a:x", None)],
        "the name 'auth' is used by a package without metadata (a:x) and by one 1.0 (b:x); none of them is loaded",
        "Uninstall all but one, or set HOSTING_ALLOW to all distributions that may load, with one.",
    ),
    "two packages without metadata": (
        [("auth", "b:x", None), ("auth", "a:x", None)],
        f"the name 'auth' is used by {NAMELESS} (a:x) and by {NAMELESS} (b:x); none of them is loaded",
        "Uninstall all but one.",
    ),
}


@pytest.mark.parametrize("case", DUPLICATES)
def test_extensions_of_one_name_fail_with_each_of_their_packages(case: str) -> None:
    """All say the same, in the order of the packages, in whichever order they are found."""
    installed, message, remedy = DUPLICATES[case]
    for order in (installed, installed[::-1]):
        extensions = found(*(entry_point(*one) for one in order))
        assert len(extensions) == 2
        for one in extensions.values():
            assert (one.status, one.reason) == ("failed", "another package uses its name")
            assert one.error == ("discovery", "DuplicateName", message, "", remedy, None, None, None)


def test_extension_of_a_name_that_a_disabled_one_has_too_is_disabled_with_it() -> None:
    """The configuration names both, so that there is nothing to choose."""
    extensions = found(entry_point("auth", "a:x", "one"), entry_point("Auth", "b:x", "two"), disabled=["AUTH"])
    reason = "disabled in host.json (extensionHost.disabled) or by HOSTING_DISABLE"
    assert {one.entry_point: (one.status, one.reason, one.error) for one in extensions.values()} == {
        "a:x": ("disabled", reason, None),
        "b:x": ("disabled", reason, None),
    }


def test_package_loads_if_its_name_is_allowed_however_it_is_written() -> None:
    """Without a list every package loads; with one, a package without metadata does not."""
    environ = {"HOSTING_ALLOW": "other, My_Auth"}
    one, nameless = entry_point("auth", "a:x", "my.auth"), entry_point("auth", "a:x", None)
    assert [may_load(each, environ) for each in (one, entry_point("x", "x", "third"), nameless)] == [True, False, False]
    assert [may_load(each, {}) for each in (one, nameless)] == [True, True]


@pytest.mark.parametrize("error", [HostingError, type("OtherError", (HostingError,), {})])
def test_entry_point_that_cannot_be_imported_is_an_error_with_the_remedy(error: type[HostingError]) -> None:
    """Whatever its package raises is the cause; the class of the error is the caller's choice."""
    cause = SystemExit("no licence")

    def load() -> None:
        raise cause

    broken = SimpleNamespace(value="first:main", load=load)
    with pytest.raises(error) as raised:
        load_entry_point(broken, "The binding 'first'", error=error)
    assert (type(raised.value), raised.value.__cause__) == (error, cause)
    assert raised.value.message == "The binding 'first' cannot be imported: SystemExit: no licence"
    assert raised.value.remedy == "Reinstall or update the package that contains first:main."


def refusals(extension: Extension, target: Any) -> list[tuple[str, str]]:
    """Return the messages with which a target is refused, each with its remedy."""
    return [(one.message, one.remedy) for one in try_register(extension, target)]


@pytest.mark.parametrize("value", ["yes", 1])
def test_guard_attribute_that_is_not_a_truth_value_is_refused_and_makes_a_guard(value: Any) -> None:
    """What cannot be understood must not open a function."""
    extension = Extension("gate")
    target = SimpleNamespace(guard=value, order=None)
    assert refusals(extension, target)[0] == (
        f"'guard' must be True or False, found {type(value).__name__}",
        "Write guard = True if functions must not run without it, or use another name.",
    )
    assert extension.is_guard


@pytest.mark.parametrize(("guard", "is_guard"), [(True, True), (False, False), (property(bool), False)])
def test_class_that_cannot_be_created_is_a_guard_if_it_says_so_itself(guard: Any, is_guard: bool) -> None:
    """Its object might say more, for example with a property."""

    def raise_error(self: Any) -> None:
        raise LookupError("gone")

    extension = Extension("gate")
    with pytest.raises(LookupError):
        try_register(extension, type("Gate", (), {"guard": guard, "__init__": raise_error}))
    assert extension.is_guard is is_guard


def test_guard_attribute_that_contradicts_the_entry_point_is_refused_and_the_guard_stays_one() -> None:
    """The group of guards is known before the import, so that it counts."""
    extension = Extension("gate", group=GUARDS)
    assert refusals(extension, SimpleNamespace(guard=False))[0] == (
        "it says guard = False, but its entry point is in the group 'hosting.guards'",
        "Move the entry point to the group 'hosting', or remove that line.",
    )
    assert extension.is_guard


def test_order_that_is_no_order_is_refused_before_other_errors() -> None:
    """It is the first thing that the class says."""
    target = SimpleNamespace(order="first", guard="yes")
    assert refusals(Extension("timer"), target)[0] == (
        "'order' must be a hosting.Order, found str",
        "Write: order = hosting.Order(before=(...), after=(...)).",
    )


def refusal_of_load(text: str, root: Path, **environ: str) -> tuple[str, str]:
    """Return the message and the remedy with which an item of extensionHost.load is refused."""
    entry = LocalEntry.parse(text)
    assert entry is not None
    with pytest.raises(ExtensionError) as raised:
        entry.load(str(root), environ)
    return raised.value.message, raised.value.remedy


@pytest.fixture
def app_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a folder with a v1 function and modules, which is on the path."""
    root = tmp_path.resolve()
    (root / "orders_v1").mkdir()
    (root / "orders_v1" / "function.json").write_text("{}")
    (root / "refused_hooks.py").write_text("class Audit: ...\n_private = 1\n")
    monkeypatch.syspath_prepend(str(root))
    monkeypatch.delitem(sys.modules, "refused_hooks", raising=False)
    yield root
    sys.modules.pop("refused_hooks", None)


LOADS: dict[str, tuple[str, str, str]] = {
    "the app itself": (
        "function_app:Audit",
        "'function_app' is a module with functions of the app, which the host imports itself",
        "Call hosting.extension(Audit) in it, or move Audit to a module of its own.",
    ),
    "a function of the v1 model": (
        "orders_v1.hooks",
        "'orders_v1.hooks' is a module with functions of the app, which the host imports itself",
        "Call hosting.extension(the object) in it, or move the object to a module of its own.",
    ),
    "a misspelled module": (
        "refused_hook:Audit",
        "there is no module 'refused_hook' in {root}",
        "Did you mean 'refused_hooks'?",
    ),
    "no module": (
        "zzz:Audit",
        "there is no module 'zzz' in {root}",
        'Name a module beside host.json: "module:Class".',
    ),
    "a module of Python": (
        "json:Audit",
        f"'json' is not a module of the app, but {os.path.dirname(json.__file__)}",
        "Rename the app's module. Extensions of installed packages need no entry in extensionHost.load.",
    ),
    "a misspelled object": (
        "refused_hooks:Audi",
        "module 'refused_hooks' has no 'Audi'",
        "Did you mean 'Audit'?",
    ),
    "a private object with another name": (
        "refused_hooks:privat",
        "module 'refused_hooks' has no 'privat'",
        "Define it in {root}/refused_hooks.py, or correct the name.",
    ),
    "an object inside another one": (
        "refused_hooks:Audit.Audi",
        "module 'refused_hooks' has no 'Audit.Audi'",
        "Define it in {root}/refused_hooks.py, or correct the name.",
    ),
}


@pytest.mark.parametrize("case", LOADS)
def test_item_of_extension_host_load_that_names_nothing_of_the_app_is_refused(case: str, app_folder: Path) -> None:
    """The message has what is wrong with the module or the object, the remedy a name that it may mean."""
    text, message, remedy = LOADS[case]
    assert refusal_of_load(text, app_folder) == (message.format(root=app_folder), remedy.format(root=app_folder))


def test_app_with_another_script_has_that_refused_and_may_load_function_app(app_folder: Path) -> None:
    """The app setting names the script."""
    message, _ = refusal_of_load("start:Audit", app_folder, PYTHON_SCRIPT_FILE_NAME="start.py")
    assert message == "'start' is a module with functions of the app, which the host imports itself"
    message, _ = refusal_of_load("function_app:Audit", app_folder, PYTHON_SCRIPT_FILE_NAME="start.py")
    assert message == f"there is no module 'function_app' in {app_folder}"


ENTRIES: dict[str, tuple[str, str, str] | None] = {
    "my_hooks:Audit": ("audit", "my_hooks", "Audit"),
    "my.hooks:Outer.Inner": ("inner", "my.hooks", "Outer.Inner"),
    "my.Hooks": ("hooks", "my.Hooks", ""),
    "my_hooks:": None,
    ":Audit": None,
    "my-hooks:Audit": None,
    "my_hooks:Audit()": None,
}


@pytest.mark.parametrize("text", ENTRIES)
def test_item_of_extension_host_load_is_a_module_and_an_object_named_by_its_last_name(text: str) -> None:
    """The name is in lower case; without a colon the module is the extension."""
    assert LocalEntry.parse(text) == ENTRIES[text]


MAJOR, MINOR = INTERFACE
NEEDS: dict[str, tuple[Any, str, str]] = {
    "text": (
        "1.0",
        "'requires_interface' must be a version of the interface, found '1.0'",
        f"Write requires_interface = {INTERFACE}, as hosting.INTERFACE has it.",
    ),
    "three numbers": (
        (1, 0, 0),
        "'requires_interface' must be a version of the interface, found (1, 0, 0)",
        f"Write requires_interface = {INTERFACE}, as hosting.INTERFACE has it.",
    ),
    "newer minor version": (
        (MAJOR, MINOR + 1),
        f"it needs the interface {MAJOR}.{MINOR + 1} of hosting, and this version of hosting has {MAJOR}.{MINOR}",
        "Install a newer version of hosting, or an older one of the extension.",
    ),
    "newer major version": (
        (MAJOR + 1, 0),
        f"it needs the interface {MAJOR + 1}.0 of hosting, and this version of hosting has {MAJOR}.{MINOR}",
        "Install a newer version of hosting, or an older one of the extension.",
    ),
    "older major version": (
        (MAJOR - 1, MINOR),
        f"it needs the interface {MAJOR - 1}.{MINOR} of hosting, and this version of hosting has {MAJOR}.{MINOR}",
        "Install a newer version of the extension.",
    ),
}


@pytest.mark.parametrize("case", NEEDS)
def test_extension_that_needs_another_interface_is_refused_with_what_to_install(case: str) -> None:
    """The message has both versions."""
    needed, message, remedy = NEEDS[case]
    with pytest.raises(ExtensionError) as raised:
        check_interface(SimpleNamespace(**{ATTRIBUTE: needed}))
    assert (raised.value.message, raised.value.remedy) == (message, remedy)


@pytest.mark.parametrize("needed", [None, (MAJOR, MINOR), (MAJOR, 0)])
def test_extension_that_needs_this_interface_or_an_older_minor_one_is_not_refused(needed: Any) -> None:
    """One that says nothing may be of any."""
    check_interface(SimpleNamespace() if needed is None else SimpleNamespace(**{ATTRIBUTE: needed}))
