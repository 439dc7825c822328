"""A summary of each cycle against the cycle's number: how cells age."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from battsweep.analysis.colours import Colour, Colours, colours_for
from battsweep.analysis.panels import LABELS, evenly, left_out, panels
from battsweep.analysis.style import add_key, axis_label, grid, headline, label_outer
from battsweep.data.columns import CYCLE

MOST_LINES = 300
_FEW_POINTS = 30
_PLAIN: Colour = (0.0, 0.447, 0.698)


def cycles_figure(
    tasks: pd.DataFrame, cycles: pd.DataFrame, *, y: str, colour: str | None = None
) -> Figure:
    """Return ``y`` of each cycle against its number, a line a task.

    ``cycles`` has ``task_id``, ``cycle_count`` and ``y``; ``tasks`` a row for every
    task of the selection, and the quantity that gives the colour.
    """
    together = [name for name in LABELS if name == colour]
    colours = colours_for(tasks[colour], colour) if colour is not None else None
    known = cycles[cycles[y].notna()]
    rows = {str(key): group.sort_values(CYCLE.name) for key, group in known.groupby("task_id")}
    shown = panels(tasks[tasks["task_id"].isin(list(rows))], together=together)
    figure, axes = grid(len(shown))
    drawn = 0
    for one, panel in zip(axes, shown, strict=True):
        chosen = evenly(panel.tasks, MOST_LINES, over=colour)
        _draw(one, chosen, rows, y, colours)
        one.set_title(panel.title, fontsize=10)
        one.xaxis.set_major_locator(MaxNLocator(integer=True))
        drawn += len(chosen)
    label_outer(axes, "Cycle number", axis_label(y))
    add_key(figure, axes, colours)
    what = f"{axis_label(y).split(' / ')[0]} a cycle"
    figure.suptitle(
        headline(what, tasks, drawn=drawn) + left_out(tasks, together=together), fontsize=11
    )
    return figure


def _draw(
    axes: Axes,
    tasks: pd.DataFrame,
    rows: dict[str, pd.DataFrame],
    y: str,
    colours: Colours | None,
) -> None:
    quantity = tasks["task_id"] if colours is None else tasks[colours.name]
    segments, tones = [], []
    for task_id, value in zip(tasks["task_id"], quantity, strict=True):
        own = rows[task_id]
        segments.append(np.column_stack([own[CYCLE.name], own[y]]))
        tones.append(_PLAIN if colours is None else colours.of(value))
    few = len(segments) <= 12
    axes.add_collection(
        LineCollection(
            segments,
            colors=tones,
            linewidths=1.5 if few else 0.7,
            alpha=1.0 if few else 0.6,
        )
    )
    points = sum(map(len, segments))
    if few and points <= _FEW_POINTS * len(segments):
        for segment, tone in zip(segments, tones, strict=True):
            axes.plot(*segment.T, "o", color=tone, markersize=4)
    axes.autoscale_view()
