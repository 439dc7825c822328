"""Small multiples: one panel a combination of cell, model and protocol."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pandas as pd

LABELS = ("cell", "model", "protocol")
MOST_PANELS = 12


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """The tasks of one axes, and the labels that set it apart from the others."""

    title: str
    tasks: pd.DataFrame


def panels(tasks: pd.DataFrame, *, together: Collection[str] = ()) -> list[Panel]:
    """Return the panels of tasks: one for each combination of the labels that differ.

    Labels ``together`` share panels. At most `MOST_PANELS` are returned.
    """
    differing = [
        name
        for name in LABELS
        if name in tasks and name not in together and tasks[name].nunique() > 1
    ]
    if not differing:
        return [Panel("", tasks)]
    groups = tasks.groupby(differing, sort=False, dropna=False)
    found = [Panel(", ".join(map(str, key)), group) for key, group in groups]
    return found[:MOST_PANELS]


def left_out(tasks: pd.DataFrame, *, together: Collection[str] = ()) -> str:
    """Return words for a title where there are more panels than are shown, else nothing."""
    differing = [name for name in LABELS if name in tasks and name not in together]
    count = len(tasks[differing].drop_duplicates()) if differing else 1
    return f" · first {MOST_PANELS} of {count} panels" if count > MOST_PANELS else ""


def evenly(tasks: pd.DataFrame, most: int, *, over: str | None) -> pd.DataFrame:
    """Return at most so many tasks, chosen evenly over a quantity, in their old order."""
    if len(tasks) <= most:
        return tasks
    order = np.arange(len(tasks))
    if over is not None:
        order = np.argsort(tasks[over].rank(method="first", na_option="top").to_numpy())
    chosen = order[np.linspace(0, len(order) - 1, most).round().astype(int)]
    return tasks.iloc[np.sort(chosen)]
