"""How long `status` takes on an index of a million tasks, and how fast receipts are indexed.

Nothing is solved: receipts of made-up tasks are put into the index as a driver does.

    python benchmarks/status_at_size.py --tasks 1000000 --chunk 1000
"""

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pyarrow as pa

from battsweep.store.connect import transaction
from battsweep.store.index import Index
from battsweep.store.ingest import ShardFile, insert_shard, insert_sweep
from battsweep.store.layout import create_store
from battsweep.store.receipts import Receipt
from battsweep.store.shards import ShardHeader
from battsweep.store.store import open_store
from battsweep.store.sweeps import SweepRecord


def task_id(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()[:32]


def record(tasks: int) -> SweepRecord:
    """Return a sweep of some tasks that vary one value."""
    plan = {
        "name": "million",
        "created_utc": "2026-01-01T00:00:00+00:00",
        "seed": 0,
        "task_count": tasks,
        "cells": {},
        "models": {},
        "measured": [],
    }
    same = {"kind": "simulation", "cell": "A", "model": "SPM", "protocol": "p"}
    table = pa.table(
        {
            "number": pa.array(range(tasks), pa.int64()),
            "task_id": pa.array(map(task_id, range(tasks)), pa.string()),
            **{name: pa.array([value] * tasks, pa.string()) for name, value in same.items()},
            "varied": pa.array((json.dumps({"x": n / tasks}) for n in range(tasks)), pa.string()),
            "parameters": pa.array(["{}"] * tasks, pa.string()),
            "measured": pa.nulls(tasks, pa.string()),
        }
    )
    return SweepRecord("million-00000000", plan, table)


def receipt(number: int) -> Receipt:
    failed = number % 50 == 0
    return Receipt(
        task_id=task_id(number),
        number=number,
        kind="simulation",
        cell="A",
        model="SPM",
        protocol="p",
        varied={},
        outcome="failed" if failed else "done",
        failure_class="solver" if failed else None,
        message="the solver gave up" if failed else None,
        row_count=100,
        summary={"capacity [A.h]": 4.9, "energy [W.h]": 18.0},
        statistics={"solve_s": 1e-3, "integration_s": 5e-4, "solver_steps": 120.0},
        group="0123456789abcdef",
        method="reused",
        started_utc="2026-01-02T03:04:05.678+00:00",
        wall_s=0.001 + number * 1e-9,
    )


def fill(store: Path, tasks: int, chunk: int) -> list[tuple[int, float, float]]:
    """Index so many tasks in chunks; return tasks, seconds and seconds of CPU by tenths."""
    seen: list[tuple[int, float, float]] = []
    with Index.open(store, write=True) as index:
        with transaction(index.connection):
            insert_sweep(index.connection, record(tasks))
        spent = computed = 0.0
        for number, start in enumerate(range(0, tasks, chunk)):
            ids = range(start, min(start + chunk, tasks))
            receipts = tuple(receipt(n) for n in ids)
            header = ShardHeader("million-00000000", number, 1, receipts, {"host": "here"})
            started, busy = time.perf_counter(), time.process_time()
            with transaction(index.connection):
                insert_shard(index.connection, ShardFile(f"{number}", "0" * 64, 10_000), header)
            spent += time.perf_counter() - started
            computed += time.process_time() - busy
            if not seen or ids[-1] + 1 >= seen[-1][0] + tasks / 10:
                seen.append((ids[-1] + 1, spent, computed))
    return seen


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tasks", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=1000, help="tasks in a shard")
    parser.add_argument("--repeats", type=int, default=9)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "store"
        create_store(store, format="parquet")
        seen = fill(store, args.tasks, args.chunk)
        print(f"{args.tasks} tasks in shards of {args.chunk}: receipts into the index")
        before = (0, 0.0, 0.0)
        for now in seen:
            tasks, wall_s, cpu_s = (b - a for a, b in zip(before, now, strict=True))
            print(
                f"  up to {now[0]:>9}: {tasks / wall_s:>7.0f} tasks/s, {tasks / cpu_s:>7.0f} of CPU"
            )
            before = now
        inside, command, busy = [], [], []
        for _ in range(args.repeats):
            started = time.perf_counter()
            with open_store(store) as opened:
                found = opened.status()
            inside.append(time.perf_counter() - started)
            started, used = time.perf_counter(), os.times()
            line = [sys.executable, "-m", "battsweep.cli.main", "status", str(store)]
            subprocess.run(line, check=True, stdout=subprocess.DEVNULL)
            command.append(time.perf_counter() - started)
            now = os.times()
            busy.append(sum(now[2:4]) - sum(used[2:4]))
    [sweep] = found.sweeps
    if sum(sweep.counts.values()) != args.tasks or sweep.counts["waiting"]:
        raise SystemExit(f"wrong counts: {sweep.counts}")
    print(f"status, opening the store included: {1e3 * statistics.median(inside):.1f} ms (median)")
    print(f"`battsweep status` as a command:    {1e3 * statistics.median(command):.0f} ms (median)")
    print(f"                      of it CPU:    {1e3 * statistics.median(busy):.0f} ms (median)")


if __name__ == "__main__":
    main()
