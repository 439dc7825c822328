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

_VARIED = "SELECT DISTINCT j.key AS name FROM all_tasks t, json_each(t.varied) j"
_FITS = """
SELECT DISTINCT task_id, cell, model, fit FROM all_tasks
WHERE kind = 'fit' AND status = 'done' AND fit <> '{}'
"""


def load_varied(store: Store, tasks: pd.DataFrame) -> list[str]:
    """Return the names of the varied quantities of tasks, in the order of their columns."""
    names = set(store.query(_VARIED)["name"])
    return [name for name in tasks.columns if name in names]


def load_summaries(tasks: pd.DataFrame, varied: list[str]) -> list[str]:
    """Return the names of the summaries of tasks: all columns after the varied ones."""
    from battsweep.store.where import TASK_COLUMNS

    return [
        name for name in tasks.columns if name not in TASK_COLUMNS and name not in varied
    ]


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
    fits = [
        found[task_id] for task_id in dict.fromkeys(tasks["task_id"]) if task_id in found
    ]
    if not fits:
        raise wrong(
            "", f"none of the {len(tasks)} tasks is a finished fit; fits need [fit]"
        )
    return fits


def load_measured(store: Store) -> list[MeasuredCurve]:
    """Return all measured curves of a store."""
    from battsweep.analysis.series import MeasuredCurve

    curves = []
    for row in store.measured().to_dict("records"):
        at = row["at"]
        curves.append(
            MeasuredCurve(
                name=str(row["name"]),
                cell=str(row["cell"]),
                protocol=str(row["protocol"]),
                at=json.loads(at) if isinstance(at, str) else dict(at),
                table=store.measured_series(str(row["name"])),
            )
        )
    return curves
