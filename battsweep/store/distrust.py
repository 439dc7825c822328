"""Proofs in the index: which groups they speak against, and what is still to be proven."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from battsweep.store.receipts import Receipt

if TYPE_CHECKING:
    import pandas as pd

LEAST_PROVEN = 2
"""So many tasks of a group have a proof, if it has as many."""
OUTCOME = "outcome"
"""Stands for the variable where two simulations ended differently, or were not compared."""

_UNPROVEN = """a.wins = 1 AND a.outcome = 'done' AND a.method = 'reused' AND NOT EXISTS
  (SELECT 1 FROM proof q
   WHERE q.task_id = a.task_id AND q.shard = a.shard AND q.attempt = a.attempt)"""

_PROOFS = """
SELECT count(DISTINCT group_key), count(DISTINCT task_id),
       max(CASE WHEN variable = 'Voltage [V]' AND passed = 1 THEN difference END),
       count(DISTINCT CASE WHEN passed IS NULL THEN task_id END)
FROM proof"""
_WORST = """
SELECT variable, difference, tolerance, unit, message FROM proof WHERE passed = 0
ORDER BY variable = 'Voltage [V]' DESC, difference / tolerance DESC LIMIT 1"""


@dataclass(frozen=True, slots=True)
class ProofStatus:
    """How many groups and tasks were held against plain simulations, and what came of it.

    ``voltage_v`` is the largest voltage difference that was found, where
    nothing was wrong; ``worst`` the largest difference in words where
    something was. ``undecided`` tasks had no plain simulation to compare with.
    """

    groups: int = 0
    tasks: int = 0
    voltage_v: float | None = None
    distrusted: int = 0
    undecided: int = 0
    worst: str = ""


def proof_status(connection: sqlite3.Connection) -> ProofStatus:
    """Return what all proofs of an index come to."""
    groups, tasks, voltage, undecided = connection.execute(_PROOFS).fetchone()
    worst = connection.execute(_WORST).fetchone()
    text = ""
    if worst is not None:
        variable, difference, tolerance, unit, message = worst
        text = message or f"{variable} by {difference:.3g} {unit}, of {tolerance:.3g} allowed"
    bad = len(distrusted_groups(connection))
    return ProofStatus(groups, tasks, voltage, bad, undecided, text)


def distrusted_groups(connection: sqlite3.Connection) -> set[str]:
    """Return the groups of which a task differed from a plain simulation."""
    rows = connection.execute("SELECT DISTINCT group_key FROM proof WHERE passed = 0")
    return {key for (key,) in rows}


def proven_tasks(connection: sqlite3.Connection, task_ids: Iterable[str]) -> set[str]:
    """Return those of some tasks whose winning attempt has a proof."""
    query = (
        "SELECT DISTINCT task_id FROM proof JOIN attempt a USING (task_id, shard, attempt) "
        "WHERE a.wins = 1 AND task_id IN (SELECT value FROM json_each(?))"
    )
    return {name for (name,) in connection.execute(query, (json.dumps(list(task_ids)),))}


def unproven_tasks(connection: sqlite3.Connection, task_ids: Iterable[str]) -> set[str]:
    """Return those of some tasks that are done on a reused model and have no proof."""
    query = f"SELECT a.task_id FROM attempt a WHERE {_UNPROVEN} " + (  # noqa: S608 - a constant
        "AND a.task_id IN (SELECT value FROM json_each(?))"
    )
    return {name for (name,) in connection.execute(query, (json.dumps(list(task_ids)),))}


def lacks_proof(connection: sqlite3.Connection, sweep: str, proof: str) -> bool:
    """Whether ``run`` with a kind of proof would compute some of a finished sweep again."""
    query = (
        "SELECT count(DISTINCT p.task_id), sum(p.task_id IS NULL AND "  # noqa: S608 - a constant
        f"{_UNPROVEN}) FROM sweep_task st JOIN attempt a ON a.task_id = st.task_id AND a.wins = 1 "
        "LEFT JOIN (SELECT DISTINCT task_id, shard, attempt FROM proof) p "
        "ON p.task_id = a.task_id AND p.shard = a.shard AND p.attempt = a.attempt "
        "WHERE st.sweep = ? AND a.method = 'reused' GROUP BY a.group_key"
    )
    if proof == "none":
        return False
    for proven, unproven in connection.execute(query, (sweep,)):
        if unproven and (proof == "all" or proven < LEAST_PROVEN):
            return True
    return False


def proofs_frame(connection: sqlite3.Connection, sweep: str | None) -> pd.DataFrame:
    """Return a row a proven task and variable: how far it is from a plain simulation."""
    import pandas as pd

    query = (
        "SELECT sweep, group_key, number, task_id, cell, model, protocol, variable, difference, "
        "tolerance, unit, passed, message, varied FROM proofs WHERE ? IS NULL OR sweep = ? "
        "ORDER BY sweep, group_key, number, variable"
    )
    cursor = connection.execute(query, (sweep, sweep))
    columns = [name for name, *_ in cursor.description]
    found = pd.DataFrame.from_records(cursor.fetchall(), columns=columns)
    verdicts = {1: "yes", 0: "no"}
    found["passed"] = [verdicts.get(value, "not compared") for value in found["passed"]]
    return found.rename(columns={"group_key": "group"})


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
