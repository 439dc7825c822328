"""How far a stored result is from a plain simulation of the same task, and how far it may be.

The tolerance is made of the solver's own: some times ``rtol`` of the range that a variable
passes through (or of a quarter of its size, if that is more) and ``atol`` of its size. Two
solutions that the solver steps through otherwise are as far apart as this with nothing wrong:
at the default tolerances a voltage is within 0.1 mV of a tight solution, so two of them are
within 0.2 mV. Reused and plain models were measured 0.005 mV apart for SPM and SPMe, and
0.05 mV for DFN; other variables of DFN (currents at a held voltage, charges over many
restarts, overpotentials) up to 9 ``rtol`` of their range.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from battsweep.data.columns import CYCLE, STEP, TIME, column_for, unit_of
from battsweep.data.convert import from_pybamm
from battsweep.jobs.failures import Failure
from battsweep.jobs.groups import Group, Item
from battsweep.jobs.plain import Plain, simulate
from battsweep.jobs.simulation import wanted_variables
from battsweep.jobs.solve import Result, Solved, captured_log, summaries
from battsweep.jobs.steps import exact_current, voltage_at
from battsweep.jobs.summarise import Array, Step, measured_times
from battsweep.sweep.summaries import Summary, parse_summary

END = "step end [s]"
VOLTAGE = "Voltage [V]"
OF_VOLTAGE = 2.0
"""How many times ``rtol`` a voltage may be off: 0.2 to 0.4 mV at PyBaMM's default tolerances."""
OF_OTHERS = 20.0
"""How many times ``rtol`` anything else may be off; an event's time is that of a voltage
divided by its slope."""


@dataclass(frozen=True, slots=True)
class Difference:
    """The largest difference found in a quantity, and what is allowed."""

    difference: float
    tolerance: float
    unit: str

    @property
    def share(self) -> float:
        """Return the difference as a share of what is allowed."""
        return self.difference / self.tolerance

    @property
    def passed(self) -> bool:
        """Whether it is allowed; a difference that is no number is not."""
        return bool(self.difference <= self.tolerance)


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of a comparison; ``passed`` is None where none could be made."""

    passed: bool | None
    differences: Mapping[str, Difference]
    message: str = ""

    @property
    def worst_share(self) -> float:
        """Return the largest difference as a share of what is allowed; 0 without any."""
        return max((one.share for one in self.differences.values()), default=0.0)

    def record(self, seconds: float) -> dict[str, Any]:
        """Return it in plain values, for a receipt."""
        found = self.differences
        worst = max(found, key=lambda name: found[name].share, default="")
        return {
            "passed": self.passed,
            "worst": worst,
            "share": self.worst_share,
            "message": self.message,
            "differences": {
                name: {
                    "difference": one.difference,
                    "tolerance": one.tolerance,
                    "unit": one.unit,
                    "passed": one.passed,
                }
                for name, one in found.items()
            },
            "seconds": seconds,
        }


def prove(group: Group, item: Item, result: Result) -> tuple[Plain, dict[str, Any]]:
    """Simulate a task plainly; return that, and the record of how its result compares."""
    started = time.perf_counter()
    with captured_log():  # what PyBaMM says of the task was said when it was solved
        plain = simulate(group, item)
        proof = compare(group, item, result, plain)
    return plain, proof.record(time.perf_counter() - started)


def unproven(result: Result, failure: Failure) -> Result:
    """Return a result whose plain simulation was stopped, or died: neither right nor wrong."""
    message = f"no plain simulation to compare with: {failure.message}"
    return replace(result, proof=Proof(None, {}, message).record(0.0))


def compare(group: Group, item: Item, result: Result, plain: Plain) -> Proof:
    """Return how a result compares with a plain simulation of its task.

    Ending in the same failure class counts as equal. Steps are compared at
    the stored times, counted from the step's own beginning.
    """
    classes = _failure_class(result), plain.failure and plain.failure.failure_class
    if classes != (None, None):
        mine, other = (f"failed ({name})" if name else "is done" for name in classes)
        message = f"it {mine}; a plain simulation {other}"
        if plain.failure is not None:
            message += f": {plain.failure.message}"
        both = None not in classes
        return Proof(True if classes[0] == classes[1] else None if both else False, {}, message)
    try:
        return _compare_numbers(group, item, result, plain)
    except KeyError as missing:
        place = missing.args[0]
        return Proof(False, {}, f"a plain simulation has no cycle and step {place}")


def _failure_class(result: Result) -> str | None:
    """Return what the first solve ended in: later tries have other settings than asked for."""
    if result.tries:
        found = result.tries[0].get("failure_class")
        return None if found is None else str(found)
    return None if result.failure is None else result.failure.failure_class


def _compare_numbers(group: Group, item: Item, result: Result, plain: Plain) -> Proof:
    stored = dict(_stored_steps(result, plain.cycles))
    found: dict[str, Difference] = {}
    ends: list[Difference] = []
    for place, rows in stored.items():
        times, part = rows[TIME.name], plain.parts[place]
        mine, other = times[-1] - times[0], part.t[-1] - part.t[0]
        allowed = OF_OTHERS * _rtol(group) * max(mine, other) + 1e-6
        ends.append(Difference(abs(float(mine - other)), float(allowed), "s"))
    if ends:
        found[END] = max(ends, key=lambda end: end.share)
    steps = _plain_steps(group, item, plain, stored)
    tolerances = {
        name: _tolerance(group, name, [step.values[name] for step in steps])
        for name in wanted_variables(group)
        if steps
    }
    for name in group.output.series:
        if name in tolerances:
            worst = max(_apart(name, step, stored) for step in steps)
            found[name] = Difference(worst, tolerances[name], unit_of(name))
    found |= _summaries(group, item, result, plain, steps, tolerances)
    return Proof(all(one.passed for one in found.values()), found)


def _stored_steps(
    result: Result, cycles: int
) -> Iterator[tuple[tuple[int, int], dict[str, Array]]]:
    """Yield a result's rows by cycle and step, those of the first cycles."""
    if not result.columns:
        return
    numbers = np.stack([result.columns[CYCLE.name], result.columns[STEP.name]])
    for cycle, step in np.unique(numbers, axis=1).T:
        if cycle <= cycles:
            mine = (numbers[0] == cycle) & (numbers[1] == step)
            rows = {name: values[mine] for name, values in result.columns.items()}
            yield (int(cycle), int(step)), rows


def _plain_steps(
    group: Group,
    item: Item,
    plain: Plain,
    stored: Mapping[tuple[int, int], Mapping[str, Array]],
) -> list[Step]:
    """Return a plain simulation's steps at the stored times; at its own where none are.

    The end is held against the end, as how far the two are apart is a difference of its own.
    A voltage may fall by tens of mV in the last microseconds before an event.
    """
    steps = []
    profile = item.task.procedure.profile
    for (cycle, number), part in plain.parts.items():
        times = np.asarray(part.t, dtype=float)
        if (cycle, number) in stored:
            rows = stored[cycle, number][TIME.name]
            times = np.append(np.clip(rows[:-1] - rows[0] + times[0], *times[[0, -1]]), times[-1])
        values = {name: _at(part, name, times) for name in wanted_variables(group)}
        health = plain.health.get((cycle, number), {})
        steps.append(Step(cycle, number, times, values, health=health))
    if steps and item.measured is not None and (len(steps) == 1 or group.output.every_s is None):
        voltage = voltage_at(measured_times(item.measured), list(plain.parts.values()))
        steps[0] = replace(steps[0], measured_voltage_v=voltage)
    if steps and profile is not None and profile.quantity == "current":
        current = exact_current(profile, float(steps[0].times_s[-1]))
        steps[0] = replace(steps[0], current=current)
    return steps


def _at(part: Any, name: str, times: Array) -> Array:
    values = np.array(part[name](times), dtype=float)
    return values.reshape(len(times)) if values.size == len(times) else values


def _tolerance(group: Group, name: str, values: list[Array]) -> float:
    low, high = min(float(v.min()) for v in values), max(float(v.max()) for v in values)
    size = max(abs(low), abs(high))
    times = OF_VOLTAGE if name == VOLTAGE else OF_OTHERS
    # A variable that is zero throughout may differ by rounding alone.
    return times * (_rtol(group) * max(high - low, size / 4) + group.atol * size) + 1e-12


def _rtol(group: Group) -> float:
    """Return ``rtol``, or below the default more: errors fall more slowly than tolerances.

    Two solutions of a DFN were 0.05 mV apart at 1e-4, and 0.0024 mV at 1e-6.
    """
    return float(max(group.rtol, 1e-4 * (group.rtol / 1e-4) ** (2 / 3)))


def _apart(name: str, step: Step, stored: Mapping[tuple[int, int], Mapping[str, Array]]) -> float:
    """Return the largest difference of a variable in a step; infinity if it is no number."""
    rows = stored.get((step.cycle, step.step))
    column = column_for(name).name
    if rows is None or column == TIME.name:
        return 0.0
    apart = float(np.max(np.abs(rows[column] - from_pybamm({name: step.values[name]})[column])))
    return apart if math.isfinite(apart) else 1e300


def _summaries(
    group: Group,
    item: Item,
    result: Result,
    plain: Plain,
    steps: list[Step],
    tolerances: Mapping[str, float],
) -> dict[str, Difference]:
    """Return the differences of summaries of the task, and of each cycle: the worst counts."""
    by_cycle = bool(item.task.procedure.steps) or item.task.procedure.kind == "steps"
    expected = summaries(
        Solved(tuple(steps)), group.output, item.measured, by_cycle=by_cycle or _power(item)
    )
    cycles = {int(one["cycle_count"]): one for one in expected["cycles"]}
    pairs = [(one, cycles.get(int(one["cycle_count"] or 0), {})) for one in result.cycles]
    if plain.cycles == item.task.procedure.cycles:
        pairs.append((result.summary, expected["summary"]))
    found: dict[str, Difference] = {}
    for text in group.output.summary:
        summary = parse_summary(text)
        name = summary.name if summary.name not in group.output.series else f"end {summary.name}"
        for mine, other in pairs:
            one, two = mine.get(summary.name), other.get(summary.name)
            if (one is None and two is None) or not other:
                continue
            if None in (one, two) and _barely(summary, steps, tolerances):
                continue
            if summary.variable is not None:
                allowed = 2 * tolerances.get(summary.variable, 0.0)
            elif summary.kind == "rmse":
                allowed = 1e3 * tolerances[VOLTAGE]
            else:
                allowed = OF_OTHERS * _rtol(group) * abs(two or 0.0)
            apart = 1e300 if one is None or two is None else abs(one - two)
            difference = Difference(apart, allowed + 1e-9, unit_of(summary.name))
            if name not in found or difference.share > found[name].share:
                found[name] = difference
    return found


def _barely(summary: Summary, steps: list[Step], tolerances: Mapping[str, float]) -> bool:
    """Whether a voltage that a time is asked for is just reached, or just not.

    A charge until 4.2 V ends there but for rounding.
    """
    if summary.threshold is None:
        return False
    nearest = min(float(np.abs(s.values[VOLTAGE] - summary.threshold).min()) for s in steps)
    return nearest <= tolerances[VOLTAGE]


def _power(item: Item) -> bool:
    profile = item.task.procedure.profile
    return profile is not None and profile.quantity == "power"
