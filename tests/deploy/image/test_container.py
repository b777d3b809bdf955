"""The image of an app, built from what ``hosting image`` writes, and run as it would be in production."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from hosting import __version__
from hosting.server.keys import Keys
from tests.support.commands import run_command
from tests.support.containers import VERSION, Podman, missing
from tests.support.processes import eventually

pytestmark = [pytest.mark.long, pytest.mark.skipif(missing() != "", reason=missing())]

ROOT = Path(__file__).parents[3]
SECRET = "0123456789abcdef" * 4
MASTER = {"x-functions-key": Keys(bytes.fromhex(SECRET)).master}
REQUESTS = 20
CODE = """
import asyncio, os
import azure.functions as func

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
state = {"running": 0, "stop": False}

@app.route("work")
async def work(req: func.HttpRequest) -> str:
    state["running"] += 1
    await asyncio.sleep(2)
    return req.params["number"]

@app.route("running")
async def running(req: func.HttpRequest) -> str:
    return str(state["running"])

@app.route("me")
def me(req: func.HttpRequest) -> str:
    try:
        open("written", "w")
    except OSError as error:
        return f"{os.getuid()} {error.strerror}"
    return "it can write"
"""
FILES = {
    "host.json": '{"version": "2.0"}',
    "function_app.py": CODE,
    "requirements.txt": "azure-functions\n",
    "local.settings.json": '{"Values": {"SECRET_OF_THE_TEST": "x"}}',
    ".env": "SECRET_OF_THE_TEST=x",
    "tests/test_it.py": "",
    "server.key": "",
}


def _wheels(folder: Path) -> None:
    """Download or build the wheels of the host and of all that the build installs: containers have no network here."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    own = folder / f"hosting-{__version__}-py3-none-any.whl"
    subprocess.run([*pip, "wheel", "--no-deps", "--wheel-dir", str(folder), str(ROOT)], check=True, timeout=300)
    wanted = [f"{own}[host]", "azure-functions", "cyclonedx-bom==7.5.0"]
    subprocess.run(
        [*pip, "download", "--only-binary", ":all:", "--dest", str(folder), *wanted], check=True, timeout=600
    )


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """Podman with the image ``shop``."""
    folder = tmp_path_factory.mktemp("podman")
    app = folder / "shop"
    for name, text in FILES.items():
        (app / name).parent.mkdir(parents=True, exist_ok=True)
        (app / name).write_text(text)
    (app / "function_app.py").chmod(0o600)
    _wheels(app / "wheels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setenv("FUNCTIONS_WORKER_RUNTIME", "python")
        assert run_command("image", app, "--wheels", "wheels", "--python", VERSION) == 0
    tool = Podman(folder)
    try:
        tool.make_base()
        (folder / "pip.conf").write_text("[global]\nno-index = true\n")
        secret = f"id=pip_conf,src={folder / 'pip.conf'}"
        arguments = ("--network", "none", "--format", "docker", "--build-arg", "VERSION=1.4.2", "--secret", secret)
        tool("build", *arguments, "--tag", "shop", app, seconds=900)
        yield tool
    finally:
        tool.close()


@pytest.fixture
def host(podman: Podman) -> Iterator[str]:
    """The address of a container as locked down as Kubernetes' "restricted" asks for."""
    flags = ["--read-only", "--tmpfs", "/tmp:mode=1777", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]
    flags += ["--publish", "127.0.0.1::8080", "--env", f"HOSTING_KEYS_SECRET={SECRET}"]
    podman("run", "--detach", "--name", "shop", *flags, "shop")
    address = f"http://{podman('port', 'shop', '8080').strip()}"
    try:
        eventually(lambda: _is_ready(address))
        yield address
    finally:
        podman("rm", "--force", "--time", "0", "shop")


def _is_ready(address: str) -> bool:
    try:
        return httpx.get(f"{address}/admin/health/ready", timeout=60).status_code == 200
    except httpx.TransportError:
        return False


def test_container_is_closed_ready_and_has_neither_secrets_nor_tools(podman: Podman, host: str) -> None:
    """It runs as a number that is not root, cannot write, answers with the keys that it was given, and is healthy."""
    assert httpx.get(f"{host}/api/me", timeout=60).text in ("10001 Read-only file system", "10001 Permission denied")
    assert httpx.get(f"{host}/admin/host/status", timeout=60).status_code == 401
    assert httpx.get(f"{host}/admin/host/status", headers=MASTER, timeout=60).json()["state"] == "Running"
    podman("healthcheck", "run", "shop")
    files = set(podman("exec", "shop", "ls", "-A", "/home/site/wwwroot").split())
    assert files == {"__pycache__", "function_app.py", "host.json", "requirements-image.txt", "requirements.txt"}
    packages = json.loads(podman("exec", "shop", "cat", "/usr/share/sbom/app.cdx.json"))["components"]
    assert {"hosting", "azure-functions", "uvicorn"} <= {one["name"] for one in packages}
    assert "pip" not in podman("exec", "shop", "ls", "/opt/venv/bin").split()
    [found] = json.loads(podman("inspect", "shop:latest"))
    assert found["Config"]["Labels"]["org.opencontainers.image.version"] == "1.4.2"
    assert "SECRET_OF_THE_TEST" not in json.dumps(found)
    lines = podman("logs", "shop").splitlines()
    assert all(json.loads(line)["level"] for line in lines)


def test_sigterm_under_load_loses_no_request(podman: Podman, host: str) -> None:
    """Each request that the host has begun is answered, and the container ends with code 0."""
    with ThreadPoolExecutor(REQUESTS) as pool:
        asked = [pool.submit(httpx.get, f"{host}/api/work?number={number}", timeout=60) for number in range(REQUESTS)]
        eventually(lambda: httpx.get(f"{host}/api/running", timeout=60).text == str(REQUESTS))
        podman("kill", "--signal", "TERM", "shop")
        answers = [one.result() for one in asked]
    assert [one.status_code for one in answers] == [200] * REQUESTS
    assert [one.text for one in answers] == [str(number) for number in range(REQUESTS)]
    assert podman("wait", "shop").strip() == "0"


def test_container_without_keys_says_what_is_missing(podman: Podman) -> None:
    """It ends at once with an error that names the variable: replicas never have different keys by accident."""
    done = podman.attempt("run", "--rm", "--read-only", "--tmpfs", "/tmp:mode=1777", "shop")
    assert done.returncode == 1
    assert "HOSTING_KEYS_SECRET" in (done.stdout + done.stderr).decode()
