"""Whether a store is whole, and how to mend what is not."""

from __future__ import annotations

import time
from pathlib import Path

from battsweep.errors import StoreError
from battsweep.store.check_measured import check_measured
from battsweep.store.checkpoints import left_over
from battsweep.store.connect import connect_writing
from battsweep.store.files import PART_SUFFIX, whole_file
from battsweep.store.findings import Finding, rebuild_command
from battsweep.store.index import Index, Reconciled, digest_and_size
from battsweep.store.layout import index_path, inside, shard_paths, store_format
from battsweep.store.lock import driver_lock
from battsweep.store.measured import read_measured
from battsweep.store.shards import verify_shard
from battsweep.store.sweeps import read_parameters, read_sweep_folder, sweep_folders

LEFT_OVER_AFTER_S = 3600.0
"""Age from which a temporary file belongs to nobody who still writes."""


def check(store: Path, deep: bool = False) -> list[Finding]:
    """Return what is wrong with a store; empty if nothing is.

    Sizes and presence are checked; with ``deep``, every byte against the shards'
    own checksums and the index's, and the index against the shards.

    Raises
    ------
    StoreError
        If ``store`` is no store.
    """
    store_format(store)
    findings = [*_sweeps(store), *_left_over(store)]
    try:
        index = Index.open(store, write=False)
    except StoreError as error:
        mend = rebuild_command(store)
        return [*findings, Finding("index", str(index_path(store)), str(error), mend)]
    with index:
        findings += _shards(store, index, deep=deep)
        findings += _checkpoints(store, index)
        findings += check_measured(store, index, deep=deep)
        if deep and not findings:
            # An index can be held only against files that are themselves right.
            findings += _index(store, index)
    if deep:
        findings += [*_parameters(store), *_measured(store)]
    return findings


def rebuild(store: Path) -> Reconciled:
    """Make the index anew from the sweeps' files and the shards, and put it in its place.

    Raises
    ------
    StoreError
        If a driver is at work, or the file system refuses.
    """
    path = index_path(store)
    with driver_lock(store), whole_file(path) as part:
        # With no write-ahead log, all of the index is in the one file that is moved.
        with Index(store, connect_writing(part, network=True)) as index:
            # The whole file is synced once, before it counts.
            index.connection.execute("PRAGMA synchronous = OFF")
            found = index.reconcile()
        # SQLite would play a log of the old index into the new one.
        for ending in ("-wal", "-shm", "-journal"):
            path.with_name(f"{path.name}{ending}").unlink(missing_ok=True)
            part.with_name(f"{part.name}{ending}").unlink(missing_ok=True)
    return found


def _shards(store: Path, index: Index, *, deep: bool) -> list[Finding]:
    findings = []
    known = {
        row[0]: row for row in index.connection.execute("SELECT shard, bytes, sha256 FROM shard")
    }
    on_disk = {path.as_posix() for path in shard_paths(store)}
    for shard in sorted(known.keys() | on_disk):
        path = inside(store, shard)
        if shard not in on_disk:
            message = "the index knows it, but it is gone"
            findings.append(Finding("missing", str(path), message, rebuild_command(store)))
        elif shard not in known:
            findings.append(_unknown(store, path))
        else:
            _, size, digest = known[shard]
            message = _fault(path, size, digest if deep else None)
            if message:
                findings.append(_damaged(store, path, message))
    return findings


def _fault(path: Path, size: int, digest: str | None) -> str:
    """Return what is wrong with a shard, in all its bytes if ``digest`` is given, or ""."""
    found = path.stat().st_size
    if not found:
        return "it is empty"
    if found != size or (digest is not None and digest_and_size(path)[0] != digest):
        return "its content is not what was written"
    if digest is not None:
        try:
            verify_shard(path)
        except StoreError as error:
            return str(error)
    return ""


def _unknown(store: Path, path: Path) -> Finding:
    try:
        verify_shard(path)
    except StoreError as error:
        return _damaged(store, path, str(error))
    return Finding("unknown", str(path), "the index does not know it yet", rebuild_command(store))


def _damaged(store: Path, path: Path, message: str) -> Finding:
    mend = f"rm {path} && {rebuild_command(store)}  # then run the sweep again"
    return Finding("damaged", str(path), message, mend)


def _sweeps(store: Path) -> list[Finding]:
    findings = []
    for folder in sweep_folders(store):
        try:
            read_sweep_folder(folder)
        except StoreError as error:
            mend = f"rm -r {folder}  # then run the sweep again"
            findings.append(Finding("damaged", str(folder), str(error), mend))
    return findings


def _parameters(store: Path) -> list[Finding]:
    findings = []
    for path in sorted((store / "params").glob("*.json")):
        try:
            read_parameters(store, path.stem)
        except StoreError as error:
            mend = f"rm {path}  # then run a sweep that uses it under another name"
            findings.append(Finding("damaged", str(path), str(error), mend))
    return findings


def _measured(store: Path) -> list[Finding]:
    findings = []
    for path in sorted((store / "measured").glob("*/*.parquet")):
        try:
            read_measured(store, path.relative_to(store).as_posix())
        except StoreError as error:
            mend = f"rm {path}  # then run the sweep that brought it under another name"
            findings.append(Finding("damaged", str(path), str(error), mend))
    return findings


def _index(store: Path, index: Index) -> list[Finding]:
    (verdict,) = index.connection.execute("PRAGMA quick_check(1)").fetchone()
    with Index.in_memory(store) as anew:
        differing = [table for table, rows in anew.rows().items() if rows != index.rows()[table]]
    if verdict == "ok" and not differing:
        return []
    message = f"SQLite says {verdict!r}; differs from the shards in {differing}"
    return [Finding("index", str(index_path(store)), message, rebuild_command(store))]


def _left_over(store: Path) -> list[Finding]:
    oldest = time.time() - LEFT_OVER_AFTER_S
    return [
        Finding("left over", str(path), "a write that was cut off", f"rm -r {path}")
        for path in sorted(store.rglob(f".*{PART_SUFFIX}"))
        if path.stat().st_mtime < oldest
    ]


def _checkpoints(store: Path, index: Index) -> list[Finding]:
    message = "a checkpoint of a task that is finished; the next run deletes it"
    return [
        Finding("left over", str(folder), message, f"rm -r {folder}")
        for folder in left_over(store, index.finished)
    ]
