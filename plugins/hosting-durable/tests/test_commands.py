"""``hosting durable``: its commands on the store of an app, without a host."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from hosting.bindings import Services
from hosting.errors import HostingError
from hosting_durable import EntityId, TaskHub, make_hub
from hosting_durable.commands import durable
from hosting_durable.stores import Rows


class Shell:
    """A shell in the folder of an app.

    Args:
        root: the app's folder.
    """

    def __init__(self, root: Path) -> None:
        self.root = root

    def __call__(self, *arguments: str) -> Result:
        """Run a command."""
        return CliRunner().invoke(durable, [*arguments, "--app-dir", str(self.root)])

    def json(self, *arguments: str) -> Any:
        """Run a command with ``--json``, and return what it prints."""
        result = self(*arguments, "--json")
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)

    def hub(self, work: Callable[[TaskHub], Awaitable[Any]]) -> Any:
        """Do something with the hub."""

        async def run() -> Any:
            async with make_hub(Services.of_app(self.root)) as hub:
                return await work(hub)

        return asyncio.run(run())

    def set_status(self, instance_id: str, status: str, output: str | None = None) -> None:
        """Have an orchestration in a state."""
        statement = "UPDATE instances SET status = ?, output = ? WHERE id = ?"
        self.hub(lambda hub: hub.database.write(lambda rows: rows.run(statement, status, output, instance_id)))


@pytest.fixture
def shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shell:
    """A shell in the folder of an app whose code cannot be imported: no command needs it."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "app"
    root.mkdir()
    (root / "host.json").write_text('{"version": "2.0", "extensions": {"durableTask": {"hubName": "%HUB%"}}}')
    (root / "local.settings.json").write_text('{"IsEncrypted": false, "Values": {"HUB": "Shop"}}')
    (root / "function_app.py").write_text("raise SystemExit")
    return Shell(root)


def test_orchestration_is_started_shown_controlled_exported_and_deleted(shell: Shell) -> None:
    """Each command prints a line for people; texts of JSON go where the SDK expects them."""
    started = shell("start", "Approve", "--input", '{"order": 7}', "--id", "one")
    assert started.output == "one\n"
    shown = shell("show", "one").output
    assert "Approve" in shown
    assert "Pending" in shown
    assert json.loads(shell.json("show", "one")["input"]) == {"order": 7}
    assert shell("raise", "one", "Approval", "--data", "true").output == "Sent Approval to one.\n"
    assert shell("terminate", "one", "--reason", "too late").exit_code == 0
    exported = json.loads(shell("export", "one").output)
    assert exported["input"] == json.dumps('{"order": 7}')
    assert exported["history"] == []
    shell.set_status("one", "Terminated", "too late")
    assert "Output         too late" in shell("show", "one").output
    assert shell("purge", "one").output == "Deleted one.\n"
    assert shell("list").output == "ID  ORCHESTRATOR  STATUS  STARTED\n"


def test_input_is_sent_as_the_client_of_the_installed_sdk_does(
    shell: Shell, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of 2.x sends the JSON itself; that of 1.x a text of it."""
    info = tmp_path / "site" / "azure_functions_durable-2.0.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: azure-functions-durable\nVersion: 2.0.0\n")
    monkeypatch.syspath_prepend(str(info.parent))
    assert shell("start", "Approve", "--input", '{"order": 7}', "--id", "one").exit_code == 0
    assert json.loads(shell("export", "one").output)["input"] == '{"order": 7}'
    assert 'Input          {"order": 7}' in shell("show", "one").output


def test_results_are_shown_as_json_like_inputs(shell: Shell) -> None:
    """A text has its quotes in both, so that it cannot be taken for a number; reasons of failures are plain."""
    shell("start", "Chain", "--id", "one", "--input", '"7"')
    events = [(4, 0, {"Name": "Add", "Input": '"7"'}), (5, -1, {"TaskScheduledId": 0, "Result": '"8"'})]
    events += [(4, 1, {"Name": "Add", "Input": "7"}), (6, -1, {"TaskScheduledId": 1, "Reason": "8 is wrong"})]
    columns = "instance, execution, place, type, event_id, at, body"

    def write(rows: Rows) -> None:
        execution = rows.all("SELECT execution FROM instances")[0][0]
        for place, (kind, event_id, content) in enumerate(events):
            statement = f"INSERT INTO history ({columns}) VALUES (?, ?, ?, ?, ?, 0, ?)"
            rows.run(statement, "one", execution, place, kind, event_id, json.dumps(content))

    shell.hub(lambda hub: hub.database.write(write))
    shell.set_status("one", "Completed", '"9"')
    lines = [" ".join(line.split()) for line in shell("show", "one").output.splitlines()]
    assert 'Input "7"' in lines
    assert 'Output "9"' in lines
    assert lines[-2].endswith('TaskCompleted Add Result="8" Input="7"')
    assert lines[-1].endswith("TaskFailed Add Reason=8 is wrong Input=7")


def test_commands_print_json_for_programs(shell: Shell) -> None:
    """Each of them has one document."""
    started = shell.json("start", "Chain")["id"]
    assert len(started) == 32
    assert shell.json("raise", started, "go") == {"id": started, "event": "go"}
    assert shell.json("terminate", started) == {"id": started}
    (listed,) = shell.json("list")
    assert (listed["instanceId"], listed["runtimeStatus"], listed["input"]) == (started, "Pending", None)
    shell.set_status(started, "Completed", "[1]")
    assert shell.json("show", started)["output"] == [1]
    assert shell.json("export", started)["output"] == "[1]"
    assert shell.json("purge", started) == {"id": started}
    assert shell.json("list") == shell.json("list", "--entities") == []


def test_list_is_narrowed_and_says_that_there_is_more(shell: Shell) -> None:
    """Conditions combine; the number that is printed has a limit."""
    for number in range(4):
        shell("start", "Even" if number % 2 == 0 else "Odd", "--id", f"order-{number}")
    shell.set_status("order-2", "Failed", "boom")
    assert [one["instanceId"] for one in shell.json("list", "--name", "even")] == ["order-0", "order-2"]
    assert [one["instanceId"] for one in shell.json("list", "--status", "failed", "--prefix", "order")] == ["order-2"]
    limited = shell("list", "--limit", "2")
    assert len(limited.stdout.splitlines()) == 3
    assert "There are more than 2" in limited.stderr


def test_entity_is_unknown_until_it_has_a_state(shell: Shell) -> None:
    """An operation that waits makes no entity yet."""
    shell.hub(lambda hub: hub.signal_entity(EntityId("counter", "k"), "add", "1"))
    failed = shell("show", "@counter@k")
    assert isinstance(failed.exception, HostingError)
    assert "There is no entity @counter@k" in str(failed.exception)
    assert shell("list", "--entities").output.startswith("ID")


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("show", "none"), 1, "No instance with ID 'none' found."),
        (("raise", "none", "go"), 1, "No instance with ID 'none' found."),
        (("terminate", "none"), 1, "No instance with ID 'none' found."),
        (("purge", "none"), 1, "No instance with ID 'none' found."),
        (("export", "../x y%00"), 1, "No instance with ID '../x y%00' found."),
        (("show", "@"), 1, "Not the ID of an entity"),
        (("purge", "one"), 1, "only finished instances can be purged"),
        (("start", ""), 2, "Invalid value for 'NAME': it is empty."),
        (("start", " ", "--id", "two"), 2, "Invalid value for 'NAME': it is empty."),
        (("raise", "one", ""), 2, "Invalid value for 'EVENT': it is empty."),
        (("start", "Chain", "--id", "one"), 1, "with the status Pending already exists"),
        (("start", "Chain", "--id", "a/b"), 1, "must not contain /"),
        (("start", "Chain", "--id", "x" * 1000), 1, "must not exceed 256 characters"),
        (("start", "Chain", "--input", "{a}"), 2, "'{a}' is not JSON"),
        (("raise", "one", "go", "--data", "yes"), 2, "'yes' is not JSON"),
        (("raise", "done", "go"), 1, "is gone: either completed or failed"),
        (("terminate", "done"), 1, "is gone: either completed or failed"),
        (("list", "--status", "runing"), 2, "'runing' is not a state. Choose from: Pending, Running"),
        (("list", "--limit", "0"), 2, "x>=1"),
    ],
)
def test_error_is_one_line_and_an_exit_code(shell: Shell, arguments: tuple[str, ...], code: int, message: str) -> None:
    """Wrong usage is 2, and what cannot be done is 1, with a remedy."""
    for instance_id in ("one", "done"):
        shell("start", "Chain", "--id", instance_id)
    shell.set_status("done", "Completed")
    result = shell(*arguments)
    assert result.exit_code == code
    if code == 1:
        assert isinstance(result.exception, HostingError)
        assert message in result.exception.message
        assert "\n" not in result.exception.message
    else:
        assert message in " ".join(result.output.replace("│", " ").split())


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "There is no function app in"),
        ({"host.json": "{"}, "host.json"),
        (
            {"host.json": '{"version": "2.0", "extensions": {"durableTask": {"hubName": "1"}}}'},
            "Task hub name '1' should contain only alphanumeric",
        ),
    ],
)
def test_folder_without_a_usable_app_is_an_error(
    files: dict[str, str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The message names what is wrong with the folder."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    root = tmp_path / "folder"
    root.mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
    result = Shell(root)("list")
    assert isinstance(result.exception, HostingError)
    assert message in str(result.exception)
