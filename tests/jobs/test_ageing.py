"""Long tasks in blocks of cycles: the same numbers however they are cut, killed or damaged."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pybamm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.jobs.ageing import attempt_in_blocks
from battsweep.jobs.build import Built
from battsweep.jobs.child import Child
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import attempt
from battsweep.store.checkpoints import saved_cycles
from battsweep.sweep.load import load_sweep

STEPS = (
    "Discharge at 2C until 3.2 V",
    "Rest for 1 minute",
    "Charge at 1C until 4.1 V",
    "Hold at 4.1 V until C/10",
)
OPTIONS = {"SEI": "ec reaction limited", "lithium plating": "irreversible"}
SWEEP = f"""
name = "ageing"
[cells.A]
parameter_set = "OKane2022"
[models.SPM]
options = {{ SEI = "ec reaction limited", "lithium plating" = "irreversible" }}
[protocols.cccv]
steps = {list(STEPS)}
cycles = 6
initial_soc = 0.9
[[axes]]
"SEI kinetic rate constant [m.s-1]" = [1e-12, 2e-12]
[output]
every = "5 min"
summary = [
  "capacity",
  "mean Voltage [V]",
  "time to 3.5 V",
  "Capacity [A.h]",
  "x_100",
  "Loss of lithium inventory [%]",
  "Change in loss of lithium inventory [%]",
  "Loss of active material in negative electrode [%]",
  "Loss of capacity to negative SEI [A.h]",
  "Loss of capacity to negative lithium plating [A.h]",
  "max Local ECM resistance [Ohm]",
]
[run]
checkpoint = 2
"""
FAILING = (
    SWEEP.replace(str(list(STEPS)), "['Discharge at 1C for 10 minutes', 'Rest for 1 minute']")
    .replace("cycles = 6", "cycles = 12")
    .replace("checkpoint = 2", "checkpoint = 3")
)


def load(folder: Path, text: str) -> Any:
    (folder / "sweep.toml").write_text(text)
    return make_plan(load_sweep(folder / "sweep.toml"))


def built_of(plan: Any, number: int = 0) -> tuple[Built, Any]:
    group, item = plan.placed[number]
    built = Built(group)
    built.build(item.inputs, initial_soc=item.initial_soc)
    return built, item


@pytest.fixture(scope="module")
def task(tmp_path_factory):
    """Return a built model, a task, and the result of solving that straight."""
    built, item = built_of(load(tmp_path_factory.mktemp("ageing"), SWEEP))
    straight = attempt(built, item)
    assert straight.failure is None
    return built, item, straight


@pytest.fixture(scope="module")
def failing(tmp_path_factory):
    """Return the same of a task whose sixth cycle or so cannot be done."""
    built, item = built_of(load(tmp_path_factory.mktemp("failing"), FAILING))
    return built, item, attempt(built, item)


def assert_equal(one: Any, other: Any) -> None:
    """Rows and numbers are equal bit for bit."""
    assert one.columns.keys() == other.columns.keys()
    for name, values in one.columns.items():
        np.testing.assert_array_equal(values, other.columns[name])
    assert one.cycles == other.cycles


def test_blocks_of_any_length_give_what_one_straight_solve_gives(task):
    built, item, straight = task
    first = attempt_in_blocks(built, item, at_once=2, folder=None)
    for at_once in (1, 4, 5, 6):
        found = attempt_in_blocks(built, item, at_once=at_once, folder=None)
        assert_equal(found, straight)
        assert found.summary == first.summary
    assert straight.summary == pytest.approx(first.summary, rel=1e-12)


def test_every_summary_has_a_number_in_every_cycle(task):
    _, _, straight = task
    assert [cycle["cycle_count"] for cycle in straight.cycles] == [1, 2, 3, 4, 5, 6]
    assert all(np.isfinite(list(cycle.values())).all() for cycle in straight.cycles)
    lost = [cycle["Loss of capacity to negative SEI [A.h]"] for cycle in straight.cycles]
    assert lost == sorted(lost)
    assert lost[0] < lost[-1]


def test_the_numbers_are_those_of_a_plain_simulation(task):
    _, item, straight = task
    values = pybamm.ParameterValues("OKane2022")
    values.update(dict(item.inputs))
    simulation = pybamm.Simulation(
        pybamm.lithium_ion.SPM(OPTIONS),
        parameter_values=values,
        experiment=pybamm.Experiment([STEPS] * 6, period=300.0),
        solver=pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6),
    )
    solution = simulation.solve(initial_soc=0.9)
    plain = solution.summary_variables
    for name in (
        "Capacity [A.h]",
        "x_100",
        "Loss of lithium inventory [%]",
        "Change in loss of lithium inventory [%]",
        "Loss of active material in negative electrode [%]",
        "Loss of capacity to negative SEI [A.h]",
        "Loss of capacity to negative lithium plating [A.h]",
    ):
        found = [cycle[name] for cycle in straight.cycles]
        np.testing.assert_allclose(found, np.array(plain[name]).ravel(), rtol=1e-4, atol=1e-9)
    voltage = np.concatenate([s["Voltage [V]"].data for c in solution.cycles for s in c.steps])
    np.testing.assert_allclose(straight.columns["voltage_volt"], voltage, atol=1e-4)


@settings(deadline=None, max_examples=8)
@given(at_once=st.integers(1, 5), later=st.integers(1, 5), kept=st.integers(0, 6), damage=st.data())
def test_what_was_interrupted_or_damaged_goes_on_to_the_same_numbers(
    at_once, later, kept, damage, task, tmp_path_factory
):
    built, item, straight = task
    folder = tmp_path_factory.mktemp("checkpoints") / item.task.id
    attempt_in_blocks(built, item, at_once=at_once, folder=folder)
    files = sorted(folder.iterdir())
    for path in files[kept:]:
        path.unlink()
    if files[:kept] and damage.draw(st.booleans()):
        path = damage.draw(st.sampled_from(files[:kept]))
        content = bytearray(path.read_bytes())
        content[damage.draw(st.integers(0, len(content) - 1))] ^= 1
        path.write_bytes(content)
    found = attempt_in_blocks(built, item, at_once=later, folder=folder)
    assert_equal(found, straight)
    assert saved_cycles(folder) == 6


def kill_after_each_checkpoint(child: Child, folder: Path, *, times: int) -> None:
    """Kill the child's process each time another block has been saved."""
    reached, deadline = 0, time.monotonic() + 120
    while times and time.monotonic() < deadline:
        saved, process = saved_cycles(folder), child._process
        if saved > reached and process is not None and process.pid is not None:
            os.kill(process.pid, signal.SIGKILL)
            reached, times = saved, times - 1
        threading.Event().wait(0.001)


def test_a_task_killed_again_and_again_ends_bit_for_bit_equal(task, tmp_path):
    built, item, straight = task
    child = Child(tmp_path / "child.log", tmp_path / "checkpoints")
    killer = threading.Thread(
        target=kill_after_each_checkpoint,
        args=(child, tmp_path / "checkpoints" / item.task.id),
        kwargs={"times": 3},
    )
    killer.start()
    try:
        [(found, tries, _)] = child.solve(built.group, [item], time_limit_s=60)
    finally:
        killer.join()
        child.stop()
    assert found.failure is None
    assert tries >= 3  # the last kill may come after the answer
    assert_equal(found, straight)


def test_at_the_time_limit_the_finished_cycles_are_kept(task, tmp_path):
    built, item, straight = task
    folder = tmp_path / "checkpoints" / item.task.id
    attempt_in_blocks(built, item, at_once=2, folder=folder)
    sorted(folder.iterdir())[-1].unlink()
    child = Child(tmp_path / "child.log", tmp_path / "checkpoints")
    try:
        [(found, tries, _)] = child.solve(built.group, [item], time_limit_s=0.001)
    finally:
        child.stop()
    assert found.failure.failure_class == "time-limit"
    assert tries == 1
    assert found.cycles == straight.cycles[:4]
    whole = straight.columns["cycle_count"] <= 4
    np.testing.assert_array_equal(
        found.columns["voltage_volt"], straight.columns["voltage_volt"][whole]
    )
    assert "4 cycles of its last checkpoint are kept" in found.log


@pytest.mark.parametrize("at_once", [1, 2, 3, 5, 11])
def test_a_cycle_that_cannot_be_done_ends_the_task_alike_in_blocks_of_any_length(failing, at_once):
    built, item, straight = failing
    found = attempt_in_blocks(built, item, at_once=at_once, folder=None)
    assert straight.failure is not None
    assert straight.failure.failure_class == "infeasible"
    assert found.failure == straight.failure
    assert 1 < len(found.cycles) < 12
    assert_equal(found, straight)
    assert found.summary == {}


def test_memory_does_not_grow_with_the_number_of_cycles(tmp_path):
    text = SWEEP.replace("[run]", 'series_cycles = "none"\n[run]')
    peaks = []
    for cycles in (3, 12):
        built, item = built_of(load(tmp_path, text.replace("cycles = 6", f"cycles = {cycles}")))
        attempt_in_blocks(built, item, at_once=2, folder=None)
        gc.collect()
        tracemalloc.start()
        found = attempt_in_blocks(built, item, at_once=2, folder=None)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert len(found.cycles) == cycles
        assert found.columns == {}
    assert peaks[1] < 2 * peaks[0]


def test_only_the_rows_of_the_cycles_asked_for_are_kept(task, tmp_path):
    _, _, straight = task
    plan = load(tmp_path, SWEEP.replace("[run]", "series_cycles = [2, 5]\n[run]"))
    built, item = built_of(plan)
    wanted = np.isin(straight.columns["cycle_count"], (2, 5))
    for found in (attempt(built, item), attempt_in_blocks(built, item, at_once=2, folder=None)):
        assert found.cycles == straight.cycles
        np.testing.assert_array_equal(
            found.columns["voltage_volt"], straight.columns["voltage_volt"][wanted]
        )
