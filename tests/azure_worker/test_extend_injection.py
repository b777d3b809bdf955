"""What Azure's worker gets to hear of a parameter that an extension would supply, while no extension runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import azure.functions as func
import pytest

import hosting
from hosting.errors import FunctionLoadError
from tests.support.azure_worker import azure_worker


class User(str):
    """What an extension would supply."""


class Body(hosting.Mark):
    """The mark of a result that an extension would convert."""


class Users:
    """An extension that an app registers itself."""

    @hosting.provider(User)
    def user(self) -> User:
        return User("Ann")


async def with_user(req: func.HttpRequest, user: Annotated[User, hosting.Inject]) -> str:
    return user


def with_result(req: func.HttpRequest) -> Annotated[str, Body]:
    return "hello"


def extended_first(function: Callable[..., Any]) -> func.FunctionApp:
    app = hosting.extend(func.FunctionApp())
    app.route("main")(function)
    return app


def extended_twice(function: Callable[..., Any]) -> func.FunctionApp:
    return hosting.extend(extended_first(function))


def extended_last(function: Callable[..., Any]) -> func.FunctionApp:
    app = func.FunctionApp()
    app.route("main")(function)
    return hosting.extend(app)


def blueprint_in_an_extended_app(function: Callable[..., Any]) -> func.FunctionApp:
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    blueprint.route("main")(function)
    app = hosting.extend(func.FunctionApp())
    app.register_functions(blueprint)
    return app


def extended_blueprint(function: Callable[..., Any]) -> func.FunctionApp:
    blueprint = hosting.extend(func.Blueprint())  # type: ignore[no-untyped-call]
    blueprint.route("main")(function)
    app = func.FunctionApp()
    app.register_functions(blueprint)
    return app


def blueprint_extended_last(function: Callable[..., Any]) -> func.FunctionApp:
    blueprint = func.Blueprint()  # type: ignore[no-untyped-call]
    blueprint.route("main")(function)
    app = func.FunctionApp()
    app.register_functions(hosting.extend(blueprint))
    return app


def durable(function: Callable[..., Any]) -> func.FunctionApp:
    app = hosting.extend(pytest.importorskip("azure.durable_functions").DFApp())
    app.route("main")(function)
    return app  # type: ignore[no-any-return]


def v1(function: Callable[..., Any]) -> func.FunctionApp:
    """Extend a function of the v1 model, whose parameters the worker reads itself: it is refused there."""
    hosting.extend(function)
    return func.FunctionApp()


WAYS = (
    extended_first,
    extended_twice,
    extended_last,
    blueprint_in_an_extended_app,
    extended_blueprint,
    blueprint_extended_last,
    durable,
    v1,
)


@pytest.mark.parametrize("why", ["off", "host.json"])
@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    ("function", "message"),
    [
        (with_user, "parameter 'user' of function 'with_user' needs a User from an extension, and none runs"),
        (with_result, r"the result of function 'with_result' is Annotated\[str, Body\], which needs an extension"),
    ],
)
def test_function_that_needs_an_extension_is_named_when_no_extension_runs(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    function: Callable[..., Any],
    message: str,
    way: Callable[[Callable[..., Any]], func.FunctionApp],
    why: str,
) -> None:
    """The worker itself would name the parameter only; the remedy names the setting."""
    with azure_worker(tmp_path, monkeypatch, __name__, "Users") as folder:
        if why == "off":
            monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "0")
        else:
            (folder / "host.json").write_text("not JSON")
        with pytest.raises(FunctionLoadError, match=message) as refused:
            way(function).get_functions()
    assert "PYTHON_ENABLE_WORKER_EXTENSIONS=1" in (refused.value.remedy or "")


@pytest.mark.parametrize("is_blueprint", [False, True])
async def test_extension_that_the_app_registers_later_supplies_the_value(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_blueprint: bool
) -> None:
    """What was extended while no extension ran is extended then, and nothing is refused."""
    with azure_worker(tmp_path, monkeypatch, __name__, "Users"):
        monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "0")
        extended = hosting.extend(func.Blueprint() if is_blueprint else func.FunctionApp())  # type: ignore[no-untyped-call]
        extended.route("main")(with_user)
        hosting.extension(Users)
        app: Any = extended
        if is_blueprint:
            app = func.FunctionApp()
            app.register_functions(extended)
        [built] = app.get_functions()
        assert await built.get_user_function()(func.HttpRequest("GET", "/", body=b"")) == "Ann"
