"""Messages: events that wait in an instance's inbox until a turn takes them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from hosting_durable.events import Event
from hosting_durable.stores.database import Row, Rows

_PUT = """INSERT INTO inbox (instance, execution, due, timer, type, event_id, at, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?)"""
_READY = """UPDATE instances SET ready_at = CASE WHEN ready_at IS NULL OR ready_at > ? THEN ? ELSE ready_at END
    WHERE id = ? AND status NOT IN ('Completed', 'Failed', 'Terminated', 'Canceled')"""


class Message(NamedTuple):
    """A message in an inbox.

    Args:
        number: its place in the order of all messages.
        due: when it may be taken, in microseconds since 1970.
        execution: the execution that it is for; None for any.
        is_held: whether a turn has left it, because nothing waits for it yet.
        event: what it brings.
    """

    number: int
    due: int
    execution: str | None
    is_held: bool
    event: Event


def put(
    rows: Rows, instance: str, event: Event, *, due: int = 0, execution: str | None = None, timer: int | None = None
) -> None:
    """Put a message into an inbox, and let the instance have a turn when it is due.

    A message to an instance that is finished or does not exist is dropped.

    Args:
        rows: the transaction.
        instance: the ID of the instance.
        event: what it brings.
        due: when it may be taken; 0 for at once.
        execution: the execution that it is for; None for any.
        timer: the ID of the timer that it is, so that it can be cancelled.
    """
    if rows.run(_READY, due, due, instance):
        rows.run(_PUT, instance, execution, due, timer, event.type, event.id, event.at, event.body)


def take(rows: Rows, instance: str, now: int) -> list[Message]:
    """Return the messages of an instance that are due, in the order of their arrival; those that are held as well."""
    found = rows.all(
        """SELECT number, due, execution, held, type, event_id, at, body FROM inbox
        WHERE instance = ? AND due <= ? ORDER BY number""",
        instance,
        now,
    )
    return [Message(row[0], row[1], row[2], bool(row[3]), Event(*row[4:])) for _, row in sorted(_placed(found))]


def _placed(found: list[Row]) -> Iterator[tuple[int, Row]]:
    """Yield each row with the time of its arrival.

    A message that is due later, such as a timer, arrives then. The others keep the order in which they were sent, also
    if the clock was set back between two of them.
    """
    latest = 0
    for row in found:
        if row[1]:
            yield row[1], row
        else:
            latest = max(latest, row[6])
            yield latest, row


def refresh_ready(rows: Rows, instance: str) -> None:
    """Compute anew when an instance has its next turn, after messages were taken or held."""
    rows.run(
        "UPDATE instances SET ready_at = (SELECT min(due) FROM inbox WHERE instance = ? AND held = 0) WHERE id = ?",
        instance,
        instance,
    )
