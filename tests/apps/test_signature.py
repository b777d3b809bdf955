"""Python functions and their bindings."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, List  # noqa: UP035 - apps annotate with it

import azure.functions as func
import pytest
from azure.storage.blob import BlobClient

from hosting._author_line import defined_at
from hosting.apps.signature import read_signature
from hosting.core import Binding
from hosting.errors import FunctionLoadError

REQ = Binding("req", "httpTrigger", "in")
RETURN = Binding("$return", "http", "out")
QUEUE = Binding("msg", "queue", "out")
BLOB = Binding("blob", "blobTrigger", "in")
OWN = Binding("thing", "ownTrigger", "in")


def plain(req: func.HttpRequest) -> func.HttpResponse:
    """Return text."""
    raise NotImplementedError


async def with_context(context: func.Context, req: func.HttpRequest, msg: func.Out[List[str]]) -> str:  # noqa: UP006
    """Use every kind of parameter."""
    raise NotImplementedError


def without_annotations(req, msg, context):  # type: ignore[no-untyped-def]
    raise NotImplementedError


def raw(blob: bytes, msg: func.Out[bytes]) -> None:
    """Get bytes."""
    raise NotImplementedError


def own(thing: str) -> None:
    """Get the value of a binding that the SDK does not know."""
    raise NotImplementedError


class CallableObject:
    def __call__(self, req: Any) -> str:
        raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "bindings", "wants_context", "is_async"),
    [
        (plain, [REQ, RETURN], False, False),
        (with_context, [REQ, RETURN, QUEUE], True, True),
        (without_annotations, [REQ, RETURN, QUEUE], True, False),
        (without_annotations, [REQ, QUEUE, Binding("context", "ownInput", "in")], False, False),
        (raw, [BLOB, QUEUE], False, False),
        (own, [OWN], False, False),
        (CallableObject(), [REQ, RETURN], False, False),
        (functools.partial(plain), [REQ, RETURN], False, False),
    ],
)
def test_matching_signature_is_accepted(
    function: Callable[..., Any], bindings: list[Binding], wants_context: bool, is_async: bool
) -> None:
    """Parameters may be SDK classes, str, bytes or not annotated; ``context`` is injected unless it is a binding."""
    signature = read_signature(function, bindings, "v1")
    assert (signature.wants_context, signature.is_async) == (wants_context, is_async)


def test_annotations_are_returned_evaluated() -> None:
    """They are those of the parameters and of the return value."""
    assert read_signature(plain, [REQ, RETURN], "v2").annotations == {
        "req": func.HttpRequest,
        "return": func.HttpResponse,
    }


def test_signature_inside_a_decorator_with_wraps_is_used() -> None:
    """The inner function's parameters count, and errors name its location."""

    @functools.wraps(plain)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return plain(*args, **kwargs)

    assert read_signature(wrapper, [REQ, RETURN], "v2").annotations["req"] is func.HttpRequest
    assert defined_at(wrapper) == (__file__, plain.__code__.co_firstlineno)


def _annotated(**annotations: Any) -> Callable[..., Any]:
    def function(req: Any = None) -> Any:
        raise NotImplementedError

    function.__annotations__ = annotations
    return function


def hidden(*args: Any, **kwargs: Any) -> str:
    """Hide the parameters, as a decorator without functools.wraps does."""
    raise NotImplementedError


def late(req: NobodyImportsThis) -> str:  # type: ignore[name-defined]  # noqa: F821
    raise NotImplementedError


def wrong_context(req: func.HttpRequest, context: str) -> str:
    """Annotate the context with another class."""
    raise NotImplementedError


@pytest.mark.parametrize(
    ("function", "bindings", "message"),
    [
        (
            plain,
            [REQ, RETURN, QUEUE],
            "parameters and bindings do not match: the bindings have 'msg' without a parameter",
        ),
        (plain, [BLOB], "parameters and bindings do not match: Python has 'req' without a binding, the bindings have "),
        (hidden, [REQ], "parameters and bindings do not match: Python has 'args', 'kwargs' without a binding, "),
        (late, [REQ], "an annotation cannot be evaluated: NameError: name 'NobodyImportsThis' is not defined"),
        (
            wrong_context,
            [REQ],
            'the "context" parameter is expected to be of type azure.functions.Context, got str',
        ),
        (
            _annotated(req=int),
            [REQ],
            'the type "httpTrigger" of binding req does not match its Python annotation int',
        ),
        (_annotated(req=func.HttpRequest | None), [REQ], "binding req has invalid non-type annotation "),
        (_annotated(req=func.Out), [Binding("req", "queue", "out")], "binding req has invalid Out annotation "),
        (
            _annotated(req=func.Out[str]),
            [REQ],
            'binding req has the direction "in", but its annotation is azure.functions.Out',
        ),
        (
            _annotated(req=str),
            [Binding("req", "queue", "out")],
            'binding req has the direction "out", but its annotation is not azure.functions.Out',
        ),
        (
            _annotated(req=dict[str, str]),
            [REQ],
            'the type "httpTrigger" of binding req does not match its Python annotation dict[str, str]',
        ),
        (
            _annotated(req=int),
            [Binding("req", "ownTrigger", "in")],
            'the type "ownTrigger" of binding req does not match its Python annotation int',
        ),
        (
            _annotated(**{"return": type(None)}),
            [REQ, RETURN],
            'the Python return annotation NoneType does not match the binding type "http"',
        ),
        (
            _annotated(**{"return": bytes}),
            [REQ, RETURN],
            'the Python return annotation bytes does not match the binding type "http"',
        ),
        (_annotated(**{"return": str | None}), [REQ, RETURN], "invalid non-type return annotation "),
        (
            _annotated(**{"return": func.Out[str]}),
            [REQ, RETURN],
            "the return annotation should not be azure.functions.Out",
        ),
    ],
)
def test_mismatch_is_an_error_with_location_and_remedy(
    function: Callable[..., Any], bindings: list[Binding], message: str
) -> None:
    """The message has the mismatch, and the remedy what to change."""
    with pytest.raises(FunctionLoadError) as caught:
        read_signature(function, bindings, "v1")
    assert caught.value.message.startswith(message)
    assert caught.value.remedy
    assert (caught.value.file, caught.value.line) == (__file__, function.__code__.co_firstlineno)


def test_hidden_signature_has_the_remedy_functools_wraps() -> None:
    """``*args, **kwargs`` is the signature of a decorator without functools.wraps."""
    with pytest.raises(FunctionLoadError) as caught:
        read_signature(hidden, [REQ], "v2")
    assert "functools.wraps" in caught.value.remedy


def test_return_annotation_is_not_checked_without_a_return_binding() -> None:
    """A function without an output may have any return annotation."""
    assert read_signature(_annotated(**{"return": int}), [REQ], "v1").annotations == {"return": int}


def test_blob_client_of_the_storage_sdk_has_the_remedy_to_import_azures_package() -> None:
    """The class in that package can be created by a host."""

    def clients(blob: BlobClient) -> None:
        raise NotImplementedError

    with pytest.raises(FunctionLoadError) as caught:
        read_signature(clients, (BLOB,), "v2")
    assert "Import BlobClient from azurefunctions.extensions.bindings.blob" in caught.value.remedy
