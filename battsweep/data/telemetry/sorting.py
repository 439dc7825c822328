"""Samples sorted by series and time, without exact duplicates, in bounded memory.

What does not fit is sorted in runs, which are spilled to a folder and merged. Which
series there are, and so their order, is known only when all has been read: runs are
in order of the series' first appearance, and merged series by series.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from battsweep.data.telemetry.reading import Floats, Integers, Samples, Series

ROWS_IN_MEMORY = 4_000_000
_DAY_BITS = 27  # ms of a day need 27 bits
_MASK = (1 << _DAY_BITS) - 1
_SPILLED = np.dtype([("key", np.int64), ("value", np.float64)])


@dataclass(slots=True)
class Sorted:
    """How many exact duplicates were dropped, and rows that share a time but not a value."""

    duplicates: int = 0
    same_time: int = 0


def sort_samples(
    pieces: Iterable[Samples],
    series: Sequence[Series],
    folder: Path,
    counted: Sorted,
    *,
    rows_in_memory: int = ROWS_IN_MEMORY,
) -> Iterator[Samples]:
    """Yield the samples sorted by series, time and value, without exact duplicates.

    ``series`` may grow while ``pieces`` are read; what is yielded numbers them by
    their place in its sorted order. All rows of one series and time come in one
    piece. ``folder`` is for runs that do not fit into memory; they are removed.
    """
    runs: list[_Run] = []
    waiting: list[tuple[Integers, Floats]] = []
    count = 0
    for piece in pieces:
        waiting.append(((piece.series << _DAY_BITS) | piece.ms_of_day, piece.values))
        count += len(piece.values)
        if count >= rows_in_memory:
            runs.append(_spill(waiting, folder / f"run-{len(runs):06d}"))
            waiting, count = [], 0
    order = np.array(sorted(range(len(series)), key=series.__getitem__), np.int64)
    places = np.empty_like(order)
    places[order] = np.arange(len(order))
    if not runs:
        yield from _emit(_sorted(waiting, places), counted, rows_in_memory)
        return
    if waiting:
        runs.append(_spill(waiting, folder / f"run-{len(runs):06d}"))
    waiting = []
    for group in _groups(order, runs, rows_in_memory // 2):
        yield from _merged(group, runs, places, counted, rows_in_memory)
    for run in runs:
        run.path.unlink()


def _sorted(
    parts: Sequence[tuple[Integers, Floats]], places: Integers | None = None
) -> tuple[Integers, Floats]:
    """Return rows sorted by key and value; ``places`` are the series' new numbers."""
    if not parts:
        return np.zeros(0, np.int64), np.zeros(0)
    keys = np.concatenate([keys for keys, _ in parts])
    values = np.concatenate([values for _, values in parts])
    if places is not None:
        keys = (places[keys >> _DAY_BITS] << _DAY_BITS) | (keys & _MASK)
    order = np.argsort(keys, kind="stable")  # fast where rows are nearly in order
    keys, values = keys[order], values[order]
    repeated = np.flatnonzero(keys[1:] == keys[:-1])
    if len(repeated):  # only where a key repeats do its values need an order
        inside = np.zeros(len(keys), bool)
        inside[repeated] = inside[repeated + 1] = True
        rows = np.flatnonzero(inside)
        values[rows] = values[rows[np.lexsort((values[rows], keys[rows]))]]
    return keys, values


def _emit(rows: tuple[Integers, Floats], counted: Sorted, most: int) -> Iterator[Samples]:
    """Yield sorted rows without exact duplicates, all rows of one key in one piece."""
    keys, values = rows
    start = 0
    while start < len(keys):
        stop = min(start + most, len(keys))
        if stop < len(keys):
            first = int(np.searchsorted(keys, keys[stop], "left"))
            stop = first if first > start else int(np.searchsorted(keys, keys[stop], "right"))
        key, value = keys[start:stop], values[start:stop]
        same = key[1:] == key[:-1]
        equal = same & (value[1:] == value[:-1])
        counted.duplicates += int(equal.sum())
        counted.same_time += int((same & ~equal).sum())
        kept = np.concatenate([[True], ~equal])
        key = key[kept]
        yield Samples(key >> _DAY_BITS, key & _MASK, value[kept])
        start = stop


@dataclass(frozen=True, slots=True, eq=False)
class _Run:
    """A spilled run; ``starts`` are the first rows of its series, and the row after its last."""

    path: Path
    series: Integers
    starts: Integers

    def part(self, series: int) -> tuple[int, int]:
        """Return the first row of a series and how many there are."""
        place = int(np.searchsorted(self.series, series))
        if place == len(self.series) or self.series[place] != series:
            return 0, 0
        return int(self.starts[place]), int(self.starts[place + 1] - self.starts[place])


def _spill(waiting: Sequence[tuple[Integers, Floats]], path: Path) -> _Run:
    keys, values = _sorted(waiting)
    packed = np.empty(len(keys), _SPILLED)
    packed["key"], packed["value"] = keys, values
    with path.open("wb") as file:
        file.write(packed.data)  # unlike tofile, it says which error there was
    series, starts = np.unique(keys >> _DAY_BITS, return_index=True)
    return _Run(path, series, np.append(starts, len(keys)))


def _groups(order: Integers, runs: Sequence[_Run], most: int) -> Iterator[list[int]]:
    """Yield series in their order, together as many as have no more rows than ``most``."""
    rows = np.zeros(len(order), np.int64)
    for run in runs:
        rows[run.series] += np.diff(run.starts)
    group: list[int] = []
    count = 0
    for series in order.tolist():
        if group and count + rows[series] > most:
            yield group
            group, count = [], 0
        group.append(series)
        count += int(rows[series])
    if group:
        yield group


def _merged(
    group: Sequence[int], runs: Sequence[_Run], places: Integers, counted: Sorted, most: int
) -> Iterator[Samples]:
    """Yield a group of series from all runs, a single long one piece by piece."""
    piece = max(1, most // (2 * len(runs)))
    parts = [
        _Part(run.path, *place, piece if len(group) == 1 else place[1])
        for run in runs
        for series in group
        if (place := run.part(series))[1]
    ]
    while any(part.keys.size for part in parts):
        unread = [part for part in parts if part.left]
        # What is below every unread part's last key in memory has all come.
        bound = min((int(part.keys[-1]) for part in unread), default=None)
        taken = [part.take(bound) for part in parts]
        if any(len(keys) for keys, _ in taken):
            yield from _emit(_sorted(taken, places), counted, most)
        else:  # one key fills all pieces: read on
            for part in unread:
                if part.keys[-1] == bound:
                    part.read_on()


class _Part:
    """Consecutive rows of a run: those in memory, and how many are ``left`` on disk."""

    def __init__(self, path: Path, start: int, count: int, piece: int) -> None:
        self._path = path
        self._next = start
        self._piece = piece
        self.left = count
        self.keys = np.zeros(0, np.int64)
        self._values = np.zeros(0)
        self.read_on()

    def read_on(self) -> None:
        """Read a further piece, behind what is in memory."""
        count = min(self._piece, self.left)
        rows = np.fromfile(self._path, _SPILLED, count, offset=self._next * _SPILLED.itemsize)
        self._next += count
        self.left -= count
        self.keys = np.concatenate([self.keys, rows["key"]])
        self._values = np.concatenate([self._values, rows["value"]])

    def take(self, bound: int | None) -> tuple[Integers, Floats]:
        """Return and forget the rows below ``bound``, or all; read on where none is left."""
        stop = len(self.keys) if bound is None else int(np.searchsorted(self.keys, bound))
        taken = self.keys[:stop], self._values[:stop]
        self.keys, self._values = self.keys[stop:], self._values[stop:]
        if not self.keys.size and self.left:
            self.read_on()
        return taken
