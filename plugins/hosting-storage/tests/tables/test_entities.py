"""Entities as functions write and read them."""

from __future__ import annotations

import json
import uuid
from datetime import UTC, datetime
from typing import Any

import pytest
from azure.data.tables import EdmType, EntityProperty
from hypothesis import given
from hypothesis import strategies as st

from hosting_storage.tables.batches import MAX_BATCH_SIZE, batches
from hosting_storage.tables.entities import Entity, check_key, entity_json, read_entities, with_keys

KEYS = {"PartitionKey": "p", "RowKey": "r"}


def stored(**properties: Any) -> dict[str, Any]:
    (entity,) = read_entities({**KEYS, **properties})
    return {name: value for name, value in entity.properties.items() if name not in KEYS}


@pytest.mark.parametrize(
    "value",
    [
        {"A": 1},
        '{"A": 1}',
        b'{"A": 1}',
        bytearray(b'{"A": 1}'),
        [{"A": 1}],
        '[{"A": 1}]',
        '\ufeff{"A": 1}'.encode(),
    ],
)
def test_entity_may_be_text_bytes_or_a_dictionary_or_a_list(value: Any) -> None:
    """An entity may be text, bytes or a dictionary, alone or in a list."""
    assert [entity.properties for entity in read_entities(value)] == [{"A": EntityProperty(1, EdmType.INT64)}]


@pytest.mark.parametrize("value", [None, [], "[]"])
def test_none_or_an_empty_list_writes_nothing(value: Any) -> None:
    """None and an empty list write nothing."""
    assert read_entities(value) == []


def test_json_values_keep_their_types() -> None:
    """JSON's own types are kept; nested values become a text, and nulls are left out."""
    nested = {"a": [1, {"b": None}], "é": {}}
    properties = stored(T="x", D="2026-08-01T12:00:00Z", I=2**40, F=1.5, B=True, N=None, O=nested, L=[1])
    assert properties == {
        "T": "x",
        "D": "2026-08-01T12:00:00Z",
        "I": EntityProperty(2**40, EdmType.INT64),
        "F": 1.5,
        "B": True,
        "O": json.dumps(nested, indent=2, ensure_ascii=False),
        "L": "[\n  1\n]",
    }


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (5, "Edm.Int32", 5),
        ("5", "Edm.Int64", 5),
        (5, "Edm.Double", 5.0),
        ("NaN", "Edm.Double", pytest.approx(float("nan"), nan_ok=True)),
        ("2026-08-01T12:00:00.1234567Z", "Edm.DateTime", "2026-08-01T12:00:00.1234567Z"),
        ("c9da6455-213d-42c9-9a79-3e9149a57833", "Edm.Guid", uuid.UUID("c9da6455-213d-42c9-9a79-3e9149a57833")),
        ("AAE=", "Edm.Binary", b"\x00\x01"),
        (True, "Edm.Boolean", True),
        ("text", "Edm.String", "text"),
    ],
)
def test_odata_type_sets_the_type_of_a_value(value: Any, kind: str, expected: Any) -> None:
    """``NAME@odata.type`` gives a value a type that JSON does not have."""
    (name, typed) = next(iter(stored(**{"X@odata.type": kind, "X": value}).items()))
    assert name == "X"
    assert (typed.value, typed.edm_type) == (expected, EdmType(kind))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("no JSON", "this is not JSON"),
        (b"\xff", "this is not JSON"),
        ("", "this is not JSON"),
        ("[" * 100_000, "this is not JSON"),
        ("3", "a table output takes a JSON object or a list of them, found 3"),
        ([{"A": 1}, "x"], 'entity 2: a table output takes a JSON object or a list of them, found "x"'),
        ([[]], r"entity 1: a table output takes a JSON object or a list of them, found \[\]"),
        ({"RowKey": 5}, "RowKey must be a text, found 5"),
        ([{"A": 1}, {"partitionkey": ["a"]}], r'entity 2: PartitionKey must be a text, found \["a"\]'),
        ({"ETag": 5}, "ETag must be a text, found 5"),
        ({"Big": 2**63}, "property 'Big': 9223372036854775808 does not fit into 64 bits"),
        ({"X": 1, "X@odata.type": "Edm.Half"}, "property 'X': unknown type 'Edm.Half'; expected one of Edm.Binary"),
        ({"X": 1, "X@odata.type": 7}, "property 'X': unknown type 7"),
        ({"X": "x", "X@odata.type": "Edm.Int64"}, "property 'X': invalid literal"),
        ({"X": "x", "X@odata.type": "Edm.Guid"}, "property 'X': badly formed"),
        ({"X": "?", "X@odata.type": "Edm.Binary"}, "property 'X': "),
        ({"X": 7, "X@odata.type": "Edm.DateTime"}, "property 'X': "),
        ({"X": [], "X@odata.type": "Edm.Int64"}, "property 'X': "),
    ],
)
def test_invalid_entity_is_refused_with_its_number_and_property(value: Any, message: str) -> None:
    """An invalid entity is refused, with its number in a list, the property, and what was expected."""
    with pytest.raises(ValueError, match=message):
        read_entities(value)


@pytest.mark.parametrize(
    ("value", "message"), [(5, "not int"), ({"x": {1}}, "set"), ({"when": datetime.now(UTC)}, "datetime")]
)
def test_value_that_json_does_not_know_is_a_type_error(value: Any, message: str) -> None:
    """A value that JSON does not know is a TypeError, as in Azure's worker."""
    with pytest.raises(TypeError, match=message):
        read_entities(value)


@pytest.mark.parametrize("spelling", ["ETag", "etag", "odata.etag"])
def test_reserved_property_names_are_known_in_any_spelling(spelling: str) -> None:
    """Keys and ETag are known in any spelling; the time stamp is set by the service."""
    (entity,) = read_entities(
        {"partitionKEY": "p", "rowkey": "r", spelling: 'W/"x"', "Timestamp": "2026", "timestamp": 1}
    )
    assert entity.etag == 'W/"x"'
    assert entity.properties == {**KEYS, "timestamp": EntityProperty(1, EdmType.INT64)}
    assert read_entities({spelling: ""})[0].etag is None


def test_keys_of_an_entity_come_before_those_of_the_binding() -> None:
    """An entity's own keys are used before those of the binding."""
    assert with_keys(Entity({"RowKey": "own"}), KEYS).properties == {"RowKey": "own", "PartitionKey": "p"}
    with pytest.raises(ValueError, match="RowKey is missing: set it in the entity, or in the binding"):
        with_keys(Entity({"PartitionKey": "p"}), {})


@pytest.mark.parametrize("letter", ["/", "\\", "#", "?", "\t", "\x00", "\x1f", "\x7f", "\x9f"])
def test_key_with_a_forbidden_character_is_refused(letter: str) -> None:
    """A key with a character that the service forbids is refused before anything is sent."""
    with pytest.raises(ValueError, match="is not a valid RowKey"):
        check_key("RowKey", f"a{letter}b")


@given(st.text(st.characters(codec="utf-8", exclude_characters="/\\#?")))
def test_key_without_forbidden_characters_is_accepted(key: str) -> None:
    """Any other text may be a key, an empty one too."""
    if not any(ord(letter) < 0x20 or 0x7F <= ord(letter) < 0xA0 for letter in key):
        check_key("RowKey", key)


class Exact(datetime):
    """A time as the SDK returns it, with the text of the service."""

    tables_service_value = "2026-08-01T12:00:00.1234560Z"


def test_entity_is_read_as_dotnet_would_write_it() -> None:
    """A function reads what .NET would write: times with offset, GUIDs and binary as text, numbers as numbers."""
    document = entity_json(
        {
            **KEYS,
            "I": EntityProperty(2**40, EdmType.INT64),
            "B": b"\x00\x01",
            "G": uuid.UUID("C9DA6455-213D-42C9-9A79-3E9149A57833"),
            "T": Exact(2026, 8, 1, tzinfo=UTC),
            "U": datetime(2026, 8, 1, 12, tzinfo=UTC),
            "F": 1.0,
            "timestamp": "the service's",
        }
    )
    assert document == {
        **KEYS,
        "I": 2**40,
        "B": "AAE=",
        "G": "c9da6455-213d-42c9-9a79-3e9149a57833",
        "T": "2026-08-01T12:00:00.123456+00:00",
        "U": "2026-08-01T12:00:00+00:00",
        "F": 1.0,
    }


@given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 150).map(str)), max_size=700))
def test_batches_keep_every_entity_and_the_rules_of_transactions(keys: list[tuple[str, str]]) -> None:
    """No entity is lost, a batch is small enough, of one partition, without a row twice, and a row keeps its order."""
    entities = [Entity({"PartitionKey": part, "RowKey": row, "N": n}) for n, (part, row) in enumerate(keys)]
    all_batches = list(batches(entities))
    for batch in all_batches:
        assert 0 < len(batch) <= MAX_BATCH_SIZE
        assert len({entity.properties["PartitionKey"] for entity in batch}) == 1
        assert len({entity.properties["RowKey"] for entity in batch}) == len(batch)
    written = [entity for batch in all_batches for entity in batch]
    assert sorted(entity.properties["N"] for entity in written) == list(range(len(keys)))
    for key in set(keys):
        of_key = [e.properties["N"] for e in written if (e.properties["PartitionKey"], e.properties["RowKey"]) == key]
        assert of_key == sorted(of_key)
