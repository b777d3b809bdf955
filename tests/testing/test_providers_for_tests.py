"""Binding packages that run in ``make_host``, and the methods that they add to its host."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from hosting.testing import make_host
from tests.support.sites import Site

APP = {
    "function_app.py": """
import azure.functions as func

app = func.FunctionApp()


@app.generic_trigger("text", type="topicTrigger")
@app.generic_input_binding("shout", type="topicShout")
def first(text, shout) -> None:
    if text == "boom":
        raise ValueError("boom")
    print(text + shout)


@app.generic_trigger("text", type="topicTrigger")
@app.generic_output_binding("out", type="topicOutput")
def second(text, out: func.Out[str]) -> None:
    out.set(text)
"""
}
PROVIDER = """
from hosting.bindings import Input, Trigger
from hosting.testing import ProviderForTests


class TopicTrigger(Trigger):
    def attach(self, invoke):
        self.invoke = invoke

    def decode(self, data):
        return data


class Shout(Input):
    async def read(self, data, properties):
        return "!"


class Topics(ProviderForTests):
    def __init__(self, services):
        super().__init__(services)
        self.triggers, self.log = [], []

    def trigger(self, function, binding):
        self.triggers.append(TopicTrigger())
        return self.triggers[-1]

    def input(self, function, binding):
        return Shout()

    def methods(self):
        return {"publish": self.publish, "started": self.started, "get": self.started}

    async def publish(self, text, *, only=None):
        \"\"\"Send a message.\"\"\"
        results = [await trigger.invoke(text) for trigger in self.triggers[:only]]
        return sum(result.exception is None for result in results)

    async def started(self):
        return self.log

    async def start(self):
        self.log.append("start")
"""


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    """Return a folder with further installed distributions."""
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "topics", raising=False)
    return Site(tmp_path)


@pytest.fixture
def topics(site: Site) -> None:
    """Install a package with a provider for tests of two types."""
    entries = {"topicTrigger": "topics:Topics", "topicShout": "topics:Topics"}
    site.install("acme-topics", {"topics.py": PROVIDER}, testing=entries)


@pytest.mark.usefixtures("topics")
def test_methods_of_a_package_run_functions_in_a_sync_test(capsys: pytest.CaptureFixture[str]) -> None:
    """The provider is started with the host; types that it does not have stay in memory."""
    with make_host(APP, raises=False) as host:
        assert host.publish("hello") == 2
        assert host.publish("hi", only=1) == 1
        assert host.publish("boom") == 1
        assert host.started() == ["start"]
        assert host.invoke("second", "x").outputs["out"] == "x"
    assert "hello!" in capsys.readouterr().out


@pytest.mark.usefixtures("topics")
async def test_methods_of_a_package_are_awaited_in_an_async_test(capsys: pytest.CaptureFixture[str]) -> None:
    """An input that the test supplies comes from the test."""
    async with make_host(APP, inputs={"first": {"shout": "?"}}) as host:
        assert await host.publish("hello") == 2
    assert "hello?" in capsys.readouterr().out


@pytest.mark.usefixtures("topics")
def test_methods_of_the_host_come_first_and_unknown_ones_name_the_known(site: Site) -> None:
    """A package cannot replace ``get``; a misspelled method says what it may be."""
    with make_host(APP) as host:
        assert host.get("/unknown", raises=False).status == 404
        with pytest.raises(AttributeError, match=r"no method 'publsh'.*Did you mean 'publish'"):
            host.publsh("x")
        with pytest.raises(AttributeError, match="Added are: get, publish, started"):
            host.orchestrate("x")


def test_without_a_package_there_are_no_more_methods() -> None:
    """The message says so, and private names are no names of methods."""
    with make_host(APP) as host:
        for name, expected in {"orchestrate": "Added are: none", "_private": "_private"}.items():
            with pytest.raises(AttributeError, match=expected):
                getattr(host, name)


def test_entry_point_that_makes_something_else_is_an_error_of_the_function(site: Site) -> None:
    """Other functions run."""
    site.install("acme-topics", {"topics.py": "Topics = dict"}, testing={"topicShout": "topics:Topics"})
    with make_host(APP) as host:
        problems: list[Any] = [one for one in host.problems if one.function == "first"]
        assert len(problems) == 1
        assert host.invoke("second", "x").outputs["out"] == "x"
