"""A cell's rows cleaned, rule by rule, with every change told; steps and cycles numbered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from battsweep.data import columns as c
from battsweep.data.cell import CleanCell, RawCell
from battsweep.data.clean.clocks import joined, stepped_back, strictly_later, unwrapped
from battsweep.data.clean.log import Log
from battsweep.data.clean.settings import Cleaning, settings_of
from battsweep.data.clean.steps import KINDS, find_steps
from battsweep.data.clean.tables import cycle_table, step_table
from battsweep.data.clean.tester import note_jumps, signed, without_glitches
from battsweep.data.clean.values import duplicated, filled, without_faults, without_spikes
from battsweep.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

__all__ = ["Cleaning", "clean", "settings_of"]

_TEMPERATURES = (c.TEMPERATURE.name, c.AMBIENT.name)
_TESTERS = (c.TESTER_CYCLE.name, c.TESTER_STEP.name)


def clean(raw: RawCell, settings: Mapping[str, object] | Cleaning | None = None) -> CleanCell:
    """Return a cell's cleaned history; what no rule names is as it was, to the last bit.

    ``settings`` are a recipe's ``[cleaning]``, or the defaults.

    Raises
    ------
    DataError
        If the settings cannot be, or no row is left with a time, a voltage and a current.
    """
    rules, log = settings_of(settings), Log()
    table = raw.table
    rows = np.arange(table.num_rows)
    operation = None if raw.operation is None else np.asarray(raw.operation)
    if rules.duplicates:
        same = duplicated(table)
        log.dropped("duplicates", rows[same], "the same as the row before it")
        log.count(
            "duplicates",
            {},
            found=int(same.sum()),
            dropped=int(same.sum()),
            told=f"{int(same.sum())} rows that stand there twice, dropped",
        )
        rows = rows[~same]
    times, rows = _times(raw, rows, operation, log, rules)
    table = table.take(rows)
    floats = {
        name: np.array(table.column(name), dtype=float)
        for name in (c.VOLTAGE.name, c.CURRENT.name, *_TEMPERATURES)
        if name in table.column_names
    }
    testers = {
        name: np.array(table.column(name).to_numpy(zero_copy_only=False), dtype=float)
        for name in _TESTERS
        if name in table.column_names
    }
    kept, rows, times = _values(raw, table, floats, testers, times, rows, log, rules)
    if not len(rows):
        raise DataError(
            f"{raw.cell}: no row is left with a time, a voltage and a current; "
            "name the right columns, or switch rules off, in a recipe"
        )
    pauses = _pauses(times, kept[c.CURRENT.name], log, rules)
    if operation is not None:
        pauses |= np.diff(operation[rows], prepend=operation[rows][:1]) != 0
    return _numbered(raw, kept, times, rows, pauses, log, rules)


def _times(
    raw: RawCell, rows: Rows, operation: Rows | None, log: Log, rules: Cleaning
) -> tuple[Array, Rows]:
    """Return times that increase strictly, and the rows that have them."""
    times = np.array(raw.table.column(c.TIME.name), dtype=float)[rows]
    known = np.isfinite(times)
    if not known.all():
        log.dropped("missing_times", rows[~known], "has no time")
        log.count(
            "missing_times",
            {},
            found=int((~known).sum()),
            dropped=int((~known).sum()),
            told=f"{int((~known).sum())} rows without a time, dropped",
        )
        log.warnings.append(f"{int((~known).sum())} rows have no time; they are dropped")
        times, rows = times[known], rows[known]
    if operation is not None and rules.operations and len(rows):
        unix = None
        if c.UNIX_TIME.name in raw.table.column_names:
            unix = np.array(raw.table.column(c.UNIX_TIME.name), dtype=float)[rows]
        times = joined(times, rows, operation[rows], unix, log)
    if rules.midnight_wraps:
        times = unwrapped(times, rows, log)
    if rules.clock_steps:
        times = stepped_back(times, rows, log, rules)
    times, later = strictly_later(times, rows, log, rules)
    return times[later], rows[later]


def _values(
    raw: RawCell,
    table: pa.Table,
    floats: dict[str, Array],
    testers: dict[str, Array],
    times: Array,
    rows: Rows,
    log: Log,
    rules: Cleaning,
) -> tuple[dict[str, Any], Rows, Array]:
    """Return the columns with values cleaned, and the rows and times that are left."""
    current = floats[c.CURRENT.name]
    if not raw.signed and rules.state_signs and c.TESTER_STATE.name in table.column_names:
        words = table.column(c.TESTER_STATE.name).to_numpy(zero_copy_only=False)
        current = signed(current, words.astype(object), rows, log)
    elif not raw.signed:
        log.warnings.append("the current has no sign; charge and discharge are not told apart")
    voltage, current = without_spikes(floats[c.VOLTAGE.name], current, rows, log, rules)
    if c.TESTER_STEP.name in testers and np.isfinite(testers[c.TESTER_STEP.name]).all():
        steps = testers[c.TESTER_STEP.name].astype(np.intp)
        if rules.step_glitches:
            steps = without_glitches(steps, current, rows, log, rules)
            testers[c.TESTER_STEP.name] = steps.astype(float)
    else:
        steps = None
    if c.TESTER_CYCLE.name in testers and rules.cycle_jumps:
        counted = testers[c.TESTER_CYCLE.name]
        known = np.isfinite(counted)
        note_jumps(np.where(known, counted, 0).astype(np.intp), known, rows, log)
    left = np.zeros(len(rows), dtype=bool)
    if rules.missing_values:
        voltage, no_volts = filled(c.VOLTAGE.name, voltage, times, log, rows, rules)
        current, no_amperes = filled(c.CURRENT.name, current, times, log, rows, rules, alike=steps)
        left = no_volts | no_amperes
    else:
        left = ~(np.isfinite(voltage) & np.isfinite(current))
    log.dropped("missing_values", rows[left], "a long gap, cut")
    if left.any():
        log.count(
            "missing_values",
            {"column": "rows", **rules.of("missing_rows", "missing_s")},
            found=int(left.sum()),
            dropped=int(left.sum()),
            told=f"{int(left.sum())} rows in long gaps, cut",
        )
        log.warnings.append(f"{int(left.sum())} rows in long gaps of missing values are cut")
    columns: dict[str, Any] = {c.VOLTAGE.name: voltage, c.CURRENT.name: current}
    for name in _TEMPERATURES:
        if name in floats:
            cleaned = (
                without_faults(name, floats[name], rows, log, rules)
                if rules.sensor_faults
                else floats[name]
            )
            if cleaned is not None and rules.missing_values and np.isfinite(cleaned).any():
                cleaned, _ = filled(name, cleaned, times, log, rows, rules)
            if cleaned is not None:
                columns[name] = cleaned
    columns |= testers
    for name in (c.UNIX_TIME.name, c.TESTER_STATE.name):
        if name in table.column_names:
            columns[name] = table.column(name).combine_chunks()
    keep = np.flatnonzero(~left)
    kept = {
        name: values.take(keep) if not isinstance(values, np.ndarray) else values[keep]
        for name, values in columns.items()
    }
    return kept, rows[keep], times[keep]


def _pauses(times: Array, current: Array, log: Log, rules: Cleaning) -> NDArray[np.bool_]:
    """Return which rows come after a pause of the record, before or after which nothing flowed."""
    none = np.zeros(len(times), dtype=bool)
    if not rules.gaps or len(times) < 3:
        return none
    steps = np.diff(times)
    usual = float(np.median(steps))
    long = steps > max(rules.gap_s, rules.gap_times * usual)
    log.count(
        "gaps",
        rules.of("gap_times", "gap_s"),
        found=int(long.sum()),
        told=f"{int(long.sum())} pauses of the record, the longest {steps.max() / 3600:.1f} h",
    )
    resting = np.abs(current) <= rules.rest_share * float(np.quantile(np.abs(current), 0.99))
    none[1:] = long & (resting[1:] | resting[:-1])
    return none


def _numbered(
    raw: RawCell,
    kept: dict[str, Any],
    times: Array,
    rows: Rows,
    pauses: NDArray[np.bool_],
    log: Log,
    rules: Cleaning,
) -> CleanCell:
    """Return the clean cell, its steps and cycles found in the signal."""
    import pyarrow as pa

    nominal = raw.info.get("nominal_capacity_ah")
    capacity_ah = float(nominal) if isinstance(nominal, int | float) else None
    voltage, current = kept[c.VOLTAGE.name], kept[c.CURRENT.name]
    steps = find_steps(times, voltage, current, rules, capacity_ah=capacity_ah)
    lengths = np.diff(np.append(steps.begins, len(times)))
    series: dict[str, Any] = {c.TIME.name: times}
    series |= {name: values for name, values in kept.items() if name not in _TESTERS}
    series[c.CYCLE.name] = pa.array(np.repeat(steps.cycles, lengths).astype(np.int64))
    series[c.STEP.name] = pa.array(np.repeat(np.arange(1, len(lengths) + 1), lengths))
    words = np.array(KINDS, dtype=object)[np.repeat(steps.kinds, lengths)]
    series[c.STEP_KIND.name] = pa.array(words, pa.string())
    for name in _TESTERS:
        if name in kept:
            known = np.isfinite(kept[name])
            series[name] = pa.array(np.where(known, kept[name], 0).astype(np.int64), mask=~known)
    _tell_empty(raw, kept, rows, log)
    temperature = kept.get(c.TEMPERATURE.name)
    made = (times, voltage, current, temperature)
    return CleanCell(
        cell=raw.cell,
        series=pa.table(series),
        steps=step_table(steps, *made, kept.get(c.TESTER_STEP.name), capacity_ah, pauses),
        cycles=cycle_table(steps, *made, kept.get(c.TESTER_CYCLE.name), pauses),
        changes=log.changes(),
        rules=tuple(log.rules),
        warnings=tuple(log.warnings),
    )


def _tell_empty(raw: RawCell, kept: dict[str, Any], rows: Rows, log: Log) -> None:
    """Warn of operations that the tester calls a discharge and that move no charge, and stubs."""
    if raw.operation is None or c.TESTER_STATE.name not in kept:
        return
    operation = np.asarray(raw.operation)[rows]
    words = np.array(kept[c.TESTER_STATE.name].to_pylist(), dtype=object)
    begins = np.flatnonzero(np.diff(operation, prepend=operation[:1] - 1))
    ends = np.append(begins[1:], len(operation))
    current = kept[c.CURRENT.name]
    largest = float(np.quantile(np.abs(current), 0.99))
    empty = [
        int(operation[begin])
        for begin, end in zip(begins, ends, strict=True)
        if words[begin] == "discharge" and np.mean(current[begin:end]) > -0.02 * largest
    ]
    stubs = int(np.sum(ends - begins < 10))
    if empty:
        log.warnings.append(
            f"{len(empty)} discharges move no charge (operations "
            f"{', '.join(map(str, empty[:5]))}{', ...' if len(empty) > 5 else ''}); "
            "they are no end of life"
        )
    if stubs:
        log.warnings.append(f"{stubs} operations are stubs of fewer than 10 rows")
