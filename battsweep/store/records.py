"""One task in full: what it is, and how its attempts ended."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.compute as pc

from battsweep.errors import StoreError
from battsweep.store.layout import inside
from battsweep.store.receipts import Receipt
from battsweep.store.shards import read_receipts
from battsweep.store.sweeps import read_sweep

_MOST_CANDIDATES = 8
_COLUMNS = (
    "task_id, number, sweep, kind, cell, model, protocol, status, failure_class, message, "
    "varied, parameters, summary, shard, row_start, row_count"
)


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task in full, as it stands in the first sweep that asked for it.

    ``procedure`` is its protocol with placeholders filled; ``model_content``
    the model's whole configuration; ``overrides`` what its cell changes in
    the parameter set, whose text is in params/``parameter_set_sha256``.json.
    """

    task_id: str
    number: int
    sweep: str
    kind: str
    cell: str
    model: str
    protocol: str
    status: str
    failure_class: str | None
    message: str | None
    varied: Mapping[str, float | str]
    parameters: Mapping[str, float]
    summary: Mapping[str, float | None]
    shard: str | None
    row_start: int
    row_count: int
    procedure: Mapping[str, Any]
    model_content: Mapping[str, Any]
    parameter_set: str
    parameter_set_sha256: str
    overrides: Mapping[str, float]


def find_task(store: Path, connection: sqlite3.Connection, prefix: str) -> TaskRecord:
    """Return a task by its number or by the beginning of its id.

    Raises
    ------
    StoreError
        If there is none, or more than one; it names some that could be meant.
    """
    rows = _candidates(connection, prefix)
    ids = list(dict.fromkeys(row[0] for row in rows))
    if len(ids) != 1:
        some = ", ".join(f"{row[0]} ({row[2]} number {row[1]})" for row in rows[:_MOST_CANDIDATES])
        what = f"{len(ids)} tasks could be {prefix!r}: {some}" if ids else f"no task {prefix!r}"
        raise StoreError(f"{store}: {what}; give a number of a sweep, or the beginning of one id")
    return _record(store, rows[0])


def receipts_of(
    store: Path, connection: sqlite3.Connection, task_id: str
) -> list[tuple[Receipt, Mapping[str, object]]]:
    """Return the receipts of all attempts at a task, in order, with their provenance."""
    query = "SELECT DISTINCT shard FROM attempt WHERE task_id = ? ORDER BY shard"
    found: list[tuple[Receipt, Mapping[str, object]]] = []
    for (shard,) in connection.execute(query, (task_id,)).fetchall():
        receipts, provenance = read_receipts(inside(store, shard))
        found += [(receipt, provenance) for receipt in receipts if receipt.task_id == task_id]
    return sorted(found, key=lambda pair: (pair[0].attempt, pair[0].started_utc))


def _candidates(connection: sqlite3.Connection, prefix: str) -> list[tuple[Any, ...]]:
    select = f"SELECT {_COLUMNS} FROM all_tasks WHERE "  # noqa: S608 - constants
    order = " ORDER BY task_id, sweep, number LIMIT 100"
    if prefix.isdecimal() and prefix.isascii() and len(prefix) < 18:
        rows = connection.execute(f"{select} number = ? {order}", (int(prefix),)).fetchall()
        if rows:
            return rows
    # A range, and not LIKE, uses the index; ids are hexadecimal digits.
    values = (prefix, f"{prefix}g")
    return connection.execute(f"{select} task_id >= ? AND task_id < ? {order}", values).fetchall()


def _record(store: Path, row: tuple[Any, ...]) -> TaskRecord:
    (
        task_id,
        number,
        sweep,
        kind,
        cell,
        model,
        protocol,
        status,
        failure_class,
        message,
        varied,
        parameters,
        summary,
        shard,
        row_start,
        row_count,
    ) = row
    record = read_sweep(store, sweep)
    place = pc.index(record.tasks.column("number"), number).as_py()
    used = record.plan["cells"][cell]
    return TaskRecord(
        task_id=task_id,
        number=number,
        sweep=sweep,
        kind=kind,
        cell=cell,
        model=model,
        protocol=protocol,
        status=status,
        failure_class=failure_class,
        message=message,
        varied=json.loads(varied),
        parameters=json.loads(parameters),
        summary=json.loads(summary),
        shard=shard,
        row_start=row_start or 0,
        row_count=row_count or 0,
        procedure=json.loads(record.tasks.column("procedure")[place].as_py()),
        model_content=record.plan["models"][model],
        parameter_set=used["parameter_set"],
        parameter_set_sha256=used["sha256"],
        overrides=used["changed"],
    )
