"""A sweep full of harm: stuck, crashing, greedy, infeasible and undefined tasks, a lost worker."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest

from battsweep.jobs.child import Child
from battsweep.jobs.driver import run_plan
from battsweep.jobs.memory import in_words, memory_of, share_of_memory
from battsweep.jobs.plan import make_plan
from battsweep.store.store import open_store
from battsweep.sweep.load import load_sweep

BAD = Path(__file__).parent / "bad"
LIMIT_S = 8.0
EXPECTED = {
    "stuck": ("time-limit", "run.time_limit"),
    "aborts": ("crashed", "SIGABRT"),
    "allocates": ("memory", "run.memory_limit"),
    "nan": ("solver", "IDA_"),
    "SPM": ("infeasible", "Minimum voltage"),
}


def write(folder: Path, *, bad: bool) -> Path:
    """Write the sweep, or what of it harms nobody."""
    text = (BAD / "bad.toml").read_text()
    if not bad:
        tables = text.split("[models.stuck]")
        text = tables[0] + "[protocols.p]" + tables[1].split("[protocols.p]")[1]
        text = text.partition("[[exclude]]")[0] + "[output]" + text.partition("[output]")[2]
    (folder / "models.py").write_text((BAD / "models.py").read_text())
    (folder / "bad.toml").write_text(text)
    return folder / "bad.toml"


def rows_of_done(store: Path) -> dict[str, dict[str, np.ndarray]]:
    """Return the rows of every done task, by its id."""
    with open_store(store) as opened:
        tasks = opened.tasks()
        done = tasks[tasks["status"] == "done"]["task_id"]
        found = {}
        for task_id in done:
            rows = opened.series([task_id])
            found[task_id] = {name: rows[name].to_numpy() for name in rows.column_names}
    return found


def kill_a_worker_that_solves(driver: subprocess.Popen[str], store: Path) -> None:
    """Kill a Dask worker that has a solving process, after the first shard is there."""
    deadline = time.monotonic() + 120
    while not any(store.glob("data/*/*/part-*")):
        assert time.monotonic() < deadline and driver.poll() is None
        time.sleep(0.01)  # a poll of the outside world, not a wait for a guess
    workers = {int(path.stem.rsplit("-", 1)[1]) for path in store.glob("logs/worker-*.log")}
    alive = [p.pid for p in psutil.Process(driver.pid).children(recursive=True)]
    os.kill(next(pid for pid in alive if pid in workers), signal.SIGKILL)


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """Return the rows of the harmless part of the sweep, computed without the rest."""
    folder = tmp_path_factory.mktemp("good")
    progress = run_plan(make_plan(load_sweep(write(folder, bad=False))), folder / "s", workers=2)
    assert (progress.done, progress.by_class) == (3, {"infeasible": 1})
    return rows_of_done(folder / "s")


def test_each_bad_task_ends_with_its_class_and_every_other_is_as_without_them(good, tmp_path):
    store = tmp_path / "store"
    sweep = write(tmp_path, bad=True)
    command = [sys.executable, "-m", "battsweep.cli.main", "run", str(sweep), "--json"]
    process = subprocess.Popen(
        [*command, "--store", str(store), "--workers", "2"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    kill_a_worker_that_solves(process, store)
    out, err = process.communicate(timeout=300)
    assert process.returncode == 1, err
    assert json.loads(out)["left"] == 0
    with open_store(store) as opened:
        failures = opened.query("SELECT * FROM all_tasks WHERE status = 'failed'")
    found = {row.model: row for row in failures.itertuples()}
    assert found.keys() == EXPECTED.keys()
    for model, (failure_class, words) in EXPECTED.items():
        assert found[model].failure_class == failure_class
        assert words in found[model].message
    assert LIMIT_S <= found["stuck"].wall_s < LIMIT_S + 3
    rows = rows_of_done(store)
    assert rows.keys() == good.keys()
    for task_id, columns in good.items():
        for name, values in columns.items():
            np.testing.assert_array_equal(rows[task_id][name], values)


@pytest.fixture
def child(tmp_path):
    """Yield a child that is gone afterwards."""
    found = Child(tmp_path / "child.log", memory_limit_bytes=1024**3)
    yield found
    found.stop()


def test_a_greedy_task_is_stopped_and_only_tried_again_where_it_had_company(child, tmp_path):
    placed = make_plan(load_sweep(write(tmp_path, bad=True))).placed
    by_model = {item.task.model: (group, item) for group, item in placed}
    greedy_group, greedy = by_model["allocates"]
    group, item = by_model["SPM"]
    for expected_tries in (1, 1):  # each time in a new process
        [(result, tries, _)] = child.solve(greedy_group, (greedy,), time_limit_s=60)
        assert result.failure.failure_class == "memory"
        assert tries == expected_tries
    list(child.solve(group, (item,), time_limit_s=60))
    [(result, tries, _)] = child.solve(greedy_group, (greedy,), time_limit_s=60)
    assert result.failure.failure_class == "memory"
    assert tries == 2  # the first time, what was there before could have been the cause


def test_a_model_that_is_never_built_fails_all_its_tasks_at_once(tmp_path):
    text = write(tmp_path, bad=True).read_text().replace("models.py:stuck", "models.py:never_built")
    (tmp_path / "bad.toml").write_text(
        text.replace("model != 'SPM' and", "model != 'SPM' and model != 'stuck' and")
    )
    placed = make_plan(load_sweep(tmp_path / "bad.toml")).placed
    mine = [(group, item) for group, item in placed if item.task.model == "stuck"]
    assert len(mine) == 4
    child = Child(tmp_path / "child.log", build_limit_s=10.0)
    began = time.monotonic()
    try:
        results = list(child.solve(mine[0][0], [item for _, item in mine], time_limit_s=1))
    finally:
        child.stop()
    assert time.monotonic() - began < 4 * 10  # each for itself would take as long
    assert {result.failure.failure_class for result, _, _ in results} == {"time-limit"}
    assert len(results) == 4
    assert all("building of its model" in result.failure.message for result, _, _ in results)


def test_a_task_that_is_stuck_where_functions_are_compiled_is_alone_to_blame(tmp_path):
    text = write(tmp_path, bad=True).read_text()
    text = text.replace("models.py:stuck", "models.py:stuck_at_low_voltage")
    (tmp_path / "bad.toml").write_text(
        text.replace("model != 'SPM' and", "model != 'SPM' and model != 'stuck' and")
    )
    placed = make_plan(load_sweep(tmp_path / "bad.toml")).placed
    mine = [(group, item) for group, item in placed if item.task.model == "stuck"][:3]
    group = replace(mine[0][0], compiled=True)
    child = Child(tmp_path / "child.log", build_limit_s=6.0)
    try:
        results = [r for r, _, _ in child.solve(group, [i for _, i in mine], time_limit_s=2)]
    finally:
        child.stop()
    assert [r.failure and r.failure.failure_class for r in results] == ["time-limit", None, None]
    assert "building" not in results[0].failure.message


def test_memory_is_told_in_full_and_shared_among_workers():
    assert 2**20 < memory_of(os.getpid()) < 2**36
    assert memory_of(2**30) is None
    one, many = share_of_memory(1), share_of_memory(4)
    assert many <= one < psutil.virtual_memory().total
    assert (in_words(3 * 2**29), in_words(2**28)) == ("1.5 GiB", "256 MiB")
