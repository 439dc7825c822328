"""What a Dask worker does with a chunk: solve its tasks, write one shard, say where."""

from __future__ import annotations

import os
import platform
import socket
import time
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

import pyarrow as pa

from battsweep.data.columns import column_named
from battsweep.jobs.child import Child
from battsweep.jobs.failures import Failure
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.solve import Result
from battsweep.slurm.environment import allocation_provenance
from battsweep.store.checkpoints import checkpoint_folder, checkpoints_folder, forget
from battsweep.store.receipts import Receipt
from battsweep.store.shards import write_shard
from battsweep.sweep.task import Task


@dataclass(frozen=True, slots=True)
class Order:
    """A chunk: tasks of one group for one worker. ``group`` is None for fits."""

    store: str
    sweep: str
    chunk: int
    group: Group | None
    items: tuple[Item | FitItem, ...]
    attempt: int
    time_limit_s: float
    format: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """Where a chunk's shard is (relative to the store), and what it cost."""

    shard: str
    tasks: int
    wall_s: float
    build_s: float
    write_s: float


_CHILDREN: dict[str, Child] = {}


def compute_chunk(order: Order) -> Delivered:
    """Solve a chunk's tasks and commit its shard; runs in a Dask worker."""
    started = time.perf_counter()
    child = _child(order.store)
    receipts: list[Receipt] = []
    series: list[pa.Table] = []
    built_s = 0.0
    limit = order.time_limit_s
    with closing(child.solve(order.group, order.items, time_limit_s=limit)) as solved:
        for item, (result, tries, build_s) in zip(order.items, solved, strict=True):
            receipts.append(receipt(item.task, result, order.attempt + tries - 1))
            built_s += build_s
            if receipts[-1].outcome == "done" or receipts[-1].partial:
                series.append(table(result.columns))
    writing = time.perf_counter()
    shard = write_shard(
        Path(order.store),
        order.sweep,
        chunk=order.chunk,
        attempt=order.attempt,
        series=series,
        receipts=receipts,
        provenance=provenance(),
        format=order.format,
    )
    for item in order.items:
        if isinstance(item, Item) and item.block is not None:
            forget(checkpoint_folder(Path(order.store), item.task.id))
    now = time.perf_counter()
    return Delivered(str(shard), len(receipts), now - started, built_s, now - writing)


def _child(store: str) -> Child:
    """Return this process's solving process for a store, made when first asked for."""
    if store not in _CHILDREN:
        logs = Path(store) / "logs"
        name = f"worker-{socket.gethostname()}-{os.getpid()}.log"
        _CHILDREN[store] = Child(logs / name, checkpoints_folder(Path(store)))
    return _CHILDREN[store]


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
        message=None if failure is None else failure.message,
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
    failed = Result({}, {}, (), {}, failure=Failure("crashed", message))
    return replace(receipt(task, failed, attempt), outcome="lost", failure_class=None)


def table(columns: Mapping[str, object]) -> pa.Table:
    """Return rows as an Arrow table whose fields carry unit and label."""
    fields = [
        pa.field(
            name,
            pa.from_numpy_dtype(values.dtype),  # type: ignore[attr-defined]
            metadata={"unit": column_named(name).unit, "label": column_named(name).label},
        )
        for name, values in columns.items()
    ]
    return pa.Table.from_arrays(
        [pa.array(values) for values in columns.values()], schema=pa.schema(fields)
    )


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
