"""Questions to the index, answered as pandas data frames."""

from __future__ import annotations

import difflib
import itertools
import json
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from battsweep.errors import StoreError
from battsweep.store.schema import TABLES, VIEWS
from battsweep.store.where import TASK_COLUMNS, where_sql

if TYPE_CHECKING:
    import pandas as pd

_READING = frozenset(
    {
        sqlite3.SQLITE_SELECT,
        sqlite3.SQLITE_READ,
        sqlite3.SQLITE_FUNCTION,
        sqlite3.SQLITE_RECURSIVE,
    }
)
_LABELS = ("task_id", "number", "sweep", "cell", "model", "protocol")


def tasks_frame(
    connection: sqlite3.Connection, where: str | None, sweep: str | None
) -> pd.DataFrame:
    """Return a row a task: labels, status, varied values and summaries, each a column."""
    columns = (*_LABELS, "status", "failure_class")
    rows = select_tasks(connection, (*columns, "varied", "summary"), where, sweep)
    return _spread(columns, rows)


def cycles_frame(
    connection: sqlite3.Connection, where: str | None, sweep: str | None
) -> pd.DataFrame:
    """Return a row a cycle: labels, varied values, the cycle's count and summaries."""
    condition, values = _condition(where, sweep)
    columns = (*_LABELS, "cycle_count")
    query = (  # what is put in is SQL of ours, with its values bound
        "SELECT t.task_id, t.number, t.sweep, t.cell, t.model, t.protocol, c.cycle_count, "  # noqa: S608
        "t.varied, c.summary FROM all_tasks t JOIN cycle c "
        "ON c.task_id = t.task_id AND c.shard = t.shard AND c.attempt = t.attempt "
        f"WHERE {condition} ORDER BY t.sweep, t.number, c.cycle_count"
    )
    rows = connection.execute(query, values).fetchall()
    if not rows:
        _refuse_unknown_names(connection, where)
    return _spread(columns, rows)


def failures_frame(connection: sqlite3.Connection, sweep: str | None) -> pd.DataFrame:
    """Return a row a failed task: labels, class, message, varied values."""
    columns = (*_LABELS, "failure_class", "message")
    names = ", ".join(columns)
    query = f"SELECT {names}, varied, '{{}}' FROM failures"  # noqa: S608 - constants
    condition, values = ("", ()) if sweep is None else (" WHERE sweep = ?", (sweep,))
    rows = connection.execute(f"{query}{condition} ORDER BY sweep, number", values)
    return _spread(columns, rows.fetchall())


def parameters_frame(connection: sqlite3.Connection, sweep: str | None) -> pd.DataFrame:
    """Return a row for each set of parameters used, with the models it was used with."""
    query = (
        "SELECT sweep, cell, parameter_set, sha256, model, overrides, tasks "
        "FROM parameter_sets_by_model WHERE ? IS NULL OR sweep = ? "
        "ORDER BY sweep, cell, model"
    )
    sets: dict[tuple[str, str], dict[str, object]] = {}
    models: dict[tuple[str, str], list[str]] = {}
    for name, cell, parameter_set, digest, model, overrides, tasks in connection.execute(
        query, (sweep, sweep)
    ):
        key = (name, cell)
        models.setdefault(key, []).append(model)
        earlier = sets.get(key, {}).get("tasks", 0)
        sets[key] = {
            "sweep": name,
            "cell": cell,
            "parameter_set": parameter_set,
            "sha256": digest,
            "models": ", ".join(models[key]),
            "overrides": overrides,
            "tasks": tasks + earlier,
        }
    columns = ("sweep", "cell", "parameter_set", "sha256", "models", "overrides", "tasks")
    return frame(columns, [tuple(row.values()) for row in sets.values()])


def sweeps_frame(connection: sqlite3.Connection) -> pd.DataFrame:
    """Return a row a sweep, oldest first."""
    columns = ("sweep", "name", "created_utc", "seed", "task_count")
    query = f"SELECT {', '.join(columns)} FROM sweep ORDER BY created_utc, sweep"  # noqa: S608
    return frame(columns, connection.execute(query).fetchall())


def measured_frame(connection: sqlite3.Connection) -> pd.DataFrame:
    """Return a row a measured curve."""
    columns = ("name", "cell", "protocol", "at", "file", "sha256", "source")
    query = f"SELECT {', '.join(columns)} FROM measured ORDER BY cell, name, file"  # noqa: S608
    return frame(columns, connection.execute(query).fetchall())


def query_frame(connection: sqlite3.Connection, sql: str) -> pd.DataFrame:
    """Return what a user's SQL says; it can read the index and nothing else.

    Of columns with one name, the second is given "_2", and so on.

    Raises
    ------
    StoreError
        If SQLite refuses it, or it would do more than read.
    """
    # SQLite makes these at their first use, which the authorizer would not allow.
    connection.execute("SELECT 1 FROM json_each('[]'), json_tree('[]')").fetchall()
    connection.set_authorizer(_authorize)
    try:
        cursor = connection.execute(sql)
        rows = cursor.fetchall()
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise StoreError(
            f"query: {error}; one SELECT can be asked; there are the views "
            f"{', '.join(VIEWS)}, and the tables {', '.join(TABLES)}"
        ) from error
    finally:
        connection.set_authorizer(None)
    if cursor.description is None:
        raise StoreError("query: says nothing to read; start with SELECT")
    return frame(_unlike([name for name, *_ in cursor.description]), rows)


def select_tasks(
    connection: sqlite3.Connection,
    columns: Sequence[str],
    where: str | None,
    sweep: str | None = None,
) -> list[tuple[object, ...]]:
    """Return columns of the tasks that meet a condition, by sweep and number.

    Raises
    ------
    StoreError
        If the condition is none, or names what no task has.
    """
    condition, values = _condition(where, sweep)
    names = ", ".join(f"t.{name}" for name in columns)
    query = f"SELECT {names} FROM all_tasks t WHERE {condition} ORDER BY t.sweep, t.number"  # noqa: S608
    rows = connection.execute(query, values).fetchall()
    if not rows:
        _refuse_unknown_names(connection, where)
    return rows


def frame(columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> pd.DataFrame:
    """Return rows as a data frame."""
    import pandas as pd  # slow to import, and not needed for most of what a store does

    return pd.DataFrame.from_records(rows, columns=list(columns))


def _condition(where: str | None, sweep: str | None) -> tuple[str, tuple[object, ...]]:
    parts, values = ["TRUE"], tuple[object, ...]()
    if where:
        sql, _ = where_sql(where)
        parts.append(sql.text)
        values += sql.values
    if sweep is not None:
        parts.append("t.sweep = ?")
        values += (sweep,)
    return " AND ".join(parts), values


def _refuse_unknown_names(connection: sqlite3.Connection, where: str | None) -> None:
    """Say so if a condition met nothing because it names what no task has."""
    if not where:
        return
    _, asked = where_sql(where)
    query = (
        "SELECT DISTINCT key FROM sweep_task, json_each(varied) "
        "UNION SELECT DISTINCT key FROM attempt, json_each(summary)"
    )
    known = {name for (name,) in connection.execute(query)} if asked else set()
    if known:
        for name in sorted(asked - known):
            close = difflib.get_close_matches(name, [*known, *TASK_COLUMNS], n=1)
            hint = f"did you mean {close[0]!r}?" if close else f"there are {sorted(known)}"
            raise StoreError(f"where: {where!r}: no task has {name!r}; {hint}")


def _unlike(names: Sequence[str]) -> list[str]:
    """Return names of which no two are the same: a, a_2, a_3 for a, a, a."""
    found: list[str] = []
    for name in names:
        others = (f"{name}_{count}" for count in itertools.count(2))
        free = (one for one in others if one not in names and one not in found)
        found.append(next(free) if name in found else name)
    return found


def _authorize(action: int, *_: str | None) -> int:
    return sqlite3.SQLITE_OK if action in _READING else sqlite3.SQLITE_DENY


def _spread(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> pd.DataFrame:
    """Return a frame of rows whose last two values are varied and summary, as columns.

    A summary with the name of a varied value is told apart from it.
    """
    import pandas as pd

    kept = [list(row) for row in rows]
    varied = [json.loads(str(row[-2])) for row in kept]
    summaries = [json.loads(str(row[-1])) for row in kept]
    fixed = pd.DataFrame.from_records([row[:-2] for row in kept], columns=list(columns))
    taken = set(columns)
    parts = [fixed]
    for kind, records in (("varied", varied), ("summary", summaries)):
        names = list(dict.fromkeys(_keys(records)))
        renamed = [f"{name} ({kind})" if name in taken else name for name in names]
        data = {
            new: [record.get(name) for record in records]
            for name, new in zip(names, renamed, strict=True)
        }
        parts.append(pd.DataFrame(data, index=fixed.index))
        taken |= set(renamed)
    return pd.concat(parts, axis=1)


def _keys(records: Iterable[Mapping[str, object]]) -> Iterator[str]:
    for record in records:
        yield from record
