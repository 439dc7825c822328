"""A solving process may hang, crash or be killed; its worker and the other tasks go on."""

from __future__ import annotations

import os
import resource
import signal
import threading
import time

import numpy as np
import pytest

from battsweep.errors import LostError
from battsweep.jobs.child import Child
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Ahead, Proving, _messages

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n[models.SPM]\n'
DIFFUSIVITIES = "[[axes]]\n'Negative particle diffusivity [m2.s-1]' = [2e-14, 3e-14, 4e-14]\n"


@pytest.fixture
def child(tmp_path):
    """Yield a child that is gone afterwards."""
    found = Child(tmp_path / "child.log")
    yield found
    found.stop()


def chunk(sweep):
    """Return the one group of a sweep and its items."""
    placed = make_plan(sweep).placed
    return placed[0][0], tuple(item for _, item in placed)


def test_all_tasks_of_a_chunk_come_back_in_order(child, make_sweep):
    group, items = chunk(make_sweep(f"{HEAD}[protocols.p]\ndischarge = '1C'\n{DIFFUSIVITIES}"))
    results = list(child.solve(group, items, time_limit_s=60))
    assert [tries for _, tries, _ in results] == [1, 1, 1]
    ends = [result.columns["test_time_second"][-1] for result, _, _ in results]
    assert ends == sorted(ends)
    assert results[0][2] > 0


def test_a_task_that_outlasts_its_limit_is_stopped_and_the_next_are_solved(child, make_sweep):
    cycles = ["Discharge at 1C until 3 V", "Charge at 1C until 4.1 V"]
    text = f"{HEAD}[protocols.long]\nsteps = {cycles}\ncycles = 2000\n{DIFFUSIVITIES}"
    slow_group, slow = chunk(make_sweep(text))
    group, items = chunk(make_sweep(f"{HEAD}[protocols.p]\ndischarge = '1C'\n{DIFFUSIVITIES}"))
    list(child.solve(group, items, time_limit_s=60))
    started = time.monotonic()
    [(result, tries, _)] = child.solve(slow_group, slow[:1], time_limit_s=1.0)
    assert result.failure.failure_class == "time-limit"
    assert "run.time_limit" in result.failure.message
    assert tries == 1
    assert time.monotonic() - started < 60
    results = list(child.solve(group, items, time_limit_s=60))
    assert all(result.failure is None for result, _, _ in results)


def kill_when_alive(child, signal_number, *, times):
    """Kill the child's process as often as asked, each time it is another one."""
    killed, deadline = set(), time.monotonic() + 60
    while len(killed) < times and time.monotonic() < deadline:
        process = child._process
        pid = process.pid if process is not None else None
        if pid is not None and pid not in killed and process.is_alive():
            os.kill(pid, signal_number)
            killed.add(pid)
        threading.Event().wait(0.002)


@pytest.mark.parametrize(
    ("number", "failure_class"), [(signal.SIGSEGV, "crashed"), (signal.SIGKILL, "memory")]
)
def test_a_task_whose_process_dies_twice_fails_and_the_others_do_not(
    number, failure_class, child, make_sweep
):
    group, items = chunk(make_sweep(f"{HEAD}[protocols.p]\ndischarge = '1C'\n{DIFFUSIVITIES}"))
    killer = threading.Thread(target=kill_when_alive, args=(child, number), kwargs={"times": 2})
    killer.start()
    results = list(child.solve(group, items, time_limit_s=60))
    killer.join()
    assert [result.failure is None for result, _, _ in results] == [False, True, True]
    assert results[0][0].failure.failure_class == failure_class
    assert [tries for _, tries, _ in results] == [2, 1, 1]


def test_a_task_whose_process_dies_once_is_solved_at_the_second_try(child, make_sweep):
    group, items = chunk(make_sweep(f"{HEAD}[protocols.p]\ndischarge = '1C'\n{DIFFUSIVITIES}"))
    killer = threading.Thread(
        target=kill_when_alive, args=(child, signal.SIGKILL), kwargs={"times": 1}
    )
    killer.start()
    results = list(child.solve(group, items, time_limit_s=60))
    killer.join()
    assert all(result.failure is None for result, _, _ in results)
    assert [tries for _, tries, _ in results] == [2, 1, 1]


def test_a_proven_result_is_sent_before_the_next_task_begins():
    first, second, third = (Result({}, {}, (), {}, note=name) for name in "abc")
    sent = _messages([Ahead(3, 0.1), first, Proving(second), second, third])
    assert isinstance(next(sent), Ahead)
    assert next(sent) == [first]
    assert isinstance(next(sent), Proving)
    assert list(sent) == [[second], [third]]


def test_a_child_that_could_not_be_started_is_started_the_next_time(child, make_sweep):
    group, items = chunk(make_sweep(f"{HEAD}[protocols.p]\ndischarge = '1C'\n{DIFFUSIVITIES}"))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    lowest_free = os.dup(0)
    os.close(lowest_free)
    resource.setrlimit(resource.RLIMIT_NOFILE, (lowest_free, hard))
    try:
        with pytest.raises(LostError):
            list(child.solve(group, items, time_limit_s=60))
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    results = list(child.solve(group, items, time_limit_s=60))
    assert all(result.failure is None for result, _, _ in results)


def test_answers_that_nobody_read_are_not_taken_for_those_of_the_next_order(child, make_sweep):
    group, items = chunk(make_sweep(f"{HEAD}[protocols.p]\ndischarge = '1C'\n{DIFFUSIVITIES}"))
    undisturbed = [
        r.columns["voltage_volt"] for r, _, _ in child.solve(group, items, time_limit_s=60)
    ]
    left_early = child.solve(group, items, time_limit_s=60)
    next(left_early)
    left_early.close()
    again = [
        r.columns["voltage_volt"] for r, _, _ in child.solve(group, items[1:], time_limit_s=60)
    ]
    for voltage, expected in zip(again, undisturbed[1:], strict=True):
        np.testing.assert_array_equal(voltage, expected)
