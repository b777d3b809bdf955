"""Finding the provider of a binding type."""

from __future__ import annotations

from pathlib import Path

import importlib_metadata
import pytest

from hosting.bindings import Output, Provider, Services, Trigger
from hosting.bindings.http.provider import HttpProvider
from hosting.bindings.registry import Providers
from hosting.bindings.storage import FileStorage
from hosting.core import Binding, Function
from hosting.errors import FunctionLoadError
from tests.support.sites import Site

SERVICES = Services({"extensions": {"http": {"routePrefix": "v1"}}}, {})


class Echo(Provider):
    """A provider of an installed package."""


def function(*bindings: Binding) -> Function:
    return Function("F", "/app", "/app/function_app.py", "v2", print, False, bindings)


def providers(*entries: tuple[str, str]) -> Providers:
    entry_points = [importlib_metadata.EntryPoint(name, value, "hosting.bindings") for name, value in entries]
    return Providers(SERVICES, lambda: importlib_metadata.EntryPoints(entry_points))


QUEUE = Binding("msg", "queueTrigger", "in")


def test_http_trigger_and_output_have_one_built_in_provider() -> None:
    """The type ignores case."""
    registry = providers()
    trigger = registry.get(function(), Binding("req", "httpTrigger", "in"))
    assert isinstance(trigger, HttpProvider)
    assert registry.get(function(), Binding("$return", "http", "out")) is trigger
    assert registry.all() == (trigger,)


def test_entry_point_of_a_package_provides_its_type() -> None:
    """The type ignores case, and all functions share one provider."""
    registry = providers(("QueueTrigger", f"{__name__}:Echo"))
    provider = registry.get(function(), QUEUE)
    assert type(provider).__name__ == "Echo"
    assert registry.get(function(), QUEUE) is provider
    assert provider.services.section("extensions", "http") == {"routePrefix": "v1"}


def test_installed_packages_are_read_once_for_all_bindings_of_an_app() -> None:
    """An app may have hundreds of bindings, and an environment hundreds of packages."""
    reads = []

    def entry_points() -> list[importlib_metadata.EntryPoint]:
        reads.append(1)
        return [importlib_metadata.EntryPoint("queueTrigger", f"{__name__}:Echo", "hosting.bindings")]

    registry = Providers(SERVICES, entry_points)
    unknown = Binding("other", "unknownTrigger", "in")
    assert [registry.supports(function(), one) for one in (QUEUE, unknown) * 3] == [True, False] * 3
    assert registry.get(function(), QUEUE) is registry.get(function(), QUEUE)
    assert len(reads) == 1


@pytest.mark.parametrize(
    ("entries", "reason"),
    [
        ((), "no installed package provides its binding type 'queueTrigger'"),
        ((("queueTrigger", "a:A"), ("queueTrigger", "b:B")), "is provided by a:A and b:B"),
        ((("queueTrigger", "a_module_that_is_not_there:A"),), "cannot be imported: ModuleNotFoundError"),
    ],
)
def test_type_without_exactly_one_working_provider_is_a_load_error(
    entries: tuple[tuple[str, str], ...], reason: str
) -> None:
    """The message has the name of the function."""
    with pytest.raises(FunctionLoadError, match="'F'") as caught:
        providers(*entries).get(function(), QUEUE)
    assert reason in str(caught.value)
    assert caught.value.remedy


def test_binding_in_an_unsupported_direction_is_a_load_error() -> None:
    """The message has the name of the binding."""
    provider = providers().get(function(), Binding("req", "httpTrigger", "in"))
    with pytest.raises(FunctionLoadError, match="binding 'x' of type 'http' cannot be used as an input"):
        provider.input(function(), Binding("x", "http", "in"))
    with pytest.raises(FunctionLoadError, match="binding 'x' of type 'httpTrigger' cannot be used as an output"):
        provider.output(function(), Binding("x", "httpTrigger", "out"))


def test_trigger_input_and_output_are_abstract() -> None:
    """A trigger must have decode and attach, an output must have encode."""
    for interface in (Trigger, Output):
        with pytest.raises(TypeError):
            interface()  # type: ignore[abstract]


@pytest.mark.parametrize(("allowed", "is_allowed"), [("", True), ("Hosting_Storage, other", True), ("other", False)])
def test_package_that_hosting_allow_does_not_name_provides_neither_bindings_nor_storage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, allowed: str, is_allowed: bool
) -> None:
    """The setting is about distributions, whatever they provide; the message names setting and package."""
    code = "from hosting.bindings import Provider\nclass Echo(Provider): pass\ndef storage(services): return services\n"
    Site(tmp_path).install(
        "hosting-storage",
        {"allowed_module.py": code},
        bindings={"queueTrigger": "allowed_module:Echo"},
        storage={"x": "allowed_module:storage"},
    )
    monkeypatch.syspath_prepend(tmp_path)
    entries = [entry for entry in importlib_metadata.entry_points() if entry.value.startswith("allowed_module")]
    services = Services({}, {"HOSTING_ALLOW": allowed}, tmp_path, lambda: importlib_metadata.EntryPoints(entries))
    registry = Providers(services, lambda: importlib_metadata.EntryPoints(entries))
    assert isinstance(services.storage, FileStorage) != is_allowed
    if is_allowed:
        assert type(registry.get(function(), QUEUE)).__name__ == "Echo"
    else:
        with pytest.raises(FunctionLoadError, match="but HOSTING_ALLOW does not name hosting-storage, which provides"):
            registry.get(function(), QUEUE)
