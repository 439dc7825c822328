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


def sweep_asked(store: Store, given: str | None) -> str | None:
    """Return the id of the sweep asked for, by its id or by its name; None for all.

    Raises
    ------
    SpecError
        If there is none, or several have that name.
    """
    if given is None:
        return None
    sweeps = store.sweeps()
    ids = [str(one) for one in sweeps["sweep"]]
    named = [str(one) for one in sweeps[sweeps["name"] == given]["sweep"]]
    if given in ids or not named:
        return known_name("--sweep", given, ids)
    if len(named) > 1:
        raise wrong("--sweep", f"{given!r} is the name of several: {', '.join(named)}")
    return named[0]


def selected_tasks(store: Store, where: str | None, sweep: str | None) -> pd.DataFrame:
    """Return the tasks that are selected, at least one; ``sweep`` as in `sweep_asked`.

    Raises
    ------
    SpecError
        If none is; says how many there are, and by what to select.
    """
    sweep = sweep_asked(store, sweep)
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
