"""Connections to the index: one that writes, and many that only read."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from battsweep.errors import StoreError
from battsweep.store.schema import APPLICATION_ID, MIGRATIONS

_WAIT_S = 30.0
_SNAPSHOT_TRIES = 20
_CACHE_KIB = 65_536
_WAL_PAGES = 8_000
_MEND = "run `battsweep check STORE --rebuild`, which makes the index anew from the shards"


def connect_writing(path: Path, *, network: bool) -> sqlite3.Connection:
    """Return a connection that may write, with the newest schema.

    On a network file system the index is locked for this process alone and
    has no write-ahead log, which destroys data there.

    Raises
    ------
    StoreError
        If the file is damaged, no index, newer, or in use by another writer.
    """
    with index_errors(path):
        # SQLite would make it, and the files beside it, readable for all.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None)
        try:
            if network:
                connection.execute("PRAGMA locking_mode = EXCLUSIVE")
            connection.execute(f"PRAGMA journal_mode = {'DELETE' if network else 'WAL'}")
            connection.execute(f"PRAGMA synchronous = {'FULL' if network else 'NORMAL'}")
            # Ids are random, so a shard's rows touch pages all over the file.
            connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
            connection.execute(f"PRAGMA wal_autocheckpoint = {_WAL_PAGES}")
            migrate(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


def connect_memory() -> sqlite3.Connection:
    """Return an empty index in memory."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    migrate(connection, Path(":memory:"))
    return connection


def connect_reading(path: Path) -> sqlite3.Connection:
    """Return a connection that only reads and sees what a driver commits meanwhile.

    On a medium that cannot be written, it reads the file as it is; where a
    driver has locked it (on a network file system), a copy as of now. So it
    does where an older battsweep made it: what writes next brings it up to date.

    Raises
    ------
    StoreError
        If the index is missing, damaged or newer, or never at rest long enough to copy.
    """
    if not path.exists():
        raise StoreError(f"{path}: the index is missing; {_MEND}")
    with index_errors(path):
        try:
            connection = _open(f"file:{quote(str(path))}?mode=ro")
        except sqlite3.OperationalError as error:
            if "locked" in str(error):
                connection = _snapshot(path)
            else:
                connection = _open(f"file:{quote(str(path))}?mode=ro&immutable=1")
        try:
            if _check_version(connection, path) < len(MIGRATIONS):
                connection = _newest(connection, path)
        except BaseException:
            connection.close()
            raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Generator[None]:
    """Commit what is done inside, all of it or, on any error, nothing."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")


@contextmanager
def index_errors(path: Path) -> Generator[None]:
    """Turn SQLite's errors into ours."""
    try:
        yield
    except sqlite3.OperationalError as error:
        if "full" in str(error):
            way_out = "free some space and run again; nothing that was finished is lost"
        elif "locked" in str(error):
            way_out = "another process is writing it; wait for it to end, then try again"
        else:
            way_out = f"check the folder; if the file is damaged, {_MEND}"
        raise StoreError(f"{path}: {error}; {way_out}") from error
    except sqlite3.Error as error:
        raise StoreError(f"{path}: {error}; {_MEND}") from error
    except OSError as error:
        raise StoreError(f"{path}: {error.strerror}; check who owns the store") from error


def migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring an index to the newest schema; safe to do twice."""
    version = _check_version(connection, path)
    for number, script in enumerate(MIGRATIONS[version:], start=version + 1):
        connection.executescript(
            f"BEGIN IMMEDIATE; {script} PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number}; COMMIT"
        )
    connection.execute("PRAGMA foreign_keys = ON")


def _check_version(connection: sqlite3.Connection, path: Path) -> int:
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (things,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if version > len(MIGRATIONS):
        raise StoreError(
            f"{path}: version {version} is newer than {len(MIGRATIONS)}, the newest that "
            "this battsweep knows; install a newer battsweep"
        )
    if things and application != APPLICATION_ID:
        raise StoreError(f"{path}: is an SQLite file of something else; move it away")
    return int(version)


def _open(uri: str) -> sqlite3.Connection:
    connection = sqlite3.connect(uri, uri=True, timeout=2.0, isolation_level=None)
    try:
        connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except BaseException:
        connection.close()
        raise
    return connection


def _snapshot(path: Path) -> sqlite3.Connection:
    """Return a copy in memory of an index that its writer never unlocks."""
    for _ in range(_SNAPSHOT_TRIES):
        before = path.stat()
        data = path.read_bytes()
        at_rest = _at_rest(path)
        after = path.stat()
        if not at_rest or (before.st_mtime_ns, len(data)) != (
            after.st_mtime_ns,
            after.st_size,
        ):
            continue
        connection = sqlite3.connect(":memory:", isolation_level=None)
        try:
            connection.deserialize(data)
            if connection.execute("PRAGMA quick_check").fetchone() == ("ok",):
                return connection
        except sqlite3.DatabaseError:
            pass
        connection.close()
    raise StoreError(f"{path}: a driver is writing it all the time; try again in a moment")


def _newest(connection: sqlite3.Connection, path: Path) -> sqlite3.Connection:
    """Return a copy in memory, with the newest schema, of an index made by an older battsweep."""
    with closing(connection):
        memory = sqlite3.connect(":memory:", isolation_level=None)
        connection.backup(memory)
    migrate(memory, path)
    return memory


def _at_rest(path: Path) -> bool:
    """Return whether no transaction is half written: its journal is gone or blank."""
    try:
        with path.with_name(f"{path.name}-journal").open("rb") as journal:
            return not any(journal.read(8))
    except FileNotFoundError:
        return True
