"""Keys of issuers: fetched once for many callers, kept while the provider is down, and not for ever."""

from __future__ import annotations

import asyncio
import json
import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
import pytest

from hosting.testing import make_host
from hosting_auth import AuthExtension, AuthSettings, Issuer
from hosting_auth.fetching import MAX_BYTES, fetch_json
from hosting_auth.keys import COOLDOWN_SECONDS, KeySource, read_keys
from hosting_auth.refusals import Refused
from hosting_auth.testing import IdentityProvider
from hosting_auth.tokens import TokenVerifier


class Clock:
    """A clock that tests set."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Setup:
    """A verifier of one issuer's tokens, its provider and its clock."""

    def __init__(self, **settings: Any) -> None:
        self.provider, self.clock = IdentityProvider(algorithm="ES256"), Clock()
        issuer = Issuer(self.provider.issuer, ("my-api",), ("ES256",))
        self.source = KeySource(issuer, AuthSettings(**settings), self.provider.fetch, self.clock)
        self.verifier = TokenVerifier([self.source], 60)

    async def outcome(self, token: str | None = None) -> str:
        """Return the subject of a token, or why it is refused."""
        try:
            return (await self.verifier.verify(token or self.provider.token())).subject
        except Refused as refused:
            return refused.reason.name

    async def settle(self) -> None:
        """Wait for the fetch that is under way."""
        await self.source.wait(self.source._running)

    @property
    def fetches(self) -> int:
        return sum(url.endswith("/keys") for url in self.provider.requests)


async def test_keys_are_fetched_once_for_all_callers_and_again_in_the_background() -> None:
    """A hundred calls at once wait for one fetch; when the next is due, calls are answered with the keys in memory."""
    setup = Setup()
    assert set(await asyncio.gather(*(setup.outcome() for _ in range(100)))) == {"ada"}
    assert setup.fetches == 1
    setup.clock.now += 299
    assert (await setup.outcome(), setup.fetches) == ("ada", 1)
    setup.clock.now += 2
    assert await setup.outcome() == "ada"
    await setup.settle()
    assert setup.fetches == 2


async def test_keys_in_memory_are_used_while_the_provider_is_down_and_then_no_more() -> None:
    """The window in which keys are stale ends; then callers get 503, and the health check says why."""
    setup = Setup(stale_seconds=3600)
    assert await setup.outcome() == "ada"
    assert setup.source.health() is None
    setup.provider.is_down = True
    for seconds, expected in [(301, "ada"), (1799, "ada"), (1500, "ada"), (1, "no-keys"), (10**6, "no-keys")]:
        setup.clock.now += seconds
        assert await setup.outcome() == expected, setup.clock.now
        await setup.settle()
    assert "https://login.test/.well-known/openid-configuration does not answer" in str(setup.source.health())
    setup.provider.is_down = False
    assert await setup.outcome() == "no-keys"  # the next attempt is not due
    setup.clock.now += 30
    assert await setup.outcome() == "ada"


async def test_provider_that_is_down_at_start_is_asked_ever_more_rarely_until_it_is_back(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Calls do not wait for a provider that has just not answered; each failure and the recovery are logged."""
    setup = Setup()
    setup.provider.is_down = True
    caplog.set_level(logging.INFO, "hosting.extensions.auth")
    attempts = []
    for _ in range(240):
        before = len(setup.provider.requests)
        assert await setup.outcome() == "no-keys"
        if len(setup.provider.requests) > before:
            attempts.append(setup.clock.now - 1000)
        setup.clock.now += 0.5
    assert attempts == [0, 1, 3, 7, 15, 31, 61, 91]
    assert len(caplog.messages) == len(attempts)
    setup.provider.is_down = False
    setup.clock.now += 30
    assert await setup.outcome() == "ada"
    assert caplog.messages[-1] == "The keys of https://login.test are available again."


async def test_new_key_is_fetched_when_a_token_names_it_and_a_flood_of_unknown_keys_is_not() -> None:
    """Rotation under load: all calls with the new key wait for one fetch. Within the cooldown nothing is fetched."""
    setup = Setup()
    assert await setup.outcome() == "ada"
    old = setup.provider.token("old")
    setup.provider.rotate()
    new = setup.provider.token("new")
    found = await asyncio.gather(*(setup.outcome(token) for token in [old, new] * 50))
    assert found == ["old", "new"] * 50
    assert setup.fetches == 2
    flood = [setup.provider.token(headers={"kid": f"random-{number}"}) for number in range(50)]
    for seconds, fetches in [(0, 2), (COOLDOWN_SECONDS - 1, 2), (1, 3), (0, 3)]:
        setup.clock.now += seconds
        assert set(await asyncio.gather(*map(setup.outcome, flood))) == {"unknown-key"}
        assert setup.fetches == fetches


async def test_key_that_the_provider_has_withdrawn_is_refused() -> None:
    """After the next fetch, a key that is no longer in the set signs nothing."""
    setup = Setup()
    old = setup.provider.token("old")
    assert await setup.outcome(old) == "old"
    setup.provider.rotate(keep=False)
    setup.clock.now += COOLDOWN_SECONDS
    assert await setup.outcome() == "ada"
    assert await setup.outcome(old) == "unknown-key"


async def test_token_that_was_valid_is_checked_again_when_something_may_have_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token is remembered until it expires or keys are fetched; each call has claims of its own."""
    setup, calls, decode = Setup(), list[int](), jwt.decode

    def counting(*args: Any, **kwargs: Any) -> Any:
        calls.append(1)
        return decode(*args, **kwargs)

    monkeypatch.setattr(jwt, "decode", counting)
    token, expiring = setup.provider.token(roles=["a"]), setup.provider.token(lifetime=60)
    first = await setup.verifier.verify(token)
    first.claims["roles"].append("admin")
    first.claims["sub"] = "eve"  # type: ignore[index]
    second = await setup.verifier.verify(token)
    assert (second.claims["sub"], second.claims["roles"], len(calls)) == ("ada", ["a"], 1)
    await setup.outcome(expiring)
    now = time.time()
    for seconds, expected in [(119, "ada"), (121, "expired")]:
        monkeypatch.setattr(time, "time", lambda seconds=seconds: now + seconds)
        with monkeypatch.context() as patched:
            patched.setattr("jwt.api_jwt.datetime", _At(now + seconds))
            assert await setup.outcome(expiring) == expected
    monkeypatch.setattr(time, "time", lambda: now)
    before = len(calls)
    for _ in range(3):
        setup.clock.now += 301
        await setup.outcome(token)
        await setup.settle()
        assert await setup.outcome(token) == "ada"
    assert len(calls) == before + 3
    many = [setup.provider.token(f"user-{number}") for number in range(20)]
    monkeypatch.setattr("hosting_auth.verified.MAX_ENTRIES", 10)
    assert [await setup.outcome(one) for one in many] == [f"user-{number}" for number in range(20)]
    assert len(setup.verifier._verified._entries) == 10


class _At:
    """The class datetime, at another time."""

    def __init__(self, timestamp: float) -> None:
        self._timestamp = timestamp

    def now(self, tz: Any = None) -> datetime:
        return datetime.fromtimestamp(self._timestamp, tz)


async def test_unknown_key_while_the_provider_is_down_is_not_the_callers_fault() -> None:
    """The key may be new, which nobody can say: 503, and callers with a known key go on."""
    setup = Setup()
    old = setup.provider.token()
    assert await setup.outcome(old) == "ada"
    setup.provider.rotate()
    setup.provider.is_down = True
    setup.clock.now += COOLDOWN_SECONDS
    assert await setup.outcome() == "no-keys"
    assert await setup.outcome(old) == "ada"


KIDS: dict[str, tuple[list[str | None], str | None, str]] = {
    "the only key, without a kid": ([None], "any", "ada"),
    "the only key, and a token without a kid": (["key-1"], None, "ada"),
    "neither has one": ([None], None, "ada"),
    "several keys, and a token without": (["key-1", "key-2"], None, "unknown-key"),
    "several keys without": ([None, None], "key-1", "unknown-key"),
    "another kid": (["key-1"], "key-2", "unknown-key"),
}


@pytest.mark.parametrize("case", KIDS)
async def test_key_is_found_by_its_kid_or_because_it_is_the_only_one(case: str) -> None:
    """Some providers have no kid in their tokens, or none in their key sets."""
    kids, kid, expected = KIDS[case]
    setup = Setup()
    (key,) = setup.provider.key_set["keys"]
    keys = {"keys": [{**key, "kid": one} if one else {**key, "kid": None} for one in kids]}
    documents = {"/keys": keys, "/.well-known/openid-configuration": setup.provider.metadata}
    setup.source._fetch = lambda url, seconds: documents[url.removeprefix("https://login.test")]
    token = jwt.encode(
        {"iss": "https://login.test", "aud": "my-api", "sub": "ada", "exp": int(time.time()) + 60},
        setup.provider.keys["key-1"],
        "ES256",
        {} if kid is None else {"kid": kid},
    )
    assert await setup.outcome(token) == expected


async def test_each_of_several_keys_with_one_kid_may_have_signed() -> None:
    """A provider may give a new key the kid of the old one."""
    setup, other = Setup(), IdentityProvider(algorithm="ES256")
    keys = {"keys": [*other.key_set["keys"], *setup.provider.key_set["keys"]]}
    documents = {"/keys": keys, "/.well-known/openid-configuration": setup.provider.metadata}
    setup.source._fetch = lambda url, seconds: documents[url.removeprefix("https://login.test")]
    assert [await setup.outcome(), await setup.outcome(other.token())] == ["ada", "ada"]
    assert await setup.outcome(IdentityProvider(algorithm="ES256").token()) == "signature"


GOOD = IdentityProvider(algorithm="ES256")
(GOOD_KEY,) = GOOD.key_set["keys"]
RSA_KEY = IdentityProvider().key_set["keys"][0]
METADATA: dict[str, tuple[Any, Any, str]] = {
    "issuer of another": ({**GOOD.metadata, "issuer": "https://evil.test"}, GOOD.key_set, "is of the issuer"),
    "issuer with a slash": ({**GOOD.metadata, "issuer": "https://login.test/"}, GOOD.key_set, "is of the issuer"),
    "no issuer": ({"jwks_uri": "https://login.test/keys"}, GOOD.key_set, "is of the issuer None"),
    "no keys": ({"issuer": GOOD.issuer}, GOOD.key_set, "has no jwks_uri"),
    "keys by http": ({**GOOD.metadata, "jwks_uri": "http://login.test/keys"}, GOOD.key_set, "must be an https address"),
    "keys in a file": ({**GOOD.metadata, "jwks_uri": "file:///etc/passwd"}, GOOD.key_set, "must be an https address"),
    "keys that are a list": ({**GOOD.metadata, "jwks_uri": ["https://login.test"]}, GOOD.key_set, "has no jwks_uri"),
    "empty set": (GOOD.metadata, {"keys": []}, "no key for ES256"),
    "no set": (GOOD.metadata, {}, "no list 'keys'"),
    "set that is an object": (GOOD.metadata, {"keys": {"a": 1}}, "no list 'keys'"),
    "keys that are texts": (GOOD.metadata, {"keys": ["a", None, 1]}, "no key for ES256"),
    "keys for encryption": (GOOD.metadata, {"keys": [{**GOOD_KEY, "use": "enc"}]}, "no key for ES256"),
    "keys to sign only": (GOOD.metadata, {"keys": [{**GOOD_KEY, "key_ops": ["sign"]}]}, "no key for ES256"),
    "keys for another algorithm": (GOOD.metadata, {"keys": [RSA_KEY]}, "no key for ES256"),
    "key with another curve": (GOOD.metadata, {"keys": [{**GOOD_KEY, "crv": "P-384"}]}, "no key for ES256"),
    "key that is damaged": (GOOD.metadata, {"keys": [{**GOOD_KEY, "x": "AAAA"}]}, "no key for ES256"),
    "key with a number": (GOOD.metadata, {"keys": [{**GOOD_KEY, "x": 5}]}, "no key for ES256"),
    "shared secret": (GOOD.metadata, {"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "key-1"}]}, "no key for ES256"),
}


@pytest.mark.parametrize("case", METADATA)
async def test_keys_that_cannot_be_used_close_the_functions(case: str) -> None:
    """Whatever a provider answers, nothing is open, and the error says what is wrong."""
    metadata, key_set, expected = METADATA[case]
    setup = Setup()
    documents = {"/keys": key_set, "/.well-known/openid-configuration": metadata}
    setup.source._fetch = lambda url, seconds: documents[url.removeprefix("https://login.test")]
    assert await setup.outcome(GOOD.token()) == "no-keys"
    assert expected in setup.source.error


def test_small_rsa_keys_are_not_used() -> None:
    """A modulus of less than 2048 bits is not safe (RFC 7518, section 3.3)."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from jwt.algorithms import RSAAlgorithm

    small = rsa.generate_private_key(public_exponent=65537, key_size=1024).public_key()
    with pytest.raises(ValueError, match="no key for RS256"):
        read_keys({"keys": [{**RSAAlgorithm.to_jwk(small, as_dict=True), "kid": "a", "use": "sig"}]}, ("RS256",))


async def test_slow_provider_does_not_block_the_loop_and_later_calls_do_not_wait(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """While a fetch hangs, the loop serves others. The wait ends before the hook's budget, and then nothing waits."""
    monkeypatch.setattr("hosting_auth.keys.WAIT_SECONDS", 0.05)
    setup, release = Setup(), threading.Event()
    setup.source._fetch = lambda url, seconds: {"released": release.wait(60)}
    waiting, served = asyncio.create_task(setup.outcome()), 0
    while not waiting.done():
        await asyncio.sleep(0)
        served += 1
    assert served > 1
    assert waiting.result() == "no-keys"
    monkeypatch.setattr("hosting_auth.keys.WAIT_SECONDS", 3600)
    setup.clock.now += 3600
    assert await setup.outcome() == "no-keys"
    release.set()
    await setup.settle()


async def test_call_that_is_cancelled_leaves_the_fetch_to_the_others() -> None:
    """A client that goes away while it waits for keys does not take them from those that wait as well."""
    setup, release = Setup(), threading.Event()
    fetch = setup.source._fetch

    def slow(url: str, seconds: float) -> Mapping[str, Any]:
        release.wait(60)
        return fetch(url, seconds)

    setup.source._fetch = slow
    first, second = (asyncio.create_task(setup.outcome()) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.wait([first])
    release.set()
    assert (first.cancelled(), await second) == (True, "ada")


async def test_process_without_another_thread_refuses_and_recovers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fetch that cannot start is a fetch that failed."""
    setup = Setup()
    with monkeypatch.context() as patched:
        patched.setattr(threading.Thread, "start", lambda self: (_ for _ in ()).throw(RuntimeError("no threads")))
        assert await setup.outcome() == "no-keys"
    assert setup.source.error == "RuntimeError: no threads"
    setup.clock.now += 1
    assert await setup.outcome() == "ada"


Answer = Callable[[BaseHTTPRequestHandler], None]


def send(handler: BaseHTTPRequestHandler, status: int, body: bytes = b"", **headers: str) -> None:
    handler.send_response(status)
    for name, value in {"Content_Length": str(len(body)), **headers}.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.end_headers()
    handler.wfile.write(body)


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Answer a byte at a time, for as long as the client waits."""
    handler.send_response(200)
    handler.end_headers()
    while True:
        handler.wfile.write(b" ")
        handler.wfile.flush()


ANSWERS: dict[str, tuple[Answer, str]] = {
    "500": (lambda handler: send(handler, 500), "is 500"),
    "404": (lambda handler: send(handler, 404, b"{}"), "is 404"),
    "redirect": (lambda handler: send(handler, 302, Location="/elsewhere"), "is 302"),
    "page": (lambda handler: send(handler, 200, b"<html>"), "Expecting value"),
    "list": (lambda handler: send(handler, 200, b"[]"), "not a JSON object"),
    "too much": (lambda handler: send(handler, 200, b" " * (MAX_BYTES + 1)), "more than 1048576 bytes"),
    "endless": (drip, "more than 1048576 bytes|took more than"),
    "cut off": (lambda handler: send(handler, 200, b'{"a"', Content_Length="100"), "Expecting|read"),
    "no HTTP": (lambda handler: (handler.wfile.write(b"hello\r\n\r\n"), None)[1], "hello"),
    "deep": (lambda handler: send(handler, 200, b"[" * 100_000), "recursion"),
}


@contextmanager
def serve(answers: Mapping[str, Answer]) -> Iterator[str]:
    """Serve each answer at its own path."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            try:
                answers[self.path.strip("/")](self)
            except (BrokenPipeError, ConnectionResetError):
                self.close_connection = True

        def log_message(self, *_: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_documents_are_fetched_with_limits() -> None:
    """Whatever a server answers, a fetch ends with an error that says what it was."""
    good = json.dumps({"a": 1}).encode()
    answers = {name.replace(" ", "-"): answer for name, (answer, _) in ANSWERS.items()}
    with serve({**answers, "good": lambda handler: send(handler, 200, good)}) as url:
        assert fetch_json(f"{url}/good", 5) == {"a": 1}
        for name, (_, expected) in ANSWERS.items():
            with pytest.raises(Exception, match=f"(?i){expected}"):
                fetch_json(f"{url}/{name.replace(' ', '-')}", 0.2 if name == "endless" else 5)
    for unsafe in ("http://example.com/", "file:///etc/hostname", "ftp://localhost/", "https://a@example.com/", "//x"):
        with pytest.raises(ValueError, match="https address"):
            fetch_json(unsafe, 5)


async def test_host_serves_while_the_provider_is_down_and_after_it_is_back(app: Any) -> None:
    """With a provider on a real port, the host starts without it. Functions answer 503, and later accept tokens."""
    provider = IdentityProvider(algorithm="ES256")
    with provider.serve():
        provider.is_down = True
        clock = Clock()
        extension = AuthExtension(clock=clock)
        async with make_host(app, extensions={"auth": extension}, host_json=provider.host_json()) as host:
            headers = {"Authorization": f"Bearer {provider.token()}"}
            assert (await host.get("/api/who", headers=headers)).status == 503
            assert (await host.get("/api/public", headers=headers)).status == 200
            (check,) = [one for one in host.diagnosis()["health"] if one["added_by"] == "auth"]
            assert (check["name"], check["ready"], check["live"]) == ("auth keys 1", False, False)
            provider.is_down = False
            clock.now += 30
            assert (await host.get("/api/who", headers=headers)).json() == ["user", "ada", [], []]
            (task,) = [one for one in host.diagnosis()["tasks"] if one["added_by"] == "auth"]
            assert task["status"] == "running"
