"""What an extension puts in the place of a result is encoded like a result, and is on the extension's account."""

from __future__ import annotations

import pytest

from tests.conftest import MakeApp, Serve

APP = """
import azure.functions as func
app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)

@app.route("{kind}")
{keyword} {kind}(req: func.HttpRequest) -> str:
    return "the function's"
"""
EXTENSIONS = {
    "post hook": """
    @hosting.hookimpl
    def post_invocation_app_level(self, func_ret):
        return RESULT
""",
    "around hook": """
    @hosting.hookimpl
    def invocation_app_level(self):
        outcome = yield
        outcome.set_result(RESULT)
""",
    "short circuit": """
    @hosting.hookimpl
    def pre_invocation_app_level(self):
        raise hosting.ShortCircuit(RESULT)
""",
}


def files(extension: str, result: str, keyword: str = "def") -> dict[str, str]:
    """An app beside an installed distribution, ``answering`` 1.0, whose extension answers with ``result``."""
    packages = ".python_packages/lib/site-packages"
    return {
        "host.json": '{"version": "2.0"}',
        "function_app.py": APP.format(kind="answer", keyword=keyword),
        f"{packages}/answering.py": f"import hosting\nRESULT = {result}\nclass Answering:{EXTENSIONS[extension]}",
        f"{packages}/answering-1.0.dist-info/METADATA": "Metadata-Version: 2.1\nName: answering\nVersion: 1.0\n",
        f"{packages}/answering-1.0.dist-info/entry_points.txt": "[hosting]\nanswering = answering:Answering\n",
    }


@pytest.mark.parametrize("extension", EXTENSIONS)
@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_the_caller_gets_what_an_extension_answers(
    extension: str, keyword: str, make_app: MakeApp, serve: Serve
) -> None:
    """A post hook, an around hook and a short circuit all reach the client, for sync and async functions."""
    served = serve(make_app(files(extension, "'the extension'", keyword)), env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    assert served.get("/api/answer").text == "the extension"


@pytest.mark.parametrize("extension", EXTENSIONS)
def test_a_replacement_that_cannot_be_encoded_is_a_500_with_the_extensions_name(
    extension: str, make_app: MakeApp, serve: Serve
) -> None:
    """The log tells whose result it was, and the diagnosis keeps it."""
    served = serve(make_app(files(extension, "object()")), env={"PYTHON_ENABLE_WORKER_EXTENSIONS": "1"})
    response = served.get("/api/answer")
    assert (response.status_code, response.text) == (500, "")
    served.wait_for(r"Extension 'answering' \(answering 1\.0\): result failed for function 'answer'")
    [entry] = [one for one in served.get("/admin/host/extensions").json()["extensions"] if one["name"] == "answering"]
    assert entry["error"]["phase"] == "result"
