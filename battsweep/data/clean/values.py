"""Rules of values: duplicates, spikes, ranges, sensor faults, and what is missing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from battsweep.data.clean.log import Log, runs
from battsweep.data.clean.settings import Cleaning
from battsweep.data.columns import CURRENT, VOLTAGE

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]
    Flags = NDArray[np.bool_]


def duplicated(table: pa.Table) -> Flags:
    """Return which rows say just what the row before them says, in every column."""
    import pyarrow as pa

    same = np.ones(max(0, table.num_rows - 1), dtype=bool)
    for column in table.columns:
        if pa.types.is_floating(column.type):
            values = np.asarray(column, dtype=float)
            alike = (values[1:] == values[:-1]) | (np.isnan(values[1:]) & np.isnan(values[:-1]))
        else:
            codes = column.combine_chunks().dictionary_encode().indices
            values = np.asarray(codes.fill_null(-1))
            alike = values[1:] == values[:-1]
        same &= alike
    return np.concatenate([[False], same])[: table.num_rows]


def out_of_range(values: Array, low: float, high: float) -> Flags:
    """Return which values are finite, yet not from ``low`` to ``high``."""
    with np.errstate(invalid="ignore"):
        return np.isfinite(values) & ((values < low) | (values > high))


def spikes(values: Array, least: float, most_rows: int, alike: Flags | None = None) -> Flags:
    """Return which values stand out from both sides by more than ``least``.

    A few rows in a run at most; the sides must be nearer to each other than half
    of it. Where ``alike`` is false between two rows, as where the current
    changes, the step from one to the other is no spike.
    """
    known = np.flatnonzero(np.isfinite(values))
    found = np.zeros(len(values), dtype=bool)
    kept = values[known]
    if kept.size < 3:
        return found
    steps = np.diff(kept)
    large = np.abs(steps) > least
    if alike is not None:
        large &= alike[known[1:]]
    up = np.flatnonzero(large)
    for width in range(1, most_rows + 1):
        # Between steps k and k + width lie the values k + 1 ... k + width.
        starts = up[up + width < len(steps)]
        starts = starts[large[starts + width]]
        before, after = kept[starts], kept[starts + width + 1]
        inside = kept[starts + 1]
        opposite = steps[starts] * steps[starts + width] < 0
        near = (
            np.abs(before - after) < np.minimum(np.abs(inside - before), np.abs(inside - after)) / 2
        )
        for start in starts[opposite & near]:
            if not found[known[start + 1 : start + width + 1]].any():
                found[known[start + 1 : start + width + 1]] = True
    if large[0] and not large[1:2].any() and abs(steps[0]) > 5 * least:
        found[known[0]] = True
    if large[-1] and not large[-2:-1].any() and abs(steps[-1]) > 5 * least:
        found[known[-1]] = True
    return found


def same_current(current: Array, share: float) -> Flags:
    """Return for each row whether its current is about that of the row before it."""
    filled = _last_known(current)
    scale = _largest(filled)
    steps = np.abs(np.diff(filled, prepend=filled[:1]))
    return np.asarray(steps <= share * scale)


def _largest(values: Array) -> float:
    finite = np.abs(values[np.isfinite(values)])
    return float(np.quantile(finite, 0.99)) if finite.size else 0.0


def _last_known(values: Array) -> Array:
    places = np.where(np.isfinite(values), np.arange(len(values)), 0)
    return values[np.maximum.accumulate(places)]


def without_spikes(
    voltage: Array, current: Array, rows: Rows, log: Log, rules: Cleaning
) -> tuple[Array, Array]:
    """Return voltage and current with what cannot be taken out, as if it were missing."""
    volts, amperes = voltage.copy(), current.copy()
    if rules.voltage_range:
        wrong = out_of_range(volts, rules.voltage_lowest, rules.voltage_highest)
        _taken_out(
            "voltage_range",
            volts,
            wrong,
            rows,
            VOLTAGE.name,
            log,
            rules.of("voltage_lowest", "voltage_highest"),
            "no cell's voltage",
        )
    if rules.voltage_spikes:
        alike = same_current(current, rules.same_current_share)
        wrong = spikes(volts, rules.voltage_spike, rules.spike_rows, alike)
        _taken_out(
            "voltage_spikes",
            volts,
            wrong,
            rows,
            VOLTAGE.name,
            log,
            rules.of("voltage_spike", "spike_rows"),
            "stands out from both sides while the current stays",
        )
    if rules.current_spikes:
        largest = _largest(amperes)
        wrong = np.isfinite(amperes) & (np.abs(amperes) > rules.current_spike * largest)
        wrong &= largest > 0
        _taken_out(
            "current_spikes",
            amperes,
            wrong,
            rows,
            CURRENT.name,
            log,
            rules.of("current_spike"),
            f"more than {rules.current_spike:g} times the largest of nearly all",
        )
    return volts, amperes


def without_faults(name: str, values: Array, rows: Rows, log: Log, rules: Cleaning) -> Array | None:
    """Return temperatures without a sensor's faults; None where it was never connected."""
    kept = values.copy()
    wrong = out_of_range(values, rules.temperature_lowest, rules.temperature_highest)
    good = np.isfinite(values) & ~wrong
    parameters = {
        "column": name,
        **rules.of("temperature_lowest", "temperature_highest", "temperature_jump"),
    }
    if wrong.any() and good.sum() < 0.02 * np.isfinite(values).sum():
        log.count(
            "sensor_faults",
            parameters,
            found=int(wrong.sum()),
            dropped=len(values),
            told=f"{name}: not connected (about {np.nanmedian(values):.0f} degC); column dropped",
        )
        log.warnings.append(f"{name}: the sensor was not connected; its column is dropped")
        return None
    kept[wrong] = np.nan
    jumps = spikes(kept, rules.temperature_jump, rules.spike_rows)
    kept[jumps] = np.nan
    wrong |= jumps
    places = np.flatnonzero(wrong)
    log.changed(
        "sensor_faults", rows[places], name, values[places], kept[places], "a sensor's fault"
    )
    log.count(
        "sensor_faults",
        parameters,
        found=len(places),
        changed=len(places),
        told=f"{name}: {len(places)} values of a sensor's fault taken out",
    )
    return kept


def _taken_out(
    rule: str,
    values: Array,
    wrong: Flags,
    rows: Rows,
    column: str,
    log: Log,
    parameters: dict[str, float | str | bool],
    why: str,
) -> None:
    """Make wrong values missing, in place, and note it."""
    places = np.flatnonzero(wrong)
    log.changed(rule, rows[places], column, values[places], np.full(len(places), np.nan), why)
    values[places] = np.nan
    log.count(
        rule,
        parameters,
        found=len(places),
        changed=len(places),
        told=f"{len(places)} values of {column} taken out",
    )


def filled(
    name: str,
    values: Array,
    times: Array,
    log: Log,
    rows: Rows,
    rules: Cleaning,
    *,
    alike: Rows | None = None,
) -> tuple[Array, Flags]:
    """Return values with short gaps filled, and which are still missing.

    Gaps are filled along a straight line in time; where ``alike`` (the tester's
    step) differs between the two sides, each row takes the value of the side
    that it belongs to.
    """
    missing = ~np.isfinite(values)
    made = values.copy()
    if not missing.any() or missing.all():
        return made, missing
    begins, ends = runs(missing)
    lasting = times[np.minimum(ends, len(times) - 1)] - times[np.maximum(begins - 1, 0)]
    short = (ends - begins <= rules.missing_rows) & (lasting <= rules.missing_s)
    short &= (begins > 0) & (ends < len(values))
    for begin, end in zip(begins[short], ends[short], strict=True):
        inside = np.arange(begin, end)
        if alike is not None and alike[begin - 1] != alike[end]:
            first = alike[inside] == alike[begin - 1]
            made[inside] = np.where(first, values[begin - 1], values[end])
        else:
            made[inside] = _between(times, values, begin, end)
    put = np.flatnonzero(missing & np.isfinite(made))
    log.changed("missing_values", rows[put], name, values[put], made[put], "a short gap, filled")
    left = ~np.isfinite(made)
    log.count(
        "missing_values",
        {"column": name, **rules.of("missing_rows", "missing_s")},
        found=int(missing.sum()),
        changed=len(put),
        told=f"{name}: {len(put)} of {int(missing.sum())} missing values filled",
    )
    return made, left


def _between(times: Array, values: Array, begin: int, end: int) -> Array:
    share = (times[begin:end] - times[begin - 1]) / (times[end] - times[begin - 1])
    return np.asarray(values[begin - 1] + share * (values[end] - values[begin - 1]))
