"""The rows of chosen tasks, read shard by shard."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from battsweep.errors import StoreError
from battsweep.store.layout import inside
from battsweep.store.queries import select_tasks
from battsweep.store.shards import read_ranges

Places = Mapping[str, Sequence[tuple[int, int]]]
"""By shard, where tasks' rows are: (start, count), in the order of the file."""


def places_by_condition(connection: sqlite3.Connection, where: str) -> Places:
    """Return where the rows of the tasks are that meet a condition."""
    rows = select_tasks(connection, ("shard", "row_start", "row_count"), where)
    return _by_shard(rows)


def places_by_id(connection: sqlite3.Connection, task_ids: Iterable[str]) -> Places:
    """Return where the rows of tasks with these ids are; unknown ones have none."""
    query = (
        "SELECT shard, row_start, row_count FROM attempt "
        "WHERE wins = 1 AND task_id IN (SELECT value FROM json_each(?))"
    )
    return _by_shard(connection.execute(query, (json.dumps(list(task_ids)),)).fetchall())


def read_places(store: Path, places: Places, columns: Sequence[str] | None) -> pa.Table:
    """Return the rows at some places, with their task_id; one shard at a time is read.

    A column that some shards lack is null there.

    Raises
    ------
    StoreError
        If there are no places, a shard is damaged, or no shard has a column.
    """
    if not places:
        raise StoreError(f"{store}: none of these tasks has rows; see the tasks' status")
    wanted = None if columns is None else list(dict.fromkeys(["task_id", *columns]))
    tables = [read_ranges(inside(store, shard), ranges, wanted) for shard, ranges in places.items()]
    table = pa.concat_tables(tables, promote_options="permissive").unify_dictionaries()
    missing = [name for name in wanted or () if name not in table.column_names]
    if missing:
        first = read_ranges(inside(store, next(iter(places))), [], None)
        raise StoreError(f"{store}: no column {missing[0]!r}; there are {first.column_names}")
    return table if wanted is None else table.select(wanted)


def _by_shard(rows: Iterable[tuple[object, ...]]) -> Places:
    found: dict[str, set[tuple[int, int]]] = {}
    for shard, start, count in rows:
        if isinstance(start, int) and isinstance(count, int) and count:
            found.setdefault(str(shard), set()).add((start, count))
    return {shard: sorted(found[shard]) for shard in sorted(found)}
