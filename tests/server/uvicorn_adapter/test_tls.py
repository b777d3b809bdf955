"""``--cert`` and ``--key``: the host serves HTTPS."""

from __future__ import annotations

import os
import ssl
from collections.abc import Callable
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest
import trustme

from tests.conftest import MakeApp, Serve

RunHosting = Callable[..., "CompletedProcess[str]"]
APP = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": """
import azure.functions as func, os
app = func.FunctionApp(http_auth_level="ANONYMOUS")

@app.route("url")
def url(req: func.HttpRequest) -> str:
    return req.url + " " + os.environ["WEBSITE_HOSTNAME"]
""",
}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def files(authority: trustme.CA, tmp_path: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    issued = authority.issue_cert("localhost", "127.0.0.1")
    cert, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    issued.cert_chain_pems[0].write_to_path(str(cert))
    issued.private_key_pem.write_to_path(str(key))
    return cert, key


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.mark.parametrize("flags", [(), ("--workers", "2"), ("--reload",)])
def test_host_serves_https(
    make_app: MakeApp, serve: Serve, authority: trustme.CA, files: tuple[Path, Path], flags: tuple[str, ...]
) -> None:
    """The addresses that are printed and that functions see are https, with one process and with several."""
    served = serve(make_app(APP), "--cert", str(files[0]), "--key", str(files[1]), *flags)
    assert served.url.startswith("https://localhost:")
    assert f"url:  {served.url}/api/url" in served.logs()
    answer = served.get("/api/url", verify=trusting(authority))
    assert answer.text == f"{served.url}/api/url {served.url.removeprefix('https://')}"
    assert served.stop() == 0


def test_paths_are_relative_to_the_working_directory(
    make_app: MakeApp, serve: Serve, authority: trustme.CA, files: tuple[Path, Path]
) -> None:
    """Paths are resolved from the working directory, not from the app's folder."""
    cert, key = (os.path.relpath(path) for path in files)
    served = serve(make_app(APP), "--cert", cert, "--key", key)
    assert served.get("/api/url", verify=trusting(authority)).status_code == 200


def test_certificate_and_key_may_share_a_file(
    make_app: MakeApp, serve: Serve, authority: trustme.CA, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """A client that speaks plain HTTP gets no response."""
    both = tmp_path / "both.pem"
    both.write_bytes(files[0].read_bytes() + files[1].read_bytes())
    served = serve(make_app(APP), "--cert", str(both))
    assert served.get("/api/url", verify=trusting(authority)).status_code == 200
    with pytest.raises(httpx.TransportError):
        httpx.get(served.url.replace("https", "http") + "/api/url")


def test_unusable_files_are_refused_before_the_app_loads(
    make_app: MakeApp, run_hosting: RunHosting, authority: trustme.CA, files: tuple[Path, Path], tmp_path: Path
) -> None:
    """A file that is missing, unreadable, not PEM, or of another certificate is an error."""
    nonsense, other = tmp_path / "nonsense.pem", tmp_path / "other.pem"
    nonsense.write_text("nonsense")
    authority.issue_cert("localhost").private_key_pem.write_to_path(str(other))
    app = make_app(APP)
    for cert, key, message in (
        (tmp_path / "nothing.pem", files[1], "there is no file"),
        (files[0], tmp_path / "nothing.pem", "--key: there is no file"),
        (nonsense, files[1], "cannot be used"),
        (files[0], other, "key values mismatch"),
        *([(Path("/proc/self/mem"), files[1], "input/output error")] if Path("/proc/self/mem").is_file() else []),
    ):
        result = run_hosting("start", app, "--port", "0", "--cert", cert, "--key", key)
        assert (result.returncode, result.stdout) == (1, "")
        assert message in result.stderr
        assert "Traceback" not in result.stderr


def test_encrypted_key_is_refused(make_app: MakeApp, run_hosting: RunHosting, files: tuple[Path, Path]) -> None:
    """A key with a password is an error, instead of a question to a terminal that may not exist."""
    from cryptography.hazmat.primitives import serialization

    key = serialization.load_pem_private_key(files[1].read_bytes(), None)
    sealed = serialization.BestAvailableEncryption(b"a password")
    files[1].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption_algorithm=sealed)
    )
    result = run_hosting("start", make_app(APP), "--port", "0", "--cert", files[0], "--key", files[1])
    assert (result.returncode, "the key is encrypted" in result.stderr) == (1, True)


def test_key_without_a_certificate_is_wrong_usage(
    make_app: MakeApp, run_hosting: RunHosting, files: tuple[Path, Path]
) -> None:
    """The exit code is 2."""
    result = run_hosting("start", make_app(APP), "--key", files[1])
    assert (result.returncode, "--key needs --cert" in result.stderr) == (2, True)
