"""``hosting new app --docker``: the files for containers of a new app."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml
from click.testing import CliRunner

from hosting import __version__
from hosting.cli.new import new_app
from tests.support.commands import run_command

FILES = ("Dockerfile", ".dockerignore", "compose.yaml", "requirements-image.txt")


@pytest.mark.parametrize("model", ["v1", "v2"])
def test_new_app_has_what_hosting_image_would_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, model: str
) -> None:
    """Its compose file has the app as it runs in production, and Azurite; only this machine can connect to either."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(os, "environ", os.environ.copy())  # loading the app changes it
    done = CliRunner().invoke(new_app, ["Shop.1", "--docker", "--model", model])
    assert done.exit_code == 0, done.output
    assert done.output.endswith("docker compose up --build\n")
    root = tmp_path / "Shop.1"
    texts = {name: (root / name).read_text() for name in FILES}
    if "wheels" in texts["Dockerfile"]:  # this hosting was installed from a folder
        assert "pip wheel --no-deps --wheel-dir wheels " in done.output
        (root / "wheels").mkdir()
        (root / "wheels" / f"hosting-{__version__}-py3-none-any.whl").touch()
        assert run_command("image", root, "--wheels", "wheels", "--check") == 0
    else:
        assert run_command("image", root, "--check") == 0
    services = yaml.safe_load(texts["compose.yaml"])["services"]
    assert services.keys() == {"app", "azurite"}
    assert all(port.startswith("127.0.0.1:") for one in services.values() for port in one["ports"])
    assert (services["app"]["read_only"], services["app"]["cap_drop"]) == (True, ["ALL"])
    settings = services["app"]["environment"]["AzureWebJobsStorage"].split(";")
    assert [one.split("//")[1] for one in settings if "Endpoint=" in one] == [
        f"azurite:{port}/devstoreaccount1" for port in (10000, 10001, 10002)
    ]
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(new_app, ["Shop.1", "--docker", "--model", model]).exit_code == 1


def test_new_app_without_docker_has_no_file_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The files for containers are written only if they are asked for."""
    monkeypatch.chdir(tmp_path)
    assert CliRunner().invoke(new_app, ["shop", "--model", "v2"]).exit_code == 0
    assert not [name for name in FILES if (tmp_path / "shop" / name).exists()]
