"""The keys of an issuer in memory: fetched in a thread, so that no event loop and no function waits for the network."""

from __future__ import annotations

import asyncio
import http.client
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple

from jwt import PyJWK, PyJWTError

import hosting
from hosting_auth.fetching import Fetch
from hosting_auth.settings import ENTRA_V1, ENTRA_V2, TENANT, AuthSettings, Issuer, check_url

if TYPE_CHECKING:
    from jwt.types import JWKDict

COOLDOWN_SECONDS = 10.0
"""The time between two fetches that tokens with unknown keys cause, so that a flood of them causes no other flood."""
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 1.0, 30.0
WAIT_SECONDS = 4.0
"""How long a call waits for keys that were never fetched; below the 5 s that a hook may take."""

_FAMILIES: Mapping[str, str] = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES: Mapping[str, str] = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521", "EdDSA": "Ed25519"}

log = hosting.extension_logger("auth")


class SigningKey(NamedTuple):
    """A public key for one algorithm."""

    kid: str | None
    algorithm: str
    issuer: str | None
    """The issuer that it is for, with ``{tenantid}`` in it; None if the key set does not say."""
    key: PyJWK

    def is_for(self, issuer: str, tenant: str | None) -> bool:
        """Return whether the key may sign tokens of an issuer and a tenant."""
        if self.issuer is None:
            return True
        own = self.issuer.replace(TENANT, tenant or TENANT)
        return own == issuer or (issuer == f"{ENTRA_V1}{tenant}/" and own == f"{ENTRA_V2}{tenant}/v2.0")


def read_keys(key_set: Mapping[str, Any], algorithms: tuple[str, ...]) -> list[SigningKey]:
    """Return the keys of a JSON Web Key Set that can check signatures, once for each of the algorithms that they fit.

    Raises:
        ValueError: there are none.
    """
    entries = key_set.get("keys")
    if not isinstance(entries, list):
        raise ValueError("the key set has no list 'keys'")
    found = [key for entry in entries if isinstance(entry, dict) for key in _signing_keys(entry, algorithms)]
    if not found:
        raise ValueError(f"the key set has no key for {' or '.join(algorithms)}")
    return found


def _signing_keys(entry: JWKDict, algorithms: tuple[str, ...]) -> Iterator[SigningKey]:
    operations, kid, issuer = entry.get("key_ops"), entry.get("kid"), entry.get("issuer")
    if entry.get("use") not in (None, "sig") or (isinstance(operations, list) and "verify" not in operations):
        return
    for algorithm in algorithms:
        if entry.get("alg") in (None, algorithm) and _fits(entry, algorithm):
            with suppress(PyJWTError, ValueError, TypeError, ArithmeticError):  # a key that is damaged is not used
                key = PyJWK(dict(entry), algorithm)
                if key.Algorithm.check_key_length(key.key) is None:
                    yield SigningKey(_text(kid), algorithm, _text(issuer), key)


def _fits(entry: JWKDict, algorithm: str) -> bool:
    curve = _CURVES.get(algorithm)
    return entry.get("kty") == _FAMILIES[algorithm[:2]] and (curve is None or entry.get("crv") == curve)


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


class KeySource:
    """The keys of one issuer. Its methods may be called from several threads and event loops.

    Args:
        issuer: the issuer.
        settings: how often keys are fetched, and how long they are used.
        fetch: returns the JSON document at an address.
        clock: returns the time in seconds.
    """

    def __init__(
        self, issuer: Issuer, settings: AuthSettings, fetch: Fetch, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.issuer = issuer
        self.error = ""
        """Why the last fetch failed; empty if it did not."""
        self._settings, self._fetch, self._clock = settings, fetch, clock
        self._lock = threading.Lock()
        self._running: Future[None] | None = None
        self._keys: list[SigningKey] = []
        self._fetched_at = self._tried_at = self._asked_at = float("-inf")
        self._due_at, self._failures = float("-inf"), 0

    @property
    def keys(self) -> list[SigningKey]:
        """The keys; empty if none were fetched, or if they are too old."""
        is_usable = self._clock() - self._fetched_at <= self._settings.stale_seconds
        return self._keys if is_usable else []

    @property
    def seconds_until_due(self) -> float:
        """The seconds until the next fetch is due."""
        return self._due_at - self._clock()

    def fetch_if_due(self) -> Future[None] | None:
        """Begin a fetch in a thread if one is due; return what ends with the one that is under way, None if none is."""
        with self._lock:
            return self._running or (self._start() if self.seconds_until_due <= 0 else None)

    def fetch_again(self) -> Future[None] | None:
        """Begin a fetch because of an unknown key, unless there was one a moment ago; return as ``fetch_if_due``."""
        with self._lock:
            if self._running is None and self._clock() - self._asked_at >= COOLDOWN_SECONDS:
                self._asked_at = self._clock()
                return self._start()
            return self._running

    async def wait(self, fetch: Future[None] | None) -> None:
        """Wait until a fetch has ended, on any event loop. Raises nothing.

        A fetch that hangs is waited for by the first calls only: others would fill the threads of ``def`` functions.
        """
        seconds = WAIT_SECONDS - (self._clock() - self._tried_at)
        if fetch is not None and seconds > 0:
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.wrap_future(fetch), seconds)

    def _start(self) -> Future[None]:
        running = self._running = Future()
        running.set_running_or_notify_cancel()  # a caller that gives up does not cancel it for the others
        self._tried_at = self._clock()
        name = f"hosting-auth {self.issuer.issuer}"
        try:
            threading.Thread(target=self._run, args=(running,), name=name, daemon=True).start()
        except RuntimeError as error:  # this process can have no more threads
            self._running = None
            self._note_failure(error)
            running.set_result(None)
        return running

    async def keep_fresh(self) -> None:
        """Fetch the keys whenever that is due, until this is cancelled."""
        while True:
            await self.wait(self.fetch_if_due())
            await asyncio.sleep(max(self.seconds_until_due, FIRST_RETRY_SECONDS))

    def health(self) -> str | None:
        """Return why tokens of the issuer cannot be checked; None if they can."""
        if self.keys:
            return None
        return f"the keys of {self.issuer.issuer} are not available: {self.error or 'they are not fetched yet'}"

    def _run(self, running: Future[None]) -> None:
        found: list[SigningKey] | Exception = RuntimeError("the fetch has ended early")
        try:
            found = self._fetch_keys()
        except (OSError, ValueError, RecursionError, http.client.HTTPException) as error:
            found = error
        finally:
            with self._lock:  # a caller that sees the keys sees that the fetch has ended, too
                self._note_failure(found) if isinstance(found, Exception) else self._note_keys(found)
                self._running = None
            running.set_result(None)

    def _fetch_keys(self) -> list[SigningKey]:
        issuer, seconds = self.issuer, self._settings.timeout_seconds
        address = issuer.jwks_uri
        if address is None:
            metadata = self._fetch(issuer.metadata_url, seconds)
            if metadata.get("issuer") != issuer.issuer:
                found = repr(metadata.get("issuer"))[:200]
                raise ValueError(f"the metadata at {issuer.metadata_url} is of the issuer {found}")
            address = metadata.get("jwks_uri")
            if not isinstance(address, str):
                raise ValueError(f"the metadata at {issuer.metadata_url} has no jwks_uri")
            check_url("jwks_uri of the metadata", address)
        return read_keys(self._fetch(address, seconds), issuer.algorithms)

    def _note_keys(self, keys: list[SigningKey]) -> None:
        if self.error:
            log.info("The keys of %s are available again.", self.issuer.issuer)
        now = self._clock()
        self._keys, self._fetched_at, self.error, self._failures = keys, now, "", 0
        self._due_at = now + self._settings.refresh_seconds

    def _note_failure(self, error: Exception) -> None:
        now = self._clock()
        self.error = f"{type(error).__name__}: {str(error)[:300]}"
        delay = min(FIRST_RETRY_SECONDS * 2**self._failures, LONGEST_RETRY_SECONDS)
        self._failures = min(self._failures + 1, 10)
        self._due_at = now + delay
        left = self._fetched_at + self._settings.stale_seconds - now
        has_keys = bool(self._keys) and left > 0
        use = f"Those in memory are used for {left:.0f} s." if has_keys else "Its tokens are answered with 503."
        log.warning("The keys of %s could not be fetched: %s. %s", self.issuer.issuer, self.error, use)
