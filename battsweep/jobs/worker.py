"""What a Dask worker does with a chunk: solve its tasks, write one shard, say where."""

from __future__ import annotations

import os
import pickle
import platform
import socket
import time
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from itertools import accumulate, groupby
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import pyarrow as pa

from battsweep.data.columns import column_named
from battsweep.jobs.child import Child
from battsweep.jobs.chunks import Part
from battsweep.jobs.failures import Failure
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.memory import memory_of
from battsweep.jobs.solve import Result, nothing
from battsweep.slurm.environment import allocation_provenance
from battsweep.store.checkpoints import checkpoint_folder, checkpoints_folder, forget
from battsweep.store.receipts import Receipt
from battsweep.store.shards import write_shard
from battsweep.sweep.task import Task


@dataclass(frozen=True, slots=True)
class Order:
    """A chunk: tasks for one worker, group by group. The group of a fit is None."""

    store: str
    sweep: str
    chunk: int
    parts: tuple[Part, ...]
    attempt: int
    time_limit_s: float
    format: str
    memory_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a chunk's shard is (relative to the store), and what it cost.

    ``build_s`` is for ``builds`` models, and has what the first solve of a
    new model takes longer than the others. ``memory_mib`` is the resident
    memory of the worker and its solving process at its end.
    """

    shard: str
    tasks: int
    wall_s: float
    builds: int
    build_s: float
    write_s: float
    bytes: int
    memory_mib: float
    proof_s: float = 0.0

    @property
    def solve_s(self) -> float:
        """Return the seconds that the tasks themselves took."""
        return self.wall_s - self.build_s - self.write_s - self.proof_s


BUILT_S = 0.005  # what is less was no build: the model was there
_CHILDREN: dict[str, Child] = {}


def packed(order: Order) -> bytes:
    """Return an order as bytes, which Dask's scheduler passes on without taking them apart.

    It keeps what it has passed on until the run ends; an order's tasks would be a
    thousand bytes each there.
    """
    return zlib.compress(pickle.dumps(order, protocol=pickle.HIGHEST_PROTOCOL), level=1)


def compute_packed(order: bytes) -> Delivered:
    """Compute the chunk of a `packed` order, which came from this run's own driver."""
    return compute_chunk(pickle.loads(zlib.decompress(order)))  # noqa: S301 - from our driver


def compute_chunk(order: Order) -> Delivered:
    """Solve a chunk's tasks and commit its shard; runs in a Dask worker."""
    started = time.perf_counter()
    child = _child(order.store)
    child.memory_limit_bytes = order.memory_limit_bytes
    receipts: list[Receipt] = []
    columns: list[Mapping[str, Any]] = []
    costs: list[tuple[float, float]] = []
    proof_s = 0.0
    limit = order.time_limit_s
    for group, given in order.parts:
        items = sorted(given, key=_alike)
        with closing(child.solve(group, items, time_limit_s=limit)) as solved:
            for item, (result, tries, build_s) in zip(items, solved, strict=True):
                known = with_group(result, group, item)
                receipts.append(receipt(item.task, known, order.attempt + tries - 1))
                # A model built for one task is part of that task's own work.
                own_s = build_s if known.method == "rebuilt" else 0.0
                costs.append((build_s - own_s, result.wall_s + own_s))
                proof_s += proof_seconds(result)
                if receipts[-1].outcome == "done" or receipts[-1].partial:
                    columns.append(result.columns)
    builds, built_s = build_costs(costs)
    writing = time.perf_counter()
    shard = write_shard(
        Path(order.store),
        order.sweep,
        chunk=order.chunk,
        attempt=order.attempt,
        series=tables(columns),
        receipts=receipts,
        provenance=provenance(),
        format=order.format,
    )
    for item in (item for _, items in order.parts for item in items):
        if isinstance(item, Item) and item.block is not None:
            forget(checkpoint_folder(Path(order.store), item.task.id))
    now = time.perf_counter()
    wall_s, write_s = now - started, now - writing
    return Delivered(
        shard=str(shard),
        tasks=len(receipts),
        wall_s=wall_s,
        builds=builds,
        build_s=built_s,
        write_s=write_s,
        bytes=(Path(order.store) / shard).stat().st_size,
        memory_mib=sum(memory_of(pid) or 0 for pid in (os.getpid(), child.pid) if pid) / 2**20,
        proof_s=proof_s,
    )


def _alike(item: Item | FitItem) -> tuple[float, float, str]:
    """Sort tasks so that those which can be solved in one list stand together."""
    if isinstance(item, FitItem):
        return (0.0, 0.0, "")
    measured = "" if item.measured is None else item.measured.name
    return (-1.0 if item.initial_soc is None else item.initial_soc, item.duration_s, measured)


def build_costs(costs: Sequence[tuple[float, float]]) -> tuple[int, float]:
    """Return how many models were built, and what that took in s.

    ``costs`` has, for each task, the seconds of a build before it and of its
    solve. PyBaMM sets its solver up in a new model's first solve, so what that
    takes longer than the others belongs to the build.
    """
    first = [k for k, (build_s, _) in enumerate(costs) if build_s > BUILT_S]
    others = [solve_s for k, (_, solve_s) in enumerate(costs) if k not in set(first)]
    usual_s = median(others) if others else 0.0
    later_s = sum(max(0.0, costs[k][1] - usual_s) for k in first) if others else 0.0
    return len(first), sum(build_s for build_s, _ in costs) + later_s


def _child(store: str) -> Child:
    """Return this process's solving process for a store, made when first asked for."""
    if store not in _CHILDREN:
        logs = Path(store) / "logs"
        name = f"worker-{socket.gethostname()}-{os.getpid()}.log"
        _CHILDREN[store] = Child(logs / name, checkpoints_folder(Path(store)))
    return _CHILDREN[store]


def with_group(result: Result, group: Group | None, item: Item | FitItem) -> Result:
    """Return a result that says how it was solved, if its process did not live to say so."""
    if result.group or group is None:
        return result
    alone = isinstance(item, Item) and item.rebuild
    return replace(result, group=group.key, method="rebuilt" if alone else "reused")


def proof_seconds(result: Result) -> float:
    """Return the time that a result's plain simulation took."""
    seconds = result.proof.get("seconds", 0.0)
    return seconds if isinstance(seconds, float) else 0.0


def receipt(task: Task, result: Result, attempt: int) -> Receipt:
    """Return the record of how a task ended."""
    rows = len(next(iter(result.columns.values()))) if result.columns else 0
    failure = result.failure
    started = datetime.now(UTC) - timedelta(seconds=result.wall_s)
    return Receipt(
        task_id=task.id,
        number=task.number,
        kind=task.kind,
        cell=task.cell,
        model=task.model,
        protocol=task.protocol,
        varied=dict(task.varied),
        outcome="done" if failure is None else "failed",
        attempt=attempt,
        failure_class=None if failure is None else failure.failure_class,
        message=(result.note or None) if failure is None else failure.message,
        traceback=result.traceback,
        partial=failure is not None and (rows > 0 or bool(result.cycles)),
        row_count=rows,
        summary=dict(result.summary),
        cycles=tuple(dict(cycle) for cycle in result.cycles),
        statistics=dict(result.statistics),
        fit=dict(result.fit),
        group=result.group,
        method=result.method,
        proof=dict(result.proof),
        tries=tuple(dict(one) for one in result.tries),
        started_utc=started.isoformat(timespec="milliseconds"),
        wall_s=result.wall_s,
        log=result.log,
    )


def lost_receipt(task: Task, message: str, attempt: int) -> Receipt:
    """Return the record of a task whose worker was lost."""
    failed = nothing(Failure("crashed", message))
    return replace(receipt(task, failed, attempt), outcome="lost", failure_class=None)


def tables(parts: Sequence[Mapping[str, Any]]) -> list[pa.Table]:
    """Return the rows of some tasks as Arrow tables whose fields carry unit and label.

    Neighbours with the same columns are pieces of one table, made at once.
    """
    found: list[pa.Table] = []
    for names, run in groupby(parts, tuple):
        alike = list(run)
        lengths = [len(part[names[0]]) if names else 0 for part in alike]
        joined = {name: np.concatenate([part[name] for part in alike]) for name in names}
        fields = [
            pa.field(
                name,
                pa.from_numpy_dtype(values.dtype),
                metadata={"unit": column_named(name).unit, "label": column_named(name).label},
            )
            for name, values in joined.items()
        ]
        arrays = [pa.array(values) for values in joined.values()]
        whole = pa.Table.from_arrays(arrays, schema=pa.schema(fields))
        starts = accumulate(lengths, initial=0)
        found += [whole.slice(start, count) for start, count in zip(starts, lengths, strict=False)]
    return found


@lru_cache(maxsize=1)
def provenance() -> dict[str, object]:
    """Return where and with what this process computes."""
    packages = ("battsweep", "pybamm", "pybammsolvers", "casadi", "numpy", "pyarrow")
    return {
        "host": socket.gethostname(),
        "pid": os.getpid(),
        "machine": platform.machine(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        **allocation_provenance(),
    }
