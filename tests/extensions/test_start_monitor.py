"""An extension that keeps the start waiting is named in the log, while it does."""

from __future__ import annotations

import asyncio
import builtins
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import hosting
from hosting.extensions import ExtensionHost
from hosting.extensions._start_monitor import SLOW_AFTER_SECONDS
from tests.support.invoking import ON, extension_entry, function
from tests.support.sites import Site

AT_ONCE = 0.01
"""The seconds after which an extension is named in these tests: each of them waits for the line, however late it is."""
LONG_BUDGET = 3600.0


class Gate(logging.Handler):
    """Opens when a line with a text is logged; code that hangs waits for it."""

    def __init__(self, text: str, count: int) -> None:
        super().__init__()
        self.text = text
        self.lines: list[logging.LogRecord] = []
        self._count = count
        self.opened = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(record)
        if sum(self.text in line.getMessage() for line in self.lines) >= self._count:
            self.opened.set()

    def lines_about(self, what: str) -> list[logging.LogRecord]:
        """Return the lines about one thing; on a slow machine there may be others."""
        return [line for line in self.lines if f"is still {what} after" in line.getMessage()]


@pytest.fixture
def gate(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Gate]]:
    """Return a function that makes a gate, which code of installed extensions reaches as ``gate``."""
    logger, gates = logging.getLogger("hosting.extensions"), list[Gate]()

    def make(text: str, count: int = 1) -> Gate:
        gates.append(Gate(text, count))
        logger.addHandler(gates[-1])
        monkeypatch.setattr(builtins, "gate", gates[-1], raising=False)
        return gates[-1]

    yield make
    for one in gates:
        logger.removeHandler(one)


def host_of(budget: float = LONG_BUDGET, *, slow_after: float = AT_ONCE) -> ExtensionHost:
    section = {"budgets": dict.fromkeys(("hook", "startup", "shutdown", "load"), budget)}
    return ExtensionHost(environ=ON, section=section, slow_after=slow_after)


HOOK = "class Slow:\n    @hosting.hookimpl\n    {keyword} {name}(self):\n        {body}\n"
SDK = """import azure.functions as func
class Slow(func.AppExtensionBase):
    @classmethod
    def {name}: gate.opened.wait(60)
"""
WITH_INIT = """class Slow:
    def __init__(self): gate.opened.wait(60)
    @hosting.hookimpl
    def init(self): ...
"""
CASES = {
    "importing": "gate.opened.wait(60)\n",
    "in its hook init": HOOK.format(keyword="def", name="init", body="gate.opened.wait(60)"),
    "in its hook configure": HOOK.format(keyword="def", name="configure", body="gate.opened.wait(60)"),
    "in its hook init_function": HOOK.format(keyword="def", name="init_function", body="gate.opened.wait(60)"),
    "in its hook post_function_load": HOOK.format(
        keyword="def", name="post_function_load", body="gate.opened.wait(60)"
    ),
    "creating its object": WITH_INIT,
}


def install(site: Site, code: str) -> None:
    target = "slow_module:Slow" if "class Slow" in code else "slow_module"
    source = f"import hosting\n{code}\n@hosting.hookimpl\ndef pre_invocation_app_level(): ...\n"
    site.install("dist-slow", {"slow_module.py": source}, hosting={"slow": target})


@pytest.mark.parametrize("what", CASES)
def test_extension_that_hangs_is_named_while_the_start_waits(site: Site, gate: Callable[..., Gate], what: str) -> None:
    """The line has its name, its distribution, what it is doing, and where; afterwards the start goes on."""
    install(site, CASES[what])
    opens = gate(f", in {site.path / 'slow_module.py'}, line ")  # a slow machine comes there after the first line
    host = host_of(0.02)
    host.discover()
    host.load([function(lambda: "fine", "F", "slow")])
    record = opens.lines_about(what)[0]
    assert record.getMessage().startswith(f"Extension 'slow' (dist-slow 1.0) is still {what} after 0.01 s")
    assert record.levelno == logging.WARNING
    assert (record.extension, record.distribution) == ("slow", "dist-slow")  # type: ignore[attr-defined]
    assert (extension_entry(host, "slow")["status"], extension_entry(host, "slow")["error"]) == ("active", None)


@pytest.mark.parametrize("what", CASES)
def test_extension_that_hangs_beyond_its_budget_is_an_error_line_and_then_named_again(
    site: Site, gate: Callable[..., Gate], what: str
) -> None:
    """The line says why the start waits, and how to start without the extension."""
    install(site, CASES[what])
    opens = gate(f"is still {what} after", 3)
    host = host_of(0.02)
    host.discover()
    host.load([function(lambda: "fine", "F", "slow")])
    first, second, third = opens.lines_about(what)[:3]
    assert f"is still {what} after 0.01 s" in first.getMessage()
    assert f"is still {what} after 0.02 s, longer than its budget of 0.02 s" in second.getMessage()
    assert f"is still {what} after 0.04 s" in third.getMessage()
    assert second.getMessage().endswith("because Python cannot end it. To start without it: HOSTING_DISABLE=slow.")
    assert [one.levelno for one in (first, second, third)] == [logging.WARNING, logging.ERROR, logging.ERROR]
    assert extension_entry(host, "slow")["status"] == "active"


def test_budget_shorter_than_the_first_line_is_named_at_its_end(site: Site, gate: Callable[..., Gate]) -> None:
    """There is one line for both."""
    install(site, CASES["importing"])
    opens = gate("is still importing after")
    host = host_of(0.01, slow_after=LONG_BUDGET)
    host.discover()
    host.load([])
    assert opens.lines_about("importing")[0].levelno == logging.ERROR


@pytest.mark.parametrize("name", ["init", "configure", "startup", "shutdown"])
@pytest.mark.parametrize("keyword", ["def", "async def"])
async def test_hook_outside_an_invocation_that_hangs_is_named(
    site: Site, gate: Callable[..., Gate], name: str, keyword: str
) -> None:
    """Whichever thread runs it."""
    body = (
        "gate.opened.wait(60)" if keyword == "def" else "import asyncio; await asyncio.to_thread(gate.opened.wait, 60)"
    )
    install(site, HOOK.format(keyword=keyword, name=name, body=body))
    opens = gate(f"is still in its hook {name} after 0.01 s")
    host = host_of()
    await asyncio.to_thread(host.discover)
    await asyncio.to_thread(host.load, [function(lambda: "fine")])
    await host.startup()
    await host.shutdown()
    assert opens.lines
    assert extension_entry(host, "slow")["error"] is None


@pytest.mark.parametrize("method", ["init(cls)", "configure(cls, *args, **kwargs)"])
def test_class_of_azures_interface_that_hangs_is_named(site: Site, gate: Callable[..., Gate], method: str) -> None:
    """Its methods run when it is defined, and when its settings are known."""
    install(site, SDK.format(name=method))
    name = method.partition("(")[0]
    opens = gate(f"in its method {name} after")
    section = {"extensions": {"slow": {"settings": {"a": 1}}}}
    host = ExtensionHost(environ=ON, section=section, slow_after=AT_ONCE)
    host.discover()
    host.load([function(lambda: "fine")])
    assert any(f"is still in its method {name} after 0.01 s" in one.getMessage() for one in opens.lines)


def test_async_hook_that_exceeds_its_budget_is_reported_by_its_error_only(caplog: pytest.LogCaptureFixture) -> None:
    """The start goes on without it."""

    class Slow:
        @hosting.hookimpl
        async def init(self) -> None:
            await asyncio.sleep(60)

    host = ExtensionHost(environ=ON, section={"budgets": {"hook": 0.02}})
    host.register("slow", Slow)
    host.load([function(lambda: "fine")])
    assert extension_entry(host, "slow")["status"] == "failed"
    assert [one.levelno for one in caplog.records if "slow" in one.getMessage()] == [logging.ERROR]


def test_start_leaves_no_thread_that_watches(site: Site, gate: Callable[..., Gate]) -> None:
    """It ends when the host is loaded."""
    install(site, CASES["importing"])
    gate("is still importing")
    host = host_of()
    host.discover()
    thread: Any = host._monitor._thread
    host.load([])
    if thread is not None:
        thread.join(60)
        assert not thread.is_alive()


def test_extension_is_named_after_5_seconds() -> None:
    """Unless the caller says otherwise."""
    assert SLOW_AFTER_SECONDS == 5.0
    assert ExtensionHost(environ={})._monitor._slow_after == 5.0
