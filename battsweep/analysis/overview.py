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
    """Return the best, the median and the base RMSE, a row a model and condition.

    Conditions are the cell, the protocol and the placeholders such as a rate
    that take few values; the other varied quantities are sampled over. The base is
    the point where each of those has the value that most of its tasks have.
    """
    conditions = [name for name in varied if _is_condition(tasks[name])]
    sampled = [name for name in varied if name not in conditions]
    by = [name for name in LABELS if tasks[name].nunique() > 1 or name == "model"]
    by += [name for name in conditions if name not in by]
    base = base_mask(tasks, sampled)
    rows = []
    for key, group in tasks.groupby(by, sort=True, dropna=False):
        known = group[value].dropna()
        at_base = group[base.reindex(group.index)][value].dropna()
        rows.append(
            dict(zip(by, key, strict=True))
            | {
                "tasks": len(group),
                "failed": int((group["status"] == "failed").sum()),
                "best RMSE [mV]": known.min() if len(known) else np.nan,
                "median RMSE [mV]": known.median() if len(known) else np.nan,
                "base RMSE [mV]": at_base.iloc[0] if len(at_base) else np.nan,
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


def base_mask(tasks: pd.DataFrame, sampled: Sequence[str]) -> pd.Series[bool]:
    """Return which tasks stand at the base: nothing sampled, or all at the usual value.

    A usual value is one that more than half of the tasks that vary it have,
    as in a one-at-a-time sample; a quantity without one has no base.
    """
    mask = pd.Series(True, index=tasks.index)
    for name in sampled:
        known = tasks[name].dropna()
        counts = known.value_counts()
        usual = len(counts) > 0 and counts.iloc[0] * 2 > len(known)
        at_usual = tasks[name] == counts.index[0] if usual else False
        mask &= tasks[name].isna() | at_usual
    return mask


def _is_condition(column: pd.Series[Any]) -> bool:
    """Return whether a varied quantity is a placeholder with few values, such as a rate."""
    name = str(column.name)
    return "[" not in name and " " not in name and column.nunique() <= _MOST_VALUES
