"""Keys from a variable, a mounted file or a mounted folder: only read, the same everywhere, and never shown unasked."""

from __future__ import annotations

import base64
import json
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from subprocess import CompletedProcess

import httpx
import pytest

from hosting._redaction import redact
from hosting.errors import HostingError, SettingsError
from hosting.host.function_host import FunctionHost
from hosting.runner.options import StartOptions
from hosting.runner.serve import build_app
from hosting.server.key_store import LiveKeys, StateFile, key_store
from hosting.server.keys import DEFAULT, MASTER, Keys, function_key, system_key
from hosting.server.keys_report import kubernetes_secret, rotated_document
from hosting.server.outside_keys import AZURE_FOLDER, KeysFolder
from tests.conftest import MakeApp

RunHosting = Callable[..., "CompletedProcess[str]"]
OLD, NEW = "ab" * 32, "0123456789abcdef" * 2
NAMES = (MASTER, DEFAULT, function_key("Orders"), system_key("eventgrid_extension"))
CODE = """
import azure.functions as func
app = func.FunctionApp()

@app.route("orders")
def Orders(req: func.HttpRequest) -> str:
    return "orders"

@app.route("other")
def Other(req: func.HttpRequest) -> str:
    return "other"

@app.event_grid_trigger("event")
def Told(event: func.EventGridEvent) -> None: ...
"""
FILES = {
    "host.master": "the-master-key-of-all",
    "host.function.default": "the-default-key-of-all\n",
    "host.function.partner": "the-key-of-a-partner",
    "functions.orders.default": "\ufeffthe-key-of-orders  \r\n",
    "functions.orders.new": "the-new-key-of-orders",
    "host.systemKey.eventgrid_extension": "the-key-of-event-grid",
}


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory that cannot be created: keys from outside need none."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file" / "state"))
    (tmp_path / "file").write_text("")
    return tmp_path / "file"


def _mount(folder: Path, files: Mapping[str, str], version: str = "1") -> Path:
    """Write files as Kubernetes mounts a Secret: links to a hidden folder, which is replaced as a whole."""
    data = folder / f"..{version}"
    data.mkdir(parents=True)
    for name, text in files.items():
        (data / name).write_bytes(text.encode())
    (folder / "..next").symlink_to(data.name)
    (folder / "..next").replace(folder / "..data")
    for name in files:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")
    return folder


@pytest.mark.parametrize("variable", ["HOSTING_KEYS_SECRET", "HOSTING_KEYS_SECRET_FILE"])
def test_one_secret_gives_the_keys_of_the_state_file_on_every_machine(tmp_path: Path, variable: str) -> None:
    """All keys are derived as from the app's own file; those of previous secrets are accepted as well."""
    text = f" {NEW.upper()}\n{OLD}\n"
    (tmp_path / "secret").write_text(text)
    value = str(tmp_path / "secret") if variable.endswith("FILE") else text
    first, second = (key_store(tmp_path / name, {variable: value}).load() for name in ("a", "b"))
    current, previous = Keys(bytes.fromhex(NEW)), Keys(bytes.fromhex(OLD))
    for name in NAMES:
        assert first.named(name) == second.named(name) == current.named(name)
        assert first.accepted(name) == [current.named(name), previous.named(name)]


def test_folder_of_azures_layout_has_a_key_in_each_file(tmp_path: Path) -> None:
    """Several keys of one name are all accepted; a name without a file has none; hidden entries are not read."""
    folder = _mount(tmp_path / "keys", {**FILES, "functions.orders": "a" * 20, "host.mastr": "b" * 20})
    keys = key_store(tmp_path, {"HOSTING_KEYS_FOLDER": str(folder)}).load()
    assert keys.accepted(MASTER) == ["the-master-key-of-all"]
    assert keys.accepted(DEFAULT) == ["the-default-key-of-all", "the-key-of-a-partner"]
    assert keys.accepted(function_key("ORDERS")) == ["the-key-of-orders", "the-new-key-of-orders"]
    assert keys.accepted(system_key("EventGrid_extension")) == ["the-key-of-event-grid"]
    assert (keys.accepted(function_key("Other")), keys.named(function_key("Other"))) == ([], None)
    [first, second] = keys.problems
    assert "functions.orders is ignored. Did you mean 'functions.NAME.default'?" in first
    assert "host.mastr is ignored. Did you mean 'host.master'?" in second


def test_setting_of_azures_host_names_its_folder(tmp_path: Path) -> None:
    """``AzureWebJobsSecretStorageType=kubernetes`` means the folder of Core Tools; other types mean nothing."""
    store = key_store(tmp_path, {"AzureWebJobsSecretStorageType": "Kubernetes"})
    assert isinstance(store, KeysFolder)
    assert str(store.path) == AZURE_FOLDER
    assert isinstance(key_store(tmp_path, {"AzureWebJobsSecretStorageType": "files"}), StateFile)


SECRET, FILE, FOLDER = "HOSTING_KEYS_SECRET", "HOSTING_KEYS_SECRET_FILE", "HOSTING_KEYS_FOLDER"
HEX = "expected at least 32 hexadecimal digits, as 'openssl rand -hex 32' prints"
BAD: list[tuple[dict[str, str], dict[str, str], str]] = [
    ({SECRET: ""}, {}, f"{SECRET} is empty"),
    ({SECRET: " \n"}, {}, f"{SECRET} is empty"),
    ({SECRET: "hunter2"}, {}, f"{SECRET} cannot be used: {HEX}, found other characters"),
    ({SECRET: "c0ffee"}, {}, f"{SECRET} cannot be used: {HEX}, found 6 digits"),
    ({SECRET: "a" * 33}, {}, f"{SECRET} cannot be used: {HEX}, found 33 digits (an odd number)"),
    ({SECRET: f"{OLD} c0ffee"}, {}, f"{SECRET} cannot be used: secret 2: {HEX}, found 6 digits"),
    ({SECRET: OLD, FOLDER: "keys"}, {}, f"{SECRET} and {FOLDER} are both set"),
    ({FILE: ""}, {}, f"{FILE} is empty"),
    ({FOLDER: ""}, {}, f"{FOLDER} is empty"),
    ({FILE: OLD}, {}, f"{FILE} cannot be used: expected a path, found what looks like a secret"),
    ({FOLDER: OLD}, {}, f"{FOLDER} cannot be used: expected a path, found what looks like a secret"),
    ({FILE: "none"}, {}, "none): the file cannot be read: No such file or directory"),
    ({FILE: "."}, {}, "the file cannot be read: "),
    ({FILE: "secret"}, {"secret": ""}, "secret) is empty"),
    ({FILE: "secret"}, {"secret": "hunter2"}, f"secret) cannot be used: {HEX}, found other characters"),
    ({FILE: "secret"}, {"secret": OLD * 2000}, "it has more than 65536 bytes"),
    ({FOLDER: "none"}, {}, "none): the folder cannot be read: No such file or directory"),
    ({FOLDER: "secret"}, {"secret": ""}, "secret): the folder cannot be read: Not a directory"),
    ({FOLDER: "."}, {"host.function.default": "k" * 20}, "the folder has no file host.master"),
    ({FOLDER: "."}, {"host.master": ""}, "host.master has no usable key: expected at least 16 ASCII characters"),
    ({FOLDER: "."}, {"host.master": "hunter2"}, "without spaces, found 7"),
    ({FOLDER: "."}, {"host.master": "hunter2 and hunter3"}, "without spaces, found other characters"),
    ({FOLDER: "."}, {"host.master": "hunter2-\u00e9-" + "k" * 20}, "without spaces, found other characters"),
    ({FOLDER: "."}, {"host.master": "k" * 20, "functions.f.default": "\n"}, "functions.f.default has no usable key"),
]


@pytest.mark.skipif(sys.platform == "win32", reason="the words are those of POSIX")
@pytest.mark.parametrize(("environ", "files", "message"), BAD)
def test_value_that_cannot_be_used_is_one_message_without_the_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], files: dict[str, str], message: str
) -> None:
    """It says which variable, what was expected and the next step; there is never a key that all requests match."""
    (tmp_path / "mounted").mkdir()
    monkeypatch.chdir(tmp_path / "mounted")
    for name, text in files.items():
        Path(name).write_text(text)
    with pytest.raises(SettingsError) as caught:
        key_store(tmp_path, environ).load()
    assert message in caught.value.message
    assert next(iter(environ)) in caught.value.message
    assert caught.value.remedy
    assert redact(str(caught.value)) == str(caught.value)  # the command line prints it so
    assert not any(secret in str(caught.value) for secret in (OLD, "hunter2", "c0ffee"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a right there")
def test_link_to_nothing_in_the_folder_is_one_message_with_the_next_step(tmp_path: Path) -> None:
    """A Secret that is mounted has links, and one of them may be broken."""
    (tmp_path / "host.master").symlink_to(tmp_path / "gone")
    with pytest.raises(SettingsError, match=r"host\.master cannot be read: No such file or directory") as caught:
        key_store(tmp_path, {FOLDER: str(tmp_path)}).load()
    assert caught.value.remedy == "Correct the Secret that is mounted there."


@pytest.mark.parametrize("name", ["host.master", "functions.Hello.default"])
def test_folder_in_place_of_a_key_is_one_message_with_the_next_step(tmp_path: Path, name: str) -> None:
    """A mount of a single file that does not exist makes a folder of its name."""
    (tmp_path / "host.master").write_text("m" * 40)
    (tmp_path / name).unlink(missing_ok=True)
    (tmp_path / name).mkdir()
    (tmp_path / "lost+found").mkdir()
    with pytest.raises(SettingsError, match=f"{re.escape(name)} cannot be read: ") as caught:
        key_store(tmp_path, {FOLDER: str(tmp_path)}).load()
    assert caught.value.remedy == "Correct the Secret that is mounted there."


def test_mounted_keys_that_change_are_read_while_the_host_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As in Azure's host; a change to something that cannot be used, or to nothing, leaves the keys as they were."""
    now = 0.0
    monkeypatch.setattr("hosting.server.key_store.time.monotonic", lambda: now)
    folder = _mount(tmp_path / "keys", FILES)
    file = tmp_path / "secret"
    file.write_text(OLD)
    live = LiveKeys(key_store(tmp_path, {FOLDER: str(folder)}))
    derived = LiveKeys(key_store(tmp_path, {FILE: str(file)}))
    plain = tmp_path / "plain"
    plain.mkdir()
    (plain / "host.master").write_text("a-key-in-a-plain-folder")
    files = LiveKeys(key_store(tmp_path, {FOLDER: str(plain)}))
    (plain / "functions.orders.default").write_text("a-key-that-was-added")
    assert live.accepted(MASTER) == ["the-master-key-of-all"]
    _mount(folder, {**FILES, "host.master": "another-master-key"}, "2")
    file.write_text(NEW)
    assert live.accepted(MASTER) == ["the-master-key-of-all"]
    now += 1.0
    assert live.accepted(MASTER) == ["another-master-key"]
    assert derived.accepted(MASTER) == [Keys(bytes.fromhex(NEW)).master]
    assert files.accepted(function_key("Orders")) == ["a-key-that-was-added"]
    _mount(folder, {**FILES, "host.master": ""}, "3")
    file.write_text("")
    now += 1.0
    assert live.accepted(MASTER) == ["another-master-key"]
    assert derived.accepted(MASTER) == [Keys(bytes.fromhex(NEW)).master]
    assert caplog.text.count("The keys stay as they were.") == 2
    file.unlink()
    folder.rename(tmp_path / "gone")
    now += 1.0
    assert live.accepted(MASTER) == ["another-master-key"]
    assert derived.accepted(MASTER) == [Keys(bytes.fromhex(NEW)).master]


async def test_host_with_keys_from_outside_needs_no_state_and_opens_what_they_open(
    make_app: MakeApp, tmp_path: Path
) -> None:
    """Function keys open their function, default keys each function, and the master key everything."""
    app = make_app({"host.json": '{"version": "2.0"}', "function_app.py": CODE})
    host = FunctionHost(app, environ={FOLDER: str(_mount(tmp_path / "keys", FILES))})
    host.load()
    asgi = build_app(host, StartOptions(app, host="0.0.0.0"))
    opened = {}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(asgi), base_url="http://localhost:7071") as client:
        for key in ("", *(text.strip("\ufeff \r\n") for text in FILES.values())):
            headers = {"x-functions-key": key}
            paths = ("/api/orders", "/api/other", "/admin/host/status")
            opened[key] = [(await client.get(path, headers=headers)).status_code for path in paths]
    assert opened == {
        "": [401, 401, 401],
        "the-master-key-of-all": [200, 200, 200],
        "the-default-key-of-all": [200, 200, 401],
        "the-key-of-a-partner": [200, 200, 401],
        "the-key-of-orders": [200, 401, 401],
        "the-new-key-of-orders": [200, 401, 401],
        "the-key-of-event-grid": [401, 401, 401],
    }
    with pytest.raises(HostingError, match="which the host only reads") as caught:
        rotated_document(host, "master", 0.0)
    assert "hosting keys --format secret" in caught.value.remedy


def test_keys_are_printed_as_a_secret_whose_mounted_files_give_the_same_keys(
    make_app: MakeApp, run_hosting: RunHosting, tmp_path: Path
) -> None:
    """``hosting keys --format secret`` prints the layout of Core Tools; options that exclude each other are refused."""
    app = make_app({"host.json": '{"version": "2.0"}', "function_app.py": CODE})
    done = run_hosting("keys", app, "--format", "secret", "--secret-name", "shop-keys", env={SECRET: NEW})
    assert (done.returncode, done.stderr) == (0, "")
    head, _, data = done.stdout.partition("\ndata:\n")
    assert head == 'apiVersion: v1\nkind: Secret\nmetadata:\n  name: "shop-keys"\ntype: Opaque'
    encoded = dict(line.strip().split(": ") for line in data.splitlines())
    files = {name: base64.b64decode(text).decode() for name, text in encoded.items()}
    assert list(files) == [
        "functions.orders.default",
        "functions.other.default",
        "host.function.default",
        "host.master",
        "host.systemKey.eventgrid_extension",
    ]
    mounted = key_store(tmp_path, {FOLDER: str(_mount(tmp_path / "keys", files))}).load()
    for name in (*NAMES, function_key("Other")):
        assert mounted.named(name) == Keys(bytes.fromhex(NEW)).named(name)
    (tmp_path / "keys" / "functions.other.default").unlink()
    printed = json.loads(run_hosting("keys", app, "--json", env={FOLDER: str(tmp_path / "keys")}).stdout)
    assert printed["file"] == str(tmp_path / "keys")
    assert printed["functions"] == {"Orders": files["functions.orders.default"], "Other": None}
    assert "functions.other" not in kubernetes_secret(printed, "x")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--json", "--format", "secret"), "exclude each other"),
        (("--rotate", "master", "--format", "secret"), "without it, afterwards"),
        (("--secret-name", "keys"), "--secret-name is the name of what --format secret prints"),
        (("--format", "secret", "--secret-name", "My_Keys"), "expected lower-case letters"),
    ],
)
def test_options_of_keys_that_contradict_each_other_are_refused(arguments: tuple[str, ...], message: str) -> None:
    """The exit code is 2, and nothing is printed but the reason."""
    from click.testing import CliRunner

    from hosting.cli.keys import keys

    result = CliRunner().invoke(keys, [".", *arguments])
    assert result.exit_code == 2
    assert message in " ".join(result.output.split())
