"""Sweeps and receipts into the index's tables: each function is part of one transaction."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from battsweep.store.json_text import plain_to_json, to_json
from battsweep.store.receipts import Receipt
from battsweep.store.shards import ShardHeader
from battsweep.store.sweeps import SweepRecord

# The last attempt wins among equals: after another try, its message is the one to read.
_CHOOSE_WINNERS = """
UPDATE attempt SET wins = 1 WHERE rowid IN (
  SELECT id FROM (
    SELECT rowid AS id, row_number() OVER (
      PARTITION BY task_id
      ORDER BY CASE outcome WHEN 'done' THEN 0 WHEN 'failed' THEN 1 ELSE 2 END,
               attempt DESC, started_utc DESC, shard
    ) AS place
    FROM attempt WHERE task_id IN (SELECT task_id FROM attempt WHERE shard = ?)
  ) WHERE place = 1
)"""

_MARK_SHARDS = """
UPDATE shard SET state = CASE
    WHEN EXISTS (SELECT 1 FROM attempt a WHERE a.shard = shard.shard AND a.wins = 1)
    THEN 'live' ELSE 'superseded' END
WHERE shard IN (
  SELECT shard FROM attempt WHERE task_id IN (SELECT task_id FROM attempt WHERE shard = ?)
)"""


@dataclass(frozen=True, slots=True)
class ShardFile:
    """A shard as a file: its path in the store, sha256 and size."""

    path: str
    sha256: str
    bytes: int


def insert_sweep(connection: sqlite3.Connection, record: SweepRecord) -> None:
    """Add a sweep and its tasks; a sweep that is there stays as it is."""
    plan, sweep = record.plan, record.sweep_id
    inserted = connection.execute(
        "INSERT INTO sweep VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (
            sweep,
            plan["name"],
            plan["created_utc"],
            plan["seed"],
            plan["task_count"],
            to_json(plan),
        ),
    )
    if not inserted.rowcount:
        return
    connection.executemany(
        "INSERT INTO sweep_cell VALUES (?, ?, ?, ?, ?)",
        [
            (sweep, name, cell["parameter_set"], cell["sha256"], to_json(cell["changed"]))
            for name, cell in plan["cells"].items()
        ],
    )
    connection.executemany(
        "INSERT INTO sweep_model VALUES (?, ?, ?)",
        [(sweep, name, to_json(content)) for name, content in plan["models"].items()],
    )
    connection.executemany(
        "INSERT INTO measured VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [_measured_row(curve) for curve in plan["measured"]],
    )
    tasks = record.tasks.to_pydict()
    connection.executemany(
        "INSERT INTO task VALUES (?, ?) ON CONFLICT DO NOTHING",
        zip(tasks["task_id"], tasks["kind"], strict=True),
    )
    names = (
        "number",
        "task_id",
        "cell",
        "model",
        "protocol",
        "varied",
        "parameters",
        "measured",
    )
    connection.executemany(
        "INSERT INTO sweep_task VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        ((sweep, *row) for row in zip(*(tasks[name] for name in names), strict=True)),
    )


def insert_shard(connection: sqlite3.Connection, file: ShardFile, header: ShardHeader) -> None:
    """Add a shard and its receipts, and choose anew which attempt of each task wins."""
    connection.execute(
        "INSERT INTO shard VALUES (?, ?, ?, ?, ?, ?, ?, 'superseded', ?)",
        (
            file.path,
            header.sweep,
            header.chunk,
            header.attempt,
            file.sha256,
            file.bytes,
            sum(receipt.row_count for receipt in header.receipts),
            to_json(header.provenance),
        ),
    )
    connection.executemany(
        "INSERT INTO attempt VALUES (?, ?, ?, 0, ?, ?, ?, ?, ?, ?, ?, ?, ?,"
        " ?, ?, ?, ?, ?, ?, ?, ?)",
        [_attempt_row(file.path, receipt) for receipt in header.receipts],
    )
    connection.executemany(
        "INSERT INTO cycle VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        [
            (
                receipt.task_id,
                file.path,
                receipt.attempt,
                int(cycle["cycle_count"] or 0),
                plain_to_json({key: value for key, value in cycle.items() if key != "cycle_count"}),
            )
            for receipt in header.receipts
            for cycle in receipt.cycles
        ],
    )
    _settle(connection, file.path)


def delete_shard(connection: sqlite3.Connection, path: str) -> None:
    """Forget a shard and its receipts, as if it had never been there."""
    tasks = connection.execute("SELECT task_id FROM attempt WHERE shard = ?", (path,)).fetchall()
    connection.execute("DELETE FROM shard WHERE shard = ?", (path,))
    others = {
        shard
        for (task_id,) in tasks
        for (shard,) in connection.execute(
            "SELECT shard FROM attempt WHERE task_id = ?", (task_id,)
        )
    }
    for shard in sorted(others):
        _settle(connection, shard)


def _settle(connection: sqlite3.Connection, path: str) -> None:
    """Choose which attempt wins, for the tasks of a shard, and mark all their shards."""
    connection.execute(
        "UPDATE attempt SET wins = 0 WHERE wins = 1 "
        "AND task_id IN (SELECT task_id FROM attempt WHERE shard = ?)",
        (path,),
    )
    connection.execute(_CHOOSE_WINNERS, (path,))
    connection.execute(_MARK_SHARDS, (path,))


def _attempt_row(path: str, receipt: Receipt) -> tuple[object, ...]:
    return (
        receipt.task_id,
        path,
        receipt.attempt,
        receipt.outcome,
        receipt.failure_class,
        receipt.message,
        receipt.traceback,
        int(receipt.partial),
        receipt.row_start,
        receipt.row_count,
        plain_to_json(receipt.summary),
        plain_to_json(receipt.statistics),
        plain_to_json(receipt.fit),
        receipt.group,
        receipt.method,
        to_json(list(receipt.tries)),
        receipt.started_utc,
        _finished_utc(receipt),
        float(receipt.wall_s),
        receipt.log,
    )


def _finished_utc(receipt: Receipt) -> str:
    """Return when an attempt ended, to the second; "" where its start is not known."""
    if not receipt.started_utc:
        return ""
    try:
        started = datetime.fromisoformat(receipt.started_utc)
    except ValueError:
        return ""
    ended = started + timedelta(seconds=receipt.wall_s)
    return ended.isoformat(timespec="seconds")


def _measured_row(curve: Mapping[str, Any]) -> tuple[object, ...]:
    return (
        curve["file"],
        curve["name"],
        curve["cell"],
        curve["protocol"],
        to_json(curve["at"]),
        curve["sha256"],
        curve["source"],
    )
