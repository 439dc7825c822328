"""One number a task, and one a cycle, from what was solved; pure functions on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from battsweep.sweep.spec import Measured
from battsweep.sweep.summaries import Summary

Array = NDArray[np.float64]

CHARGE = "Discharge capacity [A.h]"


@dataclass(frozen=True, slots=True, eq=False)
class Step:
    """What was solved of one step: ``values`` by PyBaMM's names and signs.

    The last axis of each array is time and has the length of ``times_s``;
    other axes, where there are any, are space.
    """

    cycle: int
    step: int
    times_s: Array
    values: Mapping[str, Array]


def summarise(
    summary: Summary, steps: Sequence[Step], measured: Measured | None = None
) -> float | None:
    """Return a summary's number over some steps, or None where it has none.

    Capacities are the solver's own charge, step by step; energies integrate
    the stored points by the trapezoidal rule; a time is interpolated between
    two stored points.
    """
    if not steps:
        return None
    number = _number(summary, steps, measured)
    return None if number is None or not np.isfinite(number) else float(number)


def _number(summary: Summary, steps: Sequence[Step], measured: Measured | None) -> float | None:
    match summary.kind:
        case "capacity":
            return sum(_charge(step, 1.0) for step in steps)
        case "charge capacity":
            return sum(_charge(step, -1.0) for step in steps)
        case "energy":
            return sum(_energy(step, 1.0) for step in steps)
        case "charge energy":
            return sum(_energy(step, -1.0) for step in steps)
        case "duration":
            return float(steps[-1].times_s[-1] - steps[0].times_s[0])
        case "time to":
            return _time_to(float(summary.threshold or 0), steps)
        case "rmse":
            return None if measured is None else rmse_mv(steps, measured)
        case "overlap":
            return None if measured is None else overlap(steps, measured)
    return _reduce(summary.kind, [step.values[str(summary.variable)] for step in steps])


def _charge(step: Step, sign: float) -> float:
    """Return the charge in A.h that flowed in one direction (+1: discharge)."""
    current = step.values["Current [A]"]
    if np.all(current * sign >= -1e-12):
        charge = step.values[CHARGE]
        return max(0.0, sign * float(charge[-1] - charge[0]))
    return float(np.trapezoid(np.clip(sign * current, 0, None), step.times_s)) / 3600


def _energy(step: Step, sign: float) -> float:
    power = step.values["Voltage [V]"] * step.values["Current [A]"]
    return float(np.trapezoid(np.clip(sign * power, 0, None), step.times_s)) / 3600


def _time_to(voltage: float, steps: Sequence[Step]) -> float | None:
    """Return the seconds until the voltage first passes a value, from either side."""
    times = np.concatenate([step.times_s for step in steps])
    above = np.concatenate([step.values["Voltage [V]"] for step in steps]) - voltage
    touched = np.flatnonzero(np.abs(above) <= 1e-9)
    crossed = np.flatnonzero(above[:-1] * above[1:] < 0)
    found = [float(times[touched[0]])] if touched.size else []
    if crossed.size:
        k = crossed[0]
        share = above[k] / (above[k] - above[k + 1])
        found.append(float(times[k] + share * (times[k + 1] - times[k])))
    return min(found) - float(times[0]) if found else None


def _reduce(kind: str, arrays: Sequence[Array]) -> float:
    first, last = np.mean(arrays[0][..., 0]), np.mean(arrays[-1][..., -1])
    match kind:
        case "start":
            return float(first)
        case "change":
            return float(last - first)
        case "min":
            return float(min(np.min(array) for array in arrays))
        case "max":
            return float(max(np.max(array) for array in arrays))
        case "mean":
            return float(np.mean(np.concatenate([array.ravel() for array in arrays])))
    return float(last)


@dataclass(frozen=True, slots=True, eq=False)
class VoltageErrors:
    """Simulated minus measured voltage in V, and the seconds that each point stands for."""

    errors_v: Array
    seconds: Array


def voltage_errors(steps: Sequence[Step], measured: Measured) -> VoltageErrors:
    """Return the error at each measured time.

    The simulation is interpolated to the measured times, counted from the
    first; after its end it is held at its last voltage. A point stands for
    half the time to its neighbours, so that uneven sampling weighs nothing.
    """
    times = np.concatenate([step.times_s for step in steps])
    voltage = np.concatenate([step.values["Voltage [V]"] for step in steps])
    measured_times = np.asarray(measured.times_s) - measured.times_s[0]
    simulated = np.interp(measured_times, times - times[0], voltage)
    seconds = np.gradient(measured_times)
    seconds[[0, -1]] /= 2
    return VoltageErrors(simulated - np.asarray(measured.voltage_v), seconds)


def root_mean_square_mv(errors: Sequence[VoltageErrors]) -> float:
    """Return the root of the mean square, over the time of some curves, in mV."""
    seconds = np.concatenate([error.seconds for error in errors])
    squares = np.concatenate([error.errors_v for error in errors]) ** 2
    return 1e3 * float(np.sqrt(np.sum(squares * seconds) / np.sum(seconds)))


def rmse_mv(steps: Sequence[Step], measured: Measured) -> float:
    """Return the root of the mean squared voltage error in mV where both have values.

    The mean is over time. What one of the two has beyond the other's end
    does not count: see `overlap`.
    """
    whole = voltage_errors(steps, measured)
    end = steps[-1].times_s[-1] - steps[0].times_s[0]
    reached = np.asarray(measured.times_s) - measured.times_s[0] <= end
    return root_mean_square_mv([VoltageErrors(whole.errors_v[reached], whole.seconds[reached])])


def overlap(steps: Sequence[Step], measured: Measured) -> float:
    """Return the fraction of the measured time that the simulation reaches."""
    end = float(steps[-1].times_s[-1] - steps[0].times_s[0])
    return min(1.0, end / (measured.times_s[-1] - measured.times_s[0]))
