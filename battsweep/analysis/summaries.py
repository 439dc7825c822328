"""A summary of each task against a varied quantity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from battsweep.analysis.colours import MARKERS, Colours, colours_for
from battsweep.analysis.panels import LABELS, left_out, panels
from battsweep.analysis.render import number
from battsweep.analysis.style import (
    add_key,
    axis_label,
    grid,
    headline,
    label_outer,
    scale_axes,
    spoken,
)

_MOST_LINE_POINTS = 40
_GOLDEN = 0.6180339887


def summary_figure(tasks: pd.DataFrame, *, x: str, y: str, colour: str | None = None) -> Figure:
    """Return a summary ``y`` against ``x``: lines where they are single-valued, else dots.

    Each cell, model and protocol has a panel, but for the one that gives the colour.
    """
    together = [name for name in LABELS if name in (colour, x)]
    known = tasks[tasks[y].notna() & tasks[x].notna()]
    colours = colours_for(known[colour], colour) if colour is not None else None
    shown = panels(known, together=together)
    figure, axes = grid(len(shown))
    numeric = bool(pd.api.types.is_numeric_dtype(known[x]))
    words = [] if numeric else [str(word) for word in known[x].unique()]
    for one, panel in zip(axes, shown, strict=True):
        places = (
            panel.tasks[x].astype(float) if numeric else _spread(panel.tasks[x].astype(str), words)
        )
        _draw(one, panel.tasks, places, y=y, colours=colours)
        one.set_title(panel.title, fontsize=10)
        if words:
            one.set_xticks(range(len(words)), words, rotation=30 if len(words) > 5 else 0)
            one.margins(x=0.15)
        scale_axes(
            one,
            x=known[x].to_numpy(float) if numeric else None,
            y=known[y].to_numpy(float),
        )
    label_outer(axes, axis_label(x), axis_label(y))
    add_key(figure, axes, colours)
    what = f"{axis_label(y).split(' / ')[0]} against {spoken(x)}"
    title = headline(what, tasks, drawn=None) + left_out(known, together=together)
    figure.suptitle(title, fontsize=11)
    return figure


def _draw(
    axes: Axes,
    tasks: pd.DataFrame,
    places: pd.Series[Any],
    *,
    y: str,
    colours: Colours | None,
) -> None:
    single = f"{number(float(len(tasks)))} tasks"
    if colours is None or colours.bar is not None:
        shades = None if colours is None else [colours.of(v) for v in tasks[colours.name]]
        if shades is None and _is_line(places):
            _line(axes, places, tasks[y], "#0072B2", MARKERS[0], single)
        else:
            axes.scatter(places, tasks[y], s=_size(len(tasks)), c=shades, label=single)
        return
    for k, (value, shade) in enumerate(colours.entries):
        mine = (tasks[colours.name] == value).to_numpy()
        marker = MARKERS[k % len(MARKERS)]
        if _is_line(places[mine]):
            _line(axes, places[mine], tasks[y][mine], shade, marker, str(value))
        elif mine.any():
            axes.scatter(
                places[mine],
                tasks[y][mine],
                s=_size(len(tasks)),
                color=shade,
                marker=marker,
                alpha=0.7,
                linewidths=0,
                label=str(value),
            )


def _spread(words: pd.Series[Any], order: list[str]) -> pd.Series[Any]:
    """Return a place a word, and beside it where a word comes often, so that dots show."""
    places = words.map({word: float(k) for k, word in enumerate(order)})
    rank = words.groupby(words).cumcount()
    often = words.groupby(words).transform("size") > len(order) + 3
    return places + often * 0.4 * ((rank * _GOLDEN) % 1 - 0.5)


def _line(
    axes: Axes,
    x: pd.Series[Any],
    y: pd.Series[Any],
    colour: object,
    marker: str,
    label: str,
) -> None:
    order = np.argsort(x.to_numpy())
    axes.plot(
        x.to_numpy()[order],
        y.to_numpy()[order],
        color=colour,
        marker=marker,
        markersize=5,
        linewidth=1.2,
        label=label,
    )


def _is_line(x: pd.Series[Any]) -> bool:
    """Return whether points make a line: few, and no two above one another."""
    return 1 < len(x) <= _MOST_LINE_POINTS and x.is_unique


def _size(count: int) -> float:
    return 28.0 if count <= 100 else 14.0 if count <= 1000 else 6.0
