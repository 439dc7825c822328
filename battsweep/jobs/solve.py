"""One task on a built model: solve, find silent failures, keep what was asked for."""

from __future__ import annotations

import logging
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from battsweep.data.columns import CYCLE, STEP, TIME
from battsweep.data.convert import from_pybamm
from battsweep.jobs.build import Built
from battsweep.jobs.direct import Track
from battsweep.jobs.failures import Failure, advised, classify_failure
from battsweep.jobs.groups import Item
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.silent import listened
from battsweep.jobs.steps import (
    count_steps,
    finite_part,
    skipped,
    steps_of,
    steps_of_track,
)
from battsweep.jobs.summarise import Array, Step, measured_times, summarise
from battsweep.sweep.cycles import keeps_rows
from battsweep.sweep.spec import Measured, Output
from battsweep.sweep.summaries import AGAINST_MEASURED, parse_summary

VOLTAGE_LIMITS = ("event: Minimum voltage [V]", "event: Maximum voltage [V]")


@dataclass(frozen=True, slots=True, eq=False)
class Solved:
    """How a solve ended: all its steps, or those before the failure."""

    steps: tuple[Step, ...]
    failure: Failure | None = None
    statistics: Mapping[str, float] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Result:
    """What a task leaves behind; ``columns`` are its rows by name on disk.

    ``note`` says how far it is from what was asked for, where it is.
    """

    columns: Mapping[str, Array]
    summary: Mapping[str, float | None]
    cycles: tuple[Mapping[str, float | None], ...]
    statistics: Mapping[str, float]
    failure: Failure | None = None
    traceback: str | None = None
    log: str = ""
    wall_s: float = 0.0
    fit: Mapping[str, object] = field(default_factory=dict)
    group: str = ""
    method: str = ""
    proof: Mapping[str, object] = field(default_factory=dict)
    tries: tuple[Mapping[str, object], ...] = ()
    note: str = ""


def nothing(failure: Failure, trace: str | None = None) -> Result:
    """Return the result of a task that left nothing behind but its failure."""
    return Result({}, {}, (), {}, failure=failure, traceback=trace)


class Watch:
    """Hears what PyBaMM's experiments only tell a callback: why they ended early."""

    def __init__(self) -> None:
        self.failure: Failure | None = None

    def on_experiment_start(self, logs: Mapping[str, Any]) -> None:
        """Do nothing."""

    on_cycle_start = on_cycle_end = on_step_start = on_step_end = on_experiment_start
    on_experiment_end = on_experiment_start

    def on_experiment_error(self, logs: Mapping[str, Any]) -> None:
        """Keep a solver's error in a later step."""
        failure = classify_failure(logs["error"])
        self.failure = Failure(failure.failure_class, f"{where(logs)}: {failure.message}")

    def on_experiment_infeasible_time(self, logs: Mapping[str, Any]) -> None:
        """Keep that a step without a duration never reached its end."""
        message = f"{where(logs)}: did not reach its end condition within PyBaMM's default time"
        self.failure = Failure("infeasible", message)

    def on_experiment_infeasible_event(self, logs: Mapping[str, Any]) -> None:
        """Keep that a step ended at an event that the protocol does not name."""
        if logs["termination"] == "failure":
            self.failure = Failure("solver", f"{where(logs)}: the solver gave up")
            return
        message = f"{where(logs)}: ended early by {logs['termination']}"
        self.failure = Failure("infeasible", message)


def where(logs: Mapping[str, Any]) -> str:
    """Return the cycle and step that PyBaMM's callback was told of."""
    cycle, step = logs["cycle number"][0], logs["step number"][0]
    return f"cycle {cycle}, step {step} ({logs['step operating conditions']})"


def attempt(built: Built, item: Item) -> Result:
    """Solve one task and return what it leaves behind, failures included."""
    started = time.perf_counter()
    with captured_log() as log:
        try:
            solved = solve(built, item.inputs, item=item)
            result = result_of(solved, built, item)
        except Exception as error:  # every error becomes an outcome
            result = nothing(advised(classify_failure(error)), traceback.format_exc())
    text = "\n".join(filter(None, [*log, result.log]))
    return replace(result, log=text, wall_s=time.perf_counter() - started)


def result_of(solved: Solved, built: Built, item: Item) -> Result:
    """Return what is kept of what was solved."""
    output = built.group.output
    return Result(
        columns=rows(kept_steps(solved.steps, built), output),
        **summaries(solved, output, item.measured, by_cycle=built.is_experiment),
        statistics=solved.statistics,
        failure=solved.failure,
        log="\n".join(solved.notes),
    )


def solve(built: Built, inputs: Mapping[str, float], *, item: Item) -> Solved:
    """Solve a built model for some inputs.

    Raises
    ------
    Exception
        What PyBaMM raises where nothing at all could be solved.
    """
    stepped = built.step_through(inputs, item)
    if stepped is not None:
        return _solved(stepped.steps, None, stepped.statistics, ())
    watch = Watch()
    for longer in (1, 10, 10):
        item = replace(item, duration_s=item.duration_s * longer)
        with listened() as said:
            solution = built.solve(
                inputs,
                initial_soc=item.initial_soc,
                duration_s=item.duration_s,
                callback=watch,
                also_at_s=None if item.measured is None else measured_times(item.measured),
                steps=item.task.procedure.steps,
            )
        if not _without_end(solution.t[-1], built, item):
            break
    if isinstance(solution, import_pybamm().EmptySolution):
        message = "every step was skipped, as its end condition held at its start"
        return Solved((), advised(Failure("infeasible", message)))
    steps = steps_of(solution, built, item)
    failure = watch.failure
    if failure is None and built.is_experiment:
        failure = _cut_short(solution, built)
    elif failure is None:
        failure = _silent_failure(solution.termination, solution.t[-1], built, item)
    notes = (*skipped(solution, built), *said.notes())
    return _solved(steps, failure, statistics_of(solution), notes, said.gave_up)


def solved_of_track(track: Track, built: Built, item: Item) -> Solved | None:
    """Return what was solved directly; None where a longer time should be tried."""
    end = float(track.times_s[-1])
    if _without_end(end, built, item):
        return None
    failure = _silent_failure(track.termination, end, built, item)
    return _solved(steps_of_track(track, built, item), failure, track.statistics, ())


def _solved(
    steps: tuple[Step, ...],
    failure: Failure | None,
    statistics: Mapping[str, float],
    notes: tuple[str, ...],
    gave_up: str = "",
) -> Solved:
    failure = failure or not_finite(steps)
    if failure is not None:
        steps = tuple(step for step in map(finite_part, steps) if len(step.times_s))
        failure = advised(failure, gave_up)
    return Solved(steps, failure, statistics, notes)


def _without_end(end: float, built: Built, item: Item) -> bool:
    """Return whether a constant current that should meet a limit ran out of time instead."""
    constant = built.group.protocol.kind == "constant" and not built.is_experiment
    ended = end < item.duration_s * (1 - 1e-9)
    return constant and item.task.procedure.duration_s is None and not ended


def _cut_short(solution: Any, built: Built) -> Failure | None:
    """Find steps of an experiment that PyBaMM left out in silence."""
    protocol = built.group.protocol
    asked = protocol.cycles * max(1, len(protocol.steps))
    done = count_steps(solution)
    if done < asked:
        message = f"PyBaMM did {done} of {asked} steps ({solution.termination})"
        return Failure("infeasible", message)
    return None


def _silent_failure(termination: str, end_s: float, built: Built, item: Item) -> Failure | None:
    """Find the failures of a constant current or a profile that PyBaMM tells nobody of."""
    if termination == "failure":
        return Failure("solver", f"the solver gave up at {end_s:.6g} s")
    end = f"{end_s:.6g} of {item.duration_s:.6g} s by {termination}"
    early = end_s < item.duration_s * (1 - 1e-9)
    if built.group.protocol.profile is not None:
        return Failure("infeasible", f"the profile ended at {end}") if early else None
    if early and termination not in VOLTAGE_LIMITS:
        return Failure("infeasible", f"ended at {end}, which is no voltage limit")
    if _without_end(end_s, built, item):
        message = f"no voltage limit was reached within {item.duration_s / 3600:.6g} h"
        return Failure("infeasible", message)
    return None


def not_finite(steps: tuple[Step, ...]) -> Failure | None:
    """Return a failure where any kept value is no number."""
    for step in steps:
        for name, values in step.values.items():
            if not np.all(np.isfinite(values)):
                return Failure("solver", f"{name!r} is not finite in step {step.step}")
    return None


def statistics_of(solution: Any) -> dict[str, float]:
    """Return how long and how hard the solver worked."""
    found = solution.solver_statistics
    numbers = {
        "solve_s": float(solution.solve_time.value),
        "integration_s": float(solution.integration_time.value),
    }
    if found is not None:
        numbers["solver_steps"] = float(found.number_of_steps)
        numbers["nonlinear_fails"] = float(found.number_of_nonlinear_solver_fails)
        numbers["error_test_fails"] = float(found.number_of_error_test_failures)
    return numbers


def kept_steps(steps: tuple[Step, ...], built: Built) -> tuple[Step, ...]:
    """Return the steps whose rows are asked for; of other protocols than steps, all."""
    group = built.group
    if group.protocol.kind != "steps":
        return steps
    of = group.protocol.cycles
    return tuple(step for step in steps if keeps_rows(group.output, step.cycle, of=of))


def rows(steps: tuple[Step, ...], output: Output) -> dict[str, Array]:
    """Return the rows of all steps by column name, in BDF's names and signs."""
    if not steps:
        return {}
    columns = {TIME.name: _joined([step.times_s for step in steps])}
    names = [name for name in output.series if name != TIME.pybamm_name]
    for name in names:
        if any(step.values[name].ndim > 1 for step in steps):
            raise ValueError(f"{name!r} varies in space; only one number a time is kept")
    columns.update(from_pybamm({n: _joined([step.values[n] for step in steps]) for n in names}))
    lengths = [len(step.times_s) for step in steps]
    for column, numbers in (
        (CYCLE, [step.cycle for step in steps]),
        (STEP, [step.step for step in steps]),
    ):
        columns[column.name] = np.repeat(np.array(numbers, dtype=np.int32), lengths)
    return columns


def _joined(parts: list[Array]) -> Array:
    return parts[0] if len(parts) == 1 else np.concatenate(parts)


def summaries(
    solved: Solved, output: Output, measured: Measured | None, *, by_cycle: bool
) -> dict[str, Any]:
    """Return ``summary`` and ``cycles``; of a failed task only those of its whole cycles.

    Of a replayed cycle that could not be followed to its end, what was compared until
    then stays; its overlap says how much that was.
    """
    asked = [parse_summary(text) for text in output.summary]
    steps = solved.steps
    numbers = sorted({step.cycle for step in steps}) if by_cycle else []
    if solved.failure is not None:
        numbers = numbers[:-1]
    cycles = []
    for number in numbers if asked else ():
        of_cycle = [step for step in steps if step.cycle == number]
        found = {summary.name: summarise(summary, of_cycle) for summary in asked}
        cycles.append({"cycle_count": float(number), **found})
    followed = measured is not None and bool(measured.kinds)
    whole = {
        s.name: summarise(s, steps, measured)
        for s in asked
        if solved.failure is None or (followed and s.kind in AGAINST_MEASURED)
    }
    return {"summary": whole, "cycles": tuple(cycles)}


class _Keep(logging.Handler):
    """Adds warnings and worse to a list."""

    def __init__(self, lines: list[str]) -> None:
        super().__init__(level=logging.WARNING)
        self._lines = lines

    def emit(self, record: logging.LogRecord) -> None:
        text = " ".join(record.getMessage().split())
        self._lines.append(f"{record.levelname.lower()}: {text}")


@contextmanager
def captured_log() -> Iterator[list[str]]:
    """Collect what PyBaMM logs and Python warns of, once each, in place of printing it."""
    lines: list[str] = []
    logger = logging.getLogger("pybamm.logger")
    before = logger.handlers[:]
    logger.handlers[:] = [_Keep(lines)]
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield lines
        lines.extend(f"warning: {' '.join(str(w.message).split())}" for w in warned)
        lines[:] = list(dict.fromkeys(lines))
    finally:
        logger.handlers[:] = before
