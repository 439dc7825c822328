"""A group whose reused model gives wrong answers is found out, and its tasks are built alone."""

from __future__ import annotations

import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from battsweep.cli.main import main
from battsweep.jobs.chunks import Chunk
from battsweep.jobs.driver import Driver, run_plan
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.plan import make_plan
from battsweep.jobs.progress import Progress
from battsweep.store.check import check
from battsweep.store.finished import finished_sweep
from battsweep.store.index import Index
from battsweep.store.layout import create_store
from battsweep.store.store import open_store
from battsweep.sweep.load import load_sweep

sys.path.insert(0, str(Path(__file__).parent))
from forged import SWEEP, forged

NAME = "Positive electrode active material volume fraction"


@pytest.fixture(scope="module")
def plain():
    """Return a function for the voltage of a plain simulation of a task."""
    pybamm = import_pybamm()

    def voltage(value):
        values = pybamm.ParameterValues("Chen2020")
        values.update({NAME: value, "Current function [A]": 5.0})
        solver = pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6)
        simulation = pybamm.Simulation(
            pybamm.lithium_ion.SPM(), parameter_values=values, solver=solver
        )
        return simulation.solve([0, 18000], t_interp=np.arange(0, 18000, 60.0))

    return voltage


def assert_right(store, plain):
    """Check all rows against plain simulations, and how the tasks were solved."""
    with open_store(store) as opened:
        tasks = opened.tasks()
        assert set(tasks["status"]) == {"done"}
        for task_id, value in zip(tasks["task_id"][::5], tasks[NAME][::5], strict=True):
            rows = opened.series([task_id])
            np.testing.assert_allclose(
                rows["voltage_volt"].to_numpy(), plain(value)["Voltage [V]"].entries, atol=1e-5
            )
        winners = opened.query("SELECT DISTINCT method FROM attempt WHERE wins = 1")
        assert list(winners["method"]) == ["rebuilt"]
        assert opened.status().proof.distrusted == 1
    assert check(store, deep=True) == []


def test_a_wrong_reuse_is_found_and_every_task_of_the_group_is_right(tmp_path, plain):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    sweep, store = load_sweep(tmp_path / "sweep.toml"), tmp_path / "store"
    progress = run_plan(forged(make_plan(sweep)), store, workers=2)
    assert (progress.done, progress.left, progress.distrusted) == (14, 0, 1)
    assert_right(store, plain)
    log = "".join(path.read_text() for path in (store / "logs").glob("driver-*"))
    assert "off by" in log and "each built for itself" in log
    assert finished_sweep(store, sweep) is not None
    with open_store(store) as opened:
        wrong = opened.query("SELECT max(difference) AS worst FROM proof WHERE passed = 0")
        assert wrong["worst"][0] > 0.01


def test_a_wrong_reuse_is_made_good_by_the_next_run_after_a_kill(tmp_path, plain):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    sweep, store = load_sweep(tmp_path / "sweep.toml"), tmp_path / "store"
    command = [sys.executable, str(Path(__file__).parent / "forged.py")]
    process = subprocess.Popen([*command, str(tmp_path / "sweep.toml"), str(store)])
    deadline = time.monotonic() + 120
    while process.poll() is None and not distrusts(store):
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)  # a poll of the outside world, not a wait for a guess
    process.kill()
    process.wait()
    assert finished_sweep(store, sweep) is None
    progress = run_plan(forged(make_plan(sweep)), store, workers=2)
    assert progress.left == 0
    assert progress.done > 0
    assert_right(store, plain)


def distrusts(store):
    """Whether the index of a running driver knows of a wrong group."""
    if not (store / "index.sqlite").exists() or not list(store.glob("data/*/*/part-*")):
        return False
    with Index.open(store, write=False) as index:
        return bool(index.distrusted())


def test_of_a_distrusted_group_no_more_is_rebuilt_than_was_asked_for(tmp_path, capsys):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    plan, store = forged(make_plan(load_sweep(tmp_path / "sweep.toml"))), tmp_path / "store"
    ids = [plan.tasks[0].id, plan.tasks[-1].id, plan.tasks[5].id]
    progress = run_plan(plan, store, workers=1, only=frozenset(ids))
    assert (progress.done, progress.distrusted) == (3, 1)
    with open_store(store) as opened:
        tasks = opened.tasks()
        assert list(tasks[tasks["status"] == "done"]["number"]) == [0, 5, 13]
        wrong = opened.query("SELECT task_id FROM proof WHERE passed = 0 LIMIT 1")["task_id"][0]
        right = tasks.set_index("task_id").loc[wrong, "capacity [A.h]"]
    assert main(["show", str(store), wrong]) == 0
    assert f"{right:.6g}" in capsys.readouterr().out.rpartition("Summary")[2]


def test_a_chunk_goes_on_without_its_distrusted_groups(tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    plan = forged(make_plan(load_sweep(tmp_path / "sweep.toml")))
    (group, one), (_, other), *_ = plan.placed
    sound = replace(group, key="a" * 16)
    create_store(tmp_path / "store", format="parquet")
    with Index.open(tmp_path / "store") as index:
        driver = Driver(plan, tmp_path, index, None, Progress(2), None, workers=1)
    driver._distrusted.add(group.key)
    alone = replace(one, rebuild=True)
    parts = ((group, (one,)), (sound, (other,)), (group, (alone,)))
    assert driver._worth(Chunk(parts)) == parts[1:]


def test_without_proof_a_wrong_reuse_stays_until_a_later_run_proves_it(tmp_path, plain):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    sweep, store = load_sweep(tmp_path / "sweep.toml"), tmp_path / "store"
    plan = forged(make_plan(sweep))
    progress = run_plan(plan, store, workers=2, proof="none")
    assert (progress.done, progress.distrusted) == (14, 0)
    assert finished_sweep(store, sweep, proof="none") is not None
    assert finished_sweep(store, sweep) is None
    progress = run_plan(plan, store, workers=2)
    assert (progress.found, progress.done, progress.left) == (0, 14, 0)
    assert_right(store, plain)
