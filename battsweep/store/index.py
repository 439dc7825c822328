"""The index: a cache of sweeps and receipts, written by one process, rebuilt by anyone."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import file_digest
from pathlib import Path
from types import TracebackType
from typing import Self

from battsweep.errors import StoreError
from battsweep.store.cell_index import reconcile_cells
from battsweep.store.connect import (
    connect_memory,
    connect_reading,
    connect_writing,
    index_errors,
    transaction,
)
from battsweep.store.distrust import distrusted_groups, proven_tasks, unproven_tasks
from battsweep.store.ingest import ShardFile, delete_shard, insert_shard, insert_sweep
from battsweep.store.layout import file_name, index_path, inside, shard_paths, store_format
from battsweep.store.network import on_network
from battsweep.store.receipts import Receipt
from battsweep.store.schema import TABLES
from battsweep.store.shards import read_header, verify_shard
from battsweep.store.sweeps import SweepRecord, read_sweep_folder, sweep_folders
from battsweep.store.telemetry_index import reconcile_telemetry


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What `Index.reconcile` found: how many were new, which were gone, what is wrong.

    ``measured`` counts the measured cells and telemetry files that changed; what
    is damaged of these stands in the way of no sweep, so it is told apart.
    """

    sweeps: int
    shards: int
    forgotten: tuple[str, ...]
    problems: tuple[str, ...]
    measured: int = 0
    measured_problems: tuple[str, ...] = ()


class Index:
    """The index of a store. The driver alone opens it for writing.

    It holds nothing that the sweeps' files and the shards do not: ingesting
    twice, late or in another order gives the same rows.
    """

    def __init__(self, store: Path, connection: sqlite3.Connection) -> None:
        self.store = store
        self.connection = connection

    @classmethod
    def open(cls, store: Path, *, write: bool = True) -> Self:
        """Open a store's index; for writing, make it if it is not there.

        Raises
        ------
        StoreError
            If there is no store, or its index is damaged or newer.
        """
        store_format(store)
        path = index_path(store)
        if write:
            return cls(store, connect_writing(path, network=on_network(store)))
        return cls(store, connect_reading(path))

    @classmethod
    def in_memory(cls, store: Path) -> Self:
        """Return an index made now from the store's files, and kept nowhere."""
        index = cls(store, connect_memory())
        index.reconcile()
        return index

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

    def add_sweep(self, record: SweepRecord) -> None:
        """Add a sweep and its tasks; safe to do twice."""
        with self._errors(), transaction(self.connection):
            insert_sweep(self.connection, record)

    def ingest_shard(self, relative_path: str | Path) -> list[Receipt]:
        """Add a shard's receipts and return them; safe to do twice and in any order.

        Raises
        ------
        StoreError
            If the shard is missing or damaged; the index stays as it was.
            Only the receipts are verified: for all bytes, see `verify_shard`.
        """
        path = inside(self.store, relative_path)
        header = read_header(path)
        name = Path(relative_path).as_posix()
        with self._errors():
            if not self._knows(name):
                file = ShardFile(name, *digest_and_size(path))
                with transaction(self.connection):
                    insert_shard(self.connection, file, header)
        return list(header.receipts)

    def reconcile(self) -> Reconciled:
        """Make the index agree with the files: add what is new, forget what is gone.

        What is damaged, in whichever of its bytes, is reported and left out.
        """
        problems = []
        new_sweeps = new_shards = 0
        known = {file_name(sweep) for sweep in self._column("SELECT sweep FROM sweep")}
        for folder in sweep_folders(self.store):
            if folder.name not in known:
                try:
                    self.add_sweep(read_sweep_folder(folder))
                    new_sweeps += 1
                except StoreError as error:
                    problems.append(str(error))
        sizes = {p.as_posix(): (self.store / p).stat().st_size for p in shard_paths(self.store)}
        with self._errors():
            indexed = dict(self.connection.execute("SELECT shard, bytes FROM shard").fetchall())
        # A shard of another size is not the one that was indexed.
        gone = sorted(shard for shard, size in indexed.items() if sizes.get(shard) != size)
        for shard in gone:
            with self._errors(), transaction(self.connection):
                delete_shard(self.connection, shard)
        for shard in sorted(sizes.keys() - (indexed.keys() - set(gone))):
            try:
                # From here on the index vouches for the bytes that it finds.
                verify_shard(inside(self.store, shard))
                self.ingest_shard(shard)
                new_shards += 1
            except StoreError as error:
                problems.append(str(error))
        measured, damaged = self.reconcile_measured()
        return Reconciled(
            new_sweeps, new_shards, tuple(gone), tuple(problems), measured, tuple(damaged)
        )

    def reconcile_measured(self) -> tuple[int, list[str]]:
        """Make the index agree with the measured cells' and telemetry's files alone.

        Returns how many of them changed, and what is damaged; that is left out.
        """
        with self._errors():
            cells, damaged = reconcile_cells(self.connection, self.store)
            files, others = reconcile_telemetry(self.connection, self.store)
        return cells + files, damaged + others

    def finished(self, task_ids: Iterable[str]) -> set[str]:
        """Return those of some tasks that are done or failed: they need no computing."""
        return self._with_outcome(task_ids, ("done", "failed"))

    def done(self, task_ids: Iterable[str]) -> set[str]:
        """Return those of some tasks that are done."""
        return self._with_outcome(task_ids, ("done", "done"))

    def failure_classes(self, task_ids: Iterable[str]) -> dict[str, int]:
        """Return how many of some tasks failed, by class."""
        query = (
            "SELECT coalesce(failure_class, 'error'), count(*) FROM attempt WHERE wins = 1 "
            "AND outcome = 'failed' AND task_id IN (SELECT value FROM json_each(?)) GROUP BY 1"
        )
        with self._errors():
            return dict(self.connection.execute(query, (json.dumps(list(task_ids)),)).fetchall())

    def distrusted(self) -> set[str]:
        """Return the groups of which a task differed from a plain simulation."""
        with self._errors():
            return distrusted_groups(self.connection)

    def proven(self, task_ids: Iterable[str]) -> set[str]:
        """Return those of some tasks whose outcome was held against a plain simulation."""
        with self._errors():
            return proven_tasks(self.connection, task_ids)

    def unproven(self, task_ids: Iterable[str]) -> set[str]:
        """Return those of some tasks that are done on a reused model and were never proven."""
        with self._errors():
            return unproven_tasks(self.connection, task_ids)

    def last_chunk(self, sweep: str) -> int:
        """Return the highest number that a chunk of a sweep has had; 0 before the first."""
        query = "SELECT coalesce(max(chunk), 0) FROM shard WHERE sweep = ?"
        with self._errors():
            return int(self.connection.execute(query, (sweep,)).fetchone()[0])

    def rows(self) -> dict[str, list[tuple[object, ...]]]:
        """Return all rows of all tables, sorted: equal for indexes that say the same."""
        with self._errors():
            return {
                table: sorted(
                    self.connection.execute(f"SELECT * FROM {table}").fetchall(),  # noqa: S608
                    key=repr,
                )
                for table in TABLES
            }

    def _with_outcome(self, task_ids: Iterable[str], outcomes: tuple[str, str]) -> set[str]:
        query = (
            "SELECT task_id FROM attempt WHERE wins = 1 AND outcome IN (?, ?) "
            "AND task_id IN (SELECT value FROM json_each(?))"
        )
        with self._errors():
            found = self.connection.execute(query, (*outcomes, json.dumps(list(task_ids))))
            return {task_id for (task_id,) in found}

    def _knows(self, shard: str) -> bool:
        query = "SELECT 1 FROM shard WHERE shard = ?"
        return self.connection.execute(query, (shard,)).fetchone() is not None

    def _column(self, query: str) -> list[str]:
        with self._errors():
            return [value for (value,) in self.connection.execute(query)]

    def _errors(self) -> AbstractContextManager[None]:
        return index_errors(index_path(self.store))


def digest_and_size(path: Path) -> tuple[str, int]:
    """Return a file's sha256 and how many bytes it has."""
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        return digest, file.tell()
