"""Table inputs and outputs of whole apps, against a real Azurite."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol
from uuid import uuid4

import pytest
from azure.data.tables import TableClient
from storage_support.apps import MakeApp

from hosting.bindings import Result
from hosting.bindings.http.request import HttpCall
from hosting.host.function_host import FunctionHost
from hosting_storage.testing import Azurite

HEAD = """
import json
import azure.functions as func
app = func.FunctionApp(http_auth_level="ANONYMOUS")
"""


class App:
    """An app with functions that are called by HTTP, and a table that no other test uses."""

    def __init__(self, root: Path, azurite: Azurite, settings: Mapping[str, str]) -> None:
        self.connection = azurite.connection_string
        self.table = f"t{uuid4().hex}"
        environ = {"AzureWebJobsStorage": self.connection, "TABLE": self.table, **settings}
        self.host = FunctionHost(root, environ=environ)
        self.host.load()

    async def close(self) -> None:
        await self.host.drain(0)
        await self.host.stop()

    async def call(self, name: str, body: Any = None, /, **values: str) -> Result:
        """Call a function; ``values`` are the parts of its route."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(content))}
        request = HttpCall("POST", f"http://localhost/api/{name}", headers, "", values, content)
        return await self.host.invocations[name.lower()](request)

    async def response(self, name: str, body: Any = None, /, **values: str) -> Any:
        """Call a function, and return its response, which is JSON or empty."""
        result = await self.call(name, body, **values)
        assert result.exception is None, result.exception
        return json.loads(result.reply.body or b"null")

    async def failure(self, name: str, body: Any = None, /, **values: str) -> str:
        """Call a function that fails, and return the message of its exception."""
        result = await self.call(name, body, **values)
        assert result.exception is not None
        return str(result.exception)

    def stored(self) -> list[Mapping[str, Any]]:
        """Return all entities of the table, in order."""
        with TableClient.from_connection_string(self.connection, self.table) as table:
            return list(table.list_entities())


class MakeTableApp(Protocol):
    """Load and start an app with these functions."""

    async def __call__(self, *code: str, **settings: str) -> App: ...


@pytest.fixture
async def make_table_app(make_app: MakeApp, azurite: Azurite) -> AsyncIterator[MakeTableApp]:
    """Load and start apps, which are stopped after the test."""
    async with AsyncExitStack() as open_apps:

        async def make(*code: str, **settings: str) -> App:
            files = {"function_app.py": HEAD + "".join(code), "host.json": '{"version": "2.0"}'}
            app = App(make_app(files), azurite, settings)
            await app.host.start()
            open_apps.push_async_callback(app.close)
            return app

        yield make


WRITE = """
@app.route("Write")
@app.table_output("out", "AzureWebJobsStorage", "%TABLE%")
def Write(req: func.HttpRequest, out: func.Out[str]) -> str:
    out.set(req.get_body().decode())
    return "null"
"""
READ = """
@app.route("Read")
@app.table_input("rows", "AzureWebJobsStorage", "%TABLE%", {arguments})
def Read(req: func.HttpRequest, rows{annotation}) -> str:
    return json.dumps([str(type(rows).__name__), rows and json.loads(rows)])
"""


def reader(arguments: str = "", annotation: str = "") -> str:
    return READ.format(arguments=arguments, annotation=annotation)


async def test_table_output_stores_json_types_and_named_types(make_table_app: MakeTableApp) -> None:
    """An output creates its table and stores JSON's types; nested values become text, and types may be named."""
    app = await make_table_app(WRITE, reader())
    entity = {
        "PartitionKey": "p",
        "RowKey": "it's 1",
        "Text": "é\n'",
        "Int": 2**40,
        "Small": 1,
        "Float": 1.5,
        "Bool": True,
        "Null": None,
        "Nested": {"a": [1]},
        "Date": "2026-08-01T12:00:00Z",
        "Due": "2026-08-01T12:00:00.1234567Z",
        "Due@odata.type": "Edm.DateTime",
        "Id": "c9da6455-213d-42c9-9a79-3e9149a57833",
        "Id@odata.type": "Edm.Guid",
        "Raw": "AAE=",
        "Raw@odata.type": "Edm.Binary",
    }
    await app.response("Write", entity)
    (stored,) = app.stored()
    assert stored["Nested"] == '{\n  "a": [\n    1\n  ]\n}'
    assert (stored["Raw"], str(stored["Id"]), stored["Due"].year) == (b"\x00\x01", entity["Id"], 2026)
    assert (stored["Int"].value, stored["Small"].value, stored["Date"]) == (2**40, 1, entity["Date"])
    kind, (read,) = await app.response("Read")
    expected = {name: value for name, value in entity.items() if value is not None and not name.endswith("odata.type")}
    expected |= {"Due": "2026-08-01T12:00:00.1234567+00:00", "Nested": stored["Nested"]}
    assert (kind, read) == ("str", expected)


async def test_table_output_inserts_or_replaces_by_etag(make_table_app: MakeTableApp) -> None:
    """Without an ETag an entity must be new; ``*`` replaces the stored one, another ETag only an unchanged one."""
    app = await make_table_app(WRITE)
    keys = {"PartitionKey": "p", "RowKey": "r"}
    await app.response("Write", {**keys, "A": "1"})
    message = await app.failure("Write", {**keys, "A": "2"})
    assert (
        f"table '{app.table}' refused the entity with PartitionKey 'p', RowKey 'r': 409 EntityAlreadyExists" in message
    )
    assert message.endswith(': The specified entity already exists. To replace the existing entity, set "ETag" to "*".')
    await app.response("Write", {**keys, "B": "2", "ETag": "*"})
    (stored,) = app.stored()
    assert dict(stored) == {**keys, "B": "2"}
    etag = stored.metadata["etag"]  # type: ignore[attr-defined]
    await app.response("Write", {**keys, "C": "3", "etag": etag})
    assert "412" in await app.failure("Write", {**keys, "D": "4", "etag": etag})
    assert [dict(one) for one in app.stored()] == [{**keys, "C": "3"}]
    assert "404" in await app.failure("Write", {"PartitionKey": "p", "RowKey": "new", "ETag": etag})


async def test_table_output_with_an_etag_creates_no_table(make_table_app: MakeTableApp) -> None:
    """A conditional replace in a missing table fails, and creates none."""
    app = await make_table_app(WRITE)
    assert "404" in await app.failure("Write", {"PartitionKey": "p", "RowKey": "r", "ETag": 'W/"x"'})
    await app.response("Write", {"PartitionKey": "p", "RowKey": "r", "ETag": "*"})
    assert len(app.stored()) == 1


async def test_table_output_of_many_entities_writes_transactions(make_table_app: MakeTableApp) -> None:
    """A list is written in transactions of a partition; an entity that repeats is written again."""
    app = await make_table_app(WRITE)
    entities = [{"PartitionKey": f"p{n % 3}", "RowKey": f"{n:04}", "N": "first", "ETag": "*"} for n in range(350)]
    await app.response("Write", [*entities, {**entities[0], "N": "second"}])
    stored = app.stored()
    assert len(stored) == 350
    assert [one["RowKey"] for one in stored if one["N"] == "second"] == ["0000"]


async def test_table_transaction_with_a_refused_entity_writes_none(make_table_app: MakeTableApp) -> None:
    """One refused entity rejects its transaction, and the message names the entity."""
    app = await make_table_app(WRITE)
    await app.response("Write", {"PartitionKey": "p", "RowKey": "3"})
    message = await app.failure("Write", [{"PartitionKey": "p", "RowKey": str(n)} for n in range(5)])
    assert "with PartitionKey 'p', RowKey '3': 409 EntityAlreadyExists: The specified entity" in message
    assert [one["RowKey"] for one in app.stored()] == ["3"]


OUTPUTS = """
@app.route("Named/{kind}", binding_arg_name="answer")
@app.table_output("$return", "AzureWebJobsStorage", "%TABLE%", row_key="{rand-guid}", partition_key="{kind}")
@app.table_output("second", "AzureWebJobsStorage", "%TABLE%", row_key="r", partition_key="p")
def Named(req: func.HttpRequest, second: func.Out[str], answer: func.Out[func.HttpResponse]):
    sent = req.get_json()
    second.set(sent["second"] and json.dumps(sent["second"]).encode())
    return sent["returned"]
"""


async def test_table_output_without_keys_uses_those_of_the_binding(make_table_app: MakeTableApp) -> None:
    """Keys come from the binding's expressions if an entity has none; None is not written."""
    app = await make_table_app(OUTPUTS)
    await app.call("Named", {"returned": {"A": "1"}, "second": None}, kind="x")
    await app.call("Named", {"returned": [{"A": "2", "RowKey": "2"}], "second": {"RowKey": "own", "A": "4"}}, kind="y")
    await app.call("Named", {"returned": None, "second": None}, kind="x")
    keys = {(one["PartitionKey"], one["RowKey"] if len(one["RowKey"]) < 36 else "a GUID") for one in app.stored()}
    assert keys == {("x", "a GUID"), ("y", "2"), ("p", "own")}


@pytest.mark.parametrize(
    ("entity", "message"),
    [
        ("text", "'Write': binding 'out': a table output takes a JSON object or a list of them, found \"text\""),
        ({"A": 1}, "'Write': binding 'out': PartitionKey is missing: set it in the entity, or in the binding."),
        ([{"PartitionKey": "p", "RowKey": "a/b"}], "'Write': binding 'out': 'a/b' is not a valid RowKey"),
        ([{"PartitionKey": "p", "RowKey": "r"}, {"PartitionKey": 1}], "entity 2: PartitionKey must be a text, found 1"),
    ],
)
async def test_table_output_of_an_invalid_entity_fails_before_writing(
    make_table_app: MakeTableApp, entity: Any, message: str
) -> None:
    """An invalid entity fails the invocation before anything is written, and the message says why."""
    app = await make_table_app(WRITE)
    assert message in await app.failure("Write", entity)
    await app.response("Write", {"PartitionKey": "p", "RowKey": "good"})
    assert [one["RowKey"] for one in app.stored()] == ["good"]


async def with_rows(app: App) -> App:
    """Write entities of two partitions, and return the app."""
    names = ["it's", "other", "x' or 'a' eq 'a", "é"]
    rows = [{"PartitionKey": "p", "RowKey": str(n), "Name": name, "Age": n * 10} for n, name in enumerate(names)]
    await app.response("Write", [*rows, {"PartitionKey": "q", "RowKey": "0", "Name": "it's", "Age": 50}])
    return app


async def rows(app: App, **values: str) -> set[str]:
    return {one["PartitionKey"] + one["RowKey"] for one in (await app.response("Read", **values))[1]}


async def test_table_input_with_both_keys_reads_the_partition(make_table_app: MakeTableApp) -> None:
    """With both keys a function gets the list of the partition, as text or bytes: the row key is ignored."""
    for annotation, kind in (("", "str"), (": str", "str"), (": bytes", "bytes")):
        app = await with_rows(await make_table_app(WRITE, reader("'{row}', 'q'", annotation)))
        entity = {"PartitionKey": "q", "RowKey": "0", "Name": "it's", "Age": 50}
        for row in ("0", "it's not there", "a/b"):
            assert await app.response("Read", row=row) == [kind, [entity]]


@pytest.mark.parametrize("arguments", ["", "'r', 'p'"])
async def test_table_input_of_a_missing_table_fails(make_table_app: MakeTableApp, arguments: str) -> None:
    """The message says that the table does not exist."""
    app = await make_table_app(reader(arguments))
    assert await app.failure("Read") == (
        f"Function 'Read': binding 'rows': table '{app.table}' does not exist. An output creates it, an input does not."
    )


async def test_table_input_without_a_row_key_reads_a_list(make_table_app: MakeTableApp) -> None:
    """Without a row key a function reads a list: all entities, those of a partition, or those of a filter."""
    for arguments, expected in (
        ("", {"p0", "p1", "p2", "p3", "q0"}),
        ("partition_key='q'", {"q0"}),
        ("filter='Age ge 20'", {"p2", "p3", "q0"}),
        ("partition_key='p', filter='Age ge 20'", {"p2", "p3"}),
        ("partition_key='nobody'", set()),
        ("row_key='0'", {"p0", "p1", "p2", "p3", "q0"}),
        ("row_key='0', partition_key='p'", {"p0", "p1", "p2", "p3"}),
        ("row_key='0', partition_key='p', filter='Age ge 20'", {"p2", "p3"}),
    ):
        app = await make_table_app(WRITE, reader(arguments))
        assert await rows(await with_rows(app)) == expected


@pytest.mark.parametrize(("take", "count"), [(2, 2), (5, 5), (9, 5), (0, 5), (-1, 5), (3000, 5)])
async def test_table_input_with_take_reads_that_many_entities(
    make_table_app: MakeTableApp, take: int, count: int
) -> None:
    """``take`` limits how many entities are read; 0 or less, or nothing, means all."""
    app = await make_table_app(WRITE, reader(f"take={take}"))
    assert len(await rows(await with_rows(app))) == count


async def test_table_input_reads_all_pages(make_table_app: MakeTableApp) -> None:
    """A list of several pages is read to the end, or up to ``take``."""
    entities = [{"PartitionKey": "p", "RowKey": f"{n:05}", "N": n} for n in range(1100)]
    for arguments, count in (("", 1100), ("take=1050", 1050)):
        app = await make_table_app(WRITE, reader(arguments))
        await app.response("Write", entities)
        assert len((await app.response("Read"))[1]) == count


@pytest.mark.parametrize(
    ("value", "expected"), [("it's", {"p0", "q0"}), ("é", {"p3"}), ("x' or 'a' eq 'a", {"p2"}), ("' or '' eq '", set())]
)
async def test_table_filter_escapes_values(make_table_app: MakeTableApp, value: str, expected: set[str]) -> None:
    """A value in a filter cannot change the filter."""
    app = await with_rows(await make_table_app(WRITE, reader("filter=\"Name eq '{name}'\"")))
    assert await rows(app, name=value) == expected


async def test_table_filter_value_without_quotes_must_be_a_number(make_table_app: MakeTableApp) -> None:
    """Outside quotes a number is accepted, and nothing that would change the filter."""
    app = await with_rows(await make_table_app(WRITE, reader("filter='Age ge {age}'")))
    assert await rows(app, age="20") == {"p2", "p3", "q0"}
    message = await app.failure("Read", age="20 or Age ge 0")
    assert "'Read': binding 'rows': the filter has a value outside quotes" in message


async def test_table_name_from_an_expression_is_checked_in_each_invocation(make_table_app: MakeTableApp) -> None:
    """The table's name may come from the trigger; an invalid name fails the invocation."""
    app = await make_table_app(
        WRITE.replace("%TABLE%", "{name}"), reader("partition_key='{part}'").replace("%TABLE%", "{name}")
    )
    await app.response("Write", {"PartitionKey": "it's", "RowKey": "r"}, name=app.table)
    assert await rows(app, name=app.table, part="it's") == {"it'sr"}
    for name in ("1st", "a-b", "ab", "x" * 64, "tablé"):
        assert f"'{name}' is not a valid name for an Azure table" in await app.failure("Read", name=name, part="p")


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (reader().replace("%TABLE%", "a-b"), "'a-b' is not a valid name for an Azure table"),
        (reader().replace("%TABLE%", ""), "'Read': binding 'rows' has no tableName"),
        (reader("take='many'"), "take of binding 'rows' must be a number, found 'many'"),
        (reader().replace("AzureWebJobsStorage", "Elsewhere"), "'AzureWebJobsElsewhere' does not exist"),
        (reader("filter='{'"), "'filter' of binding 'rows' cannot be used"),
    ],
)
async def test_table_binding_that_cannot_work_puts_its_function_in_error(
    make_table_app: MakeTableApp, code: str, message: str
) -> None:
    """A binding that cannot work puts its function in error, and the others run."""
    app = await make_table_app(WRITE, code)
    (problem,) = [one for one in app.host.problems if one.function == "Read"]
    assert message in problem.message
    assert problem.severity == "error"
    await app.response("Write", {"PartitionKey": "p", "RowKey": "r"})


@pytest.mark.parametrize(
    ("arguments", "warnings"),
    [
        ("row_key='r'", 1),
        ("row_key='r', partition_key='p', take=1, filter='A eq 1'", 1),
        ("partition_key='p', take=1, filter='A eq 1'", 0),
    ],
)
async def test_row_key_of_a_table_input_is_reported_at_start(
    make_table_app: MakeTableApp, arguments: str, warnings: int
) -> None:
    """A row key changes nothing, here and in Azure, so a warning says so once."""
    problems = (await make_table_app(reader(arguments))).host.problems
    assert [problem.severity for problem in problems] == ["warning"] * warnings
    assert all("Function 'Read': rowKey of binding 'rows' has no effect." in problem.message for problem in problems)


async def test_table_input_with_an_invalid_filter_fails(make_table_app: MakeTableApp) -> None:
    """A filter that the service cannot read fails the invocation."""
    app = await with_rows(await make_table_app(WRITE, reader("filter='Age is 3'")))
    assert await app.failure("Read")


async def test_table_connection_names_the_account(make_table_app: MakeTableApp, azurite: Azurite) -> None:
    """``connection`` names the setting of the account."""
    code = (WRITE + reader()).replace('"AzureWebJobsStorage"', '"Mine"')
    app = await make_table_app(code, AzureWebJobsStorage="", Mine=azurite.connection_string)
    assert await rows(await with_rows(app)) >= {"p0"}


async def test_table_in_an_unreachable_account_fails_with_one_message(
    make_table_app: MakeTableApp, azurite: Azurite
) -> None:
    """A table that cannot be reached fails the invocation with one message, after some retries."""
    code = (WRITE + reader()).replace('"AzureWebJobsStorage"', '"Mine"')
    app = await make_table_app(code, Mine=azurite.through(Table=1))
    expected = (
        (
            await app.failure("Write", {"PartitionKey": "p", "RowKey": "r"}),
            f"binding 'out': table '{app.table}' cannot be written",
        ),
        (await app.failure("Read"), "binding 'rows' cannot be read"),
    )
    for message, reason in expected:
        assert reason in message
        assert "Cannot connect to host 127.0.0.1:1" in message
        assert message.endswith("Is Azurite running?")
