"""Ageing from the command line: the driver and a worker killed, the limit met, what is shown."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil

from battsweep.jobs.ageing import attempt_in_blocks
from battsweep.jobs.build import Built
from battsweep.jobs.driver import run_plan
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import attempt
from battsweep.store.check import check
from battsweep.store.checkpoints import Block, checkpoint_folder, standings, write_block
from battsweep.store.layout import create_store
from battsweep.store.store import open_store
from battsweep.sweep.load import load_sweep

SWEEP = """
name = "ageing"
[cells.A]
parameter_set = "OKane2022"
[models.SPM]
options = { SEI = "ec reaction limited" }
[protocols.cccv]
steps = ["Discharge at 2C until 3.2 V", "Charge at 1C until 4.1 V"]
cycles = 150
[output]
every = "5 min"
summary = ["capacity", "Loss of lithium inventory [%]"]
series_cycles = { every = 50 }
[run]
checkpoint = 2
"""


def start(folder: Path) -> subprocess.Popen[str]:
    command = ["run", folder / "sweep.toml", "--store", folder / "store", "--workers", "1"]
    return subprocess.Popen(
        [sys.executable, "-m", "battsweep.cli.main", *map(str, command), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for_more_cycles(process: subprocess.Popen[str], store: Path, after: int) -> int:
    """Return how many cycles are saved once there are more than before."""
    deadline = time.monotonic() + 120
    while True:
        saved = max((one.done for one in standings(store)), default=0)
        if saved > after:
            return saved
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)  # a poll of the outside world, not a wait for a guess


def test_a_task_whose_worker_and_driver_are_killed_ends_bit_for_bit_equal(tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    store = tmp_path / "store"
    process = start(tmp_path)
    saved = wait_for_more_cycles(process, store, 0)
    psutil.Process(process.pid).children()[-1].send_signal(signal.SIGKILL)
    saved = wait_for_more_cycles(process, store, saved)
    process.kill()
    process.communicate()
    command = [sys.executable, "-m", "battsweep.cli.main", "status", str(store), "--json"]
    told = json.loads(subprocess.run(command, capture_output=True, check=True).stdout)
    [standing] = told["cycles_saved"]
    assert saved <= standing["done"] <= standing["total"] == 150
    process = start(tmp_path)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["done"] == 1
    group, item = make_plan(load_sweep(tmp_path / "sweep.toml")).placed[0]
    built = Built(group)
    built.build(item.inputs, initial_soc=item.initial_soc)
    straight = attempt(built, item)
    with open_store(store) as opened:
        rows, cycles = opened.series([item.task.id]), opened.cycles()
    for name in ("test_time_second", "voltage_volt", "cycle_count"):
        np.testing.assert_array_equal(rows[name].to_numpy(), straight.columns[name])
    assert set(rows["cycle_count"].to_numpy()) == {1, 50, 100, 150}
    for name in straight.cycles[0]:
        np.testing.assert_array_equal(cycles[name], [cycle[name] for cycle in straight.cycles])
    assert standings(store) == ()


def test_what_the_limit_leaves_is_stored_as_partial_and_old_checkpoints_are_deleted(tmp_path):
    text = SWEEP.replace("cycles = 150", "cycles = 6")
    text = text.replace("[run]", "[run]\ntime_limit = 0.001").replace("{ every = 50 }", '"none"')
    (tmp_path / "sweep.toml").write_text(text)
    store = tmp_path / "store"
    plan = make_plan(load_sweep(tmp_path / "sweep.toml"))
    group, item = plan.placed[0]
    folder = checkpoint_folder(store, item.task.id)
    create_store(store, format="parquet")
    attempt_in_blocks(Built(group), item, at_once=2, folder=folder)
    sorted(folder.iterdir())[-1].unlink()
    progress = run_plan(plan, store, workers=1)
    assert progress.by_class == {"time-limit": 1}
    with open_store(store) as opened:
        failures, cycles = opened.failures(), opened.cycles()
    assert failures["failure_class"].tolist() == ["time-limit"]
    assert cycles["cycle_count"].tolist() == [1, 2, 3, 4]
    # A worker that dies between the commit and the clean-up leaves a checkpoint behind.
    task_id = plan.tasks[0].id
    left = Block(0, 2, 6, "versions", {}, {}, {})
    write_block(folder, left)
    [finding] = check(store)
    assert (finding.kind, Path(finding.path).name) == ("left over", task_id)
    other = replace(plan.sweep.run, time_limit_s=1.0)
    run_plan(replace(plan, sweep=replace(plan.sweep, run=other)), store, workers=1)
    assert check(store) == []
