"""Curves of a selection of tasks against time or capacity, measured ones as dots."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from battsweep.analysis.colours import MISSING, Colours, colours_for
from battsweep.analysis.panels import LABELS, Panel, evenly, left_out, panels
from battsweep.analysis.series import (
    Array,
    MeasuredCurve,
    discharged_ah,
    thinned,
    time_unit,
    values,
)
from battsweep.analysis.style import add_key, axis_label, grid, headline, label_outer
from battsweep.data.columns import CURRENT, TIME, VOLTAGE

MOST_CURVES = 300
_DOTS = 50
CAPACITY = "capacity"


def choose_curves(tasks: pd.DataFrame, *, colour: str | None) -> pd.DataFrame:
    """Return the tasks to draw: at most `MOST_CURVES` a panel, evenly over the colour."""
    together = [name for name in LABELS if name == colour]
    chosen = [
        evenly(panel.tasks, MOST_CURVES, over=colour) for panel in panels(tasks, together=together)
    ]
    return pd.concat(chosen)


def curve_figure(
    tasks: pd.DataFrame,
    series: Mapping[str, pa.Table],
    *,
    colour: str | None = None,
    x: str = TIME.name,
    y: str = VOLTAGE.name,
    measured: Sequence[MeasuredCurve] = (),
) -> Figure:
    """Return the curves of the tasks in ``series``: a panel a cell, model and protocol.

    ``tasks`` has a row for every task of the selection, drawn or not; ``x`` is
    `TIME`'s name, `CAPACITY`, or another column of the series.
    """
    together = [name for name in LABELS if name == colour]
    colours = colours_for(tasks[colour], colour) if colour is not None else None
    unit, seconds = time_unit(max((_longest(table) for table in series.values()), default=0.0))
    drawn = tasks[tasks["task_id"].isin(list(series))]
    shown = panels(drawn, together=together)
    figure, axes = grid(len(shown))
    dots = 0
    for one, panel in zip(axes, shown, strict=True):
        _draw(one, panel, series, colours, x=x, y=y, seconds=seconds)
        one.set_title(panel.title, fontsize=10)
        if y == VOLTAGE.name:
            for curve in belonging(measured, panel.tasks):
                if x == CAPACITY and CURRENT.name not in curve.table.column_names:
                    continue
                along = _along(curve.table, x, seconds)
                _dots(one, along, values(curve.table, y))
                dots += 1
    label_outer(axes, _x_label(x, unit), axis_label(y))
    extra = [Line2D([], [], color="black", marker=".", linestyle="none", label="measured")]
    add_key(figure, axes, colours, extra if dots else ())
    what = f"{axis_label(y).split(' / ')[0]} of {_names(tasks)}"
    title = headline(what, tasks, drawn=len(drawn)) + left_out(drawn, together=together)
    figure.suptitle(title, fontsize=11)
    return figure


def belonging(measured: Sequence[MeasuredCurve], tasks: pd.DataFrame) -> list[MeasuredCurve]:
    """Return the measured curves that belong to at least one of the tasks."""
    return [curve for curve in measured if bool(_matches(curve, tasks).any())]


def _matches(curve: MeasuredCurve, tasks: pd.DataFrame) -> pd.Series[bool]:
    mask = (tasks["cell"] == curve.cell) & (tasks["protocol"] == curve.protocol)
    for name, value in curve.at.items():
        mask &= (tasks[name] == value) if name in tasks else False
    return mask


def _draw(
    axes: Axes,
    panel: Panel,
    series: Mapping[str, pa.Table],
    colours: Colours | None,
    *,
    x: str,
    y: str,
    seconds: float,
) -> None:
    segments, shades = [], []
    quantity = panel.tasks[colours.name] if colours is not None else panel.tasks["task_id"]
    for task_id, value in zip(panel.tasks["task_id"], quantity, strict=True):
        table = series[task_id]
        along, up = thinned(_along(table, x, seconds), values(table, y))
        segments.append(np.column_stack([along, up]))
        shades.append(colours.of(value) if colours is not None else _single(len(panel.tasks)))
    count = len(segments)
    lines = LineCollection(
        segments,
        colors=shades,
        linewidths=1.5 if count <= 12 else 1.0 if count <= 60 else 0.6,
        alpha=1.0 if count <= 12 else 0.8 if count <= 60 else 0.55,
        label="simulated",
    )
    axes.add_collection(lines)
    axes.autoscale_view()


def _single(count: int) -> tuple[float, float, float]:
    return (0.0, 0.447, 0.698) if count <= 12 else MISSING


def _dots(axes: Axes, x: Array, y: Array) -> None:
    """Draw a measured curve as so many dots, evenly along the curve as it is drawn."""
    length = np.concatenate(
        [[0.0], np.cumsum(np.hypot(np.diff(x) / _span(x), np.diff(y) / _span(y)))]
    )
    places = np.linspace(0, length[-1], _DOTS)
    chosen = np.unique(np.clip(np.searchsorted(length, places), 0, len(x) - 1))
    axes.plot(x[chosen], y[chosen], ".", color="black", markersize=4, label="measured", zorder=3)


def _span(values_: Array) -> float:
    return float(np.ptp(values_)) or 1.0


def _along(table: pa.Table, x: str, seconds: float) -> Array:
    if x == CAPACITY:
        return discharged_ah(table)
    along = values(table, x)
    return along / seconds if x == TIME.name else along


def _x_label(x: str, unit: str) -> str:
    if x == CAPACITY:
        return "Discharge capacity / A h"
    return f"Time / {unit}" if x == TIME.name else axis_label(x)


def _longest(table: pa.Table) -> float:
    return float(np.ptp(values(table, TIME.name))) if table.num_rows else 0.0


def _names(tasks: pd.DataFrame) -> str:
    """Return the labels that all tasks share, to say in a title what is shown."""
    shared = [
        str(tasks[name].iloc[0]) for name in LABELS if name in tasks and tasks[name].nunique() == 1
    ]
    return ", ".join(shared) or "all selected"
