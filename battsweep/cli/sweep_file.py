"""Reading a sweep file so that all its faults are told at once, PyBaMM's among them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from battsweep.errors import Fault
    from battsweep.sweep.spec import Sweep


def load(path: Path) -> Sweep:
    """Return the sweep in a file; see `battsweep.sweep.load.load_sweep`."""
    from battsweep.sweep.load import load_sweep

    return load_sweep(path, further=_ask_pybamm)


def _ask_pybamm(readable: Sweep) -> tuple[Fault, ...]:
    # Imported only for a file that is wrong already: PyBaMM takes seconds.
    from battsweep.jobs.plan import further_faults

    return further_faults(readable)
