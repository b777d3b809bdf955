"""Declarations with mistakes: they stop the start, with a message that names function, property and reason."""

from __future__ import annotations

from typing import Any

import pytest
from mcp_support import MakePeer

from hosting.errors import AppLoadError, SettingsError
from hosting.scaffold.function import Model, v1_files, v2_text
from hosting.scaffold.names import function_names
from hosting.scaffold.source_edit import read_script
from hosting_mcp.resources import UriTemplate


def trigger(kind: str, **properties: Any) -> str:
    named = "".join(f", {name}={value!r}" for name, value in properties.items())
    return f"""
@app.generic_trigger("c", type="mcp{kind}Trigger"{named})
def f(c):
    return "f"
"""


TOOL = trigger("Tool", toolName="a")
RESOURCE = trigger("Resource", uri="a://b", resourceName="b")
DEEP = '{"a": ' * 40 + "1" + "}" * 40


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (trigger("Tool"), "toolName of binding 'c' (mcpToolTrigger) is missing"),
        (trigger("Tool", toolName=" "), "toolName of binding 'c' (mcpToolTrigger) is missing"),
        (
            trigger("Tool", toolName="a", toolProperties="{"),
            "toolProperties of binding 'c' (mcpToolTrigger) is not J",
        ),
        (trigger("Tool", toolName="a", toolProperties="{}"), "is not a JSON array of objects"),
        (trigger("Tool", toolName="a", metadata="[]"), "metadata of binding 'c' (mcpToolTrigger) is not a JSON object"),
        (trigger("Tool", toolName="a", metadata=DEEP), "is not a JSON object of at most 32 levels"),
        (
            trigger("Tool", toolName="a", description=5),
            "description of binding 'c' (mcpToolTrigger) is not a text bu",
        ),
        (
            trigger("Tool", toolName="a", useWorkerInputSchema=True),
            "inputSchema of binding 'c' (mcpToolTrigger) is mi",
        ),
        (trigger("Tool", toolName="a", outputSchema='{"type": "array"}'), "is not a JSON Schema with"),
        (
            trigger("Tool", toolName="a", useWorkerInputSchema=True, inputSchema='{"type": "object", "required": 1}'),
            "has 'required' that is not an array of names",
        ),
        (TOOL + TOOL.replace("f(c)", "g(c)").replace("'a'", "'A'"), "declare the same MCP tool, 'A'"),
        (RESOURCE + RESOURCE.replace("f(c)", "g(c)").replace("a:", "A:"), "declare the same MCP resource, 'A://b'"),
        (
            trigger("Resource", uri="a://{x}", resourceName="x")
            + trigger("Resource", uri="a://{y}", resourceName="y").replace("f(c)", "g(c)"),
            "declare the same MCP resource",
        ),
        (trigger("Resource", uri="b", resourceName="b"), "is not an absolute URI with a scheme"),
        (trigger("Resource", uri="a://b"), "resourceName of binding 'c' (mcpResourceTrigger) is missing"),
        (trigger("Resource", uri="a://{", resourceName="b"), "has braces that do not match"),
        (trigger("Resource", uri="a://{}", resourceName="b"), "has an expression without a name, or one name twice"),
        (trigger("Resource", uri="a://{b}{c}", resourceName="b"), "has two expressions without a text between them"),
        (trigger("Prompt"), "promptName of binding 'c' (mcpPromptTrigger) is missing"),
        (trigger("Prompt", promptName="p", promptArguments="[1]"), "is not a JSON array of objects"),
    ],
)
def test_declaration_with_a_mistake_stops_the_start(make_peer: MakePeer, code: str, message: str) -> None:
    """So it is in Azure."""
    with pytest.raises(AppLoadError) as caught:
        make_peer(code)
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"serverName": 5}, "host.json: extensions.mcp.serverName: expected a text, found 5."),
        ({"encryptClientState": "maybe"}, "extensions.mcp.encryptClientState: expected true or false, found 'maybe'."),
        ({"messageOptions": []}, "extensions.mcp.messageOptions: expected an object, found []."),
        ({"beyondAzure": {"pageSize": -1}}, "extensions.mcp.beyondAzure.pageSize: expected a whole number, 0 or more"),
        ({"beyondAzure": {"stream": True}}, "host.json: extensions.mcp.beyondAzure.stream is not known."),
        (
            {"beyondAzure": {"protectedResource": {"scopes": ["a"]}}},
            "authorizationServers: expected a list with the U",
        ),
        ({"beyondAzure": {"protectedResource": {"authorizationServers": "a"}}}, "expected a list of texts, found 'a'"),
    ],
)
def test_option_with_a_wrong_value_stops_the_start(make_peer: MakePeer, options: Any, message: str) -> None:
    """The message has its path in host.json."""
    with pytest.raises(SettingsError) as caught:
        make_peer(TOOL, options)
    assert message in caught.value.message


def test_disabled_function_is_no_tool(make_peer: MakePeer) -> None:
    """It is not listed, and its name is free."""
    peer = make_peer(TOOL, environ={"AzureWebJobs.f.Disabled": "1"})
    registry: Any = next(one for one in peer.app.host._providers if hasattr(one, "server"))
    assert registry.server.mcp.registry.tools == {}


@pytest.mark.parametrize(
    ("template", "uri", "values"),
    [
        ("notes://{book}/{page}", "NOTES://a/b%20c", {"book": "a", "page": "b c"}),
        ("notes://{book}/{page}", "notes://a/b/c", None),
        ("notes://{book}", "notes://", None),
        ("a:{x}.txt", "a:b.txt", {"x": "b"}),
        ("a:{x}.txt", "a:bxtxt", None),
        ("a:b", "a:b", {}),
        ("a:b", "a:bc", None),
        ("a:{x}-{y}", "a:1-2-3", {"x": "1-2", "y": "3"}),
        ("a:{x}-{y}", "a:1--", {"x": "1", "y": "-"}),
        ("a:{x}-{y}", "a:-2", None),
        ("a:{x}A{y}b", "A:1a2B", {"x": "1", "y": "2"}),
        ("a:{x}/y/{z}", "a:1/y/y/2", None),
        ("a:{x}", "a", None),
        ("a:{x}a:", "a:", None),
        ("a:{x}-{y}-{z}-{w}.", "a:" + "-" * 100_000, None),
        ("a:{x}-{y}-{z}-{w}", "a:" + "-" * 100_000 + "/", None),
    ],
)
def test_template_matches_within_its_places(template: str, uri: str, values: Any) -> None:
    """Values are decoded; texts between them are compared ignoring case, and are no patterns."""
    assert UriTemplate(template).match(uri) == values


@pytest.mark.parametrize("model", ["v1", "v2"])
async def test_new_function_of_hosting_new_is_a_tool(make_peer: MakePeer, model: Model) -> None:
    """``hosting new function NAME --template mcp`` writes it, with the same schema and answers in both models."""
    names = function_names("Find_order", model)
    script = read_script("function_app.py", b"import azure.functions as func\n\napp = func.FunctionApp()\n")
    files = v1_files(names, "mcp") if model == "v1" else {"function_app.py": v2_text(script, names, "mcp")}
    peer = make_peer("", files=files)
    (tool,) = (await peer.result("tools/list"))["tools"]
    properties = {"who": {"type": "string", "description": "A name."}}
    assert tool["inputSchema"] == {"type": "object", "properties": properties, "required": []}
    assert (tool["name"], tool["description"]) == ("Find_order", "Greet by name.")
    assert (await peer.call("Find_order", who="Ada"))["content"][0]["text"] == "Hello, Ada."
    assert (await peer.call("Find_order"))["content"][0]["text"] == "Hello, world."
