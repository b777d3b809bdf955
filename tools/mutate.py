"""Mutation testing of ``hosting/extensions``: ``python -m tools.mutate [--sample N] [--seed N] [--jobs N]``.

mutmut changes one thing at a time in a copy of the checkout, the folder ``mutants``, and runs the tests that call the
changed function: a mutant that no test notices has survived. Tests that are marked ``slow`` or ``unmutated`` are left
out. A sample is chosen at random, but the same seed chooses the same mutants while the code stays as it is, and a
larger sample contains a smaller one.

At the end come the score and the survivors; ``mutants/survivors.diff`` shows what each of them changes, and
``mutants/failed-tests.txt`` which test has killed each of the others. To test one again after a new test: ``mutmut run
NAME``.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
SEED = 20261130

_MUTANTS = ROOT / "mutants"
_MUTMUT = Path(sys.executable).with_name("mutmut")
_KILLED = {"killed", "timeout", "segfault", "suspicious"}
# mutmut knows the names of all mutants only after it has tested some.
_FIRST = "hosting.extensions.dispatch.quarantine.*__mutmut_1"


def main(arguments: Sequence[str] | None = None) -> int:
    """Test the mutants and print the score; return 1 if mutmut itself failed."""
    options = _parser().parse_args(arguments)
    shutil.rmtree(_MUTANTS, ignore_errors=True)
    try:
        _run(options.jobs, [_FIRST])
        names = choose(sorted(_results()), options.sample, options.seed)
        _run(options.jobs, names)
    except subprocess.CalledProcessError as error:
        print(f"mutmut failed with exit code {error.returncode}. {_failed_unmutated()}", file=sys.stderr)
        return 1
    results = _results()
    chosen = {name: results[name] for name in names}
    print(*report(chosen), sep="\n")
    _write_survivors(survivors(chosen))
    return 0


def choose(names: Sequence[str], number: int, seed: int) -> list[str]:
    """Return a random sample of the names, which a larger sample contains; all of them for a number of 0."""
    shuffled = list(names)
    random.Random(seed).shuffle(shuffled)
    return shuffled[: number or None]


def parse_results(output: str) -> dict[str, str]:
    """Return the status of each mutant by its name, from the output of ``mutmut results``."""
    lines = (line.strip().rpartition(": ") for line in output.splitlines() if ": " in line)
    return {name: status for name, _, status in lines}


def survivors(results: Mapping[str, str]) -> list[str]:
    """Return the names of the mutants that no test noticed, or that no test calls."""
    return sorted(name for name, status in results.items() if status not in _KILLED)


def report(results: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines with the score of each module, the survivors and the whole score."""
    total = Counter(_module(name) for name in results)
    survived = Counter(_module(name) for name in survivors(results))
    for module in sorted(total):
        yield f"{module:45} {_score(total[module] - survived[module], total[module])}"
    yield from (f"survived: {name} ({results[name]})" for name in survivors(results))
    yield f"Mutation score: {_score(total.total() - survived.total(), total.total())}"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tools.mutate", description="Measure how much the tests notice.")
    parser.add_argument("--sample", type=int, default=0, help="mutants to test, chosen at random (default: all)")
    parser.add_argument("--seed", type=int, default=SEED, help="number that decides the sample (default: %(default)s)")
    parser.add_argument("--jobs", type=int, default=2, help="mutants at a time (default: %(default)s)")
    return parser


def _run(jobs: int, names: Iterable[str]) -> None:
    subprocess.run([_MUTMUT, "run", "--max-children", str(jobs), *names], cwd=ROOT, check=True)


def _mutmut(*arguments: str) -> str:
    """Run a command of mutmut; return what it prints."""
    done = subprocess.run([_MUTMUT, *arguments], cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout


def _failed_unmutated() -> str:
    """Return which tests have failed without a mutant, whose output mutmut does not show."""
    path = _MUTANTS / "failed-tests.txt"
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    failed = [test for mutant, _, test in (line.partition("\t") for line in lines) if mutant in ("", "stats")]
    return f"These tests fail without a mutant: {', '.join(failed)}" if failed else "Its output is above."


def _results() -> dict[str, str]:
    return parse_results(_mutmut("results", "--all", "true"))


def _module(name: str) -> str:
    return name.rpartition(".")[0]


def _score(killed: int, total: int) -> str:
    return f"{killed / total:6.1%} ({killed} of {total} mutants killed)"


def _write_survivors(names: Iterable[str]) -> None:
    """Write what the survivors change into ``mutants/survivors.diff``."""
    path = _MUTANTS / "survivors.diff"
    path.write_text("\n".join(_mutmut("show", name) for name in names), "utf-8")
    print(f"What the survivors change: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    sys.exit(main())
