"""Which tasks are computed, which of them are held against a plain simulation, which rebuilt."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.summarise import Array
from battsweep.store.distrust import LEAST_PROVEN
from battsweep.store.index import Index

Placed = tuple[Group | None, Item | FitItem]


@dataclass(frozen=True, slots=True)
class Standing:
    """What a store knows of a plan's tasks, by id; and the groups that it distrusts.

    ``finished`` have an outcome that counts; ``proven`` a proof; ``unproven``
    are done on a reused model without one.
    """

    finished: Collection[str] = frozenset()
    proven: Collection[str] = frozenset()
    unproven: Collection[str] = frozenset()
    distrusted: Collection[str] = field(default_factory=frozenset)


def standing(index: Index, task_ids: Sequence[str]) -> Standing:
    """Return what a store knows of a plan's tasks."""
    finished = index.finished(task_ids)
    return Standing(finished, index.proven(finished), index.unproven(finished), index.distrusted())


def to_compute(placed: Iterable[Placed], known: Standing, proof: str) -> list[Placed]:
    """Return what is left to compute, each group's tasks that are to be proven first.

    ``proof`` is "none", "sample" or "all". The only task of a group is built
    for itself, which is a plain simulation already. A finished task is
    computed again where a proof is asked for and its group has too few.
    """
    groups: dict[str, dict[str, Placed]] = {}
    left: list[Placed] = []
    for group, item in placed:
        if group is not None:
            groups.setdefault(group.key, {}).setdefault(item.task.id, (group, item))
        elif item.task.id not in known.finished:
            left.append((group, replace(item, prove=proof != "none")))
    seen: set[str] = {item.task.id for _, item in left}
    for key, members in groups.items():
        alone = key in known.distrusted or len(members) == 1
        chosen: dict[str, None] = {}
        if proof != "none" and not alone:
            chosen = dict.fromkeys(_chosen(members, known, everything=proof == "all"))
        waiting = [name for name in members if name not in known.finished and name not in chosen]
        for name in (*chosen, *waiting):
            group, item = members[name]
            if name not in seen and isinstance(item, Item):
                if name in chosen or alone:
                    item = replace(item, prove=name in chosen, rebuild=alone)
                left.append((group, item))
                seen.add(name)
    return left


def _chosen(members: Mapping[str, Placed], known: Standing, *, everything: bool) -> list[str]:
    """Return the tasks of a group to prove, those that wait before those that are done."""
    items = {name: item for name, (_, item) in members.items() if isinstance(item, Item)}
    proven = [name for name in items if name in known.proven]
    waiting = [name for name in items if name not in known.finished]
    done = [name for name in items if name in known.unproven]
    if everything:
        return [*waiting, *done]
    names = [*proven, *waiting, *done]
    points = coordinates([items[name] for name in names])
    first, last = len(proven), len(proven) + len(waiting)
    have = list(range(first))
    have += farthest(points, range(first, last), have, sample_size(len(items)) - len(have))
    have += farthest(points, range(last, len(names)), have, LEAST_PROVEN - len(have))
    return [names[place] for place in have[first:]]


def sample_size(tasks: int) -> int:
    """Return how many of a group's tasks are proven: two, one more for each ten times 1,000."""
    if tasks < 1000:
        return min(LEAST_PROVEN, tasks)
    return LEAST_PROVEN + int(math.log10(tasks / 100))


def coordinates(items: Sequence[Item]) -> Array:
    """Return a row an item: inputs, state of charge and duration, each scaled to 0 to 1."""
    names = sorted({name for item in items for name in item.inputs})
    rows = [
        [
            *(item.inputs.get(name, 0.0) for name in names),
            item.initial_soc if item.initial_soc is not None else 0.0,
            item.duration_s,
        ]
        for item in items
    ]
    points = np.array(rows, dtype=np.float64).reshape(len(items), len(names) + 2)
    if not len(points):
        return points
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    return np.asarray((points - low) / span, dtype=np.float64)


def farthest(points: Array, among: Sequence[int], have: Sequence[int], count: int) -> list[int]:
    """Return ``count`` rows among some, each the farthest from those before it and ``have``.

    The first, if there are none to be far from, is the farthest from the
    middle: a corner. Of equally far ones the first is taken.
    """
    left = np.asarray(among, dtype=np.int64)
    chosen: list[int] = []
    if not len(left):
        return chosen
    mine = points[left]
    distance = np.full(len(left), np.inf)
    for place in have:
        distance = np.minimum(distance, ((mine - points[place]) ** 2).sum(axis=1))
    while len(chosen) < min(count, len(left)):
        far = distance if chosen or have else ((mine - 0.5) ** 2).sum(axis=1)
        best = int(np.argmax(np.where(np.isin(left, chosen), -1.0, far)))
        chosen.append(int(left[best]))
        distance = np.minimum(distance, ((mine - mine[best]) ** 2).sum(axis=1))
    return chosen
