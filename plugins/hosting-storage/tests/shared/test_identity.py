"""An account without a key: a managed identity, a real token request, and an Azurite that requires a token."""

from __future__ import annotations

import json
import threading
import time
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
import trustme
from azure.storage.queue import QueueServiceClient
from storage_support.apps import TIMEOUT_SECONDS, MakeApp, Serve
from storage_support.queues import VERSION

from hosting_storage.testing import ACCOUNT, KEY, run_azurite

APP = """
import azure.functions as func
app = func.FunctionApp()

@app.queue_trigger(arg_name="msg", queue_name="secret", connection="Vault")
@app.queue_output(arg_name="$return", queue_name="answers", connection="Vault")
def work(msg: str) -> str:
    return msg.upper()
"""


def token(resource: str) -> str:
    """Return a token for a resource. It is not signed: Azurite does not check signatures."""
    now = int(time.time())
    claims = {"aud": resource.rstrip("/"), "iss": "https://sts.windows.net/tenant/", "nbf": now - 60, "exp": now + 3600}
    parts = ({"alg": "none", "typ": "JWT"}, {**claims, "iat": now})
    return ".".join([*(urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts), "none"])


@contextmanager
def identity_service(requests: list[str]) -> Iterator[str]:
    """Run the service that issues tokens to apps in Azure; append its requests to ``requests``."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            requests.append(f"{query['resource'][0]} {query['client_id'][0]} {self.headers['X-IDENTITY-HEADER']}")
            response = {"access_token": token(query["resource"][0]), "expires_on": str(int(time.time()) + 3600)}
            body = json.dumps({**response, "resource": query["resource"][0], "token_type": "Bearer"}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
            """Be quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/token"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def certificates(tmp_path: Path) -> dict[str, Path]:
    """Files with a certificate authority, and with a certificate and key for this machine."""
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1", "localhost")
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "cert", "key")}
    authority.cert_pem.write_to_path(str(files["ca"]))
    issued.cert_chain_pems[0].write_to_path(str(files["cert"]))
    issued.private_key_pem.write_to_path(str(files["key"]))
    return files


def test_managed_identity_receives_and_sends_without_a_key(
    certificates: dict[str, Path], make_app: MakeApp, serve: Serve, tmp_path: Path
) -> None:
    """With ``__queueServiceUri`` and ``__credential`` alone, trigger and output work without a key."""
    flags = ("--oauth", "basic", "--cert", str(certificates["cert"]), "--key", str(certificates["key"]))
    requests: list[str] = []
    with run_azurite(tmp_path, "--inMemoryPersistence", *flags) as azurite, identity_service(requests) as endpoint:
        url = f"https://127.0.0.1:{azurite.ports['Queue']}/{ACCOUNT}"
        credential = {"account_name": ACCOUNT, "account_key": KEY}
        service = QueueServiceClient(url, credential, api_version=VERSION, connection_verify=str(certificates["ca"]))
        env = {
            "Vault__queueServiceUri": url,
            "Vault__credential": "managedidentity",
            "Vault__clientId": "me",
            "IDENTITY_ENDPOINT": endpoint,
            "IDENTITY_HEADER": "secret",
            "SSL_CERT_FILE": str(certificates["ca"]),
        }
        server = serve(make_app({"function_app.py": APP, "host.json": '{"version": "2.0"}'}), env=env)
        service.create_queue("secret").send_message(b64encode(b"hello").decode())
        answers = service.get_queue_client("answers")
        service.create_queue("answers")
        end = time.monotonic() + TIMEOUT_SECONDS
        while not (messages := answers.peek_messages()):
            assert time.monotonic() < end, server.logs()
            time.sleep(0.1)
        assert [message.content for message in messages] == [b64encode(b"HELLO").decode()]
        assert server.stop() == 0
        service.close()
    assert requests == ["https://storage.azure.com me secret"]
