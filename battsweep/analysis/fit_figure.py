"""The picture of fits: measured against simulated before and after, errors below."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from battsweep.analysis.colours import CATEGORIES
from battsweep.analysis.fits import FittedTask
from battsweep.analysis.series import Array, MeasuredCurve, time_unit, values
from battsweep.analysis.style import tidy
from battsweep.data.columns import TIME, VOLTAGE

MOST_FITS = 6
_DOTS = 60


def fit_figure(
    fits: Sequence[FittedTask],
    series: Mapping[str, pa.Table],
    measured: Mapping[tuple[str, str], MeasuredCurve],
) -> Figure:
    """Return voltages above and errors below, a column a fit, at most `MOST_FITS`.

    ``series`` has each fit's rows by task; ``measured`` the curves by cell and name.
    """
    shown = list(fits)[:MOST_FITS]
    figure = Figure(figsize=(2.8 + 4.4 * len(shown), 6.2), layout="constrained", dpi=140)
    axes = figure.subplots(
        2, len(shown), sharex=True, sharey="row", squeeze=False, height_ratios=[2.2, 1]
    )
    names = list(dict.fromkeys(curve.name for fit in shown for curve in fit.curves))
    colours = {name: CATEGORIES[k % len(CATEGORIES)] for k, name in enumerate(names)}
    unit, seconds = time_unit(max((_longest(table) for table in series.values()), default=0.0))
    for column, fit in enumerate(shown):
        above, below = axes[0, column], axes[1, column]
        for position, curve in enumerate(fit.curves):
            _draw(
                above,
                below,
                series[fit.task_id],
                position,
                measured[fit.cell, curve.name],
                colour=colours[curve.name],
                seconds=seconds,
            )
        above.set_title(_title(fit), fontsize=10)
        below.axhline(0, color="black", linewidth=0.7)
        below.set_xlabel(f"Time / {unit}")
        tidy(above)
        tidy(below)
    axes[0, 0].set_ylabel(VOLTAGE.label)
    axes[1, 0].set_ylabel("Error / mV")
    _limit_errors(axes[1])
    figure.legend(
        handles=_handles(shown, colours),
        loc="outside right center",
        frameon=False,
        alignment="left",
    )
    more = f" · first {MOST_FITS} of {len(fits)} fits" if len(fits) > MOST_FITS else ""
    figure.suptitle(f"Measured and simulated voltage before and after the fit{more}", fontsize=11)
    return figure


def _handles(fits: Sequence[FittedTask], colours: Mapping[str, str]) -> list[Line2D]:
    roles = {curve.name: curve.role for fit in fits for curve in fit.curves}
    curves = [
        Line2D([], [], color=colours[name], linewidth=2, label=f"{name} ({roles[name]})")
        for name in colours
    ]
    return [
        *curves,
        Line2D([], [], color="0.3", linestyle="--", linewidth=1, label="before the fit"),
        Line2D([], [], color="0.3", linewidth=1.5, label="after the fit"),
        Line2D([], [], color="black", marker=".", linestyle="none", label="measured"),
    ]


def _draw(
    above: Axes,
    below: Axes,
    table: pa.Table,
    position: int,
    curve: MeasuredCurve,
    *,
    colour: str,
    seconds: float,
) -> None:
    time, voltage = values(curve.table, TIME.name), values(curve.table, VOLTAGE.name)
    for fitted, line, width in ((0, "--", 1.0), (1, "-", 1.5)):
        mask = pc.and_(
            pc.equal(table.column("measured_index"), position),
            pc.equal(table.column("fitted"), fitted),
        )
        own = table.filter(mask)
        own_time, own_voltage = values(own, TIME.name), values(own, VOLTAGE.name)
        if not len(own_time):
            continue
        above.plot(own_time / seconds, own_voltage, line, color=colour, linewidth=width)
        inside = (time >= own_time[0]) & (time <= own_time[-1])
        error = np.interp(time[inside], own_time, own_voltage) - voltage[inside]
        below.plot(time[inside] / seconds, 1e3 * error, line, color=colour, linewidth=width)
    step = max(1, len(time) // _DOTS)
    dots = np.unique(np.append(np.arange(0, len(time), step), len(time) - 1))
    above.plot(time[dots] / seconds, voltage[dots], ".", color="black", markersize=3, zorder=3)


def _limit_errors(axes: Sequence[Axes]) -> None:
    """Keep a few steep errors at the ends from hiding all others."""
    errors: list[Array] = [
        np.asarray(line.get_ydata(), dtype=float) for one in axes for line in one.get_lines()
    ]
    every = np.abs(np.concatenate(errors)) if errors else np.array([])
    if len(every) and (limit := 1.5 * float(np.quantile(every, 0.98))) < every.max():
        axes[0].set_ylim(-limit, limit)


def _title(fit: FittedTask) -> str:
    parts = []
    for role, word in (("fit", "RMSE"), ("hold-out", "hold-out")):
        mine = [curve for curve in fit.curves if curve.role == role]
        if mine:
            start = _root_mean_square([curve.rmse_start_mv for curve in mine])
            end = _root_mean_square([curve.rmse_end_mv for curve in mine])
            parts.append(f"{word} {start:.1f} → {end:.1f} mV")
    return f"{fit.cell}, {fit.model}\n{', '.join(parts)}"


def _root_mean_square(numbers: Sequence[float]) -> float:
    return float(np.sqrt(np.mean(np.square(numbers))))


def _longest(table: pa.Table) -> float:
    return float(values(table, TIME.name).max()) if table.num_rows else 0.0
