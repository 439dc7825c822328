"""What cleaning changed of a cell, before and after, where it stands in time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from battsweep.analysis.cell_figure import envelope, pauses, time_axis, with_gaps
from battsweep.analysis.colours import CATEGORIES
from battsweep.analysis.series import Array, values
from battsweep.analysis.style import axis_label, tidy
from battsweep.data.clean.log import ALL
from battsweep.data.columns import TIME

MOST_COLUMNS = 4
_NEEDED = {"row", "row_count", "column", "before", "after"}
Places = NDArray[np.int64]


def changes_figure(
    series: pa.Table, changes: pa.Table, segments: Sequence[tuple[int, int]]
) -> Figure | None:
    """Return each changed column as it is now, with what changed values were and became.

    ``segments`` are the first row and the count of rows of each segment in
    ``series``. None where no value was changed that has a place in it.
    """
    if not changes.num_rows or not set(changes.column_names) >= _NEEDED:
        return None
    placed = [_placed(changes, number, *rows) for number, rows in enumerate(segments, start=1)]
    mine = pa.concat_tables([table for table, _ in placed])
    places = np.concatenate([rows for _, rows in placed])
    rows_of = np.array(mine.column("column").to_pylist(), dtype=object)
    names = [
        name
        for name in dict.fromkeys(rows_of.tolist())
        if name in series.column_names
        and name != TIME.name
        and _agree(
            values(series, name), mine.filter(pa.array(rows_of == name)), places[rows_of == name]
        )
    ][:MOST_COLUMNS]
    if not names:
        return None
    figure = Figure(figsize=(9, 2.3 * len(names) + 0.5), dpi=140)
    figure.set_layout_engine("constrained")
    time, unit = time_axis(values(series, TIME.name))
    every = np.ravel(figure.subplots(len(names), 1, sharex=True, squeeze=False))
    for axes, name in zip(every, names, strict=True):
        which = rows_of == name
        now = values(series, name)
        _draw(axes, time, now, places[which], mine.filter(pa.array(which)))
        axes.set_ylabel(axis_label(name))
    every[-1].set_xlabel(f"Time / {unit}")
    return figure


def _draw(axes: Axes, time: Array, now: Array, places: Places, mine: pa.Table) -> None:
    tidy(axes)
    axes.plot(
        *with_gaps(*envelope(time, now), pauses(time)),
        color=CATEGORIES[0],
        linewidth=0.8,
        label="now",
    )
    before = values(mine, "before")
    was, became = np.isfinite(before), np.isfinite(now[places])
    axes.plot(time[places[was]], before[was], "x", color=CATEGORIES[1], ms=4, label="was")
    filled = places[became]
    axes.plot(time[filled], now[filled], ".", color=CATEGORIES[2], ms=4, label="became")
    axes.legend(frameon=False, fontsize=8, ncols=3)


def _agree(now: Array, mine: pa.Table, places: Places) -> bool:
    """Return whether the series has what the last change of each row made, so places are right."""
    after = values(mine, "after")
    last = dict(zip(places.tolist(), after.tolist(), strict=True))
    made = [(now[place], value) for place, value in last.items() if np.isfinite(value)]
    return bool(len(places)) and sum(a != b for a, b in made) <= len(made) / 10


def _placed(changes: pa.Table, number: int, start: int, count: int) -> tuple[pa.Table, Places]:
    """Return a segment's changes of values, and the rows of the series that they are in.

    A row of the series is a row of the raw file; between them are those that were
    dropped. None are returned where these do not add up.
    """
    if "segment" in changes.column_names:
        changes = changes.filter(pc.equal(changes.column("segment"), number))
    whole = pc.equal(changes.column("column"), ALL)
    gone = changes.filter(whole)
    runs = zip(gone.column("row").to_pylist(), gone.column("row_count").to_pylist(), strict=True)
    dropped = {row for first, rows in runs for row in range(first, first + rows)}
    kept = np.array([row for row in range(count + len(dropped)) if row not in dropped], np.int64)
    changed = changes.filter(pc.invert(whole))
    rows = changed.column("row").to_numpy()
    inside = np.isin(rows, kept) if len(kept) == count else np.zeros(len(rows), bool)
    return changed.filter(pa.array(inside)), start + np.searchsorted(kept, rows[inside])
