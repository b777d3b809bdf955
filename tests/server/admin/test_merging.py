"""The documents of several processes as one: figures are added up, the worst state is shown, and no problem is lost."""

from __future__ import annotations

from typing import Any

from hosting.server.admin.merging import merged_diagnosis
from hosting.server.processes import Answer


def document(status: str, calls: int, task: str, problems: list[str]) -> dict[str, Any]:
    """Return the diagnosis of one process, as far as it is merged."""
    figures = {"calls": calls, "errors": 1, "denied": 0, "total_ms": 2.5, "max_ms": float(calls)}
    reason = f"why {status}"
    extension = {"name": "mine", "distribution": None, "entry_point": None, "status": status, "reason": reason}
    return {
        "schema_version": 1,
        "extensions": [{**extension, "error": None, "statistics": {"around": figures}}],
        "health": [{"name": "disk", "status": "healthy", "reason": None}],
        "tasks": [{"name": "t", "added_by": "mine", "single": True, "status": task, "restarts": 1, "error": None}],
        "services": [{"name": "s", "added_by": "mine", "status": "unused"}],
        "unguarded": ["f"],
        "problems": [{"severity": "warning", "message": message, "remedy": "Fix it."} for message in problems],
    }


def test_diagnosis_of_several_processes_is_one_document() -> None:
    """One process hangs: it is a problem, and hides nothing of the others."""
    merged = merged_diagnosis(
        [
            Answer(1, 10, document("active", 3, "waiting", ["both"])),
            Answer(2, 20, document("quarantined", 4, "running", ["both", "own"])),
            Answer(3, 30, error="it has not answered within 10 s"),
            Answer(4, 0, error="it starts"),
        ]
    )
    (extension,) = merged["extensions"]
    assert (extension["status"], extension["reason"]) == ("quarantined", "process 2: why quarantined")
    assert extension["statistics"]["around"] == {"calls": 7, "errors": 2, "denied": 0, "total_ms": 5.0, "max_ms": 4.0}
    assert (merged["tasks"][0]["status"], merged["tasks"][0]["restarts"]) == ("running", 2)
    assert [problem["message"] for problem in merged["problems"]] == [
        "both",
        "Process 2: own",
        "Process 3 (pid 30): it has not answered within 10 s.",
    ]
    assert merged["processes"] == [
        {"process": 1, "pid": 10},
        {"process": 2, "pid": 20},
        {"process": 3, "pid": 30, "error": "it has not answered within 10 s"},
        {"process": 4, "pid": None, "error": "it starts"},
    ]


def test_diagnosis_of_a_single_process_is_its_own() -> None:
    """It has no list of processes."""
    own = document("active", 1, "running", [])
    assert merged_diagnosis([Answer(None, 10, own)]) == own
