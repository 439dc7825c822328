"""Reading a sweep file so that all its faults are told at once, PyBaMM's among them."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from battsweep.errors import Fault
    from battsweep.store.store import Store
    from battsweep.sweep.spec import Sweep


def load(path: Path, store: Path | None = None) -> Sweep:
    """Return the sweep in a file; see `battsweep.sweep.load.load_sweep`.

    Measured cells are those of ``store``, or of the one that the sweep goes to by default.
    """
    from battsweep.sweep.load import load_sweep

    with ExitStack() as opened:

        def cells(name: str) -> Store | None:
            from battsweep.store.layout import is_store
            from battsweep.store.store import open_store

            where = store or Path(f"{name}-store")
            return opened.enter_context(open_store(where)) if is_store(where) else None

        return load_sweep(path, further=_ask_pybamm, measured=cells)


def _ask_pybamm(readable: Sweep) -> tuple[Fault, ...]:
    # Imported only for a file that is wrong already: PyBaMM takes seconds.
    from battsweep.jobs.plan import further_faults

    return further_faults(readable)
