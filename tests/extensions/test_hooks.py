"""Each hook of the specification: when it is called, with which arguments, and that the reference describes it."""

from __future__ import annotations

import asyncio
import inspect
import re
import threading
from pathlib import Path
from typing import Any

import pytest

import hosting
from docs import make_reference
from hosting import hookspecs
from hosting.extensions import ExtensionHost, outcome_of
from hosting.extensions._hooks import spec_arguments
from hosting.host.context import RetryContext
from hosting.testing import make_host
from tests.support.invoking import Context, function, invoker_of, load_host

AROUND = ("invocation", "invocation_app_level")


class Everything:
    """Implements every hook, with every argument, as ``def`` or as ``async def``, and records its calls."""

    def __init__(self, *, is_async: bool) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.threads: dict[str, int] = {}
        for name, arguments in spec_arguments().items():
            setattr(self, name, hosting.hookimpl(_implementation(self, name, arguments, is_async=is_async)))

    def called(self, name: str) -> list[dict[str, Any]]:
        return [arguments for hook, arguments in self.calls if hook == name]

    def note(self, name: str, arguments: dict[str, Any]) -> None:
        self.calls.append((name, arguments))
        self.threads[name] = threading.get_ident()


def _implementation(target: Everything, name: str, arguments: tuple[str, ...], *, is_async: bool) -> Any:
    """Return a function with exactly the hook's arguments, as an author would write it."""
    keyword = "async def" if is_async else "def"
    keywords = ", ".join(f"{argument}={argument}" for argument in arguments)
    pause = "    await sleep(0)\n" if is_async else ""
    rest = "    outcome = yield\n    note('outcome', dict(outcome=outcome))\n" if name in AROUND else ""
    source = f"{keyword} {name}({', '.join(arguments)}):\n    note({name!r}, dict({keywords}))\n{pause}{rest}"
    namespace: dict[str, Any] = {"note": target.note, "sleep": asyncio.sleep}
    exec(source, namespace)
    return namespace[name]


APP = """
import azure.functions as func
app = func.FunctionApp()
@app.route("hello")
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
SECTION = {"extensions": {"everything": {"settings": {"level": 3}}}}


@pytest.fixture(params=["def", "async def"])
async def life(request: pytest.FixtureRequest, anyio_backend: str) -> Everything:
    """Run an extension from start to shutdown, with two functions; one opts in, and its second invocation raises."""
    everything = Everything(is_async=request.param == "async def")

    def call(req: str) -> str:
        if req == "fail":
            raise LookupError(req)
        return f"did {req}"

    mine = function(call, "Mine", "everything", directory="/app/Mine")
    other = function(call, "Other", directory="/app/Other")
    host = load_host({"everything": everything}, mine, other, section=SECTION)
    await host.startup()
    await invoker_of(host, mine)(Context("good"), {"req": "x"})
    with pytest.raises(LookupError):
        await invoker_of(host, mine)(Context("bad"), {"req": "fail"})
    await invoker_of(host, other)(Context("other"), {"req": "y"})
    edges, error = host.edges(other), OSError("disk")
    assert edges is not None
    outcome = outcome_of(None, error, None, is_cancelled=False)
    context = Context("edge")
    context.retry_context = RetryContext(1, 1)  # type: ignore[attr-defined]
    await edges.ended(context, outcome, 0.5, "write")
    edges.sent(context, 0.0, 200, 7, None)
    await host.shutdown()
    everything.threads["loop"] = threading.get_ident()
    return everything


def invocations(everything: Everything, name: str) -> list[str]:
    return [arguments["context"].invocation_id for arguments in everything.called(name)]


def test_hook_init_is_called_once_and_first(life: Everything) -> None:
    """``init`` is called once, before all others, without arguments."""
    assert life.calls[0] == ("init", {})
    assert len(life.called("init")) == 1


def test_hook_configure_is_called_once_with_the_settings(life: Everything) -> None:
    """``configure`` is called once, with the extension's settings."""
    assert life.called("configure") == [{"settings": {"level": 3}}]


@pytest.mark.parametrize("is_async", [False, True])
def test_hook_prepare_is_called_once_between_settings_and_functions(is_async: bool) -> None:
    """``prepare`` gets the app after ``configure``, and before any function is set up."""
    everything = Everything(is_async=is_async)
    with make_host({"function_app.py": APP}, extensions={"everything": everything}):
        names = [name for name, _ in everything.calls]
    assert names[:4] == ["init", "configure", "prepare", "post_function_load_app_level"]
    (arguments,) = everything.called("prepare")
    assert [one.name for one in arguments["app"].functions] == ["hello"]
    assert [*everything.called("startup"), *everything.called("shutdown")] == [arguments, arguments]


def test_hook_init_function_is_called_for_functions_that_opted_in(life: Everything) -> None:
    """``init_function`` is called for the function that opted in."""
    assert life.called("init_function") == [{"function_name": "Mine", "function_directory": "/app/Mine"}]


def test_hook_configure_function_is_called_with_the_functions_settings(life: Everything) -> None:
    """``configure_function`` gets the settings of the function, the extension's own among them."""
    assert life.called("configure_function") == [{"function_name": "Mine", "settings": {"level": 3}}]


def test_hook_post_function_load_app_level_is_called_for_every_function(life: Everything) -> None:
    """``post_function_load_app_level`` is called for every function."""
    assert life.called("post_function_load_app_level") == [
        {"function_name": name, "function_directory": f"/app/{name}"} for name in ("Mine", "Other")
    ]


def test_hook_post_function_load_is_called_for_functions_that_opted_in(life: Everything) -> None:
    """``post_function_load`` is called for the function that opted in."""
    assert life.called("post_function_load") == [{"function_name": "Mine", "function_directory": "/app/Mine"}]


def test_hook_startup_is_called_once_between_load_and_first_invocation(life: Everything) -> None:
    """``startup`` runs once, after the load hooks and before the first invocation; ``def`` runs in a thread."""
    assert [name for name, _ in life.calls].index("startup") == 7
    assert len(life.called("startup")) == 1
    assert (life.threads["startup"] == life.threads["loop"]) == inspect.iscoroutinefunction(life.startup)  # type: ignore[attr-defined]


def test_hook_invocation_app_level_is_called_around_every_invocation(life: Everything) -> None:
    """``invocation_app_level`` runs around every invocation and gets its outcome."""
    assert invocations(life, "invocation_app_level") == ["good", "bad", "other"]
    outcomes = [arguments["outcome"] for arguments in life.called("outcome")]
    assert [outcome.result for outcome in outcomes] == ["did x", "did x", None, None, "did y"]
    assert [type(outcome.exception) for outcome in outcomes[2:4]] == [LookupError, LookupError]


def test_hook_pre_invocation_app_level_is_called_with_logger_context_and_arguments(life: Everything) -> None:
    """``pre_invocation_app_level`` gets a logger, the context and the live arguments."""
    assert invocations(life, "pre_invocation_app_level") == ["good", "bad", "other"]
    first = life.called("pre_invocation_app_level")[0]
    assert first["func_args"] == {"req": "x"}
    assert first["logger"].name == "hosting.extensions.everything"


def test_hook_invocation_is_called_around_functions_that_opted_in(life: Everything) -> None:
    """``invocation`` runs around the function that opted in, inside the app level."""
    assert invocations(life, "invocation") == ["good", "bad"]


def test_hook_pre_invocation_is_called_last_before_functions_that_opted_in(life: Everything) -> None:
    """``pre_invocation`` runs for the function that opted in, last before it."""
    assert invocations(life, "pre_invocation") == ["good", "bad"]
    assert life.called("pre_invocation")[0]["func_args"] == {"req": "x"}


def test_hook_post_invocation_is_called_only_after_a_return(life: Everything) -> None:
    """``post_invocation`` gets what the function returned; it does not run when the function raised."""
    assert [(call["context"].invocation_id, call["func_ret"]) for call in life.called("post_invocation")] == [
        ("good", "did x")
    ]


def test_hook_invocation_error_is_called_only_after_an_exception(life: Everything) -> None:
    """``invocation_error`` gets what the function raised; it does not run when the function returned."""
    [call] = life.called("invocation_error")
    assert (call["context"].invocation_id, repr(call["exception"])) == ("bad", "LookupError('fail')")


def test_hook_post_invocation_app_level_is_called_for_every_function_that_returned(life: Everything) -> None:
    """``post_invocation_app_level`` runs for every function that returned."""
    assert invocations(life, "post_invocation_app_level") == ["good", "other"]


def test_hook_invocation_error_app_level_is_called_for_every_function_that_raised(life: Everything) -> None:
    """``invocation_error_app_level`` runs for every function that raised, and where an output failed."""
    assert invocations(life, "invocation_error_app_level") == ["bad", "edge"]


def test_hook_binding_error_is_called_with_phase_and_exception(life: Everything) -> None:
    """``binding_error`` says which part of the bindings failed, before the error hooks."""
    [call] = life.called("binding_error")
    assert (call["invocation"].id, call["phase"], repr(call["exception"])) == ("edge", "write", "OSError('disk')")
    names = [name for name, _ in life.calls]
    assert names[names.index("binding_error") + 1] == "invocation_error_app_level"


def test_hook_gave_up_is_called_when_no_attempt_follows(life: Everything) -> None:
    """``gave_up`` counts the attempts; the one that failed without a retry policy is none of them."""
    [call] = life.called("gave_up")
    assert (call["invocation"].id, call["attempts"], repr(call["exception"])) == ("edge", 2, "OSError('disk')")


def test_hook_invocation_end_is_called_last_in_the_invocation(life: Everything) -> None:
    """``invocation_end`` gets the outcome and the time."""
    [call] = life.called("invocation_end")
    assert (call["outcome"].kind, call["outcome"].status, call["seconds"]) == ("failed", None, 0.5)
    assert [name for name, _ in life.calls][-4:-2] == ["gave_up", "invocation_end"]


def test_hook_response_sent_is_called_with_what_was_sent(life: Everything) -> None:
    """``response_sent`` gets status and size; ``shutdown`` waits for it."""
    [call] = life.called("response_sent")
    assert (call["status"], call["bytes"], call["exception"], call["logger"].name) == (
        200,
        7,
        None,
        "hosting.extensions.everything",
    )


def test_hook_shutdown_is_called_once_and_last(life: Everything) -> None:
    """``shutdown`` is called once, after all others."""
    assert life.calls[-1][0] == "shutdown"
    assert len(life.called("shutdown")) == 1


@pytest.fixture(scope="module")
def hook_reference() -> str:
    """The reference page of the hooks."""
    return make_reference.pages()["reference/hooks.md"]


@pytest.mark.parametrize("name", spec_arguments())
def test_every_hook_has_a_test_and_a_heading_with_its_signature(name: str, hook_reference: str) -> None:
    """This file tests every hook of the specification, and the reference shows it."""
    assert any(test.startswith(f"test_hook_{name}_is_called_") for test in globals())
    section = hook_reference.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    shown = re.sub(r"\s+", "", section.split("```")[1])
    parameters = inspect.signature(getattr(hookspecs, name)).parameters.values()
    signature = ",".join(f"{one.name}:{one.annotation}" for one in parameters)
    assert f"def{name}({signature})".replace(" ", "") in shown.replace(",)", ")")


def host_with_named_hooks(names: list[str], trace: list[str], hook: str) -> ExtensionHost:
    def extension_class(name: str) -> Any:
        async def note(self: Any) -> None:
            trace.append(name)

        return type(name, (), {hook: hosting.hookimpl(note)})

    return load_host({name: extension_class(name) for name in names}, function(lambda: None))


async def test_startup_runs_in_order_and_shutdown_in_reverse() -> None:
    """The extension that starts first is shut down last."""
    trace: list[str] = []
    await host_with_named_hooks(["b", "c", "a"], trace, "startup").startup()
    await host_with_named_hooks(["b", "c", "a"], trace, "shutdown").shutdown()
    assert trace == ["a", "b", "c", "c", "b", "a"]


def test_specification_lists_hooks_in_lifecycle_order() -> None:
    """The file lists the hooks in the order of an extension's life, from ``init`` to ``shutdown``."""
    source = Path(inspect.getfile(hookspecs)).read_text("utf-8")
    positions = [source.index(f"def {name}(") for name in spec_arguments()]
    assert positions == sorted(positions)
    assert next(iter(spec_arguments())) == "init"
    assert [*spec_arguments()][-1] == "shutdown"
