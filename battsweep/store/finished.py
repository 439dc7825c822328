"""Whether a sweep is finished, found out without PyBaMM and without a driver."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from battsweep.store.distrust import lacks_proof
from battsweep.store.index import Index
from battsweep.store.layout import index_path, is_store, shard_paths
from battsweep.store.sweeps import request_of, sweep_folders
from battsweep.sweep.spec import Sweep

_OUTCOMES = """
SELECT count(*), sum(status = 'done'), sum(status = 'failed') FROM
  (SELECT task_id, status FROM all_tasks WHERE sweep = ? GROUP BY task_id)
"""


@dataclass(frozen=True, slots=True)
class Finished:
    """A sweep all of whose tasks are done or failed."""

    sweep_id: str
    total: int
    failed: int


def finished_sweep(path: Path, sweep: Sweep, *, proof: str | None = None) -> Finished | None:
    """Return what a store has of this very sweep if nothing of it is left to compute.

    ``proof`` is what is asked for on the command line in place of the sweep file.
    """
    if not is_store(path) or not index_path(path).exists():
        return None
    request = request_of(sweep)
    with Index.open(path, write=False) as index:
        rows = index.connection.execute(
            "SELECT sweep FROM sweep WHERE json_extract(plan, '$.request') = ?", (request,)
        ).fetchall()
        known = {folder.name for folder in sweep_folders(path)}
        shards = dict(index.connection.execute("SELECT shard, bytes FROM shard").fetchall())
        if shards != {s.as_posix(): (path / s).stat().st_size for s in shard_paths(path)}:
            return None  # the driver will find out what that means
        for (sweep_id,) in rows:
            total, done, failed = index.connection.execute(_OUTCOMES, (sweep_id,)).fetchone()
            if lacks_proof(index.connection, sweep_id, proof or sweep.run.proof):
                continue
            if sweep_id in known and total and done + failed == total:
                return Finished(sweep_id, total, failed)
    return None
