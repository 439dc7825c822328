"""One number a task, and one a cycle, from what was solved; pure functions on arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

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
    other axes, where there are any, are space. ``measured_voltage_v`` is the
    voltage at those times of a measured curve that the step reaches, where
    it was solved for; ``current`` the exact times and amperes of a profile.
    ``health`` has the electrodes' state of health at its end, where that was asked
    for and a cycle ends there.
    """

    cycle: int
    step: int
    times_s: Array
    values: Mapping[str, Array]
    measured_voltage_v: Array | None = None
    current: tuple[Array, Array] | None = None
    health: Mapping[str, float] = field(default_factory=dict)


def summarise(
    summary: Summary, steps: Sequence[Step], measured: Measured | None = None
) -> float | None:
    """Return a summary's number over some steps, or None where it has none.

    Capacities are the solver's own charge where a step's current keeps its
    sign, and the exact integral of a profile's current. Energies and means
    integrate over time between the stored points, and a time to a voltage is
    interpolated between two of them.
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
        case "health":
            return steps[-1].health.get(summary.name)
        case "rmse" | "max error" | "bias" if measured is not None:
            return compared(summary.kind, steps, measured, summary.within)
        case "rmse" | "max error" | "bias":
            return None
        case "overlap":
            return None if measured is None else overlap(steps, measured)
    return _reduce(summary.kind, [_values(step, str(summary.variable)) for step in steps], steps)


def _charge(step: Step, sign: float) -> float:
    """Return the charge in A.h that flowed in one direction (+1: discharge)."""
    if step.current is not None:
        return _positive_integral(step.current[0], sign * step.current[1]) / 3600
    current = step.values["Current [A]"]
    if np.all(current * sign >= -1e-12):
        charge = step.values[CHARGE]
        return max(0.0, sign * float(charge[-1] - charge[0]))
    return _positive_integral(step.times_s, sign * current) / 3600


def _energy(step: Step, sign: float) -> float:
    """Return the energy in W.h that flowed in one direction (+1: discharge)."""
    times, current = step.times_s, step.values["Current [A]"]
    voltage = step.values["Voltage [V]"]
    if step.current is not None:
        both = np.union1d(times, step.current[0])
        voltage = np.interp(both, times, voltage)
        times, current = both, np.interp(both, *step.current)
    return _positive_integral(times, sign * voltage * current) / 3600


def _positive_integral(times: Array, values: Array) -> float:
    """Return the integral of what is positive of a line through some points."""
    left, right, seconds = values[:-1], values[1:], np.diff(times)
    whole = (left + right) / 2
    crosses = left * right < 0
    if not crosses.any():
        return float(np.sum(np.maximum(whole, 0.0) * seconds))
    # Of a segment that crosses zero, only a triangle is positive.
    top = np.maximum(left, right)
    span = np.where(crosses, np.abs(left - right), 1.0)
    areas = np.where(crosses, top**2 / (2 * span), np.maximum(whole, 0.0))
    return float(np.sum(areas * seconds))


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


def _values(step: Step, variable: str) -> Array:
    return step.times_s if variable == "Time [s]" else step.values[variable]


def _reduce(kind: str, arrays: Sequence[Array], steps: Sequence[Step]) -> float:
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
            return _mean_over_time(arrays, [step.times_s for step in steps])
    return float(last)


def _mean_over_time(arrays: Sequence[Array], times: Sequence[Array]) -> float:
    """Return the mean over time, and over space where there is any."""
    lines = [array.reshape(-1, array.shape[-1]).mean(axis=0) for array in arrays]
    seconds = sum(float(t[-1] - t[0]) for t in times)
    if seconds == 0:
        return float(np.mean(np.concatenate(lines)))
    pairs = zip(lines, times, strict=True)
    return sum(float(np.trapezoid(line, t)) for line, t in pairs) / seconds


@dataclass(frozen=True, slots=True, eq=False)
class VoltageErrors:
    """Simulated minus measured voltage in V, and the seconds that each point stands for."""

    errors_v: Array
    seconds: Array


def measured_times(measured: Measured) -> Array:
    """Return the times of a measured curve, counted from its first."""
    return np.asarray(measured.times_s) - measured.times_s[0]


def voltage_errors(steps: Sequence[Step], measured: Measured) -> VoltageErrors:
    """Return the error at each measured time, counted from the first.

    Where the step was not solved for these times, its stored points are
    interpolated. After its end the simulation is held at its last voltage. A
    point stands for half the time to its neighbours, so that uneven sampling
    weighs nothing.
    """
    measured_times = np.asarray(measured.times_s) - measured.times_s[0]
    times = np.concatenate([step.times_s for step in steps])
    voltage = np.concatenate([step.values["Voltage [V]"] for step in steps])
    simulated = np.interp(measured_times, times - times[0], voltage)
    exact = steps[0].measured_voltage_v
    if exact is not None:
        simulated[: len(exact)] = exact
    seconds = np.gradient(measured_times)
    seconds[[0, -1]] /= 2
    return VoltageErrors(simulated - np.asarray(measured.voltage_v), seconds)


def root_mean_square_mv(errors: Sequence[VoltageErrors]) -> float:
    """Return the root of the mean square, over the time of some curves, in mV."""
    seconds = np.concatenate([error.seconds for error in errors])
    squares = np.concatenate([error.errors_v for error in errors]) ** 2
    return 1e3 * float(np.sqrt(np.sum(squares * seconds) / np.sum(seconds)))


def compared(
    kind: str, steps: Sequence[Step], measured: Measured, within: str | None = None
) -> float | None:
    """Return the RMSE, largest error or bias in mV where both have values.

    Simulated minus measured; means are over time. With ``within``, of the measured
    points in steps of that kind only, None if the simulation reaches none.
    """
    whole = voltage_errors(steps, measured)
    end = steps[-1].times_s[-1] - steps[0].times_s[0]
    counts = measured_times(measured) <= end
    if within is not None:
        counts &= np.array(measured.kinds) == within
    errors, seconds = whole.errors_v[counts], whole.seconds[counts]
    if not errors.size:
        return None
    if kind == "max error":
        return 1e3 * float(np.max(np.abs(errors)))
    total = float(np.sum(seconds)) or 1.0
    if kind == "bias":
        return 1e3 * float(np.sum(errors * seconds)) / total
    return 1e3 * float(np.sqrt(np.sum(errors**2 * seconds) / total))


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
