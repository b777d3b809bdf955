"""The compiled chain that the documentation shows."""

from __future__ import annotations

from types import ModuleType

from hosting.extensions import ExtensionHost
from tests.docs.pages import ROOT, blocks
from tests.support.invoking import ON, function

PAGE = ROOT / "docs" / "explanation" / "one-invocation.md"


def test_chain_on_the_page_is_that_of_the_extension_on_the_page() -> None:
    """The page shows exactly what ``hosting diag --chain`` prints for the extension above it."""
    extension, chain = (block for block in blocks(PAGE) if block.language == "python")
    audit = ModuleType("audit")
    exec(extension.text, vars(audit))
    host = ExtensionHost(environ=ON)
    host.register("audit", audit)
    host.load([function(lambda: None)])
    assert host.describe_chain("F")["source"] == chain.text
