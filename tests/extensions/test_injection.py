"""Parameters that extensions supply: values, clean-up, order, errors, tests and Azure's worker."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any, NewType

import azure.functions as func
import pytest

import hosting
from hosting._injection import PROVIDES
from hosting.errors import AppLoadError, ExtensionError, FunctionLoadError
from hosting.extensions._model import Extension
from hosting.extensions._registration import register
from hosting.host.context import Context, InvocationLocal
from hosting.testing import make_host, override
from tests.support.azure_worker import azure_worker


class User(str):
    """What a plain provider gives."""


UserId = NewType("UserId", str)


class Session(list[str]):
    """What a generator gives, and closes."""


class Client(str):
    """What a coroutine function gives."""


class Transaction(str):
    """What an async generator gives, from the values of others."""


class Providing:
    """An extension with one provider of each kind, and no hook."""

    def __init__(self) -> None:
        self.trace: list[str] = []
        self.fails: BaseException | None = None

    def note(self, what: str) -> None:
        self.trace.append(what)

    @hosting.provider(User)
    def user(self, invocation: hosting.Invocation) -> User:
        self.note("user")
        if self.fails:
            raise self.fails
        return User(invocation.function.name)

    @hosting.provider(Session)
    def session(self) -> Iterator[Session]:
        session = Session()
        try:
            yield session
        except LookupError:
            self.note("session saw LookupError")
            raise
        finally:
            self.note("session closed")

    @hosting.provider(Client)
    async def client(self, user: Annotated[User, hosting.Inject], own: int = 1) -> Client:
        await asyncio.sleep(0)
        return Client(f"client of {user}")

    @hosting.provider(Transaction)
    async def transaction(
        self, session: Annotated[Session, hosting.Inject], user: Annotated[User, hosting.Inject()]
    ) -> AsyncIterator[Transaction]:
        await asyncio.sleep(0)
        session.append("begin")
        try:
            yield Transaction(f"transaction of {user}")
            self.note("commit")
        except LookupError:
            self.note("rollback")
        await asyncio.sleep(0)


HEAD = f"""
from typing import Annotated
import azure.functions as func
import hosting
from {__name__} import Client, Session, Transaction, User
"""
APP = "app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)\n@app.route('main')\n"
SIGNATURE = """
KEYWORD main(req: func.HttpRequest, context, user: Annotated[User, hosting.Inject],
             tx: Annotated[Transaction, hosting.Inject], session: Annotated[Session, hosting.Inject],
             client: Annotated[Client, hosting.Inject]) -> str:
"""
BODY = """
    assert context.invocation.args.keys() == {"req", "context"}
    if "fail" in req.params:
        raise LookupError
    return f"{user}, {tx}, {client}, {session}"
"""
PLAIN = """
KEYWORD main(req: func.HttpRequest, user: Annotated[User, hosting.Inject]) -> str:
    return user
"""
JOB = """
@app.queue_trigger("msg", "q", "Storage")
KEYWORD job(msg: func.QueueMessage, user: Annotated[User, hosting.Inject]) -> None:
    pass
"""
FUTURE = "from __future__ import annotations\n"
ANSWER = b"main, transaction of main, client of main, ['begin']"
CLEAN = ["user", "commit", "session closed"]
V1 = [{"type": "httpTrigger", "direction": "in", "name": "req", "authLevel": "anonymous"}]
V1 += [{"type": "http", "direction": "out", "name": "$return"}]


def files(keyword: str, model: str, code: str = SIGNATURE + BODY, head: str = "") -> dict[str, str]:
    code = code.replace("KEYWORD", keyword)
    if model == "v2":
        return {"function_app.py": head + HEAD + APP + code.lstrip()}
    return {"main/__init__.py": head + HEAD + code, "main/function.json": json.dumps({"bindings": V1})}


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize(("model", "head"), [("v1", ""), ("v2", FUTURE)])
def test_function_gets_the_values_of_providers(keyword: str, model: str, head: str) -> None:
    """Each provider is called once for an invocation, before the function; clean-up runs in reverse, after it."""
    providing = Providing()
    with make_host(files(keyword, model, head=head), extensions={"providing": providing}, raises=False) as host:
        assert host.get("api/main").body == ANSWER
        assert providing.trace == CLEAN
        providing.trace.clear()
        assert host.get("api/main?fail=1").status == 500
        assert providing.trace == ["user", "rollback", "session saw LookupError", "session closed"]
        providing.trace.clear()
        providing.fails = hosting.ShortCircuit(func.HttpResponse("who?", status_code=401))
        assert host.get("api/main").status == 401
        providing.fails = ValueError("no user")
        reply = host.get("api/main")
        assert (reply.status, repr(reply.invocation.exception)) == (500, "ValueError('no user')")
        assert providing.trace == ["user"] * 2
        assert host.info == {"AppExtension": ["providing"], "FuncExtension": {}}
        [entry] = host.diagnosis()["extensions"]
        assert sorted(entry["providers"]) == ["Client", "Session", "Transaction", "User"]


@pytest.mark.parametrize("keyword", ["def", "async def"])
def test_failure_of_a_provider_closes_those_before_it(keyword: str) -> None:
    """What was opened is closed, whatever failed after it."""
    providing = Providing()
    code = """
KEYWORD main(req: func.HttpRequest, session: Annotated[Session, hosting.Inject],
             user: Annotated[User, hosting.Inject]) -> str:
    return "not reached"
"""
    providing.fails = LookupError()
    with make_host(files(keyword, "v2", code), extensions={"providing": providing}, raises=False) as host:
        assert host.get("api/main").status == 500
    assert providing.trace == ["user", "session saw LookupError", "session closed"]


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("count", "message"), [(0, "ended without a yield"), (2, "yielded twice")])
def test_generator_that_does_not_yield_once_fails_the_invocation(
    count: int, message: str, is_async: bool, keyword: str
) -> None:
    """A value that is missing, or one too many, is a mistake of the extension."""

    def sync() -> Iterator[User]:
        yield from [User("x")] * count

    async def asynchronous() -> AsyncIterator[User]:
        for _ in range(count):
            yield User("x")

    providing = hosting.provider(User)(asynchronous if is_async else sync)
    extension = type("One", (), {"user": staticmethod(providing)})
    with make_host(files(keyword, "v2", PLAIN), extensions={"one": extension}, raises=False) as host:
        assert message in str(host.get("api/main").invocation.exception)


async def make_user() -> User:
    return User("never awaited")


def returning() -> Any:
    return make_user()


async def returning_later() -> Any:
    return make_user()


def yielding() -> Iterator[Any]:
    yield make_user()


async def yielding_later() -> AsyncIterator[Any]:
    yield make_user()


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("wrong", [returning, returning_later, yielding, yielding_later])
def test_provider_that_gives_a_coroutine_fails_the_invocation(wrong: Callable[[], Any], keyword: str) -> None:
    """The function would get what nothing awaits: the message says which provider, and what to write."""
    extension = type("One", (), {"user": staticmethod(hosting.provider(User)(wrong))})
    with make_host(files(keyword, "v2", PLAIN), extensions={"one": extension}, raises=False) as host:
        raised = host.get("api/main").invocation.exception
    assert isinstance(raised, ExtensionError)
    assert raised.message == f"the provider {wrong.__name__} of User gave a coroutine, which nothing awaits"
    assert "async def" in raised.remedy


def test_provider_of_coroutines_may_give_one() -> None:
    """Where the type says so, the function awaits it itself."""
    code = """
async def main(req: func.HttpRequest, user: Annotated[Awaitable[str], hosting.Inject]) -> str:
    return await user
"""
    app = files("async def", "v2", code, "from collections.abc import Awaitable\n")
    extension = type("One", (), {"user": staticmethod(hosting.provider(Awaitable[str])(returning))})
    with make_host(app, extensions={"one": extension}) as host:
        assert host.get("api/main").body == b"never awaited"


def generating() -> Iterator[User]:
    """Give a user in the way of a provider."""
    yield User("generated")


async def awaiting(invocation: hosting.Invocation) -> User:
    """Give a user from the invocation."""
    return User(f"awaited in {invocation.function.name}")


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize("extensions", [{}, {"providing": Providing}])
def test_override_stands_for_the_provider(keyword: str, extensions: dict[str, Any]) -> None:
    """A test supplies a value or a function, with the extension or without any."""
    for fake, answer in ((User("fake"), b"fake"), (generating, b"generated"), (awaiting, b"awaited in main")):
        app = files(keyword, "v2", PLAIN)
        with override(User, "outer"), override(User, fake), make_host(app, extensions=extensions) as host:
            assert host.get("api/main").body == answer


class Second:
    """Provides what another extension provides."""

    @hosting.provider(User)
    def other(self) -> User:
        return User("other")


class Circle:
    """Two providers that need each other."""

    @hosting.provider(User)
    def user(self, session: Annotated[Session, hosting.Inject]) -> User:
        return User(session)

    @hosting.provider(Session)
    def session(self, user: Annotated[User, hosting.Inject]) -> Session:
        return Session([user])


class Needy:
    """A provider that needs what nothing gives."""

    @hosting.provider(User)
    def user(self, client: Annotated[Client, hosting.Inject]) -> User:
        return User(client)


PARAMETER = "parameter 'user' of function 'main'"


@pytest.mark.parametrize(
    ("extensions", "settings", "message", "remedy"),
    [
        ({}, {}, f"{PARAMETER} needs a User, which no extension", "PYTHON_ENABLE_WORKER_EXTENSIONS=1"),
        ({"second": Second, "providing": Providing}, {}, "'second' both provide User", "HOSTING_DISABLE"),
        ({"circle": Circle}, {}, "in a circle: User -> Session -> User", "do without"),
        ({"needy": Needy}, {}, "'client' of the provider user of User needs a Client", "Install the package"),
    ],
)
def test_parameter_without_a_provider_is_reported_at_load(
    extensions: dict[str, Any], settings: dict[str, str], message: str, remedy: str
) -> None:
    """The problem names function, parameter and type, and says what to do; each call fails with it."""
    app = files("def", "v2", PLAIN)
    app["function_app.py"] += "\n@app.route('other')\ndef other(req: func.HttpRequest) -> str:\n    return 'fine'\n"
    with make_host(app, extensions=extensions, settings=settings, raises=False) as host:
        [problem] = [one for one in host.problems if one.function == "main"]
        assert message in problem.message
        assert remedy in problem.remedy
        failed = host.get("api/main")
        assert (failed.status, host.get("api/other").text) == (500, "fine")
        assert message in str(failed.invocation.exception)


@pytest.mark.parametrize("flag", ["0", "1"])
def test_extension_of_the_app_that_cannot_provide_is_named_where_its_value_is_missing(flag: str) -> None:
    """Neither to switch extensions on nor to install a package would help."""
    app = files("def", "v2", PLAIN)
    own = "@hosting.extension\nclass Own:\n    @hosting.provider(User)\n    def user(self, x): return x\n"
    app["function_app.py"] = app["function_app.py"].replace("app = func", f"{own}app = func", 1)
    with make_host(app, settings={"PYTHON_ENABLE_WORKER_EXTENSIONS": flag, "HOSTING_ALLOW": "none"}) as host:
        [problem] = [one for one in host.problems if one.function == "main"]
    assert problem.remedy.startswith("Extension 'own' (defined by the app) is failed: it cannot be registered: ")
    assert "has a parameter 'x' that nothing supplies" in problem.remedy


@pytest.mark.parametrize(
    ("parameter", "message"),
    [
        ("user: hosting.Inject", "parameter 'user' does not say what an extension supplies for it"),
        ("user", "Python has 'user' without a binding"),
    ],
)
def test_parameter_that_is_marked_in_a_wrong_way_is_refused(parameter: str, message: str) -> None:
    """The mark says for which type."""
    code = f"def main(req: func.HttpRequest, {parameter}):\n    pass\n"
    with pytest.raises(Exception, match=message), make_host(files("def", "v2", code)):
        pass


def test_binding_that_is_marked_is_refused() -> None:
    """A parameter has one source."""
    code = "def main(req: Annotated[User, hosting.Inject]):\n    pass\n"
    with pytest.raises(Exception, match="parameter 'req' is a binding, and"), make_host(files("def", "v2", code)):
        pass


class Twice:
    """Provides one type twice."""

    @hosting.provider(User)
    def one(self) -> User:
        return User("1")

    @hosting.provider(User)
    def two(self) -> User:
        return User("2")


class Unknown:
    """A provider with a parameter that nothing supplies."""

    @hosting.provider(User)
    def user(self, request: Any) -> User:
        return User(request)


class Unresolvable:
    """A provider with an annotation that does not exist at run time."""

    @hosting.provider(User)
    def user(self, request: Missing) -> User:  # type: ignore[name-defined]  # noqa: F821
        return User(request)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        (Twice, "User is provided twice: by one and two"),
        (Unknown, "the provider user of User has a parameter 'request' that nothing supplies"),
        (Unresolvable, "the provider user of User has an annotation that cannot be evaluated"),
    ],
)
def test_wrong_provider_fails_its_extension(target: type, message: str) -> None:
    """The extension is refused when it is loaded, not when it is called."""
    with pytest.raises(ExtensionError, match=message) as refused:
        register(Extension("it"), target)
    assert refused.value.remedy


@pytest.mark.parametrize("wrong", [None, "User", print, lambda: None, [], 5, (User, Session), User("x"), ...])
def test_provider_for_nothing_is_refused(wrong: Any) -> None:
    """``@hosting.provider`` needs a type, and a function below it."""
    with pytest.raises(TypeError, match=r"hosting\.provider takes the type that is provided, found "):
        hosting.provider(wrong)
    with pytest.raises(TypeError, match="expected a function"):
        hosting.provider(User)(3)  # type: ignore[type-var]


@pytest.mark.parametrize("right", [User, list[int], User | None, UserId, Callable[[], User], Any])
def test_provider_takes_every_kind_of_type(right: Any) -> None:
    """What can annotate a parameter can be provided."""
    assert getattr(hosting.provider(right)(awaiting), PROVIDES) == right


providing = Providing()


@pytest.fixture
def worker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Set this process up as Azure's worker does."""
    providing.__init__()  # type: ignore[misc]
    with azure_worker(tmp_path, monkeypatch, __name__, "providing"):
        yield tmp_path


def extended(folder: Path, keyword: str, code: str = SIGNATURE + BODY) -> Any:
    path = folder / "function_app.py"
    path.write_text(files(keyword, "v2", code)["function_app.py"])
    names: dict[str, Any] = {"__name__": "app_of_injection"}
    exec(compile(path.read_text(), str(path), "exec"), names)
    return hosting.extend(names["app"])


@pytest.mark.parametrize("keyword", ["def", "async def"])
async def test_azures_worker_does_not_see_the_parameters(keyword: str, worker: Path) -> None:
    """The worker's own registry accepts the function, calls it with its bindings, and the providers give the rest."""
    [built, job] = extended(worker, keyword, SIGNATURE + BODY + JOB).get_functions()
    runtime = pytest.importorskip("azure_functions_runtime.functions")
    pytest.importorskip("azure_functions_runtime.bindings.meta").load_binding_registry()
    directions = SimpleNamespace(inout=2, out=1, undefined=None)
    info = runtime.Registry().add_indexed_function(job, SimpleNamespace(BindingInfo=directions))
    assert (list(info.input_types), info.requires_context) == (["msg"], True)
    wrapper = built.get_user_function()
    request = func.HttpRequest("GET", "/api/main", body=b"")
    arguments = {"req": request, "context": Context("1", "main", "/", InvocationLocal())}
    result = await (wrapper(**arguments) if keyword == "async def" else asyncio.to_thread(wrapper, **arguments))
    assert (result, providing.trace) == (ANSWER.decode(), CLEAN)
    with override(User, "fake"):
        [built] = extended(worker, keyword, PLAIN).get_functions()
    wrapper = built.get_user_function()
    assert (wrapper(request) if keyword == "def" else await wrapper(request)) == "fake"


async def test_missing_provider_in_azures_worker_fails_each_call(worker: Path) -> None:
    """The other functions of the app go on."""
    code = PLAIN.replace("Annotated[User", "Annotated[int")
    [built] = extended(worker, "def", code).get_functions()
    with pytest.raises(FunctionLoadError, match="needs a int, which no extension that runs provides"):
        built.get_user_function()(func.HttpRequest("GET", "/", body=b""))


class Part(hosting.Mark):
    """A mark of an extension's own: which part of the request a parameter gets."""

    def __init__(self, prefix: str = "") -> None:
        self.prefix = prefix


class Shown(hosting.Mark):
    """A mark for results, which a hook shows."""


class Parts:
    """Supplies what is marked, and shows results."""

    @hosting.provider(Part)
    def part(self, invocation: hosting.Invocation, marked: hosting.Marked) -> Any:
        prefix = marked.mark.prefix if isinstance(marked.mark, Part) else ""
        found = (invocation.request.query if invocation.request else {}).get(marked.name, marked.default)
        return marked.type(f"{prefix}{found}")

    @hosting.hookimpl
    def post_invocation_app_level(self, invocation: hosting.Invocation, func_ret: Any) -> Any:
        returned = invocation.function.returned
        return f"{returned!r}: {func_ret}" if returned is not None else None


MARKS = f"""
from typing import Annotated
import azure.functions as func
import hosting
from {__name__} import Part, Shown
"""
MARKED = """
KEYWORD main(req: func.HttpRequest, name: Annotated[str, Part], count: Annotated[int, [], Part()] = 3,
             other: Annotated[str, Part("no. ")] = "9") -> Annotated[int, Shown]:
    return (name, count, other)
"""


@pytest.mark.parametrize("keyword", ["def", "async def"])
@pytest.mark.parametrize(("model", "head"), [("v1", ""), ("v2", FUTURE)])
def test_parameters_and_results_may_have_marks_of_an_extensions_own(keyword: str, model: str, head: str) -> None:
    """One provider gives each parameter with its mark another value; the result is a hook's, whatever its type."""
    app = {name: text.replace(HEAD, MARKS) for name, text in files(keyword, model, MARKED, head).items()}
    with make_host(app, extensions=[Parts]) as host:
        assert host.get("api/main?name=Ada").text == "Annotated[int, Shown]: ('Ada', 3, 'no. 9')"
    with override(str, "fake"), make_host(app, extensions=[Parts]) as host:
        assert host.get("api/main").text == "Annotated[int, Shown]: ('fake', 3, 'fake')"


@pytest.mark.parametrize(
    ("code", "message"),
    [
        (MARKED, "needs a Annotated[str, Part], which no extension that runs provides"),
        ("KEYWORD main(req: func.HttpRequest) -> Annotated[int, Shown]:\n    return 1\n", "is Annotated[int, Shown]"),
    ],
)
def test_marked_function_without_its_extension_is_in_error(code: str, message: str) -> None:
    """Such a function cannot run, and the message says which parameter or result needs an extension."""
    app = {name: text.replace(HEAD, MARKS) for name, text in files("def", "v1", code).items()}
    with make_host(app, extensions=[], raises=False) as host:
        assert message in " ".join(f"{one.message} {one.remedy}" for one in host.problems)
        assert host.get("api/main").status >= 404


def test_a_parameter_has_one_mark() -> None:
    """It is not chosen which of two extensions supplies it."""
    code = "def main(req: func.HttpRequest, a: Annotated[int, Part, hosting.Inject]):\n    return ''\n"
    app = {name: text.replace(HEAD, MARKS) for name, text in files("def", "v1", code).items()}
    with pytest.raises(AppLoadError, match="'a' has several marks: Part and Inject"), make_host(app, extensions=[]):
        pass


def test_azures_worker_sees_no_marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither the marked parameters nor the marked result; without extensions such a function is not loaded."""
    context = Context("1", "main", str(tmp_path), InvocationLocal())
    request = func.HttpRequest("GET", "https://app/api/main?other=2", params={"other": "2"}, body=b"")

    def main(
        req: func.HttpRequest, name: Annotated[str, Part] = "Ada", other: Annotated[int, Part] = 1
    ) -> Annotated[int, Shown]:
        return name, other  # type: ignore[return-value]

    def shown(req: func.HttpRequest) -> Annotated[int, Shown]:
        return 1

    with azure_worker(tmp_path, monkeypatch, __name__, "Parts"):
        app = func.FunctionApp()
        app.route("main")(main)
        (built,) = hosting.extend(app).get_functions()
        wrapper: Any = built.get_user_function()
        assert wrapper.__annotations__.keys() == {"req"}
        assert wrapper(req=request, context=context) == "Annotated[int, Shown]: ('Ada', 2)"
    monkeypatch.setenv("PYTHON_ENABLE_WORKER_EXTENSIONS", "0")
    with pytest.raises(FunctionLoadError, match=r"'shown' is Annotated\[int, Shown\], which needs an extension"):
        hosting.extend(shown)
