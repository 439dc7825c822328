"""The tasks that are proven lie at the corners of what is varied."""

from __future__ import annotations

from itertools import product

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from battsweep.jobs.groups import Group, Item
from battsweep.jobs.sample import Standing, coordinates, farthest, sample_size, to_compute
from battsweep.sweep.spec import Cell, Model, Output, Protocol
from battsweep.sweep.task import Task

PROTOCOL = Protocol("p", "constant", current="1C")
VALUES = st.floats(-1e6, 1e6).map(lambda value: round(value, 3))


def item(name, inputs, soc=None, duration=1.0):
    task = Task(name, 0, "simulation", "c", "m", "p", {}, {}, PROTOCOL)
    return Item(task, inputs, soc, duration)


def placed(sizes):
    """Return as many tasks of a group as each size says, one input varied."""
    found = []
    for key, size in enumerate(sizes):
        group = Group(str(key), Cell("", "A"), Model("", "SPM"), PROTOCOL, (), Output(), 1e-4, 1e-6)
        found += [(group, item(f"{key}-{n}", {"a": float(n)})) for n in range(size)]
    return found


@given(
    rows=st.lists(st.tuples(VALUES, VALUES, VALUES), min_size=2, max_size=40, unique=True),
    count=st.integers(2, 6),
)
def test_no_task_left_out_is_farther_from_the_sample_than_the_sample_is_from_itself(rows, count):
    items = [item(str(n), {"a": a}, soc, d) for n, (a, soc, d) in enumerate(rows)]
    points = coordinates(items)
    chosen = farthest(points, range(len(points)), [], count)
    assert len(set(chosen)) == min(count, len(rows))
    distances = np.linalg.norm(points[:, None] - points[None, chosen], axis=2)
    among = [distances[c, n] for c, n in product(chosen, range(len(chosen))) if chosen[n] != c]
    assert distances.min(axis=1).max() <= min(among) + 1e-9


@given(st.lists(st.integers(2, 4), min_size=1, max_size=4))
def test_of_a_grid_the_first_two_are_opposite_corners(sizes):
    grid = list(product(*(range(size) for size in sizes)))
    items = [
        item(str(n), {str(d): float(v) ** 2 for d, v in enumerate(row)})
        for n, row in enumerate(grid)
    ]
    first, second = farthest(coordinates(items), range(len(items)), [], 2)
    assert set(zip(grid[first], grid[second], strict=True)) <= {
        pair for size in sizes for pair in ((0, size - 1), (size - 1, 0))
    }


def test_state_of_charge_and_duration_are_corners_too():
    items = [item(str(n), {"a": 1.0}, soc, d) for n, (soc, d) in enumerate([(0.5, 5.0)] * 9)]
    items += [item("low", {"a": 1.0}, 0.1, 1.0), item("high", {"a": 1.0}, 0.9, 9.0)]
    assert set(farthest(coordinates(items), range(11), [], 2)) == {9, 10}


@given(
    sizes=st.lists(st.integers(1, 8), min_size=1, max_size=5),
    finished=st.sets(st.integers(0, 30)),
    distrusted=st.sets(st.integers(0, 4)),
    proof=st.sampled_from(["none", "sample", "all"]),
)
def test_what_is_left_is_computed_once_and_each_group_has_its_proofs(
    sizes, finished, distrusted, proof
):
    tasks = placed(sizes)
    done = {task.task.id for n, (_, task) in enumerate(tasks) if n in finished}
    keys = {str(key) for key in distrusted}
    known = Standing(done, set(), done, keys)
    left = to_compute(tasks, known, proof)
    names = [one.task.id for _, one in left]
    assert len(set(names)) == len(names)
    assert {task.task.id for _, task in tasks} - done <= set(names)
    for key, size in enumerate(sizes):
        mine = [one for group, one in left if group.key == str(key)]
        proven = [one.prove for one in mine]
        assert proven == sorted(proven, reverse=True)
        if str(key) in keys or size == 1:
            assert not any(proven) and all(one.rebuild for one in mine)
        else:
            least = {"none": 0, "sample": min(2, size), "all": size}[proof]
            assert sum(proven) == least
            assert not any(one.rebuild for one in mine)


def test_tasks_proven_before_count_and_larger_groups_get_a_few_more():
    [first, *_] = tasks = placed([1000])
    assert [sample_size(n) for n in (1, 2, 999, 1000, 10_000, 100_000)] == [1, 2, 2, 3, 4, 5]
    name = first[1].task.id
    known = Standing({name}, {name})
    chosen = [one.inputs["a"] for _, one in to_compute(tasks, known, "sample") if one.prove]
    assert chosen[0] == 999.0 and len(chosen) == 2
