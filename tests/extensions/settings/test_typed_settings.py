"""Typed settings: an extension's own class checks what host.json and the app's code say."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NewType

import pytest

import hosting
from hosting.core import OptIn
from hosting.extensions import ExtensionHost
from hosting.testing import make_host
from tests.support.invoking import ON, function

SET_IT = "Set it in the environment, or in Values of local.settings.json."
PATH = "extensionHost.extensions.auth.settings"


class Mode(StrEnum):
    """A choice of texts."""

    FAST = "fast"
    SAFE = "safe"


class Level(Enum):
    """A choice of numbers."""

    LOW = 1
    HIGH = 2


Url = NewType("Url", str)


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule for a path."""

    path: str
    roles: list[str] = dataclasses.field(default_factory=list)

    def __post_init__(self) -> None:
        if not self.path.startswith("/"):
            raise ValueError(f"a path starts with '/', found {self.path!r}")


@dataclasses.dataclass
class Node:
    """A tree."""

    name: str
    children: tuple[Node, ...] = ()


@dataclasses.dataclass
class All:
    """Every supported type."""

    issuer: str = "none"
    top: int = 20
    rate: float = 1.0
    strict: bool = False
    nothing: None = None
    audiences: list[str] = dataclasses.field(default_factory=list)
    pair: tuple[int, str] = (1, "a")
    numbers: tuple[int, ...] = ()
    limits: dict[str, float] = dataclasses.field(default_factory=dict)
    free: dict = dataclasses.field(default_factory=dict)  # type: ignore[type-arg]
    mode: Mode = Mode.SAFE
    level: Level = Level.LOW
    kind: Literal["a", 1, True] = "a"
    either: int | str | None = None
    rule: Rule | None = None
    rules: list[Rule] = dataclasses.field(default_factory=list)
    tree: Node | None = None
    token: hosting.Secret | None = None
    tokens: dict[str, hosting.Secret] = dataclasses.field(default_factory=dict)
    url: Annotated[Url, "The address."] = Url("")


class Typed:
    """An extension with typed settings, for the app and for functions."""

    settings: Any = All
    function_settings: Any = None

    def __init__(self) -> None:
        self.app: Any = None
        self.functions: dict[str, Any] = {}

    @hosting.hookimpl
    def configure(self, settings: Any) -> None:
        """Keep the settings."""
        self.app = settings

    @hosting.hookimpl
    def configure_function(self, function_name: str, settings: Any) -> None:
        """Keep the settings of a function."""
        self.functions[function_name] = settings

    @hosting.hookimpl
    def pre_invocation(self) -> None:
        """Be an extension for functions, too."""


def load(
    values: Mapping[str, Any],
    cls: Any = All,
    *,
    environ: Mapping[str, str] | None = None,
    root: Path | None = None,
    uses: Mapping[str, Any] | None = None,
    strict: bool = False,
) -> tuple[Typed, ExtensionHost]:
    """Load an extension called auth with these settings in host.json, and a function F that uses it."""
    extension = Typed()
    extension.settings = cls
    host = ExtensionHost(
        environ={**ON, **(environ or {})}, section={"extensions": {"auth": {"settings": values}}}, strict=strict
    )
    host.register("auth", extension)
    target = function(lambda req: None)
    if uses is not None:
        target.opt_ins = (OptIn("Auth", uses),)
    if root is None:
        host.load([target])
    else:
        with host.importing(root):
            pass
        host.load([target])
    return extension, host


def entry(host: ExtensionHost) -> dict[str, Any]:
    """Return the entry of the one extension in the diagnosis."""
    (found,) = host.diagnosis()["extensions"]
    return dict(found)


GOOD: dict[str, tuple[dict[str, Any], str, Any]] = {
    "text": ({"issuer": "x"}, "issuer", "x"),
    "key in another case": ({"ISSUER": "x"}, "issuer", "x"),
    "whole number": ({"top": 5}, "top", 5),
    "whole number as a fraction": ({"top": 5.0}, "top", 5),
    "number": ({"rate": 2}, "rate", 2.0),
    "truth": ({"strict": True}, "strict", True),
    "null": ({"nothing": None}, "nothing", None),
    "list": ({"audiences": ["a", "b"]}, "audiences", ["a", "b"]),
    "pair": ({"pair": [2, "b"]}, "pair", (2, "b")),
    "tuple": ({"numbers": [1, 2]}, "numbers", (1, 2)),
    "dict": ({"limits": {"a": 1}}, "limits", {"a": 1.0}),
    "plain dict": ({"free": {"a": [1, {"b": None}]}}, "free", {"a": [1, {"b": None}]}),
    "enum of texts": ({"mode": "fast"}, "mode", Mode.FAST),
    "enum of numbers": ({"level": 2}, "level", Level.HIGH),
    "enum from code": ({"level": Level.HIGH}, "level", Level.HIGH),
    "literal": ({"kind": 1}, "kind", 1),
    "literal true": ({"kind": True}, "kind", True),
    "union: first": ({"either": 5}, "either", 5),
    "union: second": ({"either": "5"}, "either", "5"),
    "union: null": ({"either": None}, "either", None),
    "nested": ({"rule": {"path": "/a"}}, "rule", Rule("/a")),
    "nested from code": ({"rule": Rule("/a")}, "rule", Rule("/a")),
    "list of nested": ({"rules": [{"path": "/a", "roles": ["r"]}]}, "rules", [Rule("/a", ["r"])]),
    "recursive": ({"tree": {"name": "a", "children": [{"name": "b"}]}}, "tree", Node("a", (Node("b"),))),
    "secret": ({"token": "t"}, "token", hosting.Secret("t")),
    "secret from code": ({"token": hosting.Secret("t")}, "token", hosting.Secret("t")),
    "secrets": ({"tokens": {"a": "t"}}, "tokens", {"a": hosting.Secret("t")}),
    "new type": ({"url": "u"}, "url", "u"),
    "$env": ({"issuer": {"$env": "ISSUER"}}, "issuer", "https://issuer"),
    "$env in another case": ({"issuer": {"$env": "issuer"}}, "issuer", "https://issuer"),
    "$env as a secret": ({"token": {"$env": "ISSUER"}}, "token", hosting.Secret("https://issuer")),
    "$env as a number": ({"top": {"$env": "TOP"}}, "top", 7),
    "$env as truth": ({"strict": {"$env": "YES"}}, "strict", True),
    "$env in a union": ({"either": {"$env": "TOP"}}, "either", 7),
    "$env as an enum": ({"mode": {"$env": "MODE"}}, "mode", Mode.FAST),
    "$env as JSON": ({"rules": {"$env": "RULES"}}, "rules", [Rule("/j")]),
    "$env deep inside": ({"rules": [{"path": {"$env": "PATH_OF_RULE"}}]}, "rules", [Rule("/p")]),
    "$env in a plain dict": ({"free": {"a": [{"$env": "TOP"}]}}, "free", {"a": ["7"]}),
    "$file": ({"token": {"$file": "secrets/token"}}, "token", hosting.Secret("from a file")),
    "%NAME%": ({"issuer": "%ISSUER%/%TOP%"}, "issuer", "https://issuer/7"),
    "%NAME% as a number": ({"top": "%TOP%"}, "top", 7),
    "%NAME% with a section": ({"issuer": "%Auth:Url%"}, "issuer", "section"),
    "percent signs": ({"issuer": "50% of 100%%"}, "issuer", "50% of 100%"),
}
ENVIRON = {
    "ISSUER": "https://issuer",
    "TOP": "7",
    "YES": "true",
    "MODE": "fast",
    "RULES": '[{"path": "/j"}]',
    "PATH_OF_RULE": "/p",
    "Auth__Url": "section",
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", GOOD)
def test_valid_setting_reaches_configure_as_an_attribute(case: str, tmp_path: Path) -> None:
    """Each supported type is read from JSON, and from what a reference refers to."""
    values, name, expected = GOOD[case]
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "token").write_text("from a file\n", "utf-8")
    extension, host = load(values, environ=ENVIRON, root=tmp_path)
    assert entry(host)["error"] is None
    assert dataclasses.replace(All(), **{name: expected}) == extension.app
    assert type(getattr(extension.app, name)) is type(expected)


BAD: dict[str, tuple[dict[str, Any], str]] = {
    "unknown key": ({"isuer": "x"}, f"{PATH}.isuer is not a setting"),
    "text for a number": ({"top": "5"}, f"{PATH}.top must be a whole number, found '5'"),
    "fraction for a whole number": ({"top": 5.5}, f"{PATH}.top must be a whole number, found 5.5"),
    "truth for a number": ({"top": True}, f"{PATH}.top must be a whole number, found true"),
    "endless number": ({"rate": float("inf")}, f"{PATH}.rate must be a number, found inf"),
    "number for truth": ({"strict": 1}, f"{PATH}.strict must be true or false, found 1"),
    "number for text": ({"issuer": 5}, f"{PATH}.issuer must be text, found 5"),
    "null for text": ({"issuer": None}, f"{PATH}.issuer must be text, found null"),
    "text for null": ({"nothing": "x"}, f"{PATH}.nothing must be null, found 'x'"),
    "text for a list": ({"audiences": "a"}, f"{PATH}.audiences must be a list, found 'a'"),
    "item of a list": ({"audiences": ["a", 5]}, f"{PATH}.audiences[1] must be text, found 5"),
    "long pair": ({"pair": [1, "a", 2]}, f"{PATH}.pair must be a list of 2: a whole number, text, found a list"),
    "item of a dict": ({"limits": {"a": "b"}}, f"{PATH}.limits.a must be a number, found 'b'"),
    "no such choice": ({"mode": "slow"}, f'{PATH}.mode must be "fast" or "safe", found \'slow\''),
    "no such literal": ({"kind": 2}, f'{PATH}.kind must be "a" or 1 or true, found 2'),
    "union": ({"either": [1]}, f"{PATH}.either must be a whole number or text or null, found a list"),
    "missing in nested": ({"rule": {}}, f"{PATH}.rule.path is missing; it must be text"),
    "unknown in nested": ({"rules": [{"path": "/", "role": []}]}, f"{PATH}.rules[0].role is not a setting"),
    "refused by the class": ({"rule": {"path": "a"}}, f"{PATH}.rule is not valid: a path starts with '/', found 'a'"),
    "deep in a tree": ({"tree": {"name": "a", "children": [{"name": 1}]}}, f"{PATH}.tree.children[0].name must be"),
    "number for a secret": ({"token": 5}, f"{PATH}.token must be text or null, found a number"),
    "no such variable": ({"issuer": {"$env": "NONE"}}, f"{PATH}.issuer refers to $env NONE, which is not set"),
    "no such variable in a text": ({"issuer": "a%NONE%"}, f"{PATH}.issuer refers to %NONE%, which is not set"),
    "no such file": ({"token": {"$file": "x"}}, f"{PATH}.token refers to $file x, which cannot be read: No such file"),
    "endless file": (
        {"token": {"$file": "/dev/zero"}},
        f"{PATH}.token refers to $file /dev/zero, which cannot be read: ",
    ),
    "folder for a file": ({"token": {"$file": "."}}, f"{PATH}.token refers to $file ., which cannot be read"),
    "more than a reference": ({"issuer": {"$env": "A", "x": 1}}, f"{PATH}.issuer has $env, and must have nothing else"),
    "reference to nothing": ({"issuer": {"$env": ""}}, f"{PATH}.issuer has $env, and must have nothing else"),
    "reference that is no number": (
        {"top": {"$env": "ISSUER"}},
        f"{PATH}.top must be a whole number, found other text in what it refers to",
    ),
}


@pytest.mark.exhaustive
@pytest.mark.parametrize("case", BAD)
def test_invalid_setting_fails_the_extension_with_its_full_path(case: str, tmp_path: Path) -> None:
    """The message names the setting from extensionHost on, what was must be and what was found; nothing runs."""
    values, expected = BAD[case]
    extension, host = load(values, environ={"ISSUER": "https://issuer"}, root=tmp_path)
    found = entry(host)
    assert found["status"] == "failed"
    assert found["error"]["message"].startswith(expected), found["error"]["message"]
    assert expected.replace("\n", " ") in found["reason"]
    assert found["error"]["traceback"] == ""
    assert (extension.app, extension.functions) == (None, {})


def test_all_faults_are_in_one_message_each_with_its_remedy() -> None:
    """An operator corrects a file once."""
    _, host = load({"isuer": "x", "top": "5", "rules": [{}, {"path": 5}], "token": {"$env": "NONE"}})
    assert entry(host)["error"]["message"].splitlines() == [
        "5 settings are not valid:",
        f"  {PATH}.token refers to $env NONE, which is not set. {SET_IT}",
        f"  {PATH}.isuer is not a setting. Did you mean 'issuer'?",
        f"  {PATH}.top must be a whole number, found '5'",
        f"  {PATH}.rules[0].path is missing; it must be text",
        f"  {PATH}.rules[1].path must be text, found 5",
    ]


@dataclasses.dataclass
class Needs:
    """Settings without a default."""

    issuer: str
    pin: hosting.Secret | int = 0


ORIGINS: dict[str, tuple[dict[str, Any], dict[str, Any], dict[str, Any] | None, str]] = {
    "host.json": ({"issuer": 1}, {}, None, f"{PATH}.issuer must be text, found 1"),
    "hosting.configure": ({}, {"issuer": 1}, None, "hosting.configure('auth').issuer must be text, found 1"),
    "missing": ({}, {}, None, f"{PATH}.issuer is missing; it must be text"),
    "hosting.use": ({"issuer": "a"}, {}, {"pin": "x", "b": 1}, "function 'F': hosting.use('auth').b is not a setting"),
    "secret": ({"issuer": "a", "pin": [5]}, {}, None, f"{PATH}.pin must be text or a whole number, found a list"),
}


@pytest.mark.parametrize("case", ORIGINS)
def test_message_names_the_place_that_has_the_fault(case: str, tmp_path: Path) -> None:
    """Settings of code and of host.json are merged, and each knows where it was written."""
    host_json, configured, used, expected = ORIGINS[case]
    host = ExtensionHost(environ=ON, section={"extensions": {"auth": {"settings": host_json}}})
    extension = Typed()
    extension.settings = Needs
    host.register("auth", extension)
    with host.importing(tmp_path):
        hosting.configure("auth", **configured)
    target = function(lambda req: None)
    target.opt_ins = () if used is None else (OptIn("auth", used),)
    host.load([target])
    assert entry(host)["error"]["message"].startswith(expected), entry(host)["error"]["message"]
    assert entry(host)["status"] == ("active" if used else "failed")
    assert "F" not in extension.functions


@dataclasses.dataclass
class Reads:
    """A class that looks at what is inside of its collections."""

    items: list[Rule] = dataclasses.field(default_factory=list)
    pair: tuple[int, Rule] | None = None
    table: dict[str, Rule] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for rule in (*self.items, *(self.pair or ())[1:], *self.table.values()):
            assert isinstance(rule, Rule)


@pytest.mark.parametrize("values", [{"items": [{}]}, {"pair": [1, {}]}, {"table": {"a": {}}}], ids=str)
def test_class_gets_no_collection_with_a_gap(values: dict[str, Any]) -> None:
    """Where a reference inside of a collection leads nowhere, that is the fault, and the class is not called."""
    (name,) = values
    text = json.dumps(values).replace("{}", '{"path": {"$env": "NONE"}}')
    _, host = load(json.loads(text), Reads)
    assert f"{PATH}.{name}" in entry(host)["error"]["message"]
    assert "refers to $env NONE, which is not set" in entry(host)["error"]["message"]


def test_function_gets_its_own_instance_and_one_fault_excludes_it_alone() -> None:
    """hosting.use(..., top=20) is checked at load by the same class; host.json comes first."""
    good, bad = function(lambda req: None, "Good"), function(lambda req: None, "Bad")
    good.opt_ins, bad.opt_ins = (OptIn("auth", {"top": 3, "rate": 3}),), (OptIn("auth", {"tpo": 3}),)
    extension = Typed()
    host = ExtensionHost(environ=ON, section={"extensions": {"auth": {"settings": {"rate": 0.5}}}})
    host.register("auth", extension)
    host.load([good, bad])
    assert extension.functions == {"Good": All(top=3, rate=0.5)}
    assert extension.app == All(rate=0.5)
    assert host._info["FuncExtension"] == {"Good": ["auth"]}
    (problem,) = host.diagnosis()["problems"]
    assert "for function 'Bad'" in problem["message"]
    assert problem["remedy"] == "Did you mean 'top'?"


@dataclasses.dataclass
class OfFunction:
    """What a function may say: not what only the operator may."""

    roles: list[str] = dataclasses.field(default_factory=list)
    top: int = 0


@pytest.mark.parametrize("for_app", [All, None], ids=["class for the app", "no class for the app"])
def test_function_settings_of_their_own_class_have_nothing_of_the_app(for_app: Any) -> None:
    """With ``function_settings``, functions say what that class has, and neither host.json nor configure adds to it."""
    good, bad, named = (function(lambda req: None, name) for name in ("Good", "Bad", "Named"))
    good.opt_ins = (OptIn("auth", {"roles": ["a"]}), OptIn("auth", {"top": 3}))
    bad.opt_ins = (OptIn("auth", {"issuer": "mine"}),)
    extension = Typed()
    extension.settings = for_app
    extension.function_settings = OfFunction
    entry_of_host_json = {"settings": {"top": 5}, "functions": {"include": ["Good", "Bad", "Named"]}}
    host = ExtensionHost(environ=ON, section={"extensions": {"auth": entry_of_host_json}})
    host.register("auth", extension)
    host.load([good, bad, named])
    assert extension.functions == {"Good": OfFunction(["a"], 3), "Named": OfFunction()}
    assert extension.app == ({"top": 5} if for_app is None else All(top=5))
    (problem,) = host.diagnosis()["problems"]
    assert "function 'Bad': hosting.use('auth').issuer is not a setting" in problem["message"]


def test_strict_host_does_not_start_with_an_invalid_setting() -> None:
    """--strict stops the start, and the error has the path."""
    with pytest.raises(hosting.errors.ExtensionError, match=rf"{PATH}\.top must be"):
        load({"top": "x"}, strict=True)


def test_diagnosis_shows_defaults_and_references_but_no_secret(tmp_path: Path) -> None:
    """The settings in effect are shown; what a reference refers to, and the text of a Secret, are not."""
    values = {"issuer": "%ISSUER%", "token": "hunter2", "tokens": {"a": {"$env": "ISSUER"}}, "rules": [{"path": "/a"}]}
    _, host = load(values, environ=ENVIRON, root=tmp_path)
    settings = entry(host)["settings"]
    assert settings["issuer"] == "%ISSUER%"
    assert settings["token"] == "***"
    assert settings["top"] == 20
    assert settings["rules"] == [{"path": "/a", "roles": []}]
    text = json.dumps(host.diagnosis())
    assert "hunter2" not in text
    assert "https://issuer" not in text


@pytest.mark.parametrize("values", [{"word": "hunter2", "top": "x"}, {"wrod": "hunter2"}, {"word": ["hunter2"]}])
def test_secret_is_hidden_where_the_settings_have_a_fault(values: dict[str, Any]) -> None:
    """A text that may be a secret is neither in the message nor in the diagnosis, whatever its key is."""

    @dataclasses.dataclass
    class Hidden:
        word: hosting.Secret
        top: int = 1

    Hidden.__annotations__.update(word=hosting.Secret, top=int)
    _, host = load(values, Hidden)
    assert entry(host)["status"] == "failed"
    assert "hunter2" not in json.dumps(host.diagnosis())


class Plain:
    """A class that is no model."""


@dataclasses.dataclass
class WithPath:
    """A field of a type that JSON does not have."""

    folder: Path


@dataclasses.dataclass
class WithSet:
    """The same, deep inside."""

    names: list[set[str]]


@dataclasses.dataclass
class WithKeys:
    """Keys that JSON does not have."""

    names: dict[int, str]


@pytest.mark.parametrize(
    ("cls", "message"),
    [
        (Plain, "'settings' must be a dataclass, a msgspec.Struct or a pydantic model, found the class Plain"),
        (WithPath, "the field 'folder' of its settings class WithPath has the type Path, which settings cannot have"),
        (WithSet, "the field 'names' of its settings class WithSet has the type set, which settings cannot have"),
        (WithKeys, "the field 'names' of its settings class WithKeys has the type a dict with keys that are not str"),
    ],
)
def test_settings_class_that_cannot_be_used_is_its_authors_error(cls: Any, message: str) -> None:
    """The extension fails when it is loaded, whatever the settings are."""
    _, host = load({}, cls)
    assert entry(host)["status"] == "failed"
    assert entry(host)["error"]["message"].startswith(message), entry(host)["error"]["message"]


@pytest.mark.parametrize("attribute", [{}, None, "text", json, property(lambda self: 1 / 0), All()])
def test_settings_attribute_that_is_no_class_is_the_extensions_own(attribute: Any) -> None:
    """Extensions written before typed settings have such attributes, and get a dict as before."""
    kind: Any = type("Untyped", (Typed,), {"settings": attribute, "__init__": lambda self: seen.append(self)})
    seen: list[Any] = []
    kind.functions = {}
    host = ExtensionHost(environ=ON, section={"extensions": {"auth": {"settings": {"a": {"$env": "NONE"}}}}})
    host.register("auth", kind)
    host.load([])
    assert seen[0].app == {"a": {"$env": "NONE"}}
    (problem,) = host.diagnosis()["problems"]
    assert "the reference in 'a' is passed as it is written" in problem["message"]


def models() -> dict[str, Callable[[], Any]]:
    """Return what makes the same settings class in each library."""

    def pydantic() -> Any:
        library = pytest.importorskip("pydantic")
        rule: Any = library.create_model("PRule", path=(str, ...))
        return library.create_model(
            "PModel", issuer=(str, ...), top=(int, 20), rules=(list[rule], []), token=(hosting.Secret | None, None)
        )

    def msgspec() -> Any:
        library = pytest.importorskip("msgspec")
        rule: Any = library.defstruct("MRule", [("path", str)])
        fields: Any = [
            ("issuer", str),
            ("top", int, 20),
            ("rules", list[rule], []),
            ("token", hosting.Secret | None, None),
        ]
        return library.defstruct("MModel", fields)

    return {"pydantic": pydantic, "msgspec": msgspec}


@pytest.mark.parametrize("library", ["pydantic", "msgspec"])
def test_model_of_a_library_is_read_by_that_library(library: str, tmp_path: Path) -> None:
    """References, unknown keys in any depth, all faults, secrets and the diagnosis work as with a dataclass."""
    cls = models()[library]()
    values = {"ISSUER": "%ISSUER%", "top": {"$env": "TOP"}, "rules": [{"path": "/a"}], "token": "hunter2"}
    extension, host = load(values, cls, environ=ENVIRON, root=tmp_path)
    assert entry(host)["error"] is None
    assert (extension.app.issuer, extension.app.top) == ("https://issuer", 7)
    assert extension.app.rules[0].path == "/a"
    assert extension.app.token == hosting.Secret("hunter2")
    assert entry(host)["settings"]["issuer"] == "%ISSUER%"
    assert "hunter2" not in json.dumps(host.diagnosis())
    _, host = load({"top": "x", "rules": [{"path": "/", "pth": 1}], "tpo": 1, "token": {"$env": "NONE"}}, cls)
    lines = entry(host)["error"]["message"].splitlines()
    assert lines[0] == "5 settings are not valid:"
    for setting in (
        "token refers to",
        "rules[0].pth is not",
        "tpo is not a setting. Did you mean 'top'?",
        "issuer is missing",
    ):
        assert any(line.startswith(f"  {PATH}.{setting}") for line in lines), lines
    assert any(line.startswith(f"  {PATH}.top is not valid: ") for line in lines), lines


APP = {
    "function_app.py": """
import azure.functions as func
import hosting
app = hosting.extend(func.FunctionApp())
hosting.configure("auth", top=3)

@app.route("hello")
@hosting.use("auth", rate=2)
def hello(req: func.HttpRequest) -> str:
    return "hello"
"""
}


def test_testing_host_gives_typed_settings_of_every_layer() -> None:
    """host.json, hosting.configure and hosting.use reach the instance under hosting.testing."""
    extension = Typed()
    section = {"extensions": {"auth": {"settings": {"issuer": "%ISSUER%"}}}}
    with make_host(
        APP, extensions={"auth": extension}, host_json={"extensionHost": section}, settings={"ISSUER": "i"}
    ) as host:
        assert host.get("/api/hello").text == "hello"
    assert extension.app == All(issuer="i", top=3)
    assert extension.functions == {"hello": All(issuer="i", top=3, rate=2.0)}
