"""The tasks a command works on: opened, selected, and explained where there are none."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.arguments import known_name, wrong
from battsweep.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd

    from battsweep.store.store import Store

LABELS = (
    "task_id",
    "number",
    "sweep",
    "cell",
    "model",
    "protocol",
    "status",
    "failure_class",
)
_MOST_NAMES = 20


def require_store(path: Path) -> None:
    """Raise a `StoreError` if there is no store; it says what makes one."""
    from battsweep.store.layout import is_store

    if not is_store(path):
        what = "is no store" if path.is_dir() else "no such folder"
        raise StoreError(f"{path}: {what}; 'battsweep run SWEEP --store {path}' makes one")


def open_for(arguments: argparse.Namespace) -> Store:
    """Return the store that the arguments name, for reading; fails as `require_store`."""
    require_store(arguments.store)
    from battsweep.store.store import open_store

    return open_store(arguments.store)


def check_sweep(store: Store, sweep: str | None) -> None:
    """Raise a `SpecError` if the store has no sweep of this name."""
    if sweep is not None:
        known_name("--sweep", sweep, [str(name) for name in store.sweeps()["sweep"]])


def selected_tasks(store: Store, where: str | None, sweep: str | None) -> pd.DataFrame:
    """Return the tasks that are selected, at least one.

    Raises
    ------
    SpecError
        If none is; says how many there are, and by what to select.
    """
    check_sweep(store, sweep)
    found = store.tasks(where=where, sweep=sweep)
    if len(found):
        return found
    every = store.tasks(sweep=sweep)
    if not len(every):
        raise wrong("", f"{store.path}: there are no tasks yet; see battsweep status")
    names = [str(name) for name in every.columns]
    listed = ", ".join(names[:_MOST_NAMES]) + (", …" if len(names) > _MOST_NAMES else "")
    raise wrong(
        "--where",
        f"{where!r} holds for none of the {len(every)} tasks; names to select by: {listed}",
    )
