"""What the activities of ``orders`` and ``orders_2`` do: each notes in the file ``RUNS`` that it ran."""

import os


def double(x: list[int]) -> int:
    """Return the double of the number behind the ID of the instance."""
    _note(x)
    return x[1] * 2


def fail_at_first(x: list[int]) -> int:
    """Return the number behind the ID of the instance, but fail at the first run."""
    _note(x)
    with open(os.environ["RUNS"]) as runs:
        count = sum(line.strip() == f"{x[0]} {x[1]}" for line in runs)
    if count < 2:
        raise ValueError("unsteady")
    return x[1]


def _note(x: list[int]) -> None:
    """Add a line to the file; short lines are written whole."""
    file = os.open(os.environ["RUNS"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, f"{x[0]} {x[1]}\n".encode())
    os.close(file)
