"""``hosting completion``, and what a shell is told while somebody types."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from hosting.cli.params import Choice

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "hosting"
VARIABLE = "_HOSTING_COMPLETE"
"""By this variable the script asks the command itself; its name is click's choice."""

_BASH_WORDS = """
    for word in "${COMP_WORDS[@]:0:COMP_CWORD}"; do
        [[ $word == = ]] || words+=("$word")
    done
    words+=("${COMP_WORDS[COMP_CWORD]}")
"""

_MENDED: Mapping[str, Sequence[tuple[str, str]]] = {
    "bash": (
        ("local response\n", f"local response word words=()\n{_BASH_WORDS}"),
        ("${COMP_WORDS[*]}", "${words[*]}"),
        ("COMP_CWORD=$COMP_CWORD", "COMP_CWORD=$((${#words[@]} - 1))"),
    ),
    "zsh": (
        ("local -a response\n", "local -a response\n    compset -P 1 '--*='\n"),
        ("compadd -U", 'compadd -U -i "$IPREFIX"'),
    ),
    "fish": (
        ('string split ","', 'string split --max 1 ","'),
        ("echo $metadata[2]", "echo (string match --regex -- '^--[^=]+=' (commandline -t) || echo)$metadata[2]"),
    ),
}
"""What click's scripts lack: a value is completed after ``--option=``, too, and what is offered may have commas."""


@click.command()
@click.argument("shell", type=Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    It completes commands, options, folders and the names of functions.

    bash: write eval "$(hosting completion bash)" into ~/.bashrc

    zsh: write eval "$(hosting completion zsh)" into ~/.zshrc, after compinit

    fish: run hosting completion fish > ~/.config/fish/completions/hosting.fish
    """
    from click.shell_completion import get_completion_class

    kind = get_completion_class(shell)
    assert kind is not None, f"click has a class for {shell}"
    script = kind(context.find_root().command, {}, PROGRAM, VARIABLE).source()
    for theirs, ours in _MENDED[shell]:
        script = script.replace(theirs, ours)
    click.echo(script, nl=False)


def complete_folders(_context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Let the shell offer folders."""
    from click.shell_completion import CompletionItem

    return [CompletionItem(incomplete, type="dir")]


def complete_functions(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the functions of the app whose folder was typed before, or of the current one."""
    from hosting.apps.outline import function_names

    # An option whose value is still being typed keeps click from handing out the arguments.
    folder = context.args[0] if context.args else context.params.get("app_dir")
    return _after_commas(function_names(Path(folder or ".")), incomplete)


def complete_hooks(context: click.Context, _parameter: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """Offer the hooks of the level that was chosen before."""
    from hosting.scaffold.extension import hooks_of

    return _after_commas(hooks_of(context.params.get("level") or "app"), incomplete)


def _after_commas(words: Iterable[str], incomplete: str) -> list[CompletionItem]:
    """Offer what may follow the last comma; what is named already is not offered again."""
    from click.shell_completion import CompletionItem

    before, comma, begun = incomplete.rpartition(",")
    named = before.lower().split(",")
    fitting = [word for word in words if word.lower().startswith(begun.lower()) and word.lower() not in named]
    return [CompletionItem(f"{before}{comma}{word}") for word in fitting]
