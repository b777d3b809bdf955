"""The HTTP API of a task hub, without an engine and without a server: status codes, payloads, filters and pages."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from hosting_durable import TaskHub
from hosting_durable.events import Event, EventType, compact
from hosting_durable.http import ApiReply, ApiRequest, DurableApi, Links
from hosting_durable.http.documents import history_document
from hosting_durable.http.requests import parse_query, split_path
from hosting_durable.settings import DurableSettings
from hosting_durable.stores import SqliteDatabase

LINKS = Links("https://app.example", "Hub", "k/1")
JSON = {"content-type": "application/json; charset=utf-8"}


class Api:
    """The API of a hub in memory, as a test calls it."""

    def __init__(self, hub: TaskHub) -> None:
        self.hub = hub
        self._api = DurableApi(hub)

    async def __call__(
        self, method: str, path: str, body: Any = b"", headers: Mapping[str, str] | None = None
    ) -> ApiReply:
        """Send a request; a body that is not bytes is sent as JSON."""
        address, _, query = path.partition("?")
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        fields = dict(JSON if headers is None else headers)
        url = f"https://app.example/x{path}"
        request = ApiRequest(method, split_path(address), parse_query(query), fields, content, url, LINKS)
        return await self._api.answer(request)

    async def put(self, instance_id: str, status: str, output: str | None = None, name: str = "Chain") -> None:
        """Have an orchestration in a state."""
        await self.hub.start_orchestration(name, '"[1]"', instance_id)
        statement = "UPDATE instances SET status = ?, output = ? WHERE id = ?"
        await self.hub.database.write(lambda rows: rows.run(statement, status, output, instance_id))


@pytest.fixture
async def api() -> AsyncIterator[Api]:
    """The API with an orchestration in each state; its ID is the state in lower case."""
    async with TaskHub(SqliteDatabase(None), DurableSettings("Hub", 10, 10, 10)) as hub:
        api = Api(hub)
        for status in ("Pending", "Running", "Suspended", "Completed", "Failed", "Terminated"):
            await api.put(status.lower(), status, {"Completed": '{"n": 1}', "Failed": "boom"}.get(status))
        yield api


def content(reply: ApiReply) -> Any:
    """Return the value of a reply."""
    return json.loads(reply.body) if reply.body else None


# Method, path, body, headers, status code, and a part of the body.
REQUESTS: list[tuple[str, str, Any, Mapping[str, str] | None, int, str]] = [
    ("GET", "/", b"", None, 404, "The API has no"),
    ("GET", "/unknown", b"", None, 404, "The API has no"),
    ("PUT", "/instances/running", b"", None, 404, "The API has no"),
    ("POST", "/makePrimary", b"", None, 200, ""),
    ("POST", "/orchestrators/", b"", None, 404, "The API has no"),
    ("POST", "/Orchestrators/Chain/new?taskHub=other", b"", None, 404, "This app has the task hub 'Hub', not 'other'"),
    ("POST", "/Orchestrators/Chain/new?taskHub=hub&connection=Storage", b"", {}, 202, "instances/new?"),
    ("POST", "/orchestrators/Chain", {"a": 1}, None, 202, "statusQueryGetUri"),
    ("POST", "/orchestrators/Chain/x", b"{a}", None, 400, '"ExceptionMessage": "Invalid JSON content"'),
    ("POST", "/orchestrators/Chain/x", b"NaN", None, 400, "Invalid JSON content"),
    ("POST", "/orchestrators/Chain/x", b'"\xff"', None, 400, "not UTF-8"),
    ("POST", "/orchestrators/Chain/x", b"[" * 100_000, None, 400, "Invalid JSON content"),
    ("POST", "/orchestrators/Chain/running", b"", None, 409, "with the status Running already exists"),
    ("POST", "/orchestrators/Chain/completed", b"", None, 202, "instances/completed?"),
    ("POST", "/orchestrators/Chain/@x@y", b"", None, 400, "must not start with @"),
    ("POST", "/orchestrators/Chain/a%2Fb", b"", None, 400, "must not contain /"),
    ("POST", "/orchestrators/Chain/" + "x" * 1000, b"", None, 400, "must not exceed 256 characters"),
    ("POST", "/orchestrators/Chain/100%25%20a.b", b"", None, 202, "instances/100%25%20a.b?"),
    ("POST", "/orchestrators/Chain/x?timeout=1&pollingInterval=2", b"", None, 400, "should be bigger than"),
    ("POST", "/orchestrators/Chain/x?timeout=0&pollingInterval=0", b"", None, 202, "statusQueryGetUri"),
    ("POST", "/orchestrators/Chain/x?timeout=soon&pollingInterval=nan", b"", None, 202, "statusQueryGetUri"),
    ("GET", "/instances/none", b"", None, 404, ""),
    ("GET", "/instances/running", b"", None, 202, '"runtimeStatus": "Running"'),
    ("GET", "/instances/pending", b"", None, 202, '"runtimeStatus": "Pending"'),
    ("GET", "/instances/suspended", b"", None, 202, '"runtimeStatus": "Suspended"'),
    ("GET", "/instances/completed", b"", None, 200, '"output": {"n": 1}'),
    ("GET", "/instances/failed", b"", None, 200, '"output": "boom"'),
    ("GET", "/instances/failed?returnInternalServerErrorOnFailure=TRUE", b"", None, 500, '"output": "boom"'),
    ("GET", "/instances/failed?returnInternalServerErrorOnFailure=1", b"", None, 200, '"output": "boom"'),
    ("GET", "/instances/completed?showInput=False", b"", None, 200, '"input": null'),
    ("GET", "/instances/" + "x" * 1000, b"", None, 404, ""),
    ("DELETE", "/instances/completed", b"", None, 200, '{"instancesDeleted": 1}'),
    ("DELETE", "/instances/running", b"", None, 412, "only finished instances"),
    ("DELETE", "/instances/none", b"", None, 404, "No instance with ID 'none' found."),
    ("DELETE", "/instances/", b"", None, 400, "Please provide value for 'createdTimeFrom' parameter."),
    ("DELETE", "/instances?createdTimeFrom=soon", b"", None, 400, "Please provide value"),
    ("DELETE", "/instances?createdTimeFrom=2000-01-01", b"", None, 200, '{"instancesDeleted": 3}'),
    ("DELETE", "/instances?createdTimeFrom=2000-01-01&runtimeStatus=Failed", b"", None, 200, '{"instancesDeleted": 1}'),
    ("DELETE", "/instances?createdTimeFrom=2999-01-01T00:00:00.000000Z", b"", None, 404, "No finished instance"),
    ("POST", "/instances/running/raiseEvent/go", {"by": "me"}, None, 202, ""),
    ("POST", "/instances/running/RAISEEVENT/a/b%20c", 1, None, 202, ""),
    ("POST", "/instances/running/raiseEvent/go", b"", None, 202, ""),
    ("POST", "/instances/running/raiseEvent/go", b"{", None, 400, "Invalid JSON content"),
    ("POST", "/instances/running/raiseEvent/go", b"1", {}, 400, "Only application/json request content is supported"),
    ("POST", "/instances/running/raiseEvent/go", b"1", {"content-type": "text/plain"}, 400, "Only application/json"),
    ("POST", "/instances/running/raiseEvent", b"1", None, 404, "The API has no"),
    ("POST", "/instances/none/raiseEvent/go", b"{", None, 404, "No instance with ID 'none' found."),
    ("POST", "/instances/completed/raiseEvent/go", b"1", {}, 410, "is gone: either completed or failed"),
    ("POST", "/instances/running/terminate?reason=a%20b", b"", None, 202, ""),
    ("POST", "/instances/none/terminate", b"", None, 404, "No instance"),
    ("POST", "/instances/terminated/terminate", b"", None, 410, "is gone"),
    ("POST", "/instances/running/suspend", b"", None, 202, ""),
    ("POST", "/instances/suspended/suspend", b"", None, 500, "is already suspended"),
    ("POST", "/instances/suspended/resume", b"", None, 202, ""),
    ("POST", "/instances/running/resume", b"", None, 500, "is not suspended"),
    ("POST", "/instances/failed/resume", b"", None, 410, "is gone"),
    ("POST", "/instances/completed/rewind", b"", None, 410, "failed"),
    ("POST", "/instances/running/rewind", b"", None, 412, "failed"),
    ("POST", "/instances/none/rewind", b"", None, 404, "No instance"),
    ("POST", "/instances/completed/restart", b"", None, 202, "statusQueryGetUri"),
    ("POST", "/instances/completed/restart?restartWithNewInstanceId=false", b"", None, 202, "instances/completed?"),
    ("POST", "/instances/running/restart?restartWithNewInstanceId=false", b"", None, 409, "Running already exists"),
    ("POST", "/instances/none/restart", b"", None, 400, "InstanceId does not match a valid orchestration instance."),
    ("POST", "/instances/running/explode", b"", None, 404, "The API has no"),
    ("GET", "/entities/Counter/none", b"", None, 404, ""),
    ("GET", "/entities/Counter/a%2Fb", b"", None, 400, "must not contain"),
    ("POST", "/entities/Counter/k?op=add", 3, None, 202, ""),
    ("POST", "/entities/Counter/$?op=add", b"some text", {"content-type": "text/plain"}, 202, ""),
    ("POST", "/entities/Counter/k", b"", {}, 202, ""),
    ("POST", "/entities/Counter/k?op=add", b"{", None, 400, "Invalid JSON content"),
    ("POST", "/entities/@x/k", b"", None, 400, "Not a name of an entity"),
    ("DELETE", "/entities/Counter/k", b"", None, 202, ""),
    ("GET", "/entities", b"", None, 200, "[]"),
    ("GET", "/instances", b"", {"x-ms-continuation-token": "€"}, 400, "not the one of a previous page"),
    ("GET", "/instances", b"", {"x-ms-continuation-token": "a"}, 400, "not the one of a previous page"),
]


@pytest.mark.parametrize(("method", "path", "body", "headers", "status", "expected"), REQUESTS)
async def test_request_is_answered_with_the_status_of_azures_extension(
    api: Api, method: str, path: str, body: Any, headers: Mapping[str, str] | None, status: int, expected: str
) -> None:
    """Unknown, odd and wrong requests get a message; every body is JSON, because the SDK parses each one."""
    reply = await api(method, path, body, headers)
    assert reply.status == status
    assert expected in reply.body.decode()
    assert not reply.body or content(reply) is not None
    assert not reply.body or reply.headers["content-type"].startswith("application/json")


async def test_start_keeps_the_text_of_its_body_and_its_version(api: Api) -> None:
    """The SDK sends JSON that holds a text of JSON: nothing of it is parsed."""
    text = compact(compact({"name": "Ærø 🚲", "n": 1.0}))
    started = content(await api("POST", "/orchestrators/Chain/mine?version=2.1", text.encode()))["id"]
    found = await api.hub.get_instance(started)
    assert (found.input, found.version, found.name) == (text, "2.1", "Chain")


async def test_start_returns_the_addresses_of_the_instance(api: Api) -> None:
    """They have the hub, the connection and the key, and none for rewinding; Location and Retry-After say the rest."""
    reply = await api("POST", "/orchestrators/Chain/a.b c")
    base = "https://app.example/runtime/webhooks/durabletask/instances/a.b%20c"
    query = "taskHub=Hub&connection=Storage&code=k%2F1"
    assert content(reply) == {
        "id": "a.b c",
        "statusQueryGetUri": f"{base}?{query}",
        "sendEventPostUri": f"{base}/raiseEvent/{{eventName}}?{query}",
        "terminatePostUri": f"{base}/terminate?reason={{text}}&{query}",
        "purgeHistoryDeleteUri": f"{base}?{query}",
        "restartPostUri": f"{base}/restart?{query}",
        "suspendPostUri": f"{base}/suspend?reason={{text}}&{query}",
        "resumePostUri": f"{base}/resume?reason={{text}}&{query}",
    }
    assert (reply.headers["location"], reply.headers["retry-after"]) == (f"{base}?{query}", "10")


async def test_status_has_the_keys_of_azure_in_their_order_and_says_when_to_ask_again(api: Api) -> None:
    """An input of the SDK is shown as the text that it is."""
    reply = await api("GET", "/instances/running?x=1")
    keys = "name instanceId runtimeStatus input customStatus output createdTime lastUpdatedTime"
    assert list(content(reply)) == keys.split()
    assert content(reply)["input"] == "[1]"
    assert content(reply)["createdTime"].endswith("Z")
    assert len(content(reply)["createdTime"]) == 20
    assert reply.headers["location"] == "https://app.example/x/instances/running?x=1"
    assert reply.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", "pending running suspended completed failed terminated"),
        ("runtimeStatus=running,%20FAILED,unknown", "running failed"),
        ("runtimeStatus=unknown", "pending running suspended completed failed terminated"),
        ("instanceIdPrefix=comp", "completed"),
        ("createdTimeTo=2000-01-01T00:00:00.000000Z", ""),
        ("createdTimeFrom=2000-01-01T02:00:00%2B02:00&runtimeStatus=Pending", "pending"),
        ("createdTimeFrom=2000-01-01T02:00:00+02:00&runtimeStatus=Pending", "pending"),
        ("createdTimeFrom=nonsense&top=x", "pending running suspended completed failed terminated"),
    ],
)
async def test_list_is_filtered(api: Api, query: str, ids: str) -> None:
    """Conditions combine; values that cannot be parsed are ignored, as in Azure."""
    found = content(await api("GET", f"/instances/?{query}"))
    assert sorted(one["instanceId"] for one in found) == sorted(ids.split())


async def test_list_has_entities_that_exist_as_in_azure(api: Api) -> None:
    """They are running instances of the name with ``@``; one that has no state yet is not among them."""
    for key in ("k", "new"):
        await api("POST", f"/entities/Counter/{key}?op=add", 1)
    statement = "UPDATE instances SET state = '7' WHERE id = '@counter@k'"
    await api.hub.database.write(lambda rows: rows.run(statement))
    (found,) = content(await api("GET", "/instances?instanceIdPrefix=@counter"))
    assert (found["instanceId"], found["name"], found["runtimeStatus"]) == ("@counter@k", "@counter", "Running")
    assert (found["input"], found["customStatus"]) == ({"exists": True, "state": "7"}, {"entityExists": True})
    assert content(await api("GET", "/instances?instanceIdPrefix=@counter&runtimeStatus=Failed")) == []
    assert len(content(await api("GET", "/instances"))) == 7
    assert len((await api.hub.query()).instances) == 6


async def test_pages_have_each_instance_once_while_others_are_started(api: Api) -> None:
    """The token leads on from the last one of a page, whatever happens in between; the last page has none."""
    seen: list[str] = []
    token = ""
    for page in range(100):
        headers = {"x-ms-continuation-token": token} if token else {}
        reply = await api("GET", "/instances?top=2", b"", headers)
        seen += [one["instanceId"] for one in content(reply)]
        token = reply.headers.get("x-ms-continuation-token", "")
        if not token:
            break
        if page < 3:
            await api("POST", f"/orchestrators/Chain/æ{page}:2")
            await api("DELETE", "/instances/" + seen[0])
    assert len(seen) == len(set(seen)) == 9


async def test_history_shows_what_was_scheduled_with_its_end(api: Api) -> None:
    """Turns and IDs are hidden, results are shown if asked for, and what has not ended stands alone."""
    events = [
        _event(12),
        _event(0, Name="Chain", Version=None, Input='"{}"', Tags=None, OrchestrationInstance={}, ParentInstance=None),
        _event(4, 0, Name="Add", Version="", Input="[1]"),
        _event(4, 1, Name="Slow", Version="", Input=None),
        _event(7, 2, Name="Child", InstanceId="c", Input="2"),
        _event(10, 3, FireAt="t"),
        _event(13),
        _event(5, TaskScheduledId=0, Result='{"a": 1}'),
        _event(9, TaskScheduledId=2, Reason="r", Details="d"),
        _event(11, TimerId=3, FireAt="t"),
        _event(15, Name="go", Input="true"),
        _event(1, 4, OrchestrationStatus=1, Result="3"),
    ]
    shown = history_document([one.mapping() for one in events], shows_input=True, shows_outputs=True)
    time = shown[0]["Timestamp"]
    assert [{key: value for key, value in one.items() if key != "Timestamp"} for one in shown] == [
        {"EventType": "ExecutionStarted", "FunctionName": "Chain", "Input": "{}"},
        {"EventType": "TaskScheduled", "FunctionName": "Slow", "Input": None},
        {"EventType": "TimerCreated", "FireAt": "t"},
        {"EventType": "TaskCompleted", "Result": {"a": 1}, "ScheduledTime": time, "FunctionName": "Add", "Input": [1]},
        {
            "EventType": "SubOrchestrationInstanceFailed",
            "Reason": "r",
            "Details": "d",
            "ScheduledTime": time,
            "FunctionName": "Child",
            "Input": 2,
            "InstanceId": "c",
        },
        {"EventType": "TimerFired", "FireAt": "t"},
        {"EventType": "EventRaised", "Name": "go", "Input": True},
        {"EventType": "ExecutionCompleted", "OrchestrationStatus": "Completed", "Result": 3},
    ]
    hidden = history_document([one.mapping() for one in events], shows_input=False, shows_outputs=False)
    assert [one for one in hidden if "Result" in one] == []
    assert [one["EventType"] for one in hidden if "Input" in one] == ["EventRaised"]


def _event(kind: int, event_id: int = -1, **body: Any) -> Event:
    return Event(EventType(kind), event_id, 1_000_000, compact(body))


async def test_input_of_five_megabytes_comes_back(api: Api) -> None:
    """A payload has no limit of its own."""
    text = json.dumps("x" * 5_000_000)
    await api("POST", "/orchestrators/Chain/large", text.encode())
    assert content(await api("GET", "/instances/large"))["input"] == json.loads(text)
