"""Types of settings, without a host: what each reads, which one of a union, and each fault whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from hosting import Secret
from hosting._secret import HIDDEN
from hosting.app_settings import AppSettings
from hosting.errors import ExtensionError
from hosting.extensions.settings.dataclass_types import SUPPORTED, compile_dataclass
from hosting.extensions.settings.faults import Fault, InvalidSettings, ReferenceText, describe, invalid
from hosting.extensions.settings.models import settings_model
from hosting.extensions.settings.references import References
from hosting.extensions.settings.types import or_reference
from tests.extensions.settings.test_typed_settings import Level, Mode


@dataclasses.dataclass
class Point:
    """A class that two others look like."""

    x: int
    y: int = 0


@dataclasses.dataclass
class Named:
    """One of those."""

    name: str


def read(hint: Any, value: Any) -> tuple[Any, list[Fault]]:
    """Return what a setting of a type is read as, and the faults."""
    cls = dataclasses.make_dataclass("Settings", [("value", hint)])
    faults: list[Fault] = []
    found = compile_dataclass(cls, "one").read({"value": value}, (), faults)
    return getattr(found, "value", None), faults


UNIONS: dict[str, tuple[Any, Any, Any]] = {
    "whole number where a fraction comes first": (float | int, 5, 5),
    "fraction where a whole number comes first": (int | float, 5.0, 5.0),
    "truth value where a number comes first": (int | bool, True, True),
    "text where a secret comes first": (Secret | str, "a", "a"),
    "secret where a text comes first": (str | Secret, Secret("a"), Secret("a")),
    "null where a text comes first": (str | None, None, None),
    "choice where a text comes first": (str | Literal["a"], "a", "a"),
    "list of the second kind": (list[int] | list[str], ["a"], ["a"]),
    "list that both can read": (list[float] | list[int], [1], [1]),
    "object of the second class": (Point | Named, {"name": "a"}, Named("a")),
    "whole number in a reference": (int | str, ReferenceText("5"), 5),
    "text in a reference": (int | str, ReferenceText("five"), "five"),
    "text in a reference before a number": (str | int, ReferenceText("5"), "5"),
    "null in a reference is a text": (str | None, ReferenceText("null"), "null"),
    "choice as it is in code": (str | Mode, Mode.FAST, Mode.FAST),
    "choice as it is in JSON": (int | Mode, "fast", Mode.FAST),
    "list in a reference": (int | list[int], ReferenceText("[1]"), [1]),
}


@pytest.mark.parametrize("case", UNIONS)
def test_union_reads_a_value_as_the_type_that_it_is_of(case: str) -> None:
    """The first that it is of as it stands, else the first that can read it."""
    hint, value, expected = UNIONS[case]
    found, faults = read(hint, value)
    assert (found, type(found), faults) == (expected, type(expected), [])


REFERRED = "other text in what it refers to"
MISFITS: dict[str, tuple[Any, Any, str]] = {
    "none of a union": (int | bool | None, "a", "must be a whole number or true or false or null, found 'a'"),
    "union with a type twice": (list[int] | list[str], 5, "must be a list, found 5"),
    "object that no class is for": (Point | Named, [], "must be an object, found a list"),
    "text": (str, 5, "must be text, found 5"),
    "secret": (Secret, 5, "must be text, found a number"),
    "number above all": (float, 1e309, "must be a number, found inf"),
    "number that is none": (float, float("nan"), "must be a number, found nan"),
    "truth value in a reference": (bool, ReferenceText("yes"), f"must be true or false, found {REFERRED}"),
    "choice of another class": (Mode, Level.HIGH, 'must be "fast" or "safe", found <Level.HIGH: 2>'),
    "list of a length": (tuple[int, str], [1], "must be a list of 2: a whole number, text, found a list"),
    "table": (dict[str, int], [1], "must be an object, found a list"),
    "long text": (int, "a" * 60, "must be a whole number, found text"),
    "short text": (int, "a" * 58, f"must be a whole number, found '{'a' * 58}'"),
}  # fmt: skip


@pytest.mark.parametrize("case", MISFITS)
def test_value_of_another_type_is_one_fault_with_what_is_expected_and_found(case: str) -> None:
    """It is a misfit: of another type altogether."""
    hint, value, message = MISFITS[case]
    assert read(hint, value) == (None, [Fault(("value",), message, is_misfit=True)])


def test_fault_inside_the_class_that_a_union_is_nearest_to_is_reported() -> None:
    """That of the other class is not."""
    _, faults = read(Named | Point, {"x": "a"})
    assert faults == [Fault(("value", "x"), "must be a whole number, found 'a'", is_misfit=True)]


@pytest.mark.parametrize("text", ["true", " TRUE ", "1"])
def test_truth_value_may_be_written_as_environment_variables_are(text: str) -> None:
    """In any case, also as a number; as it stands a text is none."""
    assert read(bool, ReferenceText(text)) == (True, [])
    assert read(bool, ReferenceText("false")) == (False, [])
    assert len(read(bool, text)[1]) == 1


def test_faults_of_a_class_come_in_order_with_the_names_that_it_knows() -> None:
    """Unknown keys first, in the order of the file, then the missing ones."""
    _, faults = read(Point, {"z": 1, "Yy": 2})
    assert faults == [
        Fault(("value", "z"), "is not a setting", "Known settings: x, y."),
        Fault(("value", "Yy"), "is not a setting", "Did you mean 'y'?"),
        Fault(("value", "x"), "is missing; it must be a whole number"),
    ]
    empty = dataclasses.make_dataclass("Empty", [])
    assert read(empty, {"a": 1})[1] == [Fault(("value", "a"), "is not a setting", "Known settings: none.")]


def test_one_fault_has_its_remedy_apart_and_several_have_theirs_in_their_line() -> None:
    """Each line starts with the place that the key comes from, in any case of its name."""
    first, second = Fault(("Key", 0, "a"), "is wrong", "Do this."), Fault((), "has too much")
    origins = {"key": "host.json"}
    one = invalid([first], origins, "the app")
    assert (one.message, one.remedy, one.faults) == (
        "host.json.Key[0].a is wrong",
        "Do this.",
        ("host.json.Key[0].a is wrong",),
    )
    both = invalid(iter([first, second]), origins, "the app")
    assert isinstance(both, InvalidSettings)
    assert (both.message, both.remedy) == (
        "2 settings are not valid:\n  host.json.Key[0].a is wrong. Do this.\n  the app has too much",
        "",
    )
    assert invalid([Fault(("other",), "is wrong")], origins, "the app").message == "the app.other is wrong"


SHOWN: dict[str, tuple[Any, str]] = {
    "null": (None, "null"),
    "true": (True, "true"),
    "number": (1.5, "1.5"),
    "text": ("a", "'a'"),
    "object": ({"a": 1}, "an object"),
    "list": ([1], "a list"),
    "tuple": ((1,), "a list"),
    "secret": (Secret("a"), "a secret"),
    "text that a reference stands for": (ReferenceText("a"), REFERRED),
    "any other object": (Path("/a"), f"{Path('/a')!r}"),
}


@pytest.mark.parametrize("case", SHOWN)
def test_value_is_described_as_json_has_it(case: str) -> None:
    """Short ones as they are, the others by their kind."""
    value, expected = SHOWN[case]
    assert describe(value, ("top",)) == expected


BY_KIND: dict[str, tuple[Any, str]] = {
    "null": (None, "null"),
    "true": (True, "true or false"),
    "number": (1, "a number"),
    "text": ("a", "text"),
    "other": (Path("/a"), type(Path()).__name__),
}


@pytest.mark.parametrize("case", BY_KIND)
def test_value_of_a_secret_is_described_by_its_kind(case: str) -> None:
    """Whether its type or its name says that it is one."""
    value, expected = BY_KIND[case]
    assert describe(value, ("top",), is_secret=True) == expected
    if isinstance(value, str):
        assert describe(value, ("api_key",)) == describe(value, ("api_key", "a")) == expected


def resolve(value: Any, root: Path, environ: Mapping[str, str]) -> tuple[Any, list[Fault]]:
    """Return a value with its references resolved, and the faults."""
    faults: list[Fault] = []
    return References(AppSettings(environ), root).resolve(value, faults, ("key",)), faults


SET_IT = "Set it in the environment, or in Values of local.settings.json."
UNRESOLVED: dict[str, tuple[Any, Fault]] = {
    "variable": ({"$env": "NONE"}, Fault(("key",), "refers to $env NONE, which is not set", SET_IT)),
    "variable in a text": ("%NONE%", Fault(("key",), "refers to %NONE%, which is not set", SET_IT)),
    "variable beside others": (
        {"$env": "A", "b": 1},
        Fault(("key",), "has $env, and must have nothing else", 'Write {"$env": "NAME"}.'),
    ),
    "file that is no text": (
        {"$file": 5},
        Fault(("key",), "has $file, and must have nothing else", 'Write {"$file": "path"}.'),
    ),
    "file": (
        {"$file": "none"},
        Fault(
            ("key",),
            "refers to $file none, which cannot be read: No such file or directory",
            "Paths are relative to the app's folder.",
        ),
    ),
    "file that is not UTF-8": (
        {"$file": "binary"},
        Fault(
            ("key",),
            "refers to $file binary, which cannot be read: it is not UTF-8 text",
            "Paths are relative to the app's folder.",
        ),
    ),
    "file that is too long": (
        {"$file": "long"},
        Fault(
            ("key",),
            "refers to $file long, which cannot be read: it has more than 1 MiB",
            "Paths are relative to the app's folder.",
        ),
    ),
    "pipe": (
        {"$file": "/dev/null"},
        Fault(
            ("key",),
            "refers to $file /dev/null, which cannot be read: it is not a regular file",
            "Paths are relative to the app's folder.",
        ),
    ),
    "deep inside": (
        {"a": [0, {"$env": "NONE"}]},
        Fault(("key", "a", 1), "refers to $env NONE, which is not set", SET_IT),
    ),
}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Return a folder with a text, one that is as long as may be, a longer one, and one that is not UTF-8."""
    (tmp_path / "text").write_bytes(b"\xef\xbb\xbfone\r\ntwo\rthree\n\n")
    (tmp_path / "full").write_bytes(b"a" * (1 << 20))
    (tmp_path / "long").write_bytes(b"a" * ((1 << 20) + 1))
    (tmp_path / "binary").write_bytes(b"\xff\xfe")
    return tmp_path


@pytest.mark.parametrize("case", UNRESOLVED)
def test_reference_that_leads_nowhere_is_a_fault_with_its_remedy(case: str, root: Path) -> None:
    """The path is that of the reference."""
    value, fault = UNRESOLVED[case]
    assert resolve(value, root, {"A": "a"})[1] == [fault]


def test_references_are_replaced_by_texts_at_any_depth(root: Path) -> None:
    """Other values stay as they are; an empty variable is set."""
    value = {"a": [{"$env": "A"}, 5, ("%A%-%B%", "100%%")], "file": {"$file": "text"}, "none": None}
    found, faults = resolve(value, root, {"A": "a", "B": ""})
    assert (found, faults) == ({"a": ["a", 5, ["a-", "100%"]], "file": "one\ntwo\nthree", "none": None}, [])
    assert [type(one) for one in found["a"][2]] == [ReferenceText, str]
    assert len(resolve({"$file": "full"}, root, {})[0]) == 1 << 20


INTEGER = {"type": "integer"}
REFERENCES = [{"type": "string", "pattern": "%[A-Za-z_][A-Za-z0-9_.:]*%"}, {"$ref": "#/$defs/reference"}]
SCHEMAS: dict[str, tuple[Any, Mapping[str, Any]]] = {
    "whole number": (int, INTEGER),
    "secret": (Secret, {"type": "string"}),
    "null": (None, {"type": "null"}),
    "choice": (Mode, {"enum": ["fast", "safe"]}),
    "list": (list[int], {"type": "array", "items": {"anyOf": [INTEGER, *REFERENCES]}}),
    "list of anything": (list, {"type": "array", "items": {}}),
    "list of a length": (
        tuple[int, Any],
        {"type": "array", "prefixItems": [{"anyOf": [INTEGER, *REFERENCES]}, {}], "minItems": 2, "maxItems": 2},
    ),
    "table": (dict[str, int], {"type": "object", "additionalProperties": {"anyOf": [INTEGER, *REFERENCES]}}),
    "union": (int | None, {"anyOf": [INTEGER, {"type": "null"}]}),
}


@pytest.mark.parametrize("case", SCHEMAS)
def test_type_describes_itself_as_json_schema(case: str) -> None:
    """Items and values may be references; a text is one anyway, with ``%NAME%``."""
    hint, schema = SCHEMAS[case]
    cls = dataclasses.make_dataclass("Settings", [("value", hint)])
    definitions: dict[str, Any] = {}
    assert compile_dataclass(cls, "one").schema(definitions) == {"$ref": "#/$defs/one.Settings"}
    own = definitions["one.Settings"]
    assert (own["type"], own["required"], own["additionalProperties"]) == ("object", ["value"], False)
    percent = [] if schema == {"type": "string"} else REFERENCES[:1]
    assert own["properties"] == {"value": {"anyOf": [schema, *percent, REFERENCES[1]]}}


def test_classes_of_one_name_have_definitions_of_their_own() -> None:
    """A class has its description, its fields theirs and their defaults."""

    @dataclasses.dataclass
    class Settings:
        """The settings.

        More of them.
        """

        point: Point
        other: dataclasses.make_dataclass("Point", [("z", int)])  # type: ignore[valid-type]
        top: Annotated[int, "How many."] = 20
        mode: Mode = Mode.SAFE

    definitions: dict[str, Any] = {}
    compile_dataclass(Settings, "one").schema(definitions)
    assert list(definitions) == ["one.Settings", "one.Point", "one.Point1"]
    own = definitions["one.Settings"]
    assert (own["description"], own["required"]) == ("The settings.", ["point", "other"])
    assert own["properties"]["point"]["anyOf"][0] == {"$ref": "#/$defs/one.Point"}
    assert own["properties"]["other"]["anyOf"][0] == {"$ref": "#/$defs/one.Point1"}
    top = own["properties"]["top"]
    assert (top["description"], top["default"], own["properties"]["mode"]["default"]) == ("How many.", 20, "safe")


REFUSED: dict[str, tuple[Any, str]] = {
    "choice of bytes": (Literal[b"a"], "a choice of b'a'"),
    "dict with numbers as keys": (dict[int, str], "a dict with keys that are not str"),
    "class of another kind": (Path, "Path"),
    "set": (set[int], "set"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_type_that_settings_cannot_have_is_refused_with_field_and_class(case: str) -> None:
    """At any depth; the remedy lists the types."""
    hint, found = REFUSED[case]
    for deep in (hint, list[hint], hint | None):  # type: ignore[valid-type]
        with pytest.raises(ExtensionError) as raised:
            compile_dataclass(dataclasses.make_dataclass("Settings", [("value", deep)]), "one")
        assert raised.value.message == (
            f"the field 'value' of its settings class Settings has the type {found}, which settings cannot have"
        )
        assert raised.value.remedy == SUPPORTED


def test_settings_of_pydantic_are_shown_under_the_names_of_host_json() -> None:
    """A field may have an alias there."""
    pydantic = pytest.importorskip("pydantic")
    cls = pydantic.create_model("Settings", top_count=(int, pydantic.Field(5, alias="topCount")))
    model = settings_model(cls, "one")
    faults: list[Fault] = []
    instance = model.read({"topCount": 7}, faults)
    assert (model.dump(instance), faults) == ({"topCount": 7}, [])


FIELDS: list[tuple[str, Any]] = [
    ("top", int),
    ("names", list[str]),
    ("token", Secret | None),
    ("tokens", dict[str, Secret]),
    ("point", Point | None),
]


@pytest.mark.parametrize("library", ["dataclasses", "msgspec"])
def test_settings_that_were_not_read_are_shown_without_what_may_be_a_secret(library: str) -> None:
    """Of a known type they are shown; one that is unknown, or of a class, may be or have a secret. References stay."""
    if library == "msgspec":
        cls = pytest.importorskip("msgspec").defstruct("Settings", FIELDS)
    else:
        cls = dataclasses.make_dataclass("Settings", FIELDS)
    written = {
        "top": 5,
        "names": ["a"],
        "token": "a",
        "tokens": {"a": "a", "b": None},
        "point": {"x": "a", "y": 1},
        "zzz": "a",
        "key": {"$env": "KEY"},
    }
    assert settings_model(cls, "one").unread(written) == {
        "top": 5,
        "names": ["a"],
        "token": HIDDEN,
        "tokens": {"a": HIDDEN, "b": None},
        "point": {"x": HIDDEN, "y": 1},
        "zzz": HIDDEN,
        "key": {"$env": "KEY"},
    }


def test_what_a_schema_says_about_a_value_stays_outside_of_the_choice_of_a_reference() -> None:
    """An editor shows it for both; a schema that allows anything has nothing to add."""
    about = {"title": "Top", "description": "How many.", "default": 5, "deprecated": True}
    assert or_reference({**INTEGER, **about}) == {**about, "anyOf": [INTEGER, *REFERENCES]}
    assert or_reference(about) == about
