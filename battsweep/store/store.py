"""A store as its reader sees it: tables of what was asked and what came out, and curves."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import pyarrow as pa

from battsweep.errors import StoreError
from battsweep.store import queries
from battsweep.store.cell_frames import cells_frame, parts_frame, telemetry_frame
from battsweep.store.cells import MeasuredCell, read_cell
from battsweep.store.connect import connect_reading, index_errors
from battsweep.store.distrust import proofs_frame
from battsweep.store.index import Index
from battsweep.store.layout import index_path, store_format
from battsweep.store.measured import read_measured
from battsweep.store.receipts import Receipt
from battsweep.store.records import TaskRecord, find_task, receipts_of
from battsweep.store.selection import places_by_condition, places_by_id, read_places
from battsweep.store.status import Status, finished_since, status_of
from battsweep.store.telemetry_reading import Moment, read_alerts_of, read_samples_of

if TYPE_CHECKING:
    import pandas as pd


def open_store(path: str | Path) -> Store:
    """Return a store to read from; it sees what a driver adds meanwhile.

    Where there is no index, one is made in memory from the shards.

    Raises
    ------
    StoreError
        If ``path`` is no store, or its index is damaged.
    """
    folder = Path(path)
    store_format(folder)
    if index_path(folder).exists():
        return Store(folder, connect_reading(index_path(folder)))
    return Store(folder, Index.in_memory(folder).connection)


@dataclass(frozen=True, slots=True, eq=False)
class Store:
    """A store, open for reading; a context manager, or to be closed.

    ``where`` is a condition over task columns, varied names and summaries,
    such as ``model == 'DFN' and rate > 1``; names with spaces stand in
    backticks. ``sweep`` is a sweep's id.
    """

    path: Path
    connection: sqlite3.Connection

    def close(self) -> None:
        """Close the index; safe to do twice."""
        self.connection.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def status(self) -> Status:
        """Return how far the sweeps are, and what the shards take."""
        with self._errors():
            return status_of(self.connection)

    def finished_since(self, utc: str) -> dict[str, int]:
        """Return how many tasks each sweep has finished since a time in ISO 8601, in UTC."""
        with self._errors():
            return finished_since(self.connection, utc)

    def sweeps(self) -> pd.DataFrame:
        """Return a row a sweep, oldest first."""
        with self._errors():
            return queries.sweeps_frame(self.connection)

    def tasks(self, where: str | None = None, sweep: str | None = None) -> pd.DataFrame:
        """Return a row a task: labels, status, then varied values and summaries."""
        with self._errors():
            return queries.tasks_frame(self.connection, where, sweep)

    def cycles(self, where: str | None = None, sweep: str | None = None) -> pd.DataFrame:
        """Return a row a cycle: its task's labels and varied values, then summaries."""
        with self._errors():
            return queries.cycles_frame(self.connection, where, sweep)

    def failures(self, sweep: str | None = None) -> pd.DataFrame:
        """Return a row a failed task: labels, class, message, varied values."""
        with self._errors():
            return queries.failures_frame(self.connection, sweep)

    def proofs(self, sweep: str | None = None) -> pd.DataFrame:
        """Return a row a proven task and variable: how far it is from a plain simulation."""
        with self._errors():
            return proofs_frame(self.connection, sweep)

    def parameters(self, sweep: str | None = None) -> pd.DataFrame:
        """Return a row for each parameter set a sweep used, with overrides and models."""
        with self._errors():
            return queries.parameters_frame(self.connection, sweep)

    def query(self, sql: str) -> pd.DataFrame:
        """Return what a SELECT over the index's views and tables says."""
        return queries.query_frame(self.connection, sql)

    def series(
        self, where_or_ids: str | Iterable[str], columns: Sequence[str] | None = None
    ) -> pa.Table:
        """Return the rows of some tasks, by shard and place, with their task_id.

        Tasks are named by a condition or by their ids. All bytes that are
        read are verified.

        Raises
        ------
        StoreError
            If a shard is damaged, no such task has rows, or none of the
            shards has one of the columns.
        """
        with self._errors():
            if isinstance(where_or_ids, str):
                places = places_by_condition(self.connection, where_or_ids)
            else:
                places = places_by_id(self.connection, where_or_ids)
        return read_places(self.path, places, columns)

    def measured(self) -> pd.DataFrame:
        """Return a row a measured curve."""
        with self._errors():
            return queries.measured_frame(self.connection)

    def measured_series(self, name: str) -> pa.Table:
        """Return a measured curve by its name, or by its file where names repeat."""
        query = "SELECT file FROM measured WHERE name = ? OR file = ? ORDER BY file"
        with self._errors():
            files = [file for (file,) in self.connection.execute(query, (name, name))]
            names = [other for (other,) in self.connection.execute("SELECT name FROM measured")]
        if len(files) != 1:
            found = f"give one of the files {files}" if files else f"there are {sorted(names)}"
            raise StoreError(f"{self.path}: {len(files)} measured curves named {name!r}; {found}")
        _, table = read_measured(self.path, files[0])
        return table

    def task(self, prefix: str | int) -> TaskRecord:
        """Return all about a task, by its number or by the beginning of its id."""
        with self._errors():
            return find_task(self.path, self.connection, str(prefix))

    def attempts(self, prefix: str | int) -> list[tuple[Receipt, Mapping[str, object]]]:
        """Return the receipts of all attempts at a task, each with its provenance."""
        with self._errors():
            record = find_task(self.path, self.connection, str(prefix))
            return receipts_of(self.path, self.connection, record.task_id)

    def cells(self) -> pd.DataFrame:
        """Return a row a measured cell: rows, cycles, steps, what cleaning changed, files."""
        return cells_frame(self.path)

    def cell(self, name: str) -> MeasuredCell:
        """Return a measured cell: its series, steps, cycles and changes as Arrow tables.

        Raises
        ------
        StoreError
            If there is no such cell, or a file of it is damaged.
        """
        return read_cell(self.path, name)

    def cell_cycles(self, name: str | None = None) -> pd.DataFrame:
        """Return a row a cycle of a measured cell, or of all."""
        return parts_frame(self.path, "cycles", name)

    def cell_steps(self, name: str | None = None) -> pd.DataFrame:
        """Return a row a step of a measured cell, or of all."""
        return parts_frame(self.path, "steps", name)

    def telemetry(
        self,
        signal: str | None = None,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        component: int | None = None,
        faults: bool = False,
    ) -> pa.Table:
        """Return telemetry's samples from ``start`` until before ``end``, in UTC.

        They are in order of signal, day, site, asset, component, time and
        value. Those of faulty sensors are left out unless ``faults`` is true.

        Raises
        ------
        StoreError
            If there is no such signal, or a stored file is damaged.
        """
        return read_samples_of(
            self.path, signal, start=start, end=end, component=component, faults=faults
        )

    def alerts(
        self,
        *,
        start: Moment | None = None,
        end: Moment | None = None,
        component: int | None = None,
    ) -> pa.Table:
        """Return telemetry's alerts from ``start`` until before ``end``, by time."""
        return read_alerts_of(self.path, start=start, end=end, component=component)

    def telemetry_parts(self) -> pd.DataFrame:
        """Return a row a day and signal of each file of telemetry, with its Parquet file."""
        return telemetry_frame(self.path)

    def _errors(self) -> AbstractContextManager[None]:
        return index_errors(index_path(self.path))
