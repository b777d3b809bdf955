"""The answers of several processes as one document, as if the host had only one process."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from hosting.server.processes import Answer

_EXTENSION_RANKS = ("failed", "blocked", "quarantined", "erring", "paused", "active", "idle", "disabled")
_HEALTH_RANKS = ("unhealthy", "healthy", "unknown")
_TASK_RANKS = ("failed", "restarting", "running", "waiting", "finished", "stopped", "added")
_SERVICE_RANKS = ("created", "closed", "value", "unused")
_STARTING = ("it starts", "it has not started yet")


def is_starting(answer: Answer) -> bool:
    """Return whether a process has not answered because it has not started yet."""
    return answer.error in _STARTING


def process_entries(answers: Iterable[Answer], *keys: str) -> list[dict[str, Any]]:
    """Return an entry for each process, with some keys of its answer, or the reason why it has none.

    Args:
        answers: one for each process.
        keys: the keys of answers that are objects.
    """
    entries: list[dict[str, Any]] = []
    for answer in answers:
        entry: dict[str, Any] = {"process": answer.process, "pid": answer.pid or None}
        if answer.error:
            entry["error"] = answer.error
        else:
            entry.update((key, answer.value[key]) for key in keys)
        entries.append(entry)
    return entries


def absence_texts(answers: Iterable[Answer]) -> list[str]:
    """Return a sentence for each process that has not answered and does not merely start."""
    return [
        f"{answer.name}{f' (pid {answer.pid})' if answer.pid else ''}: {answer.error}."
        for answer in answers
        if answer.error and not is_starting(answer)
    ]


def values(answers: Iterable[Answer]) -> list[tuple[Answer, Any]]:
    """Return the answers that have a value, each with it."""
    return [(answer, answer.value) for answer in answers if not answer.error]


def merged_texts(answers: Sequence[Answer], texts: Callable[[Any], Iterable[str]]) -> list[str]:
    """Return the texts of all answers, each once; one that not every process has names the first that has it.

    Args:
        answers: one for each process.
        texts: returns the texts of an answer's value.
    """
    found = values(answers)
    owners: dict[str, list[Answer]] = {}
    for answer, value in found:
        for text in dict.fromkeys(texts(value)):
            owners.setdefault(text, []).append(answer)
    return [text if len(own) == len(found) else f"{own[0].name}: {text}" for text, own in owners.items()]


def merged_diagnosis(answers: Sequence[Answer]) -> dict[str, Any]:
    """Return the diagnosis of all processes: figures are added up, and of each state the worst is shown.

    Args:
        answers: the diagnosis of each process; at least one has a value.
    """
    found = values(answers)
    document: dict[str, Any] = dict(found[0][1])
    if len(answers) == 1 and answers[0].process is None:
        return document
    everything = [(answer, value) for answer, value in found]
    document["extensions"] = _merged(everything, "extensions", ("name", "distribution", "entry_point"), _extension)
    document["health"] = _merged(everything, "health", ("name",), _health)
    document["tasks"] = _merged(everything, "tasks", ("name", "added_by"), _task)
    document["services"] = _merged(everything, "services", ("name", "added_by"), _service)
    document["unguarded"] = sorted({name for _, value in everything for name in value["unguarded"]})
    document["problems"] = _problems(answers, everything)
    document["processes"] = process_entries(answers)
    return document


Entries = Sequence[tuple[Answer, dict[str, Any]]]


def _merged(
    found: Entries, key: str, identity: tuple[str, ...], merge: Callable[[Entries], dict[str, Any]]
) -> list[dict[str, Any]]:
    """Merge the entries of a list in several documents that are about the same thing."""
    groups: dict[tuple[Any, ...], list[tuple[Answer, dict[str, Any]]]] = {}
    for answer, document in found:
        seen: dict[tuple[Any, ...], int] = {}
        for entry in document[key]:
            name = tuple(entry[part] for part in identity)
            seen[name] = seen.get(name, 0) + 1  # Azure's classes have one entry for each instance
            groups.setdefault((*name, seen[name]), []).append((answer, entry))
    return [merge(group) for group in groups.values()]


def _worst(entries: Entries, ranks: Sequence[str]) -> tuple[Answer, dict[str, Any]]:
    return min(entries, key=lambda one: ranks.index(one[1]["status"]) if one[1]["status"] in ranks else -1)


def _differ(entries: Entries, key: str) -> bool:
    return len({entry[key] for _, entry in entries}) > 1


def _extension(entries: Entries) -> dict[str, Any]:
    answer, entry = _worst(entries, _EXTENSION_RANKS)
    reason = f"{answer.name.lower()}: {entry['reason']}" if _differ(entries, "status") else entry["reason"]
    error = next((one["error"] for _, one in entries if one["error"]), None)
    figures = [one["statistics"] for _, one in entries]
    return {**entry, "reason": reason, "error": error, "statistics": _figures(figures)}


def _figures(figures: Sequence[Mapping[str, Mapping[str, float]]]) -> dict[str, dict[str, float]]:
    merged: dict[str, dict[str, float]] = {}
    for of_process in figures:
        for hook, numbers in of_process.items():
            total = merged.setdefault(hook, dict.fromkeys(numbers, 0))
            for key, number in numbers.items():
                total[key] = max(total[key], number) if key.startswith("max") else round(total[key] + number, 6)
    return merged


def _health(entries: Entries) -> dict[str, Any]:
    answer, entry = _worst(entries, _HEALTH_RANKS)
    if entry["reason"] and _differ(entries, "reason"):
        return {**entry, "reason": f"{answer.name.lower()}: {entry['reason']}"}
    return entry


def _task(entries: Entries) -> dict[str, Any]:
    is_single = entries[0][1]["single"]
    ranks = ("running", *_TASK_RANKS) if is_single else _TASK_RANKS
    entry = _worst(entries, ranks)[1]
    error = next((one["error"] for _, one in entries if one["error"]), None)
    return {**entry, "restarts": sum(one["restarts"] for _, one in entries), "error": error}


def _service(entries: Entries) -> dict[str, Any]:
    return _worst(entries, _SERVICE_RANKS)[1]


def _problems(answers: Sequence[Answer], found: Entries) -> list[dict[str, Any]]:
    """Return every problem once, and one for each process that has not answered."""
    kinds = {problem["message"]: problem for _, value in reversed(found) for problem in value["problems"]}
    texts = merged_texts(answers, lambda value: [problem["message"] for problem in value["problems"]])
    merged = []
    for text in texts:
        known = kinds.get(text) or kinds[text.partition(": ")[2]]
        merged.append({**known, "message": text})
    remedy = "Look at its log lines; if it hangs, end it: the supervisor starts another one."
    return [*merged, *({"severity": "error", "message": text, "remedy": remedy} for text in absence_texts(answers))]
