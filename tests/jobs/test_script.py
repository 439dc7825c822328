"""The script that a task leaves behind is plain PyBaMM and gives the task's own voltage."""

from __future__ import annotations

import json

import numpy as np
import pytest

from battsweep.cli.main import main
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.plan import make_plan
from battsweep.jobs.warm import Builds, answers
from battsweep.jobs.worker import provenance, receipt, tables
from battsweep.store.index import Index
from battsweep.store.layout import create_store
from battsweep.store.shards import write_shard
from battsweep.store.store import open_store
from battsweep.store.sweeps import write_sweep
from battsweep.sweep.load import load_sweep

CLOSE_V = 1e-9
PROTOCOLS = {
    "constant": "discharge = '{rate}C'",
    "part": "charge = '2 A'\nduration = 1000\ninitial_soc = 0.3",
    "steps": (
        "steps = ['Discharge at {rate}C for 10 minutes', 'Rest for 90 s', 'Charge at C/2 until 4.1 V']\n"
        "cycles = 2\ninitial_soc = 0.9"
    ),
    "current": "profile = 'current.csv'\npositive = 'discharge'\ninitial_soc = 0.8",
    "power": (
        "profile = 'power.csv'\nquantity = 'power'\npositive = 'discharge'\ninitial_soc = 0.8"
    ),
}
SIMULATIONS = """
name = "s"
[cells.A]
parameter_set = "Chen2020"
overrides = { "Electrode height [m]" = 0.066 }
[models.warm]
type = "SPM"
options = { thermal = "lumped", particle = ["quadratic profile", "uniform profile"] }
mesh = { x_n = 15 }
[[axes]]
rate = [1.5]
[[axes]]
"Positive electrode active material volume fraction" = [0.64]
[[axes]]
"Negative electrode thickness [m]" = [8e-5]
[run]
solver = { rtol = 1e-5, atol = 1e-7 }
"""
FIT = """
name = "f"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[protocols.p]
discharge = "{rate}C"
[[measured]]
cell = "A"
protocol = "p"
at = { rate = 2 }
file = "curve.csv"
[fit]
data = ["curve"]
population = 5
generations = 1
[fit.parameters]
"Positive electrode active material volume fraction" = { from = 0.6, to = 0.7 }
[output]
every = 60
"""


def store_of(folder, text):
    """Return a store with all tasks of a sweep computed, and their ids by protocol."""
    (folder / "sweep.toml").write_text(text)
    plan, store, builds = make_plan(load_sweep(folder / "sweep.toml")), folder / "store", Builds()
    create_store(store, format="parquet")
    known = plan.catalogue
    written = write_sweep(
        store, plan.sweep_id, plan.sweep, plan.tasks, known.resolved, known.parameter_sets
    )
    with Index.open(store, write=True) as index:
        index.add_sweep(written)
        for chunk, (group, item) in enumerate(plan.placed):
            *_, result = answers(group, (item,), builds)
            assert result.failure is None, result.failure
            shard = write_shard(
                store,
                plan.sweep_id,
                chunk=chunk,
                attempt=1,
                series=tables([result.columns]),
                receipts=[receipt(item.task, result, 1)],
                provenance=provenance(),
                format="parquet",
            )
            index.ingest_shard(shard)
    return store, {task.protocol: task.id for task in plan.tasks}


def executed(store, task, capsys):
    """Return the solution of the script that the command line gives for a task."""
    assert main(["show", str(store), task, "--script"]) == 0
    text = capsys.readouterr().out
    assert "battsweep" not in text
    names = {}
    exec(text, names)
    capsys.readouterr()
    return names["solution"]


def stored(store, task):
    """Return the rows of a task as arrays by column."""
    with open_store(store) as opened:
        rows = opened.series([task])
    return {name: rows[name].to_numpy() for name in rows.column_names}


@pytest.fixture(scope="module", params=["every = 60", "points = 20", "every = 'solver'"])
def computed(request, tmp_path_factory):
    """Return a store with a task a protocol, by each way to choose the times."""
    folder = tmp_path_factory.mktemp("script")
    (folder / "current.csv").write_text("0,5\n330,5\n600,5\n601,0\n1000,0\n1001,-2\n1830,-2\n")
    (folder / "power.csv").write_text("0,15\n600,15\n601,1\n1230,1\n")
    protocols = "".join(f"[protocols.{name}]\n{text}\n" for name, text in PROTOCOLS.items())
    store, ids = store_of(folder, f"{SIMULATIONS}{protocols}[output]\n{request.param}\n")
    return request.param, store, ids


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_script_gives_the_stored_voltage(protocol, computed, capsys):
    sampling, store, ids = computed
    solution = executed(store, ids[protocol], capsys)
    rows = stored(store, ids[protocol])
    if sampling.startswith("points"):
        # The script keeps the solver's times: ask each step of its solution for the stored ones.
        parts = [step for cycle in solution.cycles for step in cycle.steps] or [solution]
        times = np.split(rows["test_time_second"], len(parts))
        voltage = [
            part["Voltage [V]"](np.clip(t, part.t[0], part.t[-1]))
            for part, t in zip(parts, times, strict=True)
        ]
        np.testing.assert_allclose(
            rows["voltage_volt"], np.concatenate(voltage), rtol=0, atol=CLOSE_V
        )
        return
    np.testing.assert_allclose(rows["test_time_second"], solution.t, atol=1e-6)
    np.testing.assert_allclose(
        rows["voltage_volt"], solution["Voltage [V]"].entries, rtol=0, atol=CLOSE_V
    )
    np.testing.assert_allclose(
        rows["current_ampere"], -solution["Current [A]"].entries, rtol=0, atol=1e-6
    )


def test_the_script_of_a_fit_solves_its_first_curve_with_what_was_chosen(tmp_path, capsys):
    (tmp_path / "curve.csv").write_text(
        "test_time_second,voltage_volt\n0,4\n500,3.7\n1000,3.4\n1500,3.1\n"
    )
    store, ids = store_of(tmp_path, FIT)
    solution = executed(store, ids["p"], capsys)
    rows = stored(store, ids["p"])
    after = rows["fitted"] == 1
    np.testing.assert_allclose(
        rows["voltage_volt"][after], solution["Voltage [V]"].entries, rtol=0, atol=CLOSE_V
    )


def test_the_script_of_a_cell_from_a_file_reads_the_stores_copy(tmp_path, capsys):
    document = import_pybamm().ParameterValues("Chen2020").to_json()
    document["Negative electrode thickness [m]"] = 9e-5
    (tmp_path / "mine.json").write_text(json.dumps(document))
    store, ids = store_of(
        tmp_path,
        "name = 'j'\n[cells.A]\nparameter_set = 'mine.json'\n[models.SPM]\n"
        "[protocols.p]\ndischarge = '1C'\n[output]\nevery = 60\n",
    )
    (tmp_path / "mine.json").unlink()
    solution = executed(store, ids["p"], capsys)
    np.testing.assert_allclose(
        stored(store, ids["p"])["voltage_volt"],
        solution["Voltage [V]"].entries,
        rtol=0,
        atol=CLOSE_V,
    )
