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
_NUMBER_DIGITS = 7  # so many digits, and no letters, are meant as a number
_COLUMNS = (
    "task_id, number, sweep, kind, cell, model, protocol, status, failure_class, message, "
    "varied, parameters, summary, shard, row_start, row_count"
)
_SELECT = f"SELECT {_COLUMNS} FROM all_tasks WHERE"  # noqa: S608 - constants
_ORDER = "ORDER BY task_id, sweep, number LIMIT 100"


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """A task in full, as it stands in the first sweep that asked for it.

    ``procedure`` is its protocol with placeholders filled; ``model_content``
    the model's whole configuration; ``overrides`` what its cell changes in
    the parameter set, whose text is in params/``parameter_set_sha256``.json;
    ``parameter_source`` is the sha256 of the Python file that made the set, if one did.
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
    parameter_source: str | None = None


def find_task(store: Path, connection: sqlite3.Connection, prefix: str) -> TaskRecord:
    """Return a task by its number or by the beginning of its id.

    Raises
    ------
    StoreError
        If there is none, or more than one; it names some that could be meant.
        Also if a few digits are no task's number: they are not taken for an id.
    """
    rows = _by_number(connection, prefix)
    if not rows:
        rows = _by_id(connection, prefix)
        if rows and prefix.isdecimal() and len(prefix) <= _NUMBER_DIGITS:
            longer = rows[0][0][: _NUMBER_DIGITS + 1]
            raise StoreError(
                f"{store}: no task has the number {prefix}, but an id begins so; to mean that "
                f"task, give more of its id: {longer}"
            )
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


def _by_number(connection: sqlite3.Connection, number: str) -> list[tuple[Any, ...]]:
    if not (number.isdecimal() and number.isascii() and len(number) < 18):
        return []
    return connection.execute(f"{_SELECT} number = ? {_ORDER}", (int(number),)).fetchall()


def _by_id(connection: sqlite3.Connection, prefix: str) -> list[tuple[Any, ...]]:
    # A range, and not LIKE, uses the index; ids are hexadecimal digits.
    values = (prefix, f"{prefix}g")
    return connection.execute(f"{_SELECT} task_id >= ? AND task_id < ? {_ORDER}", values).fetchall()


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
        parameter_source=used["source"],
    )
