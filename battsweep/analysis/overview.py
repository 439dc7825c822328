"""How well models meet measured curves over a sweep: one small table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from battsweep.analysis.panels import LABELS

RMSE = "rmse [mV]"
_MOST_VALUES = 10


def rmse_overview(tasks: pd.DataFrame, *, varied: Sequence[str], value: str = RMSE) -> pd.DataFrame:
    """Return the best and the median RMSE, a row a model and condition.

    Conditions are the cell, the protocol and the placeholders such as a rate
    that take few values; the other varied quantities are sampled over.
    """
    conditions = [name for name in varied if _is_condition(tasks[name])]
    by = [name for name in LABELS if tasks[name].nunique() > 1 or name == "model"]
    by += [name for name in conditions if name not in by]
    rows = []
    for key, group in tasks.groupby(by, sort=True, dropna=False):
        known = group[value].dropna()
        rows.append(
            dict(zip(by, key, strict=True))
            | {
                "tasks": len(group),
                "failed": int((group["status"] == "failed").sum()),
                "best RMSE [mV]": known.min() if len(known) else np.nan,
                "median RMSE [mV]": known.median() if len(known) else np.nan,
                "best task_id": _best(group, value),
            }
        )
    table = pd.DataFrame(rows)
    numbers = [name for name in table.columns if name.endswith("RMSE [mV]")]
    table[numbers] = table[numbers].astype(float).round(2)
    return table


def _best(tasks: pd.DataFrame, value: str) -> str | None:
    known = tasks[tasks[value].notna()].sort_values(value, kind="stable")
    return str(known["task_id"].iloc[0]) if len(known) else None


def _is_condition(column: pd.Series[Any]) -> bool:
    """Return whether a varied quantity is a placeholder with few values, such as a rate."""
    name = str(column.name)
    return "[" not in name and " " not in name and column.nunique() <= _MOST_VALUES
