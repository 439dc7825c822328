"""Every task is handed out once, whatever it costs and whatever is lost; nobody idles for long."""

from __future__ import annotations

import heapq
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.jobs.chunks import LEAST_S, TARGET_S, Queue
from battsweep.jobs.groups import Group, Item
from battsweep.sweep.spec import Cell, Model, Output, Protocol
from battsweep.sweep.task import Task

PROTOCOL = Protocol("p", "constant", current="1C")


def placed(sizes, kinds=1):
    """Return tasks of as many groups as there are sizes, of some kinds of model."""
    found = []
    for key, size in enumerate(sizes):
        model = Model("", f"M{key % kinds}")
        group = Group(str(key), Cell("", "A"), model, PROTOCOL, (), Output(), 1e-4, 1e-6)
        for n in range(size):
            task = Task(f"{key}-{n}", n, "simulation", "c", "m", "p", {}, {}, PROTOCOL)
            found.append((group, Item(task, {}, None, 1.0)))
    return found


def learn(queue, chunk, cost, build=0.0):
    queue.learn(
        chunk,
        solve_s=cost * len(chunk.items),
        builds=len(chunk.parts),
        build_s=build * len(chunk.parts),
    )


def simulate(tasks, workers, cost, build):
    """Work a queue off without a clock; return what each worker was handed, and when it ended.

    ``cost`` is a function of a task's id. As the driver does, a worker gets a chunk behind
    the one it works on where the queue says so.
    """
    queue = Queue(tasks, workers=workers)
    built = {str(w): set() for w in range(workers)}
    free = dict.fromkeys(built, 0.0)
    in_flight = dict.fromkeys(built, 0)
    handed = {w: [] for w in built}
    events, serial = [], 0
    now = 0.0
    while True:
        for depth in (1, 2):
            for worker in built:
                if in_flight[worker] >= depth or (depth > 1 and not queue.ahead()):
                    continue
                chunk = queue.next(worker)
                if chunk is None:
                    continue
                handed[worker].append(chunk)
                in_flight[worker] += 1
                solve_s = sum(cost(item.task.id) for item in chunk.items)
                new = {group.key for group, _ in chunk.parts} - built[worker]
                built[worker] |= new
                free[worker] = max(now, free[worker]) + solve_s + build * len(new)
                told = (chunk, solve_s, len(new), build * len(new))
                heapq.heappush(events, (free[worker], serial, worker, told))
                serial += 1
        if not events:
            break
        now, _, worker, (chunk, solve_s, builds, build_s) = heapq.heappop(events)
        in_flight[worker] -= 1
        queue.learn(chunk, solve_s=solve_s, builds=builds, build_s=build_s)
    assert len(queue) == 0
    return handed, free, built


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    workers=st.integers(1, 8),
    kinds=st.integers(1, 3),
    cost=st.floats(1e-4, 30),
    lost=st.sets(st.integers(0, 20)),
    gone=st.sets(st.integers(0, 20)),
)
def test_every_task_is_handed_out_until_it_is_not_lost(sizes, workers, kinds, cost, lost, gone):
    tasks = placed(sizes, kinds)
    queue = Queue(tasks, workers=workers)
    seen, handed, idle = [], 0, 0
    while len(queue):
        handed += 1
        worker = str(handed % workers)
        if handed in gone:
            queue.forget(worker)
        chunk = queue.next(worker)
        idle = 0 if chunk else idle + 1
        assert idle <= workers  # somebody always has something to do
        if chunk is None:
            continue
        if handed in lost and chunk.attempt == 1:
            queue.forget(worker)
            queue.again(chunk)
            continue
        learn(queue, chunk, cost)
        seen += [item.task.id for item in chunk.items]
        for group, items in chunk.parts:
            assert {item.task.id.split("-")[0] for item in items} == {group.key}
        assert len({group.model.type for group, _ in chunk.parts}) == 1
    assert sorted(seen) == sorted(item.task.id for _, item in tasks)
    assert all(queue.next(str(worker)) is None for worker in range(workers))


@given(st.floats(1e-3, 10))
def test_a_chunk_never_holds_much_more_work_than_the_target(cost):
    queue = Queue(placed([5000]), workers=2)
    for _ in range(5):
        learn(queue, queue.next("a"), cost)
    assert len(queue.next("a").items) * cost <= max(cost, 1.01 * TARGET_S)


@settings(max_examples=40)
@given(
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=20),
    workers=st.integers(1, 8),
    cost=st.floats(1e-3, 5.0),
    build=st.floats(0.05, 2.0),
)
def test_no_worker_idles_at_the_end_for_more_than_a_build_and_a_few_tasks(
    sizes, workers, cost, build
):
    _handed, ends, _ = simulate(placed(sizes), workers, lambda _: cost, build)
    idle = max(ends.values()) - min(ends.values())
    # Another worker would have had to build first, and no task can be cut in two.
    assert idle <= 2 * build + 3 * cost + 2 * LEAST_S


def test_a_group_whose_work_does_not_repay_a_second_build_is_built_once():
    _, _, built = simulate(placed([100] * 8), 4, lambda _: 0.001, 0.5)
    assert sorted(key for keys in built.values() for key in keys) == [str(k) for k in range(8)]


def test_a_group_whose_work_repays_it_is_built_by_all():
    _, ends, built = simulate(placed([10_000, 5]), 4, lambda _: 0.005, 0.5)
    assert all("0" in keys for keys in built.values())
    assert max(ends.values()) < 1.1 * (10_000 * 0.005 / 4 + 0.5)


def test_tasks_of_one_group_that_take_half_a_minute_each_are_spread_over_all_workers():
    handed, _ends, _ = simulate(placed([8]), 4, lambda _: 30.0, 0.3)
    assert [len(chunks) for chunks in handed.values()] == [2, 2, 2, 2]


def test_many_groups_of_one_task_go_out_several_at_once():
    handed, ends, _ = simulate(placed([1] * 400), 4, lambda _: 0.01, 0.2)
    chunks = sum(map(len, handed.values()))
    assert chunks < 100
    assert max(ends.values()) < 1.1 * 400 * 0.21 / 4


@pytest.mark.parametrize("uneven", [0.3, 1.0, 3.0])
def test_whatever_tasks_take_all_workers_end_at_about_the_same_time(uneven):
    def cost(name):
        return 0.02 * (1 + uneven * (crc32(name.encode()) % 7) / 6)

    handed, ends, _ = simulate(placed([2000, 300, 10], kinds=3), 3, cost, 0.3)
    whole = sum(
        cost(item.task.id) for chunks in handed.values() for c in chunks for item in c.items
    )
    assert max(ends.values()) <= whole / 3 + 1.5


def test_a_lost_chunk_comes_back_once_whole_and_then_task_by_task():
    queue = Queue(placed([4]), workers=1)
    learn(queue, queue.next("a"), 1.0)
    first = queue.next("a")
    queue.again(first)
    [second] = [c for c in iter(lambda: queue.next("a"), None) if c.attempt == 2]
    assert second.items == first.items
    queue.again(second)
    alone = list(iter(lambda: queue.next("a"), None))
    assert [c.items for c in alone] == [(item,) for item in first.items]
    assert {c.attempt for c in alone} == {3}
