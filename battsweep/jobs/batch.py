"""Tasks of one built model in lists: as many at a time as the solver can take."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import groupby

from battsweep.jobs.build import Built
from battsweep.jobs.direct import Track
from battsweep.jobs.groups import Item
from battsweep.jobs.solve import Result, attempt, captured_log, result_of, solved_of_track

MOST = 25
"""Tasks in a list: beyond, what is done once a list no longer shows (measured on SPM)."""
LIST_S = 0.5
"""A list should take no longer, so that little is done again where one task is stuck."""


def batches(built: Built, items: Sequence[Item]) -> Iterator[tuple[Item, ...]]:
    """Yield the items in order, in lists that can be solved together.

    The first of each kind is alone: it sets the initial state, and its time sizes
    the lists that follow.
    """
    for _, alike in groupby(items, built.alike):
        waiting = list(alike)
        while waiting:
            count = 1
            if built.can_take_lists(waiting[0]):
                count = max(1, min(MOST, int(LIST_S / max(built.cost_s, 1e-4))))
            yield tuple(waiting[:count])
            del waiting[:count]


def attempts(built: Built, items: Sequence[Item]) -> list[Result]:
    """Solve some tasks and return what each leaves behind; equal to solving each alone."""
    if len(items) == 1 and not built.can_take_lists(items[0]):
        return [_timed(built, items[0])]
    started = time.perf_counter()
    with captured_log() as log:
        tracks = built.solve_list(items)
        found = [_result(track, built, item) for track, item in zip(tracks, items, strict=True)]
    if log:  # a warning is some one task's: each is solved alone, to tell whose
        found = [None] * len(items)
    share = (time.perf_counter() - started) / len(items)
    built.cost_s = share
    return [
        _timed(built, item) if result is None else replace(result, wall_s=share)
        for result, item in zip(found, items, strict=True)
    ]


def _result(track: Track | None, built: Built, item: Item) -> Result | None:
    """Return a task's result; None where PyBaMM should say what is the matter with it."""
    if track is None:
        return None
    solved = solved_of_track(track, built, item)
    return None if solved is None or solved.failure else result_of(solved, built, item)


def _timed(built: Built, item: Item) -> Result:
    result = attempt(built, item)
    built.cost_s = result.wall_s
    return result
