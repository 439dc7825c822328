"""``[output]`` and ``[run]``: what is kept of a task, and how it is computed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from battsweep.sweep.faults import Faults
from battsweep.sweep.schema import OutputTable, RunTable, SolverTable, check, check_rest
from battsweep.sweep.spec import Measured, Output, Run
from battsweep.sweep.summaries import AGAINST_MEASURED, COMPARED, parse_summary

_EVERY_S = 10.0


def read_output(value: object, *, has_measured: bool, faults: Faults) -> Output:
    """Return what a file says is kept; defaults where faults are noted."""
    if isinstance(value, dict) and "every" in value and "points" in value:
        faults.add("output", "has every and points; give at most one of them")
    table = check(OutputTable, value, "output", faults)
    table = table or check_rest(OutputTable, value, "output", faults)
    if table is None:
        return Output(every_s=_EVERY_S)
    names = [summary.name for summary in table.summary]
    for number, summary in enumerate(table.summary):
        place = f"output.summary.{number}"
        if summary.name in names[:number]:
            faults.add(place, f"{summary.name!r}: stands there twice; delete one")
        if summary.kind in AGAINST_MEASURED and not has_measured:
            faults.add(place, f"{summary.kind!r}: needs measured curves; add [[measured]]")
    every_s = table.every if isinstance(table.every, float) else None
    solver_times = table.every == "solver"
    if table.points is None and not solver_times and every_s is None:
        every_s = _EVERY_S
    return Output(
        tuple(table.series),
        every_s,
        table.points,
        solver_times,
        tuple(names),
        table.series_cycles,
    )


def with_comparison(output: Output, replayed: Sequence[Measured]) -> Output:
    """Return the same with what tells how far simulations are from replayed cycles."""
    if not replayed:
        return output
    kinds = dict.fromkeys(kind for curve in replayed for kind in curve.kinds)
    asked = [*output.summary, "overlap", *COMPARED]
    asked += [f"{word} in {kind}" for kind in sorted(kinds) for word in COMPARED]
    names = dict.fromkeys(parse_summary(text).name for text in asked)
    return replace(output, summary=tuple(names))


def read_run(value: object, *, faults: Faults) -> Run:
    """Return how a file says tasks are computed; defaults where faults are noted."""
    table = check(RunTable, value, "run", faults) or check_rest(RunTable, value, "run", faults)
    given = value.get("solver", {}) if isinstance(value, dict) else {}
    solver = check(SolverTable, given, "run.solver", faults) or SolverTable()
    if table is None:
        return Run()
    return Run(
        time_limit_s=table.time_limit,
        format=table.format,
        rtol=solver.rtol,
        atol=solver.atol,
        max_tasks=table.max_tasks,
        proof=table.proof,
        memory_limit_bytes=table.memory_limit,
        retry_ladder=table.retry_ladder,
        checkpoint=table.checkpoint,
        compile=None if table.compile == "auto" else table.compile,
    )
