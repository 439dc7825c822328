"""Time series of many tasks, taken apart and turned into what a plot needs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from battsweep.data.columns import CURRENT, TIME

Array = npt.NDArray[np.float64]
_MOST_POINTS = 4000


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCurve:
    """A measured curve and the tasks it belongs to.

    These are the tasks of ``cell`` and ``protocol`` whose varied values
    include ``at``. ``table`` has the columns of `battsweep.data.columns`.
    """

    name: str
    cell: str
    protocol: str
    at: Mapping[str, float | str]
    table: pa.Table


def by_task(series: pa.Table) -> dict[str, pa.Table]:
    """Return each task's own rows, in the order given, without copying.

    Rows of a task must follow one another, as the store returns them.
    """
    if not series.num_rows:
        return {}
    ids = series.column("task_id").combine_chunks()
    if not pa.types.is_dictionary(ids.type):
        ids = ids.dictionary_encode()
    codes = ids.indices.to_numpy(zero_copy_only=False)
    starts = np.concatenate([[0], np.flatnonzero(np.diff(codes)) + 1, [len(codes)]]).tolist()
    rest = series.drop_columns(["task_id"])
    return {
        ids.dictionary[int(codes[start])].as_py(): rest.slice(start, end - start)
        for start, end in pairwise(starts)
    }


def values(table: pa.Table, column: str) -> Array:
    """Return a column as numbers, NaN where there is none."""
    return np.asarray(table.column(column).to_numpy(), dtype=float)


def discharged_ah(table: pa.Table) -> Array:
    """Return the charge taken out since the start, in A h, by the trapezoidal rule."""
    time, current = values(table, TIME.name), values(table, CURRENT.name)
    steps = np.diff(time) * (current[1:] + current[:-1]) / 2
    return np.concatenate([[0.0], -np.cumsum(steps)]) / 3600


def discharges_at_different_currents(series: Mapping[str, pa.Table]) -> bool:
    """Return whether all tasks only discharge, each at one current, and these differ."""
    seen = set()
    for table in series.values():
        if CURRENT.name not in table.column_names or not table.num_rows:
            return False
        current = values(table, CURRENT.name)
        current = current[np.isfinite(current)]
        if not len(current) or current.max() >= 0 or np.ptp(current) > 1e-3 * -current.min():
            return False
        seen.add(round(float(current[0]), 3))
    return len(seen) > 1


def time_unit(longest_s: float) -> tuple[str, float]:
    """Return the unit in which a duration reads well, and how many seconds it has."""
    if longest_s > 1.5 * 3600:
        return "h", 3600.0
    return ("min", 60.0) if longest_s > 180 else ("s", 1.0)


def thinned(x: Array, y: Array, most: int = _MOST_POINTS) -> tuple[Array, Array]:
    """Return evenly chosen points, first and last among them, where there are too many."""
    if len(x) <= most:
        return x, y
    chosen = np.linspace(0, len(x) - 1, most).round().astype(int)
    return x[chosen], y[chosen]
