"""What to plot where the user did not say: quantities that tell most."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from battsweep.analysis.overview import RMSE

_HANDY = 6


def varying(tasks: pd.DataFrame, names: Sequence[str]) -> list[str]:
    """Return those of the names that have more than one value among the tasks."""
    return [name for name in names if name in tasks and tasks[name].nunique() > 1]


def choose_colour(
    tasks: pd.DataFrame, varied: Sequence[str], *, taken: Collection[str] = ()
) -> str | None:
    """Return what to colour by: the varied quantity with the fewest values, else a label.

    A quantity with a handful of values reads better than one with hundreds;
    of equals the first in the sweep file wins.
    """
    names = [name for name in varying(tasks, varied) if name not in taken]
    if names:
        return min(names, key=lambda name: _distinct(tasks, name))
    labels = [name for name in ("model", "cell", "protocol") if name not in taken]
    few = [name for name in varying(tasks, labels) if tasks[name].nunique() <= _HANDY]
    return few[0] if few else None


def choose_x(
    tasks: pd.DataFrame, varied: Sequence[str], *, taken: Collection[str] = ()
) -> str | None:
    """Return what to lay along an axis: the number with most values, else a label."""
    names = [name for name in varying(tasks, varied) if name not in taken]
    numbers = [name for name in names if pd.api.types.is_numeric_dtype(tasks[name])]
    if numbers or names:
        return max(numbers or names, key=lambda name: _distinct(tasks, name))
    labels = [name for name in ("model", "cell", "protocol") if name not in taken]
    found = varying(tasks, labels)
    return found[0] if found else None


def choose_summary(tasks: pd.DataFrame, summaries: Sequence[str]) -> str | None:
    """Return the summary to show: the error against measured curves, else the first."""
    known = [name for name in summaries if name in tasks and tasks[name].notna().any()]
    return RMSE if RMSE in known else known[0] if known else None


def _distinct(tasks: pd.DataFrame, name: str) -> int:
    return int(tasks[name].nunique())
