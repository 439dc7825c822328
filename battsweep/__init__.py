"""Large sweeps and fits of lithium-ion battery models.

>>> import battsweep
>>> sweep = battsweep.load_sweep("sweep.toml")
>>> battsweep.run(battsweep.plan(sweep), "results")
>>> store = battsweep.open_store("results")
>>> store.tasks(where="model == 'SPMe' and rate > 1")

A script that calls `run` needs ``if __name__ == "__main__":`` around it, as every
program does that starts processes.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from battsweep.errors import BattsweepError, SpecError, StoreError
    from battsweep.jobs.driver import run_plan as run
    from battsweep.jobs.plan import make_plan as plan
    from battsweep.store.store import open_store
    from battsweep.sweep.load import load_sweep

_HOMES = {
    "BattsweepError": ("battsweep.errors", "BattsweepError"),
    "SpecError": ("battsweep.errors", "SpecError"),
    "StoreError": ("battsweep.errors", "StoreError"),
    "load_sweep": ("battsweep.sweep.load", "load_sweep"),
    "open_store": ("battsweep.store.store", "open_store"),
    "plan": ("battsweep.jobs.plan", "make_plan"),
    "run": ("battsweep.jobs.driver", "run_plan"),
}
__all__ = [
    "BattsweepError",
    "SpecError",
    "StoreError",
    "load_sweep",
    "open_store",
    "plan",
    "run",
]


def __getattr__(name: str) -> object:
    # Imported when first used, so that the command line starts at once.
    if name not in _HOMES:
        raise AttributeError(f"module 'battsweep' has no attribute {name!r}")
    module, attribute = _HOMES[name]
    return vars(import_module(module))[attribute]
