"""How every figure looks: labels with units, titles, axes and keys."""

from __future__ import annotations

import io
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from battsweep.analysis.colours import Array, Colours, is_log_spread
from battsweep.analysis.render import number
from battsweep.data.columns import column_named, unit_of

_LEGEND_LINES = 14
_ABBREVIATIONS = {"rmse": "RMSE"}
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def axis_label(name: str) -> str:
    """Return a label such as "Ambient temperature / K" for a quantity or a column."""
    known = column_named(name)
    if known.label != name:
        return known.label
    unit = unit_of(name)
    bare = name[: name.rindex("[")].strip() if unit_of(name) != "1" or "[" in name else name
    bare = _ABBREVIATIONS.get(bare, bare[:1].upper() + bare[1:])
    return f"{bare} / {unit_text(unit)}" if unit != "1" else bare


def spoken(name: str) -> str:
    """Return a quantity's name as it stands inside a sentence, without its unit."""
    bare = axis_label(name).split(" / ")[0]
    return bare[0].lower() + bare[1:] if bare[1:2].islower() else bare


def unit_text(unit: str) -> str:
    """Return a unit such as "m2.s-1" as people write it: "m² s⁻¹"."""
    parts = []
    for part in unit.replace("Ohm", "Ω").split("."):
        stem = part.rstrip("-0123456789")
        parts.append(stem + part[len(stem) :].translate(_SUPERSCRIPT))
    return " ".join(parts)


def headline(what: str, tasks: pd.DataFrame, *, drawn: int | None = None) -> str:
    """Return a title: what is shown, of how many tasks, and how many are not done."""
    total = len(tasks)
    words = [f"{total} task{'' if total == 1 else 's'}"]
    if drawn is not None and drawn < total:
        words = [f"{drawn} of {total} tasks drawn"]
    if "status" in tasks:
        words += [
            f"{count} {word}"
            for word in ("failed", "lost", "waiting")
            if (count := int((tasks["status"] == word).sum()))
        ]
    return f"{what} · {', '.join(words)}"


def grid(
    panels: int, *, width: float = 5.4, height: float = 3.9, share: bool = True
) -> tuple[Figure, list[Axes]]:
    """Return a figure with so many axes, at most three in a row."""
    columns = min(panels, 3) if panels != 4 else 2
    rows = -(-panels // columns)
    size = (width * columns**0.85 + 1.2, height * rows**0.9 + 0.6)
    figure = Figure(figsize=size, layout="constrained", dpi=140)
    every = figure.subplots(rows, columns, sharex=share, sharey=share, squeeze=False).ravel()
    for spare in every[panels:]:
        spare.remove()
    axes = list(every[:panels])
    for k, one in enumerate(axes):
        tidy(one)
        if share and k + columns >= panels:
            one.xaxis.set_tick_params(labelbottom=True)
    return figure, axes


def tidy(axes: Axes) -> None:
    """Remove what carries no information and add a light grid."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(True, color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)


def label_outer(axes: Sequence[Axes], x: str, y: str) -> None:
    """Label the axes at the left and at the bottom of a grid only."""
    if not axes:
        return
    for one in axes:
        place = one.get_subplotspec()
        if place is None or place.is_first_col():
            one.set_ylabel(y)
    last = {}
    for one in axes:
        place = one.get_subplotspec()
        last[place.colspan.start if place is not None else 0] = one
    for one in last.values():
        one.set_xlabel(x)


def add_bar(figure: Figure, axes: Sequence[Axes], bar: ScalarMappable, name: str) -> None:
    """Add a colour bar for a quantity, beside all axes."""
    key = figure.colorbar(bar, ax=list(axes), label=axis_label(name), aspect=30)
    if isinstance(bar.norm, LogNorm):
        _plain_ticks(key.ax.yaxis, float(bar.norm.vmin or 1), float(bar.norm.vmax or 1))


def scale_axes(axes: Axes, *, x: Array | None = None, y: Array | None = None) -> None:
    """Make the axes logarithmic along which the values given are spread so."""
    if x is not None and is_log_spread(x):
        axes.set_xscale("log")
        _plain_ticks(axes.xaxis, float(np.nanmin(x)), float(np.nanmax(x)))
    if y is not None and is_log_spread(y):
        axes.set_yscale("log")
        _plain_ticks(axes.yaxis, float(np.nanmin(y)), float(np.nanmax(y)))


def _plain_ticks(axis: Axis, low: float, high: float) -> None:
    if low < 1e-3 or high > 1e5 or high / low > 1e3:
        return
    dense = high / low < 30
    axis.set_major_locator(LogLocator(subs=(1, 2, 3, 5, 7) if dense else (1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 4)))
    axis.set_minor_formatter(NullFormatter())


def add_key(
    figure: Figure,
    axes: Sequence[Axes],
    colours: Colours | None,
    extra: Sequence[Line2D] = (),
) -> None:
    """Add the colour bar, or a legend at the right, for the colours and for ``extra``."""
    handles = []
    if colours is not None and colours.bar is not None:
        figure.colorbar(colours.bar, ax=list(axes), label=axis_label(colours.name), aspect=30)
    elif colours is not None and len(colours.entries) > 1:
        for value, colour in colours.entries[:_LEGEND_LINES]:
            handles.append(Line2D([], [], color=colour, linewidth=2, label=_entry(value)))
        if (more := len(colours.entries) - _LEGEND_LINES) > 0:
            handles.append(Line2D([], [], linestyle="none", label=f"… and {more} more"))
    if not handles:
        if extra:
            axes[0].legend(handles=list(extra), loc="best", frameon=False)
        return
    figure.legend(
        handles=[*handles, *extra],
        loc="outside right center",
        title=axis_label(colours.name) if colours is not None else None,
        frameon=False,
        alignment="left",
    )


def encode(figure: Figure, format: str) -> bytes:
    """Return a figure as "png", "svg" or "pdf"; the same figure gives the same bytes."""
    dates = {"svg": {"Date": None}, "pdf": {"CreationDate": None}}
    file = io.BytesIO()
    with rc_context({"svg.hashsalt": "battsweep"}):
        figure.savefig(file, format=format, metadata=dates.get(format))
    return file.getvalue()


def _entry(value: object) -> str:
    return number(value, 4) if isinstance(value, int | float) else str(value)
