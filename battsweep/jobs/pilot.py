"""A pilot: a few tasks of a plan for real, and from them what the whole will take."""

from __future__ import annotations

import math
import tempfile
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import TypeVar

from battsweep.jobs.chunks import TARGET_S, Chunk
from battsweep.jobs.driver import run_plan
from battsweep.jobs.plan import Plan
from battsweep.jobs.sample import Standing, to_compute
from battsweep.jobs.worker import Delivered
from battsweep.slurm.environment import allotted_cores
from battsweep.store.store import open_store
from battsweep.sweep.task import Task

A_GROUP = 4  # tasks of one group in a pilot: the first pays for what the others need not
EARLY = 2  # a built model's first solve sets the solver up, its second what calls it directly
INDEX_BYTES = 1_100  # a task's rows in the index and in the sweep's list of tasks
SMALL_SHARDS = 10  # a worker's at the beginning and towards the end, where chunks are small

T = TypeVar("T")
Stratum = tuple[str, str, str]
"""Cell, model and protocol by label: tasks that cost about the same."""


@dataclass(frozen=True, slots=True)
class Sample:
    """What one task of a pilot took. ``first`` is set for a model's first `EARLY` solves."""

    stratum: Stratum
    solve_s: float
    first: bool


@dataclass(frozen=True, slots=True)
class Measured:
    """What a pilot saw. ``beside_s`` is what a task costs a worker besides its solve.

    ``build_s`` is all that chunks with first solves took longer than their tasks
    would have otherwise; ``write_s`` is for a shard; ``start_s`` is from the
    command to the first task, planning included, and ``end_s`` from the last
    to the end. ``chunks`` has tasks and bytes a shard. ``proof_s`` is
    what one plain simulation took, 0 where there was none.
    """

    samples: tuple[Sample, ...]
    beside_s: float
    builds: int
    build_s: float
    write_s: float
    start_s: float
    end_s: float
    chunks: tuple[tuple[int, int], ...]
    memory_mib: float
    outcomes: Mapping[str, int]
    proof_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a whole sweep will take: seconds are of one core, but for ``wall_s``."""

    tasks: int
    workers: int
    solve_s: float
    builds: int
    build_s: float
    proofs: int
    proof_s: float
    start_s: float
    wall_s: float
    core_hours: float
    memory_mib_a_worker: float
    disk_bytes: int


def choose(plan: Plan, count: int) -> tuple[str, ...]:
    """Return the ids of about ``count`` tasks that stand for all of a plan.

    Every cell, model and protocol has its share; of each, the first and the
    last group (the corners of the varied range) and some between, and of each
    of these some tasks from the first to the last.
    """
    strata: dict[Stratum, dict[str, list[str]]] = {}
    for task, (group, _) in zip(plan.tasks, plan.placed, strict=True):
        groups = strata.setdefault(_stratum(task), {})
        groups.setdefault("fit" if group is None else group.key, []).append(task.id)
    shares = _shares([sum(map(len, groups.values())) for groups in strata.values()], count)
    chosen: list[str] = []
    for groups, share in zip(strata.values(), shares, strict=True):
        lists = list(groups.values())
        picked = spread(lists, max(1, share // A_GROUP)) if share else []
        for ids, part in zip(picked, _shares([len(ids) for ids in picked], share), strict=True):
            chosen += spread(ids, part)
    return tuple(dict.fromkeys(chosen))


def _stratum(task: Task) -> Stratum:
    return task.cell, task.model, task.protocol


def spread(values: Sequence[T], count: int) -> list[T]:
    """Return so many values from the first to the last, evenly spread; all where they are few."""
    if count >= len(values):
        return list(values)
    if count <= 1:
        return list(values[:count])
    return [values[round(k * (len(values) - 1) / (count - 1))] for k in range(count)]


def _shares(sizes: Sequence[int], count: int) -> list[int]:
    """Divide a count by size, at least one each while it lasts, and none above its size."""
    shares = [0] * len(sizes)
    order = sorted(range(len(sizes)), key=lambda k: -sizes[k])
    left = count
    while left > 0 and any(shares[k] < sizes[k] for k in order):
        # The next goes where the most tasks are for each that was chosen.
        best = max(
            (k for k in order if shares[k] < sizes[k]),
            key=lambda k: math.inf if not shares[k] else sizes[k] ** 0.5 / shares[k],
        )
        shares[best] += 1
        left -= 1
    return shares


def estimate(plan: Plan, measured: Measured, *, workers: int) -> Estimate:
    """Return what a whole plan takes with so many workers, from what a pilot took."""
    counts = Counter(map(_stratum, plan.tasks))
    solve_s = sum(
        count * (_mean_solve(measured.samples, stratum) + measured.beside_s)
        for stratum, count in counts.items()
    )
    build_s = measured.build_s / max(1, measured.builds)
    builds = _builds(plan, solve_s / len(plan.tasks), build_s, workers)
    whole = to_compute(plan.placed, Standing(), plan.sweep.run.proof)
    proofs = sum(item.prove for _, item in whole)
    proof_s = measured.proof_s or build_s  # a plain simulation is little else
    start_s = measured.start_s + measured.end_s
    a_chunk, a_task = bytes_of(measured.chunks)
    work_s = solve_s + builds * build_s + proofs * proof_s
    shards = SMALL_SHARDS * workers + work_s / TARGET_S
    work_s += shards * measured.write_s
    return Estimate(
        tasks=len(plan.tasks),
        workers=workers,
        solve_s=solve_s,
        builds=builds,
        build_s=build_s,
        proofs=proofs,
        proof_s=proof_s,
        start_s=start_s,
        wall_s=start_s + work_s / min(workers, max(1, len(plan.tasks))),
        core_hours=work_s / 3600,
        memory_mib_a_worker=measured.memory_mib,
        disk_bytes=round(shards * a_chunk + len(plan.tasks) * (a_task + INDEX_BYTES)),
    )


def _mean_solve(samples: Sequence[Sample], stratum: Stratum) -> float:
    """Return the mean seconds of a solve; of others where the pilot has none of these."""
    mine = [one for one in samples if one.stratum == stratum] or list(samples)
    later = [one.solve_s for one in mine if not one.first]
    # Where every solve was a model's first, what is more than the least counts as build.
    return fmean(later) if later else min((one.solve_s for one in mine), default=0.0)


def _builds(plan: Plan, solve_s: float, build_s: float, workers: int) -> int:
    """Return how often models will be built: by a second worker only where it pays."""
    sizes = [size for key, size in plan.groups().items() if key != "fit"]
    if len(sizes) >= 2 * workers:
        return len(sizes) + workers - 1
    pays = (max(1, math.ceil(size * solve_s / max(build_s, 1e-3))) for size in sizes)
    return sum(min(workers, many) for many in pays)


def bytes_of(chunks: Sequence[tuple[int, int]]) -> tuple[float, float]:
    """Return the bytes of a shard by itself and of each task in it, by least squares."""
    tasks, sizes = [n for n, _ in chunks], [size for _, size in chunks]
    if not tasks:
        return 0.0, 0.0
    mean_n, mean_size = fmean(tasks), fmean(sizes)
    spread_n = sum((n - mean_n) ** 2 for n in tasks)
    if not spread_n:
        return 0.0, mean_size / mean_n
    slope = sum((n - mean_n) * (s - mean_size) for n, s in chunks) / spread_n
    slope = min(max(slope, 0.0), mean_size / mean_n)
    return mean_size - slope * mean_n, slope


def run_pilot(
    plan: Plan, count: int, *, store: Path | None, workers: int | None, planned_s: float
) -> tuple[Measured, Estimate]:
    """Compute about ``count`` tasks of a plan and estimate the whole.

    Results are kept where a ``store`` is given, and need not be computed again.
    ``planned_s`` is how long planning took.

    Raises
    ------
    KeyboardInterrupt
        If it was stopped before all were computed.
    StoreError
        If the store is damaged, full, or driven by another process.
    """
    workers = workers or allotted_cores()
    with tempfile.TemporaryDirectory(prefix="battsweep-pilot-") as folder:
        where = Path(folder) / "store" if store is None else store
        chosen = choose(plan, count)
        seen: list[tuple[float, Chunk, Delivered]] = []
        started = time.perf_counter()
        progress = run_plan(
            plan,
            where,
            workers=workers,
            only=frozenset(chosen),
            on_chunk=lambda chunk, told: seen.append((time.perf_counter(), chunk, told)),
        )
        ended = time.perf_counter()
        if progress.stopping:
            raise KeyboardInterrupt  # an estimate from what is there would be none
        measured = _measured(where, seen, started - planned_s, ended)
    return measured, estimate(plan, measured, workers=workers)


def _measured(
    store: Path, seen: Sequence[tuple[float, Chunk, Delivered]], started: float, ended: float
) -> Measured:
    with open_store(store) as opened:
        rows = opened.connection.execute(
            "SELECT task_id, wall_s, outcome FROM attempt ORDER BY wins"  # those that win, last
        )
        took = {task_id: (float(wall_s), str(outcome)) for task_id, wall_s, outcome in rows}
    samples: list[Sample] = []
    early: dict[str | None, int] = {}
    begins: list[bool] = []
    for _, chunk, told in seen:
        before = len(samples)
        for group, items in chunk.parts:
            key = None if group is None else group.key
            if told.builds:
                early[key] = early.get(key, 0) + EARLY
            for item in items:
                first = early.get(key, 0) > 0
                early[key] = early.get(key, 0) - first
                samples.append(Sample(_stratum(item.task), took[item.task.id][0], first))
        begins.append(any(sample.first for sample in samples[before:]))
    plain = [
        (chunk.items, told)
        for (_, chunk, told), begun_here in zip(seen, begins, strict=True)
        if not begun_here
    ]
    beside_s = sum(
        max(
            0.0,
            told.wall_s
            - told.write_s
            - told.proof_s
            - sum(took[item.task.id][0] for item in items),
        )
        for items, told in plain
    ) / max(1, sum(len(items) for items, _ in plain))
    build_s = sum(
        max(
            0.0,
            told.wall_s
            - told.write_s
            - told.proof_s
            - sum(beside_s + _mean_solve(samples, _stratum(item.task)) for item in chunk.items),
        )
        for (_, chunk, told), begun_here in zip(seen, begins, strict=True)
        if begun_here
    )
    proofs = sum(item.prove for _, chunk, _ in seen for item in chunk.items)
    begun = min((at - told.wall_s for at, _, told in seen), default=ended)
    return Measured(
        samples=tuple(samples),
        beside_s=beside_s,
        builds=sum(told.builds for _, _, told in seen),
        build_s=build_s,
        write_s=fmean(told.write_s for _, _, told in seen) if seen else 0.0,
        start_s=begun - started,
        end_s=ended - max((at for at, _, _ in seen), default=ended),
        chunks=tuple((told.tasks, told.bytes) for _, _, told in seen),
        memory_mib=max((told.memory_mib for _, _, told in seen), default=0.0),
        outcomes=Counter(took[item.task.id][1] for _, chunk, _ in seen for item in chunk.items),
        proof_s=sum(told.proof_s for _, _, told in seen) / max(1, proofs),
    )
