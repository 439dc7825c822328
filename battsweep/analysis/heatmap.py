"""A summary over two varied quantities: a grid of cells, or coloured dots where sampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from battsweep.analysis.colours import Array, norm_for, shades
from battsweep.analysis.panels import left_out, panels
from battsweep.analysis.render import number
from battsweep.analysis.style import (
    add_bar,
    axis_label,
    grid,
    headline,
    label_outer,
    scale_axes,
)

_MOST_WRITTEN = 120
_MOST_ROWS = 60
_MOST_TICKS = 12


def heatmap_figure(tasks: pd.DataFrame, *, x: str, y: str, value: str) -> Figure:
    """Return a summary over ``x`` and ``y``, a panel each cell, model and protocol.

    Where the points are a grid, each cell of it shows the mean over its tasks
    (and the number, if cells are few), and is empty where none has a value;
    where they are sampled, each is a dot.
    """
    together = [name for name in (x, y) if name in ("cell", "model", "protocol")]
    placed = tasks[tasks[x].notna() & tasks[y].notna()]
    known = placed[placed[value].notna()]
    shown = panels(known, together=together)
    figure, axes = grid(len(shown), width=5.0, height=4.2)
    norm = norm_for(known[value].to_numpy(float)) if len(known) else Normalize(0, 1)
    gridded = is_grid(placed, x, y)
    rows, columns = _ordered(placed[y]), _ordered(placed[x])
    for one, panel in zip(axes, shown, strict=True):
        one.set_title(panel.title, fontsize=10)
        if gridded:
            table = panel.tasks.pivot_table(index=y, columns=x, values=value, aggfunc="mean")
            _cells(one, table.reindex(index=rows, columns=columns), norm)
        else:
            _dots(one, panel.tasks, x, y, value, norm)
    label_outer(axes, axis_label(x), axis_label(y))
    if axes:
        add_bar(figure, axes, ScalarMappable(norm, shades()), value)
    mean = _per_cell(known, shown[0].tasks, x, y) if gridded else ""
    what = f"{axis_label(value).split(' / ')[0]}{mean}"
    figure.suptitle(
        headline(what, tasks) + left_out(known, together=together),
        fontsize=11,
    )
    return figure


def is_grid(tasks: pd.DataFrame, x: str, y: str) -> bool:
    """Return whether the points fill at least a third of a grid of moderate size."""
    columns, rows = tasks[x].nunique(), tasks[y].nunique()
    if max(columns, rows) > _MOST_ROWS or not columns or not rows:
        return False
    filled = len(tasks[[x, y]].drop_duplicates())
    return 3 * filled >= columns * rows


def _cells(axes: Axes, table: pd.DataFrame, norm: Normalize) -> None:
    """Draw a grid whose cells are equally large whatever the spacing of its values."""
    values = table.to_numpy(float)
    axes.grid(False)
    axes.pcolormesh(
        np.ma.masked_invalid(values),
        cmap=shades(),
        norm=norm,
        edgecolors="white",
        linewidth=0.5,
    )
    _ticks(axes, list(table.columns), horizontal=True)
    _ticks(axes, list(table.index), horizontal=False)
    axes.tick_params(length=0)
    if values.size > _MOST_WRITTEN or values.shape[1] > _MOST_TICKS:
        return
    size = 9 if values.shape[1] <= 7 else 7
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            colour = "black" if norm(value) > 0.65 else "white"
            text = number(float(value), 3)
            axes.text(
                column + 0.5,
                row + 0.5,
                text,
                ha="center",
                va="center",
                color=colour,
                fontsize=size,
            )


def _ticks(axes: Axes, values: list[object], *, horizontal: bool) -> None:
    step = -(-len(values) // _MOST_TICKS)
    places = [k + 0.5 for k in range(0, len(values), step)]
    labels = [
        number(value, 3) if isinstance(value, int | float) else str(value)
        for value in values[::step]
    ]
    if horizontal:
        slanted = sum(map(len, labels)) > 45
        axes.set_xticks(
            places,
            labels,
            rotation=40 if slanted else 0,
            ha="right" if slanted else "center",
        )
    else:
        axes.set_yticks(places, labels)


def _dots(axes: Axes, tasks: pd.DataFrame, x: str, y: str, value: str, norm: Normalize) -> None:
    count = len(tasks)
    axes.scatter(
        tasks[x],
        tasks[y],
        c=tasks[value].to_numpy(float),
        cmap=shades(),
        norm=norm,
        s=60 if count <= 100 else 30 if count <= 1000 else 10,
        linewidths=0.3,
        edgecolors="white",
    )
    scale_axes(axes, x=_numbers(tasks[x]), y=_numbers(tasks[y]))


def _ordered(column: pd.Series[Any]) -> list[Any]:
    """Return the values of an axis: numbers by size, words as they first appear."""
    values = column.unique().tolist()
    return sorted(values) if pd.api.types.is_numeric_dtype(column) else values


def _numbers(column: pd.Series[Any]) -> Array | None:
    return column.to_numpy(float) if pd.api.types.is_numeric_dtype(column) else None


def _per_cell(known: pd.DataFrame, panel: pd.DataFrame, x: str, y: str) -> str:
    most = int(panel.groupby([x, y]).size().max()) if len(known) else 1
    return f", mean of up to {most} tasks a cell" if most > 1 else ""
