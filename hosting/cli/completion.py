"""``hosting completion``: print the script that lets a shell complete the command line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import click

from hosting.cli.help import Command
from hosting.cli.params import Choice

SHELLS = ("bash", "zsh", "fish")
PROGRAM = "hosting"
VARIABLE = "_HOSTING_COMPLETE"
"""The environment variable by which the script asks the command for words; click derives the name."""

_BASH_WORDS = """
    for word in "${COMP_WORDS[@]:0:COMP_CWORD}"; do
        [[ $word == = ]] || words+=("$word")
    done
    words+=("${COMP_WORDS[COMP_CWORD]}")
"""

_REPLACEMENTS: Mapping[str, Sequence[tuple[str, str]]] = {
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
"""Replacements in click's scripts: with them, values after ``--option=`` and values with commas are completed, too."""


@click.command(
    cls=Command,
    examples=[
        'eval "$(hosting completion bash)"',
        'eval "$(hosting completion zsh)"',
        "hosting completion fish > ~/.config/fish/completions/hosting.fish",
    ],
    page="how-to/complete-in-the-shell",
)
@click.argument("shell", type=Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the completion script for a shell.

    The script completes commands, options, folders and names of functions. For bash, add its line below to ~/.bashrc;
    for zsh, add it to ~/.zshrc after compinit; for fish, run the command once.
    """
    from click.shell_completion import get_completion_class

    shell_class = get_completion_class(shell)
    assert shell_class is not None, f"click has a class for {shell}"
    script = shell_class(context.find_root().command, {}, PROGRAM, VARIABLE).source()
    for old, new in _REPLACEMENTS[shell]:
        script = script.replace(old, new)
    click.echo(script, nl=False)
