"""A measured cell as a picture: voltage and current against time, capacity against cycle."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from battsweep.analysis.colours import CATEGORIES
from battsweep.analysis.series import Array, time_unit, values
from battsweep.analysis.style import axis_label, tidy
from battsweep.data.columns import CURRENT, CYCLE, TEMPERATURE, TIME, VOLTAGE

MOST_BINS = 1500
_FEW_CYCLES = 60
_DAYS_FROM_H = 96
_DRAWN = {VOLTAGE.name: CATEGORIES[0], CURRENT.name: CATEGORIES[1], TEMPERATURE.name: CATEGORIES[2]}


def cell_figure(cell: str, series: pa.Table, cycles: pa.Table) -> Figure:
    """Return a cell's voltage, current and (where measured) temperature, and its capacities.

    Where there are more rows than pixels, the lowest and highest value of each
    stretch are drawn, so that no spike is lost; no line crosses a pause.
    """
    shown = [name for name in _DRAWN if name in series.column_names and _has_numbers(series, name)]
    capacities = [
        name
        for name in cycles.column_names
        if name.endswith("_ah") and "capacity" in name and _has_numbers(cycles, name)
    ]
    many = bool(capacities) and cycles.num_rows > 1
    figure = Figure(figsize=(9, 1.9 * len(shown) + (2.6 if many else 0) + 0.6), dpi=140)
    figure.set_layout_engine("constrained")
    rows = len(shown) + many
    ratios = [1.0] * len(shown) + [1.35] * many
    grid = figure.add_gridspec(rows, 1, height_ratios=ratios)
    time, unit = time_axis(values(series, TIME.name))
    first: Axes | None = None
    for place, name in enumerate(shown):
        axes = figure.add_subplot(grid[place], sharex=first)
        first = first or axes
        tidy(axes)
        curve = with_gaps(*envelope(time, values(series, name)), pauses(time))
        axes.plot(*curve, color=_DRAWN[name], linewidth=0.8)
        axes.set_ylabel(axis_label(name))
        axes.margins(x=0.01)
        if place < len(shown) - 1:
            axes.tick_params(labelbottom=False)
        else:
            axes.set_xlabel(f"Time / {unit}")
    if many:
        axes = figure.add_subplot(grid[rows - 1])
        tidy(axes)
        _capacities(axes, cycles, capacities)
    count = cycles.num_rows
    figure.suptitle(
        f"{_printable(cell)} · {series.num_rows} rows, {count} cycle{'' if count == 1 else 's'}",
        fontsize=11,
    )
    return figure


def envelope(x: Array, y: Array, bins: int = MOST_BINS) -> tuple[Array, Array]:
    """Return x and y, or where there are many, each bin's lowest and highest y in their order."""
    if len(x) <= 2 * bins:
        return x, y
    edges = np.linspace(0, len(x), bins + 1).astype(int)
    chosen = set[int]()
    for start, stop in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        piece = y[start:stop]
        if np.isfinite(piece).any():
            chosen |= {start + int(np.nanargmin(piece)), start + int(np.nanargmax(piece))}
    places = sorted(chosen | {0, len(x) - 1})
    return x[places], y[places]


def pauses(times: Array) -> Array:
    """Return the times after which nothing was recorded for long: 20 usual intervals."""
    steps = np.diff(times)
    if not len(steps):
        return times[:0]
    return times[:-1][steps > max(20 * float(np.median(steps)), float(np.ptp(times)) / 500)]


def with_gaps(x: Array, y: Array, after: Array) -> tuple[Array, Array]:
    """Return a curve that is broken after some of its x: no line is drawn across a pause."""
    places = np.searchsorted(x, after, side="right")
    places = places[places < len(x)]
    return np.insert(x, places, x[places]), np.insert(y, places, np.nan)


def _capacities(axes: Axes, cycles: pa.Table, names: list[str]) -> None:
    number = values(cycles, CYCLE.name)
    style = "o-" if len(number) <= _FEW_CYCLES else "."
    for name, colour in zip(names, (CATEGORIES[1], CATEGORIES[0], *CATEGORIES[2:]), strict=False):
        words = name.removesuffix("_ah").replace("_", " ")
        axes.plot(
            number,
            values(cycles, name),
            style,
            color=colour,
            markersize=3.5,
            linewidth=1,
            label=words,
        )
    axes.set_xlabel("Cycle number")
    axes.set_ylabel("Capacity / A h")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=9)


def time_axis(seconds: Array) -> tuple[Array, str]:
    """Return times in the unit in which they read well, and the unit."""
    longest = float(np.ptp(seconds)) if len(seconds) else 0.0
    if longest > _DAYS_FROM_H * 3600:
        return seconds / 86_400, "d"
    unit, size = time_unit(longest)
    return seconds / size, unit


def _has_numbers(table: pa.Table, name: str) -> bool:
    return bool(np.isfinite(values(table, name)).any())


def _printable(name: str) -> str:
    return "".join(c if c.isprintable() and c != "$" else "?" for c in name)[:80]
