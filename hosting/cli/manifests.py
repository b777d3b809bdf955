"""``hosting manifests``: write the files with which an app runs on Kubernetes and elsewhere."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import click

from hosting.cli.help import Command
from hosting.cli.output import reserved_stdout, silenced_app
from hosting.cli.params import APP_DIR, Choice, comma_separated_option

if TYPE_CHECKING:
    from hosting.deploy.manifests.folder import Difference
    from hosting.deploy.manifests.options import ManifestOptions

_FOLDER = "manifests"


@click.command(
    cls=Command,
    examples=[
        "hosting manifests shop --image registry.example.com/shop:1.4.2",
        "hosting manifests shop --image registry.example.com/shop:1.4.2 --check",
        "hosting manifests shop --target compose -o -",
        "kubectl apply --kustomize manifests",
    ],
    page="how-to/run-on-kubernetes",
)
@APP_DIR
@click.option(
    "--target",
    type=Choice(("kubernetes", "knative", "compose", "aca")),
    default="kubernetes",
    help="What the files are for; aca is Azure Container Apps (default: kubernetes).",
)
@click.option("--image", default="", metavar="REF", help="Image of the app (default: none; compose builds it).")
@click.option(
    "--name",
    metavar="NAME",
    help="Name of the app there (default: of its folder; with --check, of the files).",
)
@click.option("-n", "--namespace", default="", metavar="NAME", help="Namespace of all objects (default: none).")
@click.option(
    "-o",
    "--output",
    "folder",
    default=_FOLDER,
    metavar="FOLDER",
    help="Folder to write; - for standard output (default: manifests).",
)
@click.option("--pull-secret", default="", metavar="NAME", help="Secret for pulling the image (default: none).")
@click.option("--min-replicas", type=click.IntRange(0), default=2, help="Fewest hosts for HTTP (default: 2).")
@click.option(
    "--max-replicas", type=click.IntRange(1), default=10, help="Most hosts for HTTP, and for queues (default: 10)."
)
@click.option(
    "--polling-interval",
    type=click.IntRange(1),
    default=15,
    metavar="SECONDS",
    help="How often KEDA asks for the length of a queue (default: 15).",
)
@click.option(
    "--cooldown-period",
    type=click.IntRange(0),
    default=300,
    metavar="SECONDS",
    help="How long a queue is empty before its last host is stopped (default: 300).",
)
@click.option(
    "--drain-delay",
    type=click.IntRange(0),
    default=5,
    metavar="SECONDS",
    help="How long a host for HTTP accepts requests after SIGTERM (default: 5).",
)
@click.option(
    "--grace",
    type=click.IntRange(1),
    metavar="SECONDS",
    help="How long a host completes what runs (default: 30; for other triggers functionTimeout, or 300).",
)
@click.option(
    "--http-scaler",
    type=Choice(("hpa", "httpscaledobject", "interceptorroute")),
    default="hpa",
    help="Scale HTTP on Kubernetes by processor time, or by an object of KEDA's HTTP add-on (default: hpa).",
)
@click.option(
    "--hostname",
    multiple=True,
    metavar="NAME,...",
    callback=comma_separated_option,
    help="Names by which callers reach the app, for KEDA's HTTP add-on (default: none).",
)
@click.option("--jobs", is_flag=True, help="Let KEDA start jobs that end when queues are empty (default: off).")
@click.option("--cron", is_flag=True, help="Let KEDA start timers only when they are due (default: always on).")
@click.option(
    "--plain",
    multiple=True,
    callback=comma_separated_option,
    metavar="NAME,...",
    help="Settings that are written with their values (default: those known not to be secret).",
)
@click.option(
    "--check",
    is_flag=True,
    help="Write nothing; exit with code 1 if the files in FOLDER are not up to date (default: off).",
)
@click.option("--force", is_flag=True, help="Overwrite files that were edited (default: off).")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON document (default: tables).")
def manifests(app_dir: Path, folder: str, check: bool, force: bool, as_json: bool, **given: Any) -> None:
    """Write the files with which an app runs elsewhere.

    Loads the app in APP_DIR (default: the current folder) without serving it. Functions for HTTP, functions that KEDA
    scales from zero, and functions that need one host run apart from each other. Secrets are placeholders: no value of
    local.settings.json is written that may be a secret. Files that were edited are not overwritten.
    """
    from hosting.deploy.manifests.folder import owner
    from hosting.deploy.manifests.names import default_name
    from hosting.deploy.manifests.options import ManifestOptions
    from hosting.errors import HostingError, print_error

    with reserved_stdout() as stream:
        try:
            # In CI, the folder of the app may have another name.
            known = owner(Path(folder)) if check and not given["name"] else ""
            given["name"] = given["name"] or known or default_name(app_dir.name)
            code = _run(app_dir, ManifestOptions(**given), folder, _Mode(check, force, as_json), stream)
        except HostingError as error:
            print_error(error)
            sys.exit(error.exit_code)
    sys.exit(code)


class _Mode:
    def __init__(self, check: bool, force: bool, as_json: bool) -> None:
        self.check, self.force, self.as_json = check, force, as_json


def _run(root: Path, options: ManifestOptions, folder: str, mode: _Mode, stream: TextIO) -> int:
    """Write or compare the files; return the exit code."""
    from hosting.deploy.manifests.folder import check_functions, check_owner, differences, write
    from hosting.deploy.manifests.generate import applicable, check_options, document, generate, plan_app

    check_options(options)
    target = Path(folder).absolute()  # loading the app changes the current folder
    with silenced_app():
        plan = plan_app(root, options)
    files = generate(plan)
    if folder == "-" and not mode.check:
        stream.write("---\n".join(applicable(files)))
        _print_problems(document(plan))
        return 0
    check_owner(target, options.name)
    if not mode.force:
        check_functions(target, files)
    found = differences(target, files) if mode.check else write(target, files, force=mode.force)
    report = document(plan) | {"folder": str(target), "files": list(files)}
    report["differences"] = [one._asdict() for one in found]
    if mode.as_json:
        stream.write(json.dumps(report, indent=2, ensure_ascii=False) + "\n")
    else:
        _print_report(report, found, mode, stream)
    return int(mode.check and bool(found))


def _print_report(report: dict[str, Any], found: Sequence[Difference], mode: _Mode, stream: TextIO) -> None:
    if mode.check:
        for one in found:
            click.echo(f"Error: {Path(report['folder'], one.path)}: {one.state}.", err=True)
        command = "Run the command without --check, and commit what it writes."
        click.echo(f"  {command}" if found else f"{report['folder']} is up to date.", err=True)
    else:
        _print_functions(report, stream)
        verb = "Wrote" if found else "Nothing to change:"
        stream.write(f"{verb} {len(report['files'])} files in {report['folder']}\n")
    _print_problems(report)


def _print_functions(report: dict[str, Any], stream: TextIO) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(file=stream, soft_wrap=not stream.isatty(), highlight=False)
    table = Table("function", "trigger", "runs in", "scaled by", box=None, pad_edge=False)
    for one in report["functions"]:
        table.add_row(*map(Text, (one["name"], one["trigger"], one["component"] or "nothing", one["scaling"])))
    console.print(table)
    console.print()


def _print_problems(report: dict[str, Any]) -> None:
    for problem in report["problems"]:
        click.echo(f"Warning: {problem['message']}.\n  {problem['remedy']}", err=True)
