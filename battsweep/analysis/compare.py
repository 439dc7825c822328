"""Replayed cycles beside what was measured: voltage, current and residual; and as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from battsweep.analysis.colours import colours_for
from battsweep.analysis.series import Array, MeasuredCurve, thinned, time_unit, values
from battsweep.data.columns import CURRENT, TIME, VOLTAGE
from battsweep.errors import Fault, SpecError
from battsweep.sweep.replay import CYCLE

RMSE = "rmse [mV]"
OVERLAP = "overlap [1]"
_FIRST = ("sweep", "number", "cell", "model", "protocol", CYCLE, "status", OVERLAP)
_MEASURED = "0.25"


def comparison_table(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return a row a compared task: overlap, RMSE, largest error and bias, by kind of step too.

    Errors are simulated minus measured, in mV, over the time that both have.

    Raises
    ------
    SpecError
        If no task was held against a measured curve.
    """
    compared = tasks[tasks[RMSE].notna()] if RMSE in tasks else tasks[:0]
    if not len(compared):
        told = 'no task was held against a measured curve; ask for summary = ["rmse"], or replay'
        raise SpecError([Fault("", "comparison", told)])
    words = ("rmse", "max error", "bias")
    errors = [name for name in map(str, compared) if name.startswith(words)]
    whole = [name for name in errors if " in " not in name]
    kinds = [name for name in errors if " in " in name and compared[name].notna().any()]
    first = [name for name in _FIRST if name in compared]
    order = ["cell", *([CYCLE] if CYCLE in compared else []), "model"]
    return compared[[*first, *whole, *kinds]].sort_values(order, kind="stable")


def compare_figure(
    tasks: pd.DataFrame, series: Mapping[str, pa.Table], measured: Sequence[MeasuredCurve]
) -> Figure:
    """Return a column a measured cycle: voltage with every model's, residuals, current.

    ``tasks`` are those in ``series``; each belongs to one of ``measured``.
    """
    shown = [(curve, _of(curve, tasks)) for curve in measured]
    shown = [(curve, mine) for curve, mine in shown if len(mine)]
    colours = colours_for(tasks["model"], "model")
    figure = Figure(figsize=(max(6.4, 4.2 * len(shown)), 7.2), layout="constrained")
    grid = figure.subplots(
        3, len(shown), sharex="col", squeeze=False, gridspec_kw={"height_ratios": [3, 2, 1]}
    )
    longest = max(float(np.ptp(values(curve.table, TIME.name))) for curve, _ in shown)
    unit, seconds = time_unit(longest)
    for column, (curve, mine) in enumerate(shown):
        volts, residuals, amperes = (grid[row][column] for row in range(3))
        time, voltage = values(curve.table, TIME.name), values(curve.table, VOLTAGE.name)
        volts.plot(*thinned(time / seconds, voltage), color=_MEASURED, lw=2.2, label="measured")
        for task_id, model, rmse in zip(mine["task_id"], mine["model"], mine[RMSE], strict=True):
            table = series[str(task_id)]
            colour = colours.of(model)
            along, simulated = values(table, TIME.name), values(table, VOLTAGE.name)
            label = f"{model}: {rmse:.0f} mV"
            volts.plot(*thinned(along / seconds, simulated), color=colour, lw=1.1, label=label)
            residuals.plot(*_residual(time, voltage, along, simulated, seconds), color=colour, lw=1)
            if along[-1] < 0.999 * time[-1]:
                volts.plot(along[-1] / seconds, simulated[-1], "x", color=colour, ms=7)
        residuals.axhline(0, color=_MEASURED, lw=0.8)
        if CURRENT.name in curve.table.column_names:
            current = values(curve.table, CURRENT.name)
            amperes.plot(*thinned(time / seconds, current), color=_MEASURED, lw=1)
        volts.set_title(curve.name.rsplit(" of ", 1)[0], fontsize=10)
        volts.legend(fontsize=8, title="RMSE", title_fontsize=8)
        amperes.set_xlabel(f"Time / {unit}")
    for row, label in enumerate(("Voltage / V", "Simulated - measured / mV", "Current / A")):
        grid[row][0].set_ylabel(label)
    figure.suptitle("Measured cycles and their replay" + _ended_early(tasks), fontsize=11)
    return figure


def _of(curve: MeasuredCurve, tasks: pd.DataFrame) -> pd.DataFrame:
    mask = (tasks["cell"] == curve.cell) & (tasks["protocol"] == curve.protocol)
    for name, value in curve.at.items():
        mask &= (tasks[name] == value) if name in tasks else False
    return tasks[mask]


def _residual(
    time: Array, voltage: Array, along: Array, simulated: Array, seconds: float
) -> tuple[Array, Array]:
    """Return the error in mV at the measured times that the simulation reaches."""
    reached = time <= along[-1]
    at = time[reached]
    return thinned(at / seconds, 1e3 * (np.interp(at, along, simulated) - voltage[reached]))


def _ended_early(tasks: pd.DataFrame) -> str:
    early = int((tasks[OVERLAP] < 0.999).sum()) if OVERLAP in tasks else 0
    return f"; {early} of {len(tasks)} simulations ended early (x)" if early else ""
