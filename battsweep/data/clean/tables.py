"""What a cell did, step by step and cycle by cycle: charges, energies, times and limits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from battsweep.data.clean.steps import KINDS, Steps

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]


JOLT_ROWS = 2


def moved(
    times: Array, current: Array, voltage: Array, pauses: NDArray[np.bool_]
) -> tuple[Array, Array]:
    """Return the charge in A.h and energy in W.h that each row has moved since the one before.

    By the trapezoidal rule; the first row moves nothing, nor does one after a pause
    of the record.
    """
    steps = np.where(pauses, 0.0, np.diff(times, prepend=times[:1])) / 3600
    before = np.concatenate([current[:1], current[:-1]])
    watts = current * voltage
    watts_before = np.concatenate([watts[:1], watts[:-1]])
    return steps * (current + before) / 2, steps * (watts + watts_before) / 2


def step_table(
    steps: Steps,
    times: Array,
    voltage: Array,
    current: Array,
    temperature: Array | None,
    tester_step: Array | None,
    capacity_ah: float | None,
    pauses: NDArray[np.bool_],
) -> pa.Table:
    """Return a row a step. The interval into a step's first row belongs to the step."""
    import pyarrow as pa

    begins, ends = steps.begins, steps.ends(len(times))
    charge, energy = moved(times, current, voltage, pauses)
    before = np.concatenate([times[:1], times[begins[1:] - 1]]) if len(begins) else times[:0]
    starts = np.where(pauses[begins], times[begins], before)
    duration = times[ends - 1] - starts if len(begins) else times[:0]
    total = np.add.reduceat(charge, begins) if len(begins) else charge[:0]
    seconds = np.where(duration > 0, duration, np.nan)
    mean = 3600 * total / seconds
    columns: dict[str, Any] = {
        "step_index": pa.array(np.arange(1, len(begins) + 1)),
        "cycle_count": pa.array(steps.cycles.astype(np.int64)),
        "step_kind": pa.array([KINDS[kind] for kind in steps.kinds], pa.string()),
        "row_start": pa.array(begins.astype(np.int64)),
        "row_count": pa.array((ends - begins).astype(np.int64)),
        "start_second": starts,
        "duration_second": duration,
        "capacity_ah": np.abs(total),
        "energy_wh": np.abs(np.add.reduceat(energy, begins)) if len(begins) else energy[:0],
        "current_mean_ampere": mean,
        "voltage_start_volt": voltage[begins],
        "voltage_end_volt": voltage[ends - 1],
        "voltage_min_volt": _reduced(np.minimum, voltage, begins),
        "voltage_max_volt": _reduced(np.maximum, voltage, begins),
    }
    if capacity_ah:
        columns["c_rate"] = np.abs(mean) / capacity_ah
    if temperature is not None:
        columns["temperature_mean_celsius"] = _means(temperature, begins)
        columns["temperature_max_celsius"] = _reduced(np.fmax, temperature, begins)
    if tester_step is not None:
        columns["tester_step_index"] = pa.array(
            np.nan_to_num(tester_step[begins], nan=-1).astype(np.int64)
        )
    return pa.table(columns)


def cycle_table(
    steps: Steps,
    times: Array,
    voltage: Array,
    current: Array,
    temperature: Array | None,
    tester_cycle: Array | None,
    pauses: NDArray[np.bool_],
) -> pa.Table:
    """Return a row a cycle. The efficiency is null where a half of the cycle is not there."""
    import pyarrow as pa

    if not len(steps.begins):
        nothing = pa.array([], pa.float64())
        return pa.table({"cycle_count": pa.array([], pa.int64()), "discharge_capacity_ah": nothing})
    firsts = np.flatnonzero(np.diff(steps.cycles, prepend=0))
    begins = steps.begins[firsts]
    ends = np.append(begins[1:], len(times))
    charge, energy = moved(times, current, voltage, pauses)
    lengths = np.diff(np.append(steps.begins, len(times)))
    # A current meter's zero adds up to nothing, and a row or two are a relay's jolt.
    nothing = np.repeat((steps.kinds == 0) | (lengths <= JOLT_ROWS), lengths)
    charge[nothing] = energy[nothing] = 0.0
    up, down = np.maximum(charge, 0), np.maximum(-charge, 0)
    charged, discharged = np.add.reduceat(up, begins), np.add.reduceat(down, begins)
    whole = (charged > 0.02 * discharged) & (discharged > 0.02 * charged)
    whole[0] = False  # how full the cell was at the start is not known
    efficiency = np.where(whole, discharged / np.where(charged > 0, charged, 1), np.nan)
    columns: dict[str, Any] = {
        "cycle_count": pa.array(steps.cycles[firsts].astype(np.int64)),
        "row_start": pa.array(begins.astype(np.int64)),
        "row_count": pa.array((ends - begins).astype(np.int64)),
        "start_second": times[begins],
        "duration_second": times[ends - 1] - times[begins],
        "charge_capacity_ah": charged,
        "discharge_capacity_ah": discharged,
        "charge_energy_wh": np.add.reduceat(np.maximum(energy, 0), begins),
        "discharge_energy_wh": np.add.reduceat(np.maximum(-energy, 0), begins),
        "coulombic_efficiency": pa.array(efficiency, mask=~whole),
        "voltage_min_volt": _reduced(np.minimum, voltage, begins),
        "voltage_max_volt": _reduced(np.maximum, voltage, begins),
    }
    if temperature is not None:
        columns["temperature_mean_celsius"] = _means(temperature, begins)
        columns["temperature_max_celsius"] = _reduced(np.fmax, temperature, begins)
    if tester_cycle is not None:
        columns["tester_cycle_count"] = pa.array(
            np.nan_to_num(tester_cycle[begins], nan=-1).astype(np.int64)
        )
    return pa.table(columns)


def _reduced(function: np.ufunc, values: Array, begins: Rows) -> Array:
    return np.asarray(function.reduceat(values, begins)) if len(begins) else values[:0]


def _means(values: Array, begins: Rows) -> Array:
    finite = np.isfinite(values)
    sums = np.add.reduceat(np.where(finite, values, 0.0), begins)
    counts = np.add.reduceat(finite.astype(float), begins)
    return np.asarray(np.where(counts > 0, sums / np.maximum(counts, 1), np.nan))
