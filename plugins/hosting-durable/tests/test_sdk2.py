"""Functions of the SDK 2.x on the engine of this package: orchestrators, entities, activities and clients.

The SDK needs Python 3.13 and cannot be installed beside 1.x: ``make test-pythons`` runs these tests with it. Elsewhere
the worker of durabletask, which is all of the SDK that replays, runs the same functions.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest
from aiohttp import web
from durable_support.hosts import HostFolder
from durable_support.sdk2 import IS_REAL, make_app
from durabletask.client import AsyncTaskHubGrpcClient, EntityQuery, OrchestrationQuery, OrchestrationStatus
from durabletask.entities import EntityInstanceId
from durabletask.grpc_options import GrpcChannelOptions
from durabletask.internal import orchestrator_service_pb2

from hosting.bindings import Result
from hosting_durable.events import EventType, event
from hosting_durable.model import Instance
from hosting_durable.protocol.backend import MAX_MESSAGE_BYTES
from hosting_durable.protocol.dialect import ProtocolDialect
from hosting_durable.protocol.messages import Messages
from hosting_durable.protocol.server import ProtocolServer
from hosting_durable.protocol.table import MESSAGES, METHODS
from hosting_durable.provider import DurableProvider
from hosting_durable.status import Status
from hosting_durable.stores.database import Rows

pytestmark = pytest.mark.filterwarnings("ignore:azure.functions :DeprecationWarning")


class Served:
    """A host of the app, and a client of the SDK for it.

    Args:
        provider: the provider of the host.
        client: the client.
    """

    def __init__(self, provider: DurableProvider, client: AsyncTaskHubGrpcClient) -> None:
        self.provider, self.hub, self.client = provider, provider.hub, client

    async def run(self, name: str, value: Any = None, instance_id: str | None = None) -> Instance:
        """Run an orchestration to its end."""
        identity = await self.client.schedule_new_orchestration(name, input=value, instance_id=instance_id)
        return await self.hub.wait_for_completion(identity, 60)

    async def until(self, is_so: Callable[[Rows], Any]) -> None:
        """Wait until the store is as wanted."""
        async with asyncio.timeout(60):
            while True:
                seen = self.hub.database.writes
                if await self.hub.database.read(is_so):
                    return
                await self.hub.database.wait(seen, 1)

    async def until_status(self, instance_id: str, status: str) -> None:
        """Wait for a state of an orchestration."""
        query = "SELECT 1 FROM instances WHERE id = ? AND status = ?"
        await self.until(lambda rows: rows.one(query, instance_id, status))

    async def until_state(self, entity: str, state: str) -> None:
        """Wait for a state of an entity."""
        await self.until(lambda rows: rows.one("SELECT 1 FROM instances WHERE id = ? AND state = ?", entity, state))


@pytest.fixture(scope="module")
async def served(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Served]:
    """A host of the app with a client; one for all tests, as each has orchestrations of its own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        folder = HostFolder(tmp_path_factory.mktemp("host") / "app")
        async with folder.open(make_app()) as provider:
            server = ProtocolServer(provider.hub, Messages())
            await server.start()
            options = GrpcChannelOptions(max_receive_message_length=MAX_MESSAGE_BYTES)
            async with AsyncTaskHubGrpcClient(host_address=server.address, channel_options=options) as client:
                yield Served(provider, client)
            await server.close()


@pytest.mark.parametrize(
    ("name", "value", "output"),
    [
        ("chain", 3, 12),
        ("fan_out", 20, 380),
        ("retries", "r", 3),
        ("catches", "missing", ["KeyError", "'missing'"]),
        ("catches_unknown", None, "no_such_activity"),
        ("parent", 1, [4, "below"]),
        ("counts", None, [3, True, 3]),
    ],
)
async def test_an_orchestration_of_the_sdk_2_ends_with_its_result(
    served: Served, name: str, value: Any, output: Any
) -> None:
    """Chains, fan-out, retries, failures, sub-orchestrations and entities end as the code says."""
    instance = await served.run(name, value)
    assert (instance.status, json.loads(instance.output or "null")) == (Status.COMPLETED, output)


async def test_a_failed_orchestration_says_why_with_the_type_of_the_error(served: Served) -> None:
    """The output of the store has type and text; the client gets them apart, and the trace from the history."""
    instance = await served.run("fails", "so it is")
    assert (instance.status, instance.output) == (Status.FAILED, "builtins.RuntimeError: so it is")
    state = await served.client.get_orchestration_state(instance.instance_id)
    assert state is not None
    assert state.failure_details is not None
    assert (state.failure_details.error_type, state.failure_details.message) == ("builtins.RuntimeError", "so it is")
    history = await served.client.get_orchestration_history(instance.instance_id)
    assert "raise RuntimeError(text)" in str(history[-2].failure_details.stack_trace)  # type: ignore[attr-defined]


async def test_events_come_early_late_and_in_their_order_whatever_their_case(served: Served) -> None:
    """An event before its wait is kept; a timer that nothing waits for any more changes nothing."""
    client = served.client
    early = await client.schedule_new_orchestration("two_events")
    for number in (1, 2):
        await client.raise_orchestration_event(early, "Same", data=number)
    state = await client.wait_for_orchestration_completion(early, timeout=60)
    assert state is not None
    assert state.serialized_output == "[1, 2]"
    late = await client.schedule_new_orchestration("approval")
    await client.wait_for_orchestration_start(late, timeout=60)
    await served.run("sender", late, "the-sender")
    state = await client.wait_for_orchestration_completion(late, timeout=60)
    assert state is not None
    assert state.get_output() == [True, {"by": "the-sender"}]


async def test_continue_as_new_carries_events_over_before_those_that_come_later(served: Served) -> None:
    """Each execution takes one event; its history begins anew, and its input is the new one."""
    identity = await served.client.schedule_new_orchestration("rounds", input=3)
    for word in ("one", "two", "three"):
        await served.client.raise_orchestration_event(identity, "go", data=word)
    instance = await served.hub.wait_for_completion(identity, 60)
    assert (instance.output, instance.input) == ('"three"', "1")


async def test_locks_of_entities_let_one_orchestration_in_at_a_time(served: Served) -> None:
    """Each transfer reads what it has written, although all want both entities; signals wait until the lock is free."""
    ran = asyncio.gather(*(served.run("transfers", amount) for amount in (1, 2, 3, 4)))
    for _ in range(3):
        await served.client.signal_entity(EntityInstanceId("Counter", "a"), "add", input=100)
    assert sorted(one.output or "" for one in await ran) == ["1", "2", "3", "4"]
    free = "SELECT 1 FROM instances WHERE id = '@counter@b' AND locked_by IS NULL AND state = '10'"
    await served.until(lambda rows: rows.one(free))
    done = "SELECT 1 FROM instances WHERE id = '@counter@a' AND locked_by IS NULL AND state = '290'"
    await served.until(lambda rows: rows.one(done))


async def test_a_terminated_orchestration_gives_its_locks_back(served: Served) -> None:
    """Also the one that it still waits for; what waited for the lock runs then."""
    client = served.client
    first = await client.schedule_new_orchestration("keeps_lock", input="one")
    await served.until(lambda rows: rows.one("SELECT 1 FROM instances WHERE locked_by = ?", first))
    second = await client.schedule_new_orchestration("keeps_lock", input="two")
    queued = "SELECT 1 FROM inbox WHERE instance = '@counter@kept' AND held = 1"
    await served.until(lambda rows: rows.one(queued))
    await client.signal_entity(EntityInstanceId("Counter", "kept"), "add", input=5)
    for one in (second, first):
        await client.terminate_orchestration(one)
    done = "SELECT 1 FROM instances WHERE id = '@counter@kept' AND locked_by IS NULL AND state = '5'"
    await served.until(lambda rows: rows.one(done))


async def test_an_entity_signals_others_and_starts_orchestrations(served: Served) -> None:
    """With the same operations as in the SDK; a failed operation leaves the state as it was."""
    client, told = served.client, EntityInstanceId("Counter", "told")
    await client.signal_entity(EntityInstanceId("Counter", "teller"), "tell", input=7)
    await served.until(lambda rows: rows.one("SELECT 1 FROM instances WHERE id = '@counter@told' AND state = '7'"))
    await served.until_status("started-by-entity", "Completed")
    found = await client.get_entity(told)
    assert found is not None
    assert found.get_state(int) == 7
    pages = await client.get_all_entities(EntityQuery(instance_id_starts_with="@counter@to", include_state=True))
    assert [str(one.id) for one in pages] == ["@counter@told"]
    assert await client.get_entity(EntityInstanceId("Counter", "nobody")) is None


async def test_cleaning_releases_locks_whose_holder_is_gone_and_deletes_empty_entities(served: Served) -> None:
    """What waited for such a lock runs then; an entity with a state, a message or a lock in use stays."""
    client, hub = served.client, served.hub
    orphan, empty = EntityInstanceId("Counter", "orphan"), EntityInstanceId("Counter", "empty")
    for one in (orphan, empty):
        await client.signal_entity(one, "add", input=1)
        await served.until_state(str(one), "1")
    await hub.database.write(lambda rows: rows.run("UPDATE instances SET locked_by = 'gone' WHERE id = ?", str(orphan)))
    await hub.database.write(lambda rows: rows.run("UPDATE instances SET state = NULL WHERE id = ?", str(empty)))
    await client.signal_entity(orphan, "add", input=2)
    await served.until(lambda rows: rows.one("SELECT 1 FROM inbox WHERE instance = ? AND held = 1", str(orphan)))
    cleaned = await client.clean_entity_storage()
    assert cleaned.orphaned_locks_released == 1
    assert cleaned.empty_entities_removed >= 1
    await served.until_state(str(orphan), "3")
    assert await hub.database.read(lambda rows: rows.one("SELECT 1 FROM instances WHERE id = ?", str(empty))) is None


@pytest.mark.parametrize("name", sorted(MESSAGES))
def test_a_message_has_the_fields_of_the_protocol(name: str) -> None:
    """Names, numbers, kinds and groups are those of the classes that durabletask brings."""
    ours, theirs = getattr(Messages(), name).DESCRIPTOR, getattr(orchestrator_service_pb2, name).DESCRIPTOR
    for field in ours.fields:
        other = theirs.fields_by_name[field.name]
        assert _facts(field) == _facts(other)


def test_methods_have_the_requests_and_responses_of_the_protocol() -> None:
    """As in the service that durabletask brings."""
    service = orchestrator_service_pb2.DESCRIPTOR.services_by_name["TaskHubSidecarService"]
    theirs = {one.name: (one.input_type.name, one.output_type.name, one.server_streaming) for one in service.methods}
    assert {name: theirs[name] for name in METHODS} == METHODS


def _facts(field: Any) -> tuple[Any, ...]:
    """Return what a field is on the wire; a state is a number there."""
    group = None if field.containing_oneof is None else field.containing_oneof.name
    kind = "" if field.message_type is None else field.message_type.full_name
    number = field.TYPE_INT32 if field.type == field.TYPE_ENUM else field.type
    return field.number, number, kind, group, field.label == field.LABEL_REPEATED


async def test_clients_suspend_resume_terminate_restart_rewind_and_purge(served: Served) -> None:
    """Each by the client of the protocol; sub-orchestrations are terminated and deleted with their parents."""
    client = served.client
    identity = await client.schedule_new_orchestration("waits")
    await served.until_status("below", "Running")
    await client.suspend_orchestration(identity)
    await served.until_status(identity, "Suspended")
    await client.resume_orchestration(identity)
    await served.until_status(identity, "Running")
    await client.terminate_orchestration(identity, output="enough")
    state = await client.wait_for_orchestration_completion(identity, timeout=60)
    assert state is not None
    assert (state.runtime_status.name, state.get_output()) == ("TERMINATED", "enough")
    await served.until_status("below", "Terminated")
    assert (await client.purge_orchestration(identity)).deleted_instance_count == 2
    assert await client.get_orchestration_state(identity) is None
    failed = await served.run("fails_once", "x", "again")
    assert failed.status is Status.FAILED
    await client.rewind_orchestration("again", reason="repaired")
    assert (await served.hub.wait_for_completion("again", 60)).output == '"x"'
    other = await client.restart_orchestration("again", restart_with_new_instance_id=True)
    assert other != "again"
    assert (await served.hub.wait_for_completion(other, 60)).input == '"x"'


async def test_clients_list_orchestrations_in_pages(served: Served) -> None:
    """By prefix, state and time, with inputs and outputs if asked."""
    for number in range(3):
        await served.run("chain", number, f"listed-{number}")
    query = OrchestrationQuery(
        created_time_from=datetime.now(UTC) - timedelta(hours=1),
        runtime_status=[OrchestrationStatus.COMPLETED],
        max_instance_count=2,
        fetch_inputs_and_outputs=True,
    )
    found = {one.instance_id: one.serialized_output for one in await served.client.get_all_orchestration_states(query)}
    assert {key: value for key, value in found.items() if key.startswith("listed-")} == {
        "listed-0": "0",
        "listed-1": "4",
        "listed-2": "8",
    }
    page = await served.client.list_instance_ids(page_size=1000)
    assert {"listed-0", "listed-1", "listed-2"} <= set(page.items)


@pytest.mark.parametrize(
    ("method", "arguments", "code"),
    [
        ("raise_orchestration_event", ("unknown", "x"), grpc.StatusCode.NOT_FOUND),
        ("suspend_orchestration", ("unknown",), grpc.StatusCode.NOT_FOUND),
        ("terminate_orchestration", ("unknown",), grpc.StatusCode.NOT_FOUND),
        ("get_orchestration_history", ("unknown",), grpc.StatusCode.NOT_FOUND),
        ("rewind_orchestration", ("ended",), grpc.StatusCode.FAILED_PRECONDITION),
        ("raise_orchestration_event", ("ended", "x"), grpc.StatusCode.FAILED_PRECONDITION),
    ],
)
async def test_what_cannot_be_done_has_a_status_of_grpc(
    served: Served, method: str, arguments: tuple[str, ...], code: grpc.StatusCode
) -> None:
    """The message is that of the task hub."""
    if await served.client.get_orchestration_state("ended") is None:
        await served.run("chain", 1, "ended")
    with pytest.raises(grpc.RpcError) as caught:
        await getattr(served.client, method)(*arguments)
    assert caught.value.code() is code


async def test_an_existing_orchestration_is_replaced_only_as_the_client_allows(served: Served) -> None:
    """Without a policy one that runs is not; a policy that names its state replaces it."""
    client, name = served.client, "only-once"
    await client.schedule_new_orchestration("approval", instance_id=name)
    with pytest.raises(grpc.RpcError) as caught:
        await client.schedule_new_orchestration("chain", input=1, instance_id=name)
    assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
    policy = [OrchestrationStatus.PENDING, OrchestrationStatus.RUNNING]
    await served.hub.start_orchestration("chain", "1", name, replaceable=[Status[one.name] for one in policy])
    assert (await served.hub.wait_for_completion(name, 60)).output == "4"


async def test_work_items_and_unknown_methods_are_refused_with_a_reason(served: Served) -> None:
    """Work comes through the triggers: another worker cannot take it."""
    messages = Messages()
    async with grpc.aio.insecure_channel(served.client._host_address) as channel:
        call = channel.unary_stream(
            "/TaskHubSidecarService/GetWorkItems",
            request_serializer=messages.GetWorkItemsRequest.SerializeToString,
            response_deserializer=messages.WorkItem.FromString,
        )
        with pytest.raises(grpc.RpcError, match="work goes through the triggers"):
            await call(messages.GetWorkItemsRequest()).read()


async def test_an_orchestration_of_the_sdk_1_is_not_gone_on_with(served: Served) -> None:
    """The numbers of its actions would mean other ones: it fails, and the output says what to do."""
    hub = served.hub
    identity = await hub.start_orchestration("approval", None, "begun-by-1")
    await served.until_status(identity, "Running")
    old = event(EventType.TASK_SCHEDULED, 1, 0, Name="double", Version="", Input=None)
    change = "UPDATE history SET event_id = 0, type = ?, body = ? WHERE instance = ? AND event_id = 1"
    await hub.database.write(lambda rows: rows.run(change, old.type, old.body, identity))
    served.provider.engine._kept.take(identity)
    await served.client.raise_orchestration_event(identity, "Approved")
    instance = await hub.wait_for_completion(identity, 60)
    assert instance.status is Status.FAILED
    assert "azure-functions-durable 1.x has begun this orchestration" in (instance.output or "")


@pytest.mark.parametrize("text", ["no base64!", "AAAA", None, b"\xff"])
async def test_an_answer_that_is_no_message_fails_the_orchestration(text: Any) -> None:
    """As when an extension replaces what the SDK returned."""
    answer = ProtocolDialect(Messages()).answer(Result(reply=text))
    assert answer.state is None
    assert "no response of the Durable Task protocol" in (answer.error or "")


async def test_tags_are_in_the_history_of_each_execution(served: Served) -> None:
    """Those of an orchestration outlive continue-as-new; those of an activity stand where it is scheduled."""
    client = served.client
    for rounds in (0, 1):
        identity = await client.schedule_new_orchestration("tagged", input=rounds, tags={"team": "a", "cost": "7"})
        assert (await served.hub.wait_for_completion(identity, 60)).status is Status.COMPLETED
        history: list[Any] = list(await client.get_orchestration_history(identity))
        tags = {type(one).__name__: one.tags for one in history if getattr(one, "tags", None)}
        assert tags == {
            "ExecutionStartedEvent": {"team": "a", "cost": "7"},
            "TaskScheduledEvent": {"size": "small"},
        }


async def test_page_starts_an_orchestration_with_the_value_of_its_input(served: Served) -> None:
    """The orchestrator gets what the JSON means, not its text."""
    (panel,) = served.provider.panels()
    await panel.act("start", {"name": "chain", "input": "3", "instance": "of-the-page"})
    assert (await served.hub.wait_for_completion("of-the-page", 60)).output == "12"


async def test_large_payloads_pass(served: Served) -> None:
    """Those of clients may be longer than the 4 MB of gRPC's default."""
    instance = await served.run("echo", "x" * 200_000)
    assert len(instance.output or "") == 200_002
    identity = await served.client.schedule_new_orchestration("unknown", input="x" * 4_300_000)
    state = await served.client.wait_for_orchestration_completion(identity, timeout=60)
    assert state is not None
    assert len(state.serialized_input or "") == 4_300_002


@pytest.mark.skipif(not IS_REAL, reason="needs azure-functions-durable 2.x, that is Python 3.13: make test-pythons")
async def test_starters_of_the_real_sdk_get_their_client_async_or_not(served: Served) -> None:
    """Both start an orchestration and wait for it, the links are those of the HTTP API, and the style of 1.x works."""
    instance = await served.run("old_style", 2)
    link = "https://outside.example/runtime/webhooks/durabletask/instances/ID?taskHub=TestHubName&connection=Storage"
    assert json.loads(instance.output or "null") == [[8, link], 8]


@pytest.mark.skipif(not IS_REAL, reason="needs azure-functions-durable 2.x, that is Python 3.13: make test-pythons")
async def test_call_http_of_the_real_sdk_polls_until_the_answer(served: Served) -> None:
    """The SDK 2.x does that itself, with an orchestrator and an activity that it adds to each app."""
    polls = []

    async def answer(request: web.Request) -> web.Response:
        polls.append(request.path)
        if len(polls) < 3:
            return web.Response(status=202, headers={"Location": str(request.url), "Retry-After": "0"})
        return web.Response(text="done")

    app = web.Application()
    app.router.add_get("/job", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    instance = await served.run("calls_http", f"http://127.0.0.1:{runner.addresses[0][1]}/job")
    await runner.cleanup()
    assert (json.loads(instance.output or "null"), len(polls)) == ([200, "done"], 3)
