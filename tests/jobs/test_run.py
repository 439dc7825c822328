"""Whole runs on real worker processes: resumed, killed, interrupted, with bad tasks in them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest

from battsweep.errors import StoreError
from battsweep.jobs.driver import run_plan
from battsweep.jobs.plan import make_plan
from battsweep.store.check import check
from battsweep.store.finished import finished_sweep
from battsweep.store.layout import create_store
from battsweep.store.lock import driver_lock
from battsweep.store.store import open_store
from battsweep.sweep.load import load_sweep

SWEEP = """
name = "killed"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[models.SPMe]
[protocols.p]
discharge = "{rate}C"
[[axes]]
rate = [0.8, 1, 1.5]
[[axes]]
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 5e-14, points = 60 }
[output]
every = "10 s"
summary = ["capacity", "energy"]
"""
WITH_FAILURES = """
name = "mixed"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[protocols.p]
discharge = "1C"
[[axes]]
"Lower voltage cut-off [V]" = { from = 2.5, to = 4.3, points = 20 }
[output]
every = "60 s"
summary = ["capacity"]
"""


def battsweep(*arguments, **options):
    """Start the command line in a process group of its own."""
    command = [sys.executable, "-m", "battsweep.cli.main", *map(str, arguments)]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **options
    )


def wait_for(condition, *, seconds=120.0):
    """Return once a condition holds; fail when it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)  # a poll of the outside world, not a wait for a guess


def shards(store: Path) -> int:
    return sum(1 for _ in store.glob("data/*/*/part-*"))


def workers(store: Path) -> list[int]:
    """Return the process ids of the workers, which are in the names of their logs."""
    names = (path.stem for path in store.glob("logs/worker-*.log"))
    found = [int(name.rpartition("-")[2]) for name in names]
    return sorted(pid for pid in found if psutil.pid_exists(pid))


def contents(store: Path) -> dict[str, object]:
    """Return every task's outcome, summary and rows, by its id."""
    found = {}
    with open_store(store) as opened:
        tasks = opened.tasks()
        assert not tasks["task_id"].duplicated().any()
        for row in tasks.itertuples():
            rows = opened.series([row.task_id]) if row.status == "done" else None
            found[row.task_id] = (row.status, rows)
    return found


def assert_equal(one: dict[str, object], other: dict[str, object]) -> None:
    assert one.keys() == other.keys()
    for task_id, (status, rows) in one.items():
        assert status == other[task_id][0]
        if rows is not None:
            for name in ("test_time_second", "voltage_volt", "current_ampere"):
                np.testing.assert_array_equal(
                    rows[name].to_numpy(), other[task_id][1][name].to_numpy()
                )


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """Return the contents of a store whose run nothing disturbed."""
    folder = tmp_path_factory.mktemp("undisturbed")
    (folder / "sweep.toml").write_text(SWEEP)
    progress = run_plan(make_plan(load_sweep(folder / "sweep.toml")), folder / "store", workers=2)
    assert (progress.done, progress.failed, progress.left) == (360, 0, 0)
    return contents(folder / "store")


def test_a_driver_and_workers_killed_again_and_again_lose_and_double_nothing(undisturbed, tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    store = tmp_path / "store"
    for round_number in range(4):
        before = shards(store)
        process = battsweep("run", tmp_path / "sweep.toml", "--store", store, "--workers", 2)
        wait_for(lambda before=before: shards(store) > before or process.poll() is not None)
        if round_number % 2:
            # The second and fourth time a worker goes first, and the run goes on without it.
            seen = shards(store)
            os.kill(workers(store)[-1], signal.SIGKILL)
            wait_for(lambda seen=seen: shards(store) > seen or process.poll() is not None)
        process.kill()
        process.communicate()
    process = battsweep("run", tmp_path / "sweep.toml", "--store", store, "--json")
    out, err = process.communicate(timeout=300)
    assert process.returncode == 0, err
    assert json.loads(out)["left"] == 0
    assert_equal(contents(store), undisturbed)
    assert [finding for finding in check(store, deep=True) if "left" not in str(finding)] == []


def test_nothing_is_left_running_after_the_driver_is_killed(tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    store = tmp_path / "store"
    process = battsweep("run", tmp_path / "sweep.toml", "--store", store)
    wait_for(lambda: shards(store) > 0)
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) >= 4
    # One server, which has PyBaMM, and all others forked from it: workers and solving processes.
    assert len({one.ppid() for one in family}) == 2
    process.kill()
    process.communicate()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []


def test_ctrl_c_drains_and_the_same_command_goes_on(undisturbed, tmp_path):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    store = tmp_path / "store"
    process = battsweep(
        "run", tmp_path / "sweep.toml", "--store", store, "--json", start_new_session=True
    )
    wait_for(lambda: shards(store) > 0)
    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
    out, err = process.communicate(timeout=120)
    outcome = json.loads(out)
    assert process.returncode == 130, err
    assert outcome["interrupted"] and 0 < outcome["left"] < 360
    assert "Traceback" not in err
    again = battsweep("run", tmp_path / "sweep.toml", "--store", store, "--json")
    out, err = again.communicate(timeout=300)
    assert again.returncode == 0, err
    assert json.loads(out)["found"] == 360 - outcome["left"]
    assert_equal(contents(store), undisturbed)


def test_a_completed_sweep_is_not_computed_again(tmp_path, make_sweep):
    plan = make_plan(make_sweep(WITH_FAILURES))
    first = run_plan(plan, tmp_path / "store", workers=2)
    count = shards(tmp_path / "store")
    second = run_plan(plan, tmp_path / "store", workers=2)
    assert (second.found, second.done, second.failed) == (20, 0, 0)
    assert second.found_failed == first.failed > 0
    assert shards(tmp_path / "store") == count


def test_a_finished_sweep_is_known_without_pybamm_until_anything_of_it_changes(
    tmp_path, make_sweep
):
    sweep = make_sweep(WITH_FAILURES)
    store = tmp_path / "store"
    assert finished_sweep(store, sweep) is None
    progress = run_plan(make_plan(sweep), store, workers=2)
    found = finished_sweep(store, sweep)
    assert (found.total, found.failed) == (20, progress.failed)
    assert finished_sweep(store, make_sweep(WITH_FAILURES.replace("20", "21"))) is None
    shard = next(store.glob("data/*/*/part-*"))
    os.truncate(shard, shard.stat().st_size - 1)
    assert finished_sweep(store, sweep) is None
    with pytest.raises(StoreError, match="check"):
        run_plan(make_plan(sweep), store, workers=2)
    shard.unlink()
    assert run_plan(make_plan(sweep), store, workers=2).left == 0
    assert finished_sweep(store, sweep) == found


def test_failed_tasks_are_recorded_with_class_and_the_others_go_on(tmp_path, make_sweep):
    progress = run_plan(make_plan(make_sweep(WITH_FAILURES)), tmp_path / "store", workers=2)
    assert progress.done + progress.failed == 20
    assert progress.by_class == {"infeasible": progress.failed}
    with open_store(tmp_path / "store") as store:
        failures = store.failures()
        assert len(failures) == progress.failed
        assert failures["message"].str.contains("Minimum voltage").all()
        assert set(store.tasks()["status"]) == {"done", "failed"}


def test_the_same_physics_in_another_sweep_is_found_and_not_computed(tmp_path, make_sweep):
    run_plan(make_plan(make_sweep(WITH_FAILURES)), tmp_path / "store", workers=2)
    text = WITH_FAILURES.replace("[cells.A]", "[cells.Other]").replace("mixed", "renamed")
    other = run_plan(make_plan(make_sweep(text)), tmp_path / "store", workers=2)
    assert (other.found, other.done, other.failed) == (20, 0, 0)
    with open_store(tmp_path / "store") as store:
        assert set(store.tasks()["cell"]) == {"A", "Other"}


def test_a_second_driver_is_refused_with_who_holds_the_store(tmp_path):
    (tmp_path / "sweep.toml").write_text(WITH_FAILURES)
    store = tmp_path / "store"
    create_store(store, format="parquet")
    with driver_lock(store):
        process = battsweep("run", tmp_path / "sweep.toml", "--store", store)
        _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert str(os.getpid()) in err
    assert "Traceback" not in err
