"""Which mutants are tested, and how the score is reported; mutmut itself does not run here."""

from __future__ import annotations

import tomllib

from tests.support.processes import ROOT
from tools import mutate

RESULTS = """
    hosting.extensions.host.x_close__mutmut_1: killed
    hosting.extensions.host.x_close__mutmut_2: survived
    hosting.extensions.host.x_close__mutmut_3: timeout
    hosting.extensions._sdk.x_read__mutmut_1: no tests
"""


def test_a_sample_depends_on_the_seed_alone_and_grows_with_the_number() -> None:
    """The same seed chooses the same mutants, a larger number more of them; another seed chooses others."""
    names = [f"mutant {number:03}" for number in range(200)]
    chosen = mutate.choose(names, 20, seed=1)
    assert chosen == mutate.choose(names, 150, seed=1)[:20]
    assert len(set(chosen)) == 20
    assert chosen != mutate.choose(names, 20, seed=2)


def test_all_mutants_are_chosen_where_the_sample_is_no_smaller_or_zero() -> None:
    """A sample of 0 means all mutants, and so does one that is larger than their number."""
    assert mutate.choose(["a", "b"], 0, seed=1) == mutate.choose(["a", "b"], 3, seed=1)
    assert sorted(mutate.choose(["a", "b"], 0, seed=1)) == ["a", "b"]


def test_a_mutant_survives_if_no_test_fails_or_calls_it() -> None:
    """A mutant that makes the tests endless is noticed, one that no test calls is not."""
    assert mutate.survivors(mutate.parse_results(RESULTS)) == [
        "hosting.extensions._sdk.x_read__mutmut_1",
        "hosting.extensions.host.x_close__mutmut_2",
    ]


def test_the_report_has_the_score_of_each_module_the_survivors_and_the_whole_score() -> None:
    """The last line is the score over all modules."""
    lines = list(mutate.report(mutate.parse_results(RESULTS)))
    assert [line.split() for line in lines[:2]] == [
        ["hosting.extensions._sdk", "0.0%", "(0", "of", "1", "mutants", "killed)"],
        ["hosting.extensions.host", "66.7%", "(2", "of", "3", "mutants", "killed)"],
    ]
    assert lines[2:] == [
        "survived: hosting.extensions._sdk.x_read__mutmut_1 (no tests)",
        "survived: hosting.extensions.host.x_close__mutmut_2 (survived)",
        "Mutation score:  50.0% (2 of 4 mutants killed)",
    ]


def test_what_mutmut_copies_exists() -> None:
    """Each path of mutmut's settings is in the checkout."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["mutmut"]
    assert all((ROOT / path).exists() for path in [*settings["source_paths"], *settings["also_copy"]])
