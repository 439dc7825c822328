"""Where the sweeps of a store stand, read without what reads its shards: it starts at once."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from sqlite3 import Connection

from battsweep.store.connect import connect_reading, index_errors
from battsweep.store.layout import index_path, store_format
from battsweep.store.status import Status, finished_since, status_of


@dataclass(frozen=True, slots=True, eq=False)
class Glance:
    """An index, open for the questions of ``battsweep status`` alone."""

    path: Path
    connection: Connection

    def status(self) -> Status:
        """Return how far the sweeps are, and what the shards take."""
        with index_errors(index_path(self.path)):
            return status_of(self.connection)

    def finished_since(self, utc: str) -> dict[str, int]:
        """Return how many tasks each sweep has finished since a time in ISO 8601, in UTC."""
        with index_errors(index_path(self.path)):
            return finished_since(self.connection, utc)


@contextmanager
def open_glance(store: Path) -> Generator[Glance]:
    """Yield a store's index; one made in memory from the shards where there is none.

    Raises
    ------
    StoreError
        If ``store`` is no store, or its index is damaged.
    """
    store_format(store)
    if index_path(store).exists():
        connection = connect_reading(index_path(store))
    else:
        from battsweep.store.index import Index  # brings what reads shards

        connection = Index.in_memory(store).connection
    with closing(connection):
        yield Glance(store, connection)
