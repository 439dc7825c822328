"""Bring what a store holds into the values that analysis works on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from battsweep.cli.arguments import wrong

if TYPE_CHECKING:
    import pandas as pd

    from battsweep.analysis.fits import FittedTask
    from battsweep.analysis.series import MeasuredCurve
    from battsweep.store.store import Store

_FITS = """
SELECT DISTINCT task_id, cell, model, fit FROM all_tasks
WHERE kind = 'fit' AND status = 'done' AND fit <> '{}'
"""


def load_varied(store: Store, tasks: pd.DataFrame) -> list[str]:
    """Return the names of the varied quantities of tasks, in the sweeps' order."""
    plans = [json.loads(plan) for plan in store.query("SELECT plan FROM sweep")["plan"]]
    names = dict.fromkeys(name for plan in plans for axis in plan["axes"] for name in axis)
    return [name for name in names if name in tasks and tasks[name].notna().any()]


def load_summaries(tasks: pd.DataFrame, varied: list[str]) -> list[str]:
    """Return the names of the summaries of tasks: all columns after the varied ones."""
    from battsweep.store.where import TASK_COLUMNS

    others = {*TASK_COLUMNS, *varied, "cycle_count"}
    return [name for name in tasks.columns if name not in others]


def load_simulations(store: Store, tasks: pd.DataFrame) -> pd.DataFrame:
    """Return the tasks that are no fits."""
    fits = store.query("SELECT task_id FROM task WHERE kind = 'fit'")["task_id"]
    return tasks[~tasks["task_id"].isin(fits)]


def load_fits(store: Store, tasks: pd.DataFrame) -> list[FittedTask]:
    """Return the finished fits among tasks, in their order.

    Raises
    ------
    SpecError
        If there is none.
    """
    from battsweep.analysis.fits import read_fit

    found = {
        str(row.task_id): read_fit(
            str(row.task_id), str(row.cell), str(row.model), json.loads(str(row.fit))
        )
        for row in store.query(_FITS).itertuples()
    }
    fits = [found[task_id] for task_id in dict.fromkeys(tasks["task_id"]) if task_id in found]
    if not fits:
        raise wrong("", f"none of the {len(tasks)} tasks is a finished fit; fits need [fit]")
    return fits


def rmse_asked(store: Store, tasks: pd.DataFrame) -> bool:
    """Return whether a sweep of these tasks has measured curves and asks for the RMSE."""
    sweeps = store.query("SELECT sweep, plan FROM sweep").itertuples()
    plans = [json.loads(str(row.plan)) for row in sweeps if row.sweep in set(tasks["sweep"])]
    return any(plan["measured"] and "rmse" in plan["output"]["summary"] for plan in plans)


def load_measured(store: Store) -> list[MeasuredCurve]:
    """Return all measured curves of a store."""
    from battsweep.analysis.series import MeasuredCurve

    curves = []
    for row in store.measured().to_dict("records"):
        curves.append(
            MeasuredCurve(
                name=str(row["name"]),
                cell=str(row["cell"]),
                protocol=str(row["protocol"]),
                at=json.loads(row["at"]),
                table=store.measured_series(str(row["file"])),
            )
        )
    return curves
