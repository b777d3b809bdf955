"""Table inputs and outputs of whole apps, against a real Azurite."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
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
        self._runner = asyncio.Runner()
        self._runner.run(self.host.start())

    def close(self) -> None:
        self._runner.run(self.host.drain(0))
        self._runner.run(self.host.stop())
        self._runner.close()

    def call(self, name: str, body: Any = None, /, **values: str) -> Result:
        """Call a function; ``values`` stand for parts of its route."""
        content = b"" if body is None else json.dumps(body).encode()
        headers = {"content-type": "application/json", "content-length": str(len(content))}
        request = HttpCall("POST", f"http://localhost/api/{name}", headers, "", values, content)
        return self._runner.run(self._run(name, request))

    async def _run(self, name: str, request: HttpCall) -> Result:
        return await self.host.invocations[name.lower()](request)

    def answer(self, name: str, body: Any = None, /, **values: str) -> Any:
        """What a function answers, which is JSON or nothing."""
        result = self.call(name, body, **values)
        assert result.exception is None, result.exception
        return json.loads(result.reply.body or b"null")

    def failure(self, name: str, body: Any = None, /, **values: str) -> str:
        """Why a function fails."""
        result = self.call(name, body, **values)
        assert result.exception is not None
        return str(result.exception)

    def stored(self) -> list[Mapping[str, Any]]:
        """All entities of the table, in order."""
        with TableClient.from_connection_string(self.connection, self.table) as table:
            return list(table.list_entities())


class MakeTables(Protocol):
    """Load an app with these functions."""

    def __call__(self, *code: str, **settings: str) -> App: ...


@pytest.fixture
def make(make_app: MakeApp, azurite: Azurite) -> Iterator[MakeTables]:
    """Apps that are stopped after the test."""
    with ExitStack() as opened:

        def make(*code: str, **settings: str) -> App:
            files = {"function_app.py": HEAD + "".join(code), "host.json": '{"version": "2.0"}'}
            app = App(make_app(files), azurite, settings)
            opened.callback(app.close)
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


def test_insert_and_types(make: MakeTables) -> None:
    """An output makes its table and stores JSON's types; what is nested becomes a text, and types may be named."""
    app = make(WRITE, reader())
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
    app.answer("Write", entity)
    (stored,) = app.stored()
    assert stored["Nested"] == '{\n  "a": [\n    1\n  ]\n}'
    assert (stored["Raw"], str(stored["Id"]), stored["Due"].year) == (b"\x00\x01", entity["Id"], 2026)
    assert (stored["Int"].value, stored["Small"].value, stored["Date"]) == (2**40, 1, entity["Date"])
    kind, (read,) = app.answer("Read")
    expected = {name: value for name, value in entity.items() if value is not None and not name.endswith("odata.type")}
    expected |= {"Due": "2026-08-01T12:00:00.1234567+00:00", "Nested": stored["Nested"]}
    assert (kind, read) == ("str", expected)


def test_insert_upsert_replace(make: MakeTables) -> None:
    """Without an ETag an entity must be new; ``*`` replaces what is there, another one only what has not changed."""
    app = make(WRITE)
    keys = {"PartitionKey": "p", "RowKey": "r"}
    app.answer("Write", {**keys, "A": "1"})
    told = app.failure("Write", {**keys, "A": "2"})
    assert f"table '{app.table}' refused the entity with PartitionKey 'p', RowKey 'r': 409 EntityAlreadyExists" in told
    assert told.endswith(': The specified entity already exists. To replace the existing entity, set "ETag" to "*".')
    app.answer("Write", {**keys, "B": "2", "ETag": "*"})
    (stored,) = app.stored()
    assert dict(stored) == {**keys, "B": "2"}
    etag = stored.metadata["etag"]  # type: ignore[attr-defined]
    app.answer("Write", {**keys, "C": "3", "etag": etag})
    assert "412" in app.failure("Write", {**keys, "D": "4", "etag": etag})
    assert [dict(one) for one in app.stored()] == [{**keys, "C": "3"}]
    assert "404" in app.failure("Write", {"PartitionKey": "p", "RowKey": "new", "ETag": etag})


def test_an_etag_needs_a_table(make: MakeTables) -> None:
    """A conditional replace in a table that is not there fails, and makes none."""
    app = make(WRITE)
    assert "404" in app.failure("Write", {"PartitionKey": "p", "RowKey": "r", "ETag": 'W/"x"'})
    app.answer("Write", {"PartitionKey": "p", "RowKey": "r", "ETag": "*"})
    assert len(app.stored()) == 1


def test_many_entities(make: MakeTables) -> None:
    """A list is written in transactions of a partition; an entity that comes again is written again."""
    app = make(WRITE)
    entities = [{"PartitionKey": f"p{n % 3}", "RowKey": f"{n:04}", "N": "first", "ETag": "*"} for n in range(350)]
    app.answer("Write", [*entities, {**entities[0], "N": "second"}])
    stored = app.stored()
    assert len(stored) == 350
    assert [one["RowKey"] for one in stored if one["N"] == "second"] == ["0000"]


def test_a_refused_transaction(make: MakeTables) -> None:
    """One entity that is refused takes those of its transaction along, and the message says which one it was."""
    app = make(WRITE)
    app.answer("Write", {"PartitionKey": "p", "RowKey": "3"})
    told = app.failure("Write", [{"PartitionKey": "p", "RowKey": str(n)} for n in range(5)])
    assert "with PartitionKey 'p', RowKey '3': 409 EntityAlreadyExists: The specified entity" in told
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


def test_keys_of_the_binding(make: MakeTables) -> None:
    """Keys come from the binding's expressions where an entity has none; None is not written."""
    app = make(OUTPUTS)
    app.call("Named", {"returned": {"A": "1"}, "second": None}, kind="x")
    app.call("Named", {"returned": [{"A": "2", "RowKey": "2"}], "second": {"RowKey": "own", "A": "4"}}, kind="y")
    app.call("Named", {"returned": None, "second": None}, kind="x")
    keys = {(one["PartitionKey"], one["RowKey"] if len(one["RowKey"]) < 36 else "a GUID") for one in app.stored()}
    assert keys == {("x", "a GUID"), ("y", "2"), ("p", "own")}


@pytest.mark.parametrize(
    ("entity", "told"),
    [
        ("text", "'Write': binding 'out': a table output takes a JSON object or a list of them, found \"text\""),
        ({"A": 1}, "'Write': binding 'out': PartitionKey is missing: set it in the entity, or in the binding."),
        ([{"PartitionKey": "p", "RowKey": "a/b"}], "'Write': binding 'out': 'a/b' is not a valid RowKey"),
        ([{"PartitionKey": "p", "RowKey": "r"}, {"PartitionKey": 1}], "entity 2: PartitionKey must be a text, found 1"),
    ],
)
def test_bad_entities(make: MakeTables, entity: Any, told: str) -> None:
    """What cannot be stored fails the invocation before anything is written, and the message says why."""
    app = make(WRITE)
    assert told in app.failure("Write", entity)
    app.answer("Write", {"PartitionKey": "p", "RowKey": "good"})
    assert [one["RowKey"] for one in app.stored()] == ["good"]


def seeded(app: App) -> App:
    """With entities of two partitions."""
    names = ["it's", "other", "x' or 'a' eq 'a", "é"]
    rows = [{"PartitionKey": "p", "RowKey": str(n), "Name": name, "Age": n * 10} for n, name in enumerate(names)]
    app.answer("Write", [*rows, {"PartitionKey": "q", "RowKey": "0", "Name": "it's", "Age": 50}])
    return app


def rows(app: App, **values: str) -> set[str]:
    return {one["PartitionKey"] + one["RowKey"] for one in app.answer("Read", **values)[1]}


def test_one_entity(make: MakeTables) -> None:
    """With both keys a function reads one entity, as text or bytes, and None where there is none."""
    for annotation, kind in (("", "str"), (": str", "str"), (": bytes", "bytes")):
        app = seeded(make(WRITE, reader("'{row}', 'p'", annotation)))
        assert app.answer("Read", row="0") == [kind, {"PartitionKey": "p", "RowKey": "0", "Name": "it's", "Age": 0}]
        assert app.answer("Read", row="it's not there") == ["NoneType", None]
        assert "'a/b' is not a valid RowKey" in app.failure("Read", row="a/b")


def test_a_table_that_is_not_there(make: MakeTables) -> None:
    """One entity of a missing table is None; a query says that there is no such table."""
    assert make(reader("'r', 'p'")).answer("Read") == ["NoneType", None]
    app = make(reader())
    assert app.failure("Read") == (
        f"Function 'Read': binding 'rows': table '{app.table}' does not exist. An output creates it, an input does not."
    )


def test_queries(make: MakeTables) -> None:
    """Without a row key a function reads a list: all entities, those of a partition, those that a filter finds."""
    for arguments, expected in (
        ("", {"p0", "p1", "p2", "p3", "q0"}),
        ("partition_key='q'", {"q0"}),
        ("filter='Age ge 20'", {"p2", "p3", "q0"}),
        ("partition_key='p', filter='Age ge 20'", {"p2", "p3"}),
        ("partition_key='nobody'", set()),
        ("row_key='0'", {"p0", "p1", "p2", "p3", "q0"}),
    ):
        assert rows(seeded(make(WRITE, reader(arguments)))) == expected


@pytest.mark.parametrize(("take", "count"), [(2, 2), (5, 5), (9, 5), (0, 5), (-1, 5), (3000, 5)])
def test_take(make: MakeTables, take: int, count: int) -> None:
    """``take`` limits how many entities are read; 0 or less, or nothing, means all."""
    assert len(rows(seeded(make(WRITE, reader(f"take={take}"))))) == count


def test_more_than_a_page(make: MakeTables) -> None:
    """What the service gives in several answers is read to the end, or as far as ``take`` goes."""
    entities = [{"PartitionKey": "p", "RowKey": f"{n:05}", "N": n} for n in range(1100)]
    for arguments, count in (("", 1100), ("take=1050", 1050)):
        app = make(WRITE, reader(arguments))
        app.answer("Write", entities)
        assert len(app.answer("Read")[1]) == count


@pytest.mark.parametrize(
    ("value", "expected"), [("it's", {"p0", "q0"}), ("é", {"p3"}), ("x' or 'a' eq 'a", {"p2"}), ("' or '' eq '", set())]
)
def test_filters_escape_values(make: MakeTables, value: str, expected: set[str]) -> None:
    """A value in a filter is a value, whatever it looks like."""
    app = seeded(make(WRITE, reader("filter=\"Name eq '{name}'\"")))
    assert rows(app, name=value) == expected


def test_values_without_quotes(make: MakeTables) -> None:
    """Outside quotes a number can stand, and nothing that would change the filter."""
    app = seeded(make(WRITE, reader("filter='Age ge {age}'")))
    assert rows(app, age="20") == {"p2", "p3", "q0"}
    told = app.failure("Read", age="20 or Age ge 0")
    assert "'Read': binding 'rows': the filter has a value outside quotes" in told


def test_names_from_expressions(make: MakeTables) -> None:
    """The table's name may come from what triggered the function; one that cannot be a name fails the invocation."""
    app = make(WRITE.replace("%TABLE%", "{name}"), reader("partition_key='{part}'").replace("%TABLE%", "{name}"))
    app.answer("Write", {"PartitionKey": "it's", "RowKey": "r"}, name=app.table)
    assert rows(app, name=app.table, part="it's") == {"it'sr"}
    for name in ("1st", "a-b", "ab", "x" * 64, "tablé"):
        assert f"'{name}' is not a valid name for an Azure table" in app.failure("Read", name=name, part="p")


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (reader().replace("%TABLE%", "a-b"), "'a-b' is not a valid name for an Azure table"),
        (reader().replace("%TABLE%", ""), "'Read': binding 'rows' has no tableName"),
        (reader("take='many'"), "take of binding 'rows' must be a number, found 'many'"),
        (reader().replace("AzureWebJobsStorage", "Elsewhere"), "'AzureWebJobsElsewhere' does not exist"),
        (reader("filter='{'"), "'filter' of binding 'rows' cannot be used"),
    ],
)
def test_functions_in_error(make: MakeTables, code: str, told: str) -> None:
    """A binding that cannot work puts its function in error, and the others run."""
    app = make(WRITE, code)
    (problem,) = [one for one in app.host.problems if one.function == "Read"]
    assert told in problem.message
    assert problem.severity == "error"
    app.answer("Write", {"PartitionKey": "p", "RowKey": "r"})


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ("row_key='r'", ["rowKey of binding 'rows' has no effect without partitionKey."]),
        (
            "row_key='r', partition_key='p', take=1, filter='A eq 1'",
            [f"{name} of binding 'rows' has no effect next to partitionKey and rowKey." for name in ("filter", "take")],
        ),
        ("partition_key='p', take=1, filter='A eq 1'", []),
    ],
)
def test_properties_without_effect(make: MakeTables, arguments: str, told: list[str]) -> None:
    """A property that changes nothing, here and in Azure, is told at start."""
    assert [one.message for one in make(reader(arguments)).host.problems] == [f"Function 'Read': {one}" for one in told]


def test_a_bad_filter(make: MakeTables) -> None:
    """A filter that the service cannot read fails the invocation."""
    assert seeded(make(WRITE, reader("filter='Age is 3'"))).failure("Read")


def test_another_account(make: MakeTables, azurite: Azurite) -> None:
    """``connection`` names the setting of the account."""
    code = (WRITE + reader()).replace('"AzureWebJobsStorage"', '"Mine"')
    assert rows(seeded(make(code, AzureWebJobsStorage="", Mine=azurite.connection_string))) >= {"p0"}


def test_an_account_that_is_away(make: MakeTables, azurite: Azurite) -> None:
    """A table that cannot be reached fails the invocation with one message, after some further attempts."""
    code = (WRITE + reader()).replace('"AzureWebJobsStorage"', '"Mine"')
    app = make(code, Mine=azurite.through(Table=1))
    expected = (
        (
            app.failure("Write", {"PartitionKey": "p", "RowKey": "r"}),
            f"binding 'out': table '{app.table}' cannot be written",
        ),
        (app.failure("Read"), "binding 'rows' cannot be read"),
    )
    for told, why in expected:
        assert why in told
        assert "Cannot connect to host 127.0.0.1:1" in told
        assert told.endswith("Is Azurite running?")
