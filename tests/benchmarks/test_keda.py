"""The simulated KEDA runs on a small scale; ``make proof`` runs it with 20,000 messages."""

from __future__ import annotations

from pathlib import Path

import pytest
from hosting_storage.testing import azurite_command

from tests.benchmarks.keda import run


@pytest.mark.long
@pytest.mark.skipif(azurite_command() is None, reason="Azurite is not installed")
def test_hosts_scale_from_zero_to_two_and_back_without_losing_a_message(tmp_path: Path) -> None:
    """The files that the command writes let hosts start, share the queue, complete their work and stop."""
    figures = run(tmp_path, 300, 2, polling=1, cooldown=2, most=2)
    assert figures["hosts at most"] == 2
    assert (figures["lost"], figures["cut off"], figures["hosts killed"], figures["poison"]) == (0, 0, 0, 0)
    assert figures["duplicates"] == 0
