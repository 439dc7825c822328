"""How far a store's sweeps are, worked out from the attempts."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass, field

from battsweep.store.distrust import ProofStatus, proof_status

_STANDING = """
SELECT sweep, outcome, failure_class, sum(tasks),
       min(CASE WHEN first_finished_utc <> '' THEN first_finished_utc END),
       max(last_finished_utc), sum(wall_us) / 1e6
FROM standing GROUP BY 1, 2, 3"""
_RECENT = """
SELECT sweep, sum(tasks) FROM standing
WHERE last_finished_utc >= ? AND outcome <> 'lost' GROUP BY sweep"""


@dataclass(frozen=True, slots=True)
class SweepStatus:
    """How far a sweep is.

    ``counts`` has done, failed, lost and waiting tasks; ``failures`` the failed
    ones by class. ``wall_s`` is the time the tasks took, added up. Times are
    "" where nothing has finished yet.
    """

    sweep: str
    name: str
    tasks: int
    counts: Mapping[str, int]
    failures: Mapping[str, int]
    first_finished_utc: str
    last_finished_utc: str
    wall_s: float


@dataclass(frozen=True, slots=True)
class Status:
    """How far all sweeps of a store are, oldest first, and what its shards take."""

    sweeps: tuple[SweepStatus, ...]
    shards: int
    bytes: int
    proof: ProofStatus = field(default_factory=ProofStatus)


def status_of(connection: sqlite3.Connection) -> Status:
    """Return how far the sweeps in an index are."""
    groups = connection.execute(_STANDING).fetchall()
    sweeps = connection.execute(
        "SELECT sweep, name, task_count FROM sweep ORDER BY created_utc, sweep"
    ).fetchall()
    shards, size = connection.execute(
        "SELECT count(*), coalesce(sum(bytes), 0) FROM shard"
    ).fetchone()
    return Status(
        sweeps=tuple(
            _sweep_status(sweep, name, tasks, [row[1:] for row in groups if row[0] == sweep])
            for sweep, name, tasks in sweeps
        ),
        shards=shards,
        bytes=size,
        proof=proof_status(connection),
    )


def finished_since(connection: sqlite3.Connection, utc: str) -> dict[str, int]:
    """Return how many tasks each sweep has finished since a time, to within a chunk."""
    return {sweep: int(count) for sweep, count in connection.execute(_RECENT, (utc,))}


def _sweep_status(
    sweep: str,
    name: str,
    tasks: int,
    groups: list[tuple[str, str, int, str | None, str, float]],
) -> SweepStatus:
    counts = dict.fromkeys(("done", "failed", "lost", "waiting"), 0)
    failures: dict[str, int] = {}
    for status, failure_class, count, *_ in groups:
        counts[status] += count
        if status == "failed":
            failures[failure_class or "error"] = count
    counts["waiting"] = tasks - sum(counts.values())
    ended = [row for row in groups if row[0] in ("done", "failed")]
    return SweepStatus(
        sweep=sweep,
        name=name,
        tasks=tasks,
        counts=counts,
        failures=failures,
        first_finished_utc=min((row[3] for row in ended if row[3]), default=""),
        last_finished_utc=max((row[4] for row in ended if row[4]), default=""),
        wall_s=sum(row[5] for row in groups),
    )
