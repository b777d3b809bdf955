"""Invocation ids."""

from __future__ import annotations

import random
import uuid

from hosting.host._ids import InvocationIds


def test_ids_are_random_uuids() -> None:
    """Each is a version 4 UUID in its usual form, and no two are alike."""
    new_id = InvocationIds()
    ids = [new_id() for _ in range(10_000)]
    assert all(str(uuid.UUID(one)) == one for one in ids)
    assert {(uuid.UUID(one).version, uuid.UUID(one).variant) for one in ids} == {(4, uuid.RFC_4122)}
    assert len(set(ids)) == len(ids)


def test_seed_of_an_app_does_not_affect_ids() -> None:
    """An app that seeds Python's random numbers changes nothing about ids, nor do ids change the app's numbers."""
    drawn = []
    for _ in range(2):
        random.seed(1)
        drawn.append((InvocationIds()(), random.random()))
    assert drawn[0][0] != drawn[1][0]
    assert drawn[0][1] == drawn[1][1]
