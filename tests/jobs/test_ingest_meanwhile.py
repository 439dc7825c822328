"""What is ingested while a driver is at work is in the index when it ends."""

from __future__ import annotations

import sys
from pathlib import Path

from battsweep.jobs.driver import run_plan
from battsweep.jobs.plan import make_plan
from battsweep.store.cells import write_cell
from battsweep.store.check import check
from battsweep.store.indexing import index_measured
from battsweep.store.store import open_store
from battsweep.sweep.load import load_sweep

sys.path.insert(0, str(Path(__file__).parents[1] / "store"))
from measured_cells import cell

SWEEP = """
name = "few"
[cells.LGM50-01]
parameter_set = "Chen2020"
[models.SPM]
[protocols.p]
steps = ["Discharge at {rate}C for 2 minutes", "Rest for 1 minute"]
[[axes]]
rate = [0.5, 1, 1.5]
[output]
summary = ["capacity"]
[run]
proof = "none"
"""


def test_a_driver_takes_in_what_was_ingested_meanwhile(tmp_path):
    (tmp_path / "few.toml").write_text(SWEEP)
    store = tmp_path / "store"
    told = []

    def ingest(*_):
        if not told:
            write_cell(store, *cell())
            told.append(index_measured(store, patience_s=0.1))

    plan = make_plan(load_sweep(tmp_path / "few.toml"))
    progress = run_plan(plan, store, workers=1, on_chunk=ingest)
    assert progress.done == 3
    assert told[0].startswith("process ")
    assert check(store, deep=True) == []
    with open_store(store) as opened:
        sources = opened.query("SELECT source FROM every_cycle_of_cell WHERE cell = 'LGM50-01'")
    assert sorted(set(sources["source"])) == ["measured", "simulated"]
