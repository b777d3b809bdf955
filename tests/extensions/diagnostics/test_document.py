"""The diagnosis document: valid against the published schema in every state, and understandable."""

from __future__ import annotations

import contextlib
import json
import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jsonschema
import pytest

import hosting
from hosting._distributions import Distribution
from hosting._secret_shapes import REDACTED
from hosting.errors import ExtensionError
from hosting.extensions import ExtensionHost
from hosting.extensions._hooks import spec_arguments
from hosting.extensions._model import Extension
from tests.extensions.conftest import LoadApp, Start
from tests.support.invoking import ON, Context, extension_entry, function, invoke, invoker_of
from tests.support.sites import FUNCTION_PRE, PRE, Site, hook

DOCS = Path(__file__).parents[3] / "docs" / "reference"
SCHEMA = json.loads((DOCS / "diagnosis.schema.json").read_text("utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def validated_document(host: ExtensionHost, *, verify: bool = False, **more: Any) -> dict[str, Any]:
    """Return the host's document, after a round trip through JSON and validation against the schema."""
    document: dict[str, Any] = json.loads(json.dumps({**host.diagnosis(verify=verify), **more}, allow_nan=False))
    VALIDATOR.validate(document)
    return document


def f(req: str = "") -> str:
    """Return the argument."""
    return req


def test_published_schema_is_valid_and_closed() -> None:
    """The published schema is valid itself, and allows no unknown keys in any object that it describes."""
    VALIDATOR.check_schema(SCHEMA)
    objects = {name: one for name, one in {"document": SCHEMA, **SCHEMA["$defs"]}.items() if one.get("properties")}
    assert all(one["additionalProperties"] is False for one in objects.values())
    optional = {name: set(one["properties"]) - set(one["required"]) for name, one in objects.items()}
    assert {name: keys for name, keys in optional.items() if keys} == {
        "document": {"verification", "chain", "processes"},
        "process": {"error"},
    }


def test_schema_lists_the_hooks_of_the_specification_in_order() -> None:
    """The hooks of the schema are those of the specification, in their order."""
    assert SCHEMA["$defs"]["hook"]["enum"] == list(spec_arguments())


def test_reference_page_explains_every_key_of_the_schema() -> None:
    """Every key of the schema has a line on the reference page."""
    page = (DOCS / "diagnosis.md").read_text("utf-8")
    keys = {key for one in (SCHEMA, *SCHEMA["$defs"].values()) for key in one.get("properties", {})}
    assert [key for key in sorted(keys) if f"`{key}`" not in page] == []
    words = {word for one in SCHEMA["$defs"].values() for two in one.get("properties", {}).values()
             for word in two.get("enum", ())}  # fmt: skip
    assert [word for word in sorted(words) if f"`{word}`" not in page] == []


def test_document_without_extensions_is_empty_and_without_problems(site: Site, start: Start) -> None:
    """Without extensions the document is empty, and there are no problems."""
    document = validated_document(start(function(f)))
    assert document["enabled"] is True
    assert document["_info"] == {"AppExtension": [], "FuncExtension": {}}
    assert document["extensions"] == document["problems"] == []
    assert document["functions"] == [
        {"name": "F", "model": "v2", "trigger": "httpTrigger", "added_by": None, "extensions": {}}
    ]
    assert document["environment"]["flags"] == {
        "PYTHON_ENABLE_WORKER_EXTENSIONS": "1",
        "HOSTING_DISABLE": None,
        "HOSTING_REQUIRE": None,
        "HOSTING_GUARDS": None,
        "HOSTING_ALLOW": None,
    }


def test_document_with_extensions_off_lists_what_would_be_active(site: Site) -> None:
    """With extensions off, the document is valid before and after load."""
    site.extension("auth", PRE)
    site.extension("lazy", FUNCTION_PRE, group="functions")
    host = ExtensionHost(environ={"HOSTING_DISABLE": "lazy"})
    assert [one["status"] for one in validated_document(host)["extensions"]] == ["disabled", "disabled"]
    host.load([function(f)])
    (problem,) = validated_document(host)["problems"]
    assert problem["message"].endswith("These would run if they were switched on: auth.")


@pytest.mark.parametrize("flag", ["0", "1"], ids=["off", "on"])
@pytest.mark.parametrize("section", [None, {"required": ["auth"]}, {"order": ["auth"]}])
def test_document_has_each_distribution_that_cannot_be_read_once(
    site: Site, flag: str, section: dict[str, Any] | None
) -> None:
    """Whether extensions are on or off: the extension that a user misses may be in it."""
    site.extension("auth", PRE)
    odd = site.path / "odd-1.0.dist-info"
    odd.mkdir()
    (odd / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    (odd / "entry_points.txt").write_bytes(b"\xff\xfe[hosting]\nodd = odd\n")
    host = ExtensionHost(environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": flag}, section=section)
    host.discover()
    with contextlib.suppress(ExtensionError):  # a required extension does not run where they are off
        host.load([function(f)])
    messages = [one["message"] for one in validated_document(host)["problems"]]
    assert [message.startswith("The metadata of odd in ") for message in messages].count(True) == 1


def test_document_with_every_status_is_valid_and_explains_each(site: Site, start: Start) -> None:
    """Each status has a reason and, where it needs one, a problem with a remedy."""
    site.extension("active", PRE)
    site.extension("idle", FUNCTION_PRE, group="functions")
    site.extension("disabled", PRE)
    site.extension("blocked", PRE)
    site.extension("failed", "import no_such_module")
    site.extension("paused", PRE)
    site.extension("quarantined", hook("pre_invocation_app_level", "raise RuntimeError('broken')"))
    target = function(f)
    allowed = ",".join(f"dist-{name}" for name in ("active", "idle", "disabled", "failed", "paused", "quarantined"))
    host = start(
        target,
        section={"disabled": ["disabled"], "quarantine": {"consecutiveErrors": 1}},
        environ={"HOSTING_ALLOW": allowed},
    )
    host.pause("paused")
    assert invoke(host, target, req="own") == "own"
    document = validated_document(host)
    assert {one["name"]: one["status"] for one in document["extensions"]} == {one: one for one in (
        "active", "idle", "disabled", "blocked", "failed", "paused", "quarantined"
    )}  # fmt: skip
    assert all(one["reason"] for one in document["extensions"])
    problems = {problem["message"].split("'")[1]: problem for problem in document["problems"]}
    assert {name: problem["severity"] for name, problem in problems.items()} == {
        "blocked": "warning",
        "failed": "error",
        "paused": "warning",
        "quarantined": "error",
    }
    assert "Install the missing module" in problems["failed"]["remedy"]
    assert "/admin/extensions/quarantined/resume" in problems["quarantined"]["remedy"]
    assert "RuntimeError: broken" in problems["quarantined"]["message"]
    assert [one["name"] for one in document["extensions"] if one["position"] is not None] == [
        "active",
        "paused",
        "quarantined",
    ]


def test_last_error_names_phase_hook_function_and_invocation(site: Site, start: Start) -> None:
    """The extension beside it names its distribution and version."""
    site.extension("auth", hook("pre_invocation_app_level", "raise ValueError('no')"))
    target = function(f)
    host = start(target)
    invoke(host, target, Context("the-invocation"), req="own")
    entry = next(one for one in validated_document(host)["extensions"] if one["name"] == "auth")
    assert (entry["distribution"], entry["version"], entry["status"]) == ("dist-auth", "1.0", "active")
    assert {key: value for key, value in entry["error"].items() if key != "traceback"} == {
        "phase": "invocation",
        "type": "ValueError",
        "message": "no",
        "hook": "pre_invocation_app_level",
        "function": "F",
        "invocation_id": "the-invocation",
    }
    assert "raise ValueError('no')" in entry["error"]["traceback"]
    (problem,) = validated_document(host)["problems"]
    assert "pre_invocation_app_level failed for function 'F': ValueError: no" in problem["message"]


async def test_statistics_of_a_running_host_count_calls_and_errors_of_each_hook(site: Site, start: Start) -> None:
    """The figures include times, and continue to count after the document was read."""
    site.extension("auth", PRE + hook("post_invocation_app_level", "raise ValueError"))
    target = function(f)
    host = start(target, section={"quarantine": {"consecutiveErrors": 1000}})

    invoker = invoker_of(host, target)

    for calls, total in ((3, 3), (5, 8)):
        for _ in range(calls):
            await invoker(Context(), {})
        (pre,), (post,) = (
            hook_statistics(host, "pre_invocation_app_level"),
            hook_statistics(host, "post_invocation_app_level"),
        )
        assert (pre["calls"], pre["errors"]) == (total, 0)
        assert (post["calls"], post["errors"]) == (total, total)


def hook_statistics(host: ExtensionHost, name: str) -> list[dict[str, Any]]:
    """Return one hook's statistics in the document, for each extension that has it."""
    return [one["statistics"][name] for one in validated_document(host)["extensions"] if name in one["statistics"]]


APP = """
import azure.functions as func
import hosting

class Azure(func.AppExtensionBase):
    @classmethod
    def post_invocation_app_level(cls, logger, context, func_args, func_ret, *args, **kwargs):
        pass

app = func.FunctionApp()

@app.route('a')
@hosting.use('lazy')
def A(req):
    pass
"""


def test_functions_list_each_hooks_extensions_in_call_order(site: Site, load: LoadApp) -> None:
    """The order after the function is the reverse of the order before it."""
    for name in "ab":
        site.extension(name, PRE + hook("post_invocation_app_level"))
    site.extension("lazy", FUNCTION_PRE, group="functions")
    host, _ = load({"function_app.py": APP})
    document = validated_document(host)
    assert document["_info"] == {"AppExtension": ["a", "b", "Azure"], "FuncExtension": {"A": ["lazy"]}}
    assert document["functions"][0]["extensions"] == {
        "pre_invocation_app_level": ["a", "b"],
        "pre_invocation": ["lazy"],
        "post_invocation_app_level": ["Azure", "b", "a"],
    }
    assert [(one["name"], one["kind"], one["position"]) for one in document["extensions"]] == [
        ("a", "hooks", 0),
        ("b", "hooks", 1),
        ("lazy", "hooks", 2),
        ("Azure", "sdk", 3),
    ]
    assert "order of registration" in extension_entry(host, "Azure")["reason"]


def test_function_lists_the_hooks_of_its_set_up_before_those_of_its_invocations(site: Site, start: Start) -> None:
    """Also those that are called for each function although they are no part of an invocation."""
    names = ("init_function", "configure_function", "post_function_load", "pre_invocation", "response_sent")
    site.extension("lazy", "".join(hook(name) for name in reversed(names)), group="functions")
    document = validated_document(start(function(f, "F", "lazy"), function(f, "G")))
    assert [list(one["extensions"].items()) for one in document["functions"]] == [
        [(name, ["lazy"]) for name in names],
        [],
    ]


def test_function_level_extension_with_lifecycle_hooks_stays_function_level(site: Site, start: Start) -> None:
    """Hooks such as init and shutdown do not change its level, in scopes and in _info."""
    set_up = "".join(hook(name) for name in ("init", "configure", "startup", "shutdown"))
    site.extension("lazy", set_up + FUNCTION_PRE, group="functions")
    site.extension("eager", set_up)
    host = start(function(f, "F", "lazy"))
    assert extension_entry(host, "lazy")["scopes"] == ["function"]
    assert extension_entry(host, "eager")["scopes"] == ["app"]
    assert validated_document(host)["_info"] == {"AppExtension": ["eager"], "FuncExtension": {"F": ["lazy"]}}


def test_log_line_of_an_error_names_extension_distribution_and_remedy(
    site: Site, start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    """The log line has them as fields too."""
    site.extension("auth", hook("pre_invokation"))
    with caplog.at_level(logging.ERROR):
        start(function(f))
    (record,) = [one for one in caplog.records if one.name == "hosting.extensions.auth"]
    assert "Extension 'auth' (dist-auth 1.0): registration failed" in record.getMessage()
    assert "Did you mean 'pre_invocation'?" in record.getMessage()
    assert "Traceback" not in record.getMessage()
    assert (record.distribution, record.version) == ("dist-auth", "1.0")  # type: ignore[attr-defined]


def test_document_shows_host_json_settings_without_their_secrets(site: Site, start: Start) -> None:
    """The extension itself gets the settings with their secrets."""
    site.extension("auth", hook("configure", "assert settings['apiKey'] == 'hush'", "settings"))
    settings = {"apiKey": "hush", "realm": "here"}
    host = start(function(f), section={"extensions": {"auth": {"settings": settings}}})
    entry = next(one for one in validated_document(host)["extensions"] if one["name"] == "auth")
    assert entry["error"] is None
    assert entry["settings"] == {"apiKey": REDACTED, "realm": "here"}


def test_document_has_verification_only_on_request(site: Site, start: Start) -> None:
    """The document with verification is valid too."""
    site.extension("auth", PRE)
    host = start(function(f))
    assert "verification" not in host.diagnosis()
    (one,) = validated_document(host, verify=True)["verification"]
    assert (one["distribution"], one["status"]) == ("dist-auth", "intact")


@pytest.mark.parametrize("name", ["F", "f"])
def test_chain_of_a_function_is_described_with_form_and_source(site: Site, start: Start, name: str) -> None:
    """The name of the function may be in any case; the description is valid in the document."""
    site.extension("auth", PRE)
    host = start(function(f))
    chain = host.describe_chain(name)
    assert validated_document(host, chain=chain)["chain"] == chain
    assert (chain["function"], chain["form"]) == ("F", "sync")
    assert chain["source"].startswith("def chain(context, func_args):\n")
    assert "# pre_invocation_app_level of 'auth'\n" in chain["source"]


@pytest.mark.parametrize(
    ("name", "message", "remedy"),
    [
        ("Orders", "the app has no function 'Orders'", "The app has: F, HttpTrigger."),
        ("HttpTriger", "the app has no function 'HttpTriger'", "Did you mean 'HttpTrigger'?"),
        ("F", "function 'F' has no chain: no extension has a hook for it", "'hosting diag' lists the extensions"),
    ],
)
def test_function_without_a_chain_is_an_error_with_its_reason(
    site: Site, start: Start, name: str, message: str, remedy: str
) -> None:
    """The error says whether the function or its hooks are missing, and what to do."""
    site.extension("auth", FUNCTION_PRE, group="functions")
    host = start(function(f), function(f, "HttpTrigger", "auth"))
    with pytest.raises(ExtensionError) as caught:
        host.describe_chain(name)
    assert caught.value.message == message
    assert caught.value.remedy.startswith(remedy)


def test_chain_with_extensions_off_is_an_error_with_a_remedy(site: Site, start: Start) -> None:
    """The error says how to switch them on."""
    site.extension("auth", PRE)
    host = start(function(f), environ={"PYTHON_ENABLE_WORKER_EXTENSIONS": "0"})
    with pytest.raises(ExtensionError, match="has no chain: extensions are switched off") as caught:
        host.describe_chain("F")
    assert "PYTHON_ENABLE_WORKER_EXTENSIONS=1" in caught.value.remedy


def test_chain_of_an_app_without_functions_is_an_error(start: Start) -> None:
    """The error says that there are no functions."""
    with pytest.raises(ExtensionError, match="The app has no functions"):
        start().describe_chain("F")


def test_exception_whose_text_raises_does_not_break_the_document(start: Start) -> None:
    """Its message is replaced."""

    class Unreadable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    def broken() -> None:
        raise Unreadable

    host = ExtensionHost(environ=ON)
    host.register("subject", SimpleNamespace(init=hosting.hookimpl(specname="init")(broken)))
    host.load([])
    assert "cannot be read" in validated_document(host)["extensions"][0]["error"]["message"]


def test_origin_in_messages_is_distribution_or_file_or_app(site: Site) -> None:
    """Messages name distribution and version, or else the file, or else the app."""
    assert Extension("a", source=Distribution(str(site.install("d", version="1")))).origin == "d 1"
    assert Extension("a", file="/x.py").origin == "/x.py"
    assert Extension("a").origin == "defined by the app"
