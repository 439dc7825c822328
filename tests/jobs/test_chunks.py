"""Every task is handed out once, whatever its cost and whatever is lost on the way."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from battsweep.jobs.chunks import TARGET_S, Queue
from battsweep.jobs.groups import Group, Item
from battsweep.sweep.spec import Cell, Model, Output, Protocol
from battsweep.sweep.task import Task

PROTOCOL = Protocol("p", "constant", current="1C")


def placed(sizes):
    """Return tasks of as many groups as there are sizes."""
    found = []
    for key, size in enumerate(sizes):
        group = Group(str(key), Cell("", "A"), Model("", "SPM"), PROTOCOL, (), Output(), 1e-4, 1e-6)
        for n in range(size):
            task = Task(f"{key}-{n}", n, "simulation", "c", "m", "p", {}, {}, PROTOCOL)
            found.append((group, Item(task, {}, None, 1.0)))
    return found


@given(
    sizes=st.lists(st.integers(1, 60), min_size=1, max_size=6),
    workers=st.integers(1, 8),
    cost=st.floats(1e-4, 30),
    lost=st.sets(st.integers(0, 20)),
)
def test_every_task_is_handed_out_until_it_is_not_lost(sizes, workers, cost, lost):
    tasks = placed(sizes)
    queue = Queue(tasks, workers=workers)
    seen, handed = [], 0
    while (chunk := queue.next()) is not None:
        handed += 1
        if handed in lost and chunk.attempt == 1:
            queue.again(chunk)
            continue
        queue.learn(chunk, cost * len(chunk.items))
        seen += [item.task.id for item in chunk.items]
        assert {item.task.id.split("-")[0] for item in chunk.items} == {chunk.group.key}
    assert sorted(seen) == sorted(item.task.id for _, item in tasks)
    assert len(queue) == 0


@given(st.floats(1e-3, 10))
def test_a_chunk_never_holds_much_more_work_than_the_target(cost):
    queue = Queue(placed([5000]), workers=2)
    for _ in range(5):
        chunk = queue.next()
        queue.learn(chunk, cost * len(chunk.items))
    assert len(queue.next().items) * cost <= max(cost, 1.01 * TARGET_S)


def test_a_lost_chunk_comes_back_once_whole_and_then_task_by_task():
    queue = Queue(placed([4]), workers=1)
    first = queue.next()
    queue.again(first)
    [second] = [c for c in iter(queue.next, None) if c.attempt == 2]
    assert second.items == first.items
    queue.again(second)
    alone = list(iter(queue.next, None))
    assert [c.items for c in alone] == [(item,) for item in first.items]
    assert {c.attempt for c in alone} == {3}
