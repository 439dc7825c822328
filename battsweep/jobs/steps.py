"""PyBaMM's solution as steps: what is kept of it, and what is read off it more finely."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from battsweep.jobs.build import Built
from battsweep.jobs.direct import Track
from battsweep.jobs.groups import Item
from battsweep.jobs.health import with_health
from battsweep.jobs.summarise import Array, Step, measured_times
from battsweep.sweep.spec import Measured, Profile
from battsweep.sweep.summaries import asks_for_health

VOLTAGE = "Voltage [V]"


def steps_of(solution: Any, built: Built, item: Item) -> tuple[Step, ...]:
    """Return the steps of a solution, without those that PyBaMM skipped."""
    if not built.is_experiment:
        step, exact = _part(1, 1, solution, built), None
        if item.measured is not None and built.group.output.every_s is None:
            at = _reached(item.measured, step)
            exact = _entries(solution[VOLTAGE](at), len(at))
        step = _only_step(step, exact, built, item)
        if asks_for_health(built.group.output.summary):
            return tuple(with_health([step], [solution], built))
        return (step,)
    parts = [found for found in _parts(solution) if len(found[2].t) > 1]
    steps = [_part(cycle, step, part, built) for cycle, step, part in parts]
    if steps and asks_for_health(built.group.output.summary):
        steps = with_health(steps, [part for _, _, part in parts], built)
    if steps and item.measured is not None and built.group.output.every_s is None:
        voltage = voltage_at(measured_times(item.measured), [part for _, _, part in parts])
        steps[0] = replace(steps[0], measured_voltage_v=voltage)
    return tuple(steps)


def steps_of_track(track: Track, built: Built, item: Item) -> tuple[Step, ...]:
    """Return the one step of what was solved on a grid of times."""
    return (_only_step(Step(1, 1, track.times_s, track.values), None, built, item),)


def voltage_at(times: Array, parts: Sequence[Any]) -> Array:
    """Return the voltage at those times that some steps reach, from their full states."""
    start = parts[0].t[0]
    found: list[Array] = []
    begin = -np.inf
    for part in parts:
        mine = times[(times + start > begin) & (times + start <= part.t[-1])] + start
        begin = part.t[-1]
        if len(mine):
            found.append(_entries(part[VOLTAGE](mine), len(mine)))
    return np.concatenate(found) if found else np.zeros(0)


def skipped(solution: Any, built: Built) -> tuple[str, ...]:
    """Return a note for each step that PyBaMM passed over in silence."""
    if not built.is_experiment:
        return ()
    return tuple(
        f"cycle {cycle}, step {step}: skipped, as its end condition held at its start"
        for cycle, step, part in _parts(solution)
        if len(part.t) == 1 and part.termination != "failure"
    )


def finite_part(step: Step) -> Step:
    """Return a step until its first value that is no number."""
    bad = np.zeros(len(step.times_s), dtype=bool)
    for array in step.values.values():
        bad |= ~np.isfinite(array).reshape(-1, len(step.times_s)).all(axis=0)
    end = int(np.argmax(bad)) if bad.any() else len(bad)
    values = {name: array[..., :end] for name, array in step.values.items()}
    return Step(step.cycle, step.step, step.times_s[:end], values, health=step.health)


def count_steps(solution: Any) -> int:
    """Return how many steps of an experiment were done or skipped."""
    return sum(1 for _ in _parts(solution))


def _parts(solution: Any) -> Iterator[tuple[int, int, Any]]:
    for cycle, cycle_solution in enumerate(solution.cycles, start=1):
        if cycle_solution is None:  # one that was solved before a checkpoint
            continue
        for step, part in enumerate(cycle_solution.steps, start=1):
            yield cycle, step, part


def _part(cycle: int, step: int, part: Any, built: Built) -> Step:
    points = built.group.output.points
    if points is None:
        times = np.array(part.t, dtype=float)
        values = {name: _entries(part[name].entries, len(times)) for name in built.variables}
    else:
        times = np.linspace(part.t[0], part.t[-1], points)
        values = {name: _entries(part[name](times), points) for name in built.variables}
    return Step(cycle, step, times, values)


def _only_step(step: Step, exact: Array | None, built: Built, item: Item) -> Step:
    """Return the one step of a constant current or a profile.

    ``exact`` is the voltage at the measured times, where it was read off the full
    state. On a grid, rows that were solved for a measured curve's sake alone are
    taken out again; a grid is part of what was asked for, and so is the end.
    """
    profile = built.group.protocol.profile
    if item.measured is not None and exact is None:
        exact = step.values[VOLTAGE][_places(step.times_s, _reached(item.measured, step))]
        grid = built.grid(item.duration_s)
        if grid is None:
            raise ValueError("a solve at given times has a grid")
        wanted = grid if built.stops is None else np.union1d(grid, built.stops)
        kept = _places(step.times_s, wanted[wanted <= step.times_s[-1]])
        kept = np.union1d(kept, [len(step.times_s) - 1])
        values = {name: array[..., kept] for name, array in step.values.items()}
        step = Step(1, 1, step.times_s[kept], values)
    current = exact_current(profile, float(step.times_s[-1]))
    return Step(1, 1, step.times_s, step.values, exact, current)


def _reached(measured: Measured, step: Step) -> Array:
    at: Array = measured_times(measured)
    reached: Array = at[at <= step.times_s[-1]]
    return reached


def _places(times: Array, wanted: Array) -> Any:
    """Return where each wanted time stands among increasing times; the nearest there is."""
    right = np.clip(np.searchsorted(times, wanted), 1, len(times) - 1)
    return np.where(wanted - times[right - 1] < times[right] - wanted, right - 1, right)


def exact_current(profile: Profile | None, end: float) -> tuple[Array, Array] | None:
    """Return a current profile's own points until the end, positive on discharge."""
    if profile is None or profile.quantity != "current":
        return None
    times, amperes = np.asarray(profile.times_s), -np.asarray(profile.values)
    until = np.append(times[times < end], end)
    return until, np.interp(until, times, amperes)


def _entries(values: Any, length: int) -> Array:
    array = np.array(values, dtype=float)
    return array.reshape(length) if array.size == length else array
