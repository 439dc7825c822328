"""``battsweep plan --pilot``: what a sweep will take, from a few of its tasks."""

from __future__ import annotations

import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.output import size
from battsweep.cli.progress import duration

if TYPE_CHECKING:
    from battsweep.jobs.pilot import Estimate, Measured
    from battsweep.sweep.spec import Sweep

Pilot = tuple["Measured", "Estimate"]


def run(sweep: Sweep, count: int, *, store: Path | None, workers: int | None) -> Pilot:
    """Plan a sweep and compute a few of its tasks."""
    started = time.perf_counter()
    from battsweep.jobs.forking import start_server

    start_server()
    from battsweep.jobs.pilot import run_pilot
    from battsweep.jobs.plan import make_plan

    plan = make_plan(sweep)
    planned_s = time.perf_counter() - started
    return run_pilot(plan, count, store=store, workers=workers, planned_s=planned_s)


def describe(pilot: Pilot, store: Path | None) -> list[str]:
    """Return what a pilot found in lines for a person."""
    measured, found = pilot
    tried = len(measured.samples)
    lines = [f"pilot: {tried} tasks computed" + (f", kept in {store}" if store else "")]
    for outcome, number in measured.outcomes.items():
        if outcome != "done":
            lines.append(f"  {number} of them {outcome}; run them, then: battsweep table failures")
    if not tried:
        return [*lines, "  every task it would have tried is finished; nothing to estimate from"]
    task_s = found.solve_s / found.tasks
    rows = [
        ("core-hours", f"{found.core_hours:.3g}"),
        ("wall time", f"{duration(found.wall_s)} with {found.workers} workers"),
        ("a task", f"{task_s:.3g} s of a core; {found.tasks} tasks"),
        ("a build", f"{found.build_s:.3g} s of a core; about {found.builds} builds"),
        ("a proof", f"{found.proof_s:.3g} s of a core; {found.proofs} plain simulations"),
        ("start and end", f"{found.start_s:.1f} s, planning included"),
        ("memory", f"{found.memory_mib_a_worker:.0f} MiB a worker"),
        ("disk", size(found.disk_bytes)),
    ]
    return [*lines, "the whole sweep will take about", *(f"  {n:<14}{text}" for n, text in rows)]


def as_json(pilot: Pilot, store: Path | None) -> dict[str, object]:
    """Return what a pilot found in plain values."""
    measured, found = pilot
    return {
        "computed": len(measured.samples),
        "store": None if store is None else str(store),
        "outcomes": dict(measured.outcomes),
        "estimate": asdict(found),
    }
