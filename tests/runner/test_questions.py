"""Questions to all processes of a host: each has an answer in time, whatever one of them does."""

from __future__ import annotations

import asyncio
import multiprocessing
import os
from typing import Any

import pytest

from hosting.runner.channel import SupervisorChannel
from hosting.runner.questions import MAX_UNANSWERED, Answered, Asked, Party, Questions, Replied
from hosting.server.processes import Answer, Processes

ASKED = Asked(7, ("status", {}, 2.0, ""), 2.0, "")


class Sent(list[Any]):
    """A sender that keeps what is sent."""

    def send(self, message: Any) -> None:
        """Keep a message."""
        self.append(message)


def parties(*senders: Sent | None) -> list[Party]:
    """Return a process for each sender, with its number from 1, and its number times ten for its id."""
    return [Party(n, n * 10, sender, "it starts") for n, sender in enumerate(senders, 1)]  # type: ignore[arg-type]


def test_question_has_the_answer_of_each_process_or_the_reason_why_not() -> None:
    """One answers, one hangs, one ends, and one starts: the answer has all of it when the time is over."""
    now = 100.0
    questions = Questions(lambda: now)
    first, second, third = Sent(), Sent(), Sent()
    questions.ask(first, ASKED, parties(first, second, third, None))  # type: ignore[arg-type]
    assert first == second == third == [ASKED._replace(id=1)]
    questions.reply(10, Replied(1, '"fine"', ""))
    questions.end(30)
    questions.expire()
    assert (len(first), questions.next_end) == (1, 102.0)
    now = 102.0
    questions.expire()
    late, ended = "it has not answered within 2 s", "it has ended"
    answers: list[tuple[int | None, int, str | None, str]]
    answers = [(1, 10, '"fine"', ""), (2, 20, None, late), (3, 30, None, ended), (4, 40, None, "it starts")]
    assert first[1:] == [Answered(7, answers)]
    assert questions.next_end == float("inf")
    questions.reply(20, Replied(1, '"late"', ""))
    assert len(first) == 2


def test_question_is_answered_as_soon_as_all_have_answered() -> None:
    """It does not wait for its time, nor for processes that cannot answer."""
    questions = Questions()
    first = Sent()
    questions.ask(first, ASKED, parties(first, None))  # type: ignore[arg-type]
    questions.reply(10, Replied(1, "1", ""))
    assert [type(one) for one in first] == [Asked, Answered]


def test_process_that_leaves_questions_unanswered_gets_no_more() -> None:
    """Its connection must not fill up; the others are asked."""
    questions = Questions()
    asker, hung = Sent(), Sent()
    for _ in range(MAX_UNANSWERED + 1):
        questions.ask(asker, ASKED, parties(None, hung))  # type: ignore[arg-type]
    assert len(hung) == MAX_UNANSWERED
    assert asker[-1].answers[1] == (2, 20, None, f"{MAX_UNANSWERED} questions wait for its answer")


def test_last_question_under_a_key_holds_for_processes_that_start_later() -> None:
    """They get it with their role, and again if it was asked while they started."""
    questions = Questions()
    for name, key in (("pause", "extension a"), ("drain", "drain"), ("resume", "extension a"), ("status", "")):
        questions.ask(Sent(), Asked(1, (name, {}, 2.0, key), 2.0, key), [])  # type: ignore[arg-type]
    assert [fields[0] for fields in questions.kept] == ["drain", "resume"]
    started = Sent()
    questions.repeat(started)  # type: ignore[arg-type]
    assert [asked.question[0] for asked in started] == ["drain", "resume"]


async def test_process_asks_through_its_channel_and_answers() -> None:
    """Answers are JSON, errors are text without secrets, and the kept questions are done at start."""
    own_end, other_end = multiprocessing.Pipe()
    done: list[str] = []
    processes = Processes(
        SupervisorChannel(other_end, 2, [("do", {"what": "early"}, 1.0, "k"), ("fail", {}, 1.0, "f")])
    )

    async def fail() -> None:
        raise ValueError("AccountKey=c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0")

    processes.add("do", lambda what: done.append(what))
    processes.add("fail", fail)
    processes.add("odd", lambda: {1: (os.sep, object)})
    await processes.start()
    assert done == ["early"]
    asking = asyncio.create_task(processes.ask("do", what="now"))
    asked = await asyncio.to_thread(own_end.recv)
    assert asked.question == ("do", {"what": "now"}, 2.0, "")
    replies = {}
    for name in ("fail", "odd", "unknown"):
        own_end.send(Asked(3, (name, {}, 2.0, ""), 2.0, ""))
        replies[name] = await asyncio.to_thread(own_end.recv)
    assert (replies["fail"].error, replies["odd"].text) == (
        "ValueError: AccountKey=***",
        '{"1": ["/", "<class \'object\'>"]}',
    )
    assert "unknown" in replies["unknown"].error
    own_end.send(Answered(asked.id, [(1, 10, "[1]", ""), (2, 20, None, "it has ended")]))
    assert await asking == [Answer(1, 10, [1]), Answer(2, 20, None, "it has ended")]
    own_end.close()


async def test_process_answers_for_itself_where_the_supervisor_does_not(monkeypatch: pytest.MonkeyPatch) -> None:
    """A supervisor that was stopped must not hang the endpoints of a host."""
    monkeypatch.setattr("hosting.server.processes._MARGIN_SECONDS", 0.0)
    own_end, other_end = multiprocessing.Pipe()
    processes = Processes(SupervisorChannel(other_end, 1))
    processes.add("status", lambda: "fine")
    await processes.start()
    own, other = await processes.ask("status", seconds=0.01)
    assert (own.value, other.error) == ("fine", "the supervisor has not answered")
    own_end.close()


def test_question_has_one_answer() -> None:
    """Two parts of the host cannot answer the same question."""
    processes = Processes()
    processes.add("status", dict)
    with pytest.raises(ValueError, match="'status' is answered already"):
        processes.add("status", dict)
