"""Which groups a proof speaks against, and what that means for their tasks."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any, cast

from battsweep.store.receipts import Receipt

OUTCOME = "outcome"
"""Stands for the variable where two simulations ended differently, or were not compared."""


def distrusted_groups(connection: sqlite3.Connection) -> set[str]:
    """Return the groups of which a task differed from a plain simulation."""
    rows = connection.execute("SELECT DISTINCT group_key FROM proof WHERE passed = 0")
    return {key for (key,) in rows}


def insert_proofs(
    connection: sqlite3.Connection, shard: str, receipts: Iterable[Receipt]
) -> set[str]:
    """Add the proofs of a shard's receipts; return the groups that were trusted until now."""
    rows = [row for receipt in receipts for row in _rows(shard, receipt)]
    if not rows:
        return set()
    before = distrusted_groups(connection)
    connection.executemany("INSERT INTO proof VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
    return distrusted_groups(connection) - before


def settle_groups(
    connection: sqlite3.Connection,
    groups: Collection[str],
    settle: Callable[[sqlite3.Connection, str], None],
) -> None:
    """Choose anew which attempts win, for all tasks of some groups, by their shards."""
    marks = ", ".join("?" * len(groups))
    query = f"SELECT DISTINCT shard FROM attempt WHERE group_key IN ({marks})"  # noqa: S608
    for (shard,) in connection.execute(query, tuple(groups)).fetchall() if groups else ():
        settle(connection, shard)


def _rows(shard: str, receipt: Receipt) -> Iterator[tuple[object, ...]]:
    """Yield a row a variable; one for the outcome where no variables were compared."""
    proof = receipt.proof
    if "passed" not in proof:
        return
    start = (receipt.task_id, shard, receipt.attempt, receipt.group)
    message = str(proof.get("message", "")) or None
    found = cast("Mapping[str, Mapping[str, Any]]", proof.get("differences", {}))
    for name, one in found.items():
        numbers = (float(one["difference"]), float(one["tolerance"]), one["unit"])
        yield (*start, name, *numbers, int(bool(one["passed"])), None)
    if not found:
        passed = proof["passed"]
        verdict = None if passed is None else int(bool(passed))
        yield (*start, OUTCOME, None, None, None, verdict, message)
