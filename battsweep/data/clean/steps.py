"""Steps and cycles as the signal shows them: the current's sign, what is held, and rests."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from battsweep.data.clean.settings import Cleaning

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

KINDS = ("rest", "cc_charge", "cc_discharge", "cv_charge", "cv_discharge", "other")
_REST, _OTHER = 0, 5
_JOLT_ROWS, _MANY = 1, 6
"""A row by itself is the relay's; so many short steps in a row are one profile."""
SHORT_S = 60.0
_HALVES, _TOO_MUCH = 6, 1.6


@dataclass(frozen=True, slots=True, eq=False)
class Steps:
    """Where steps begin (rows), which kind each is (a place in `KINDS`), and each one's cycle."""

    begins: Rows
    kinds: Rows
    cycles: Rows

    def ends(self, rows: int) -> Rows:
        """Return the row after each step's last."""
        return np.append(self.begins[1:], rows)


def find_steps(
    times: Array, voltage: Array, current: Array, rules: Cleaning, *, capacity_ah: float | None
) -> Steps:
    """Return the steps of a signal, numbered as they come.

    Arrays of one length; times increase, current is positive on charge.
    """
    if not len(times):
        nothing = np.zeros(0, dtype=np.intp)
        return Steps(nothing, nothing, nothing)
    scale = float(np.quantile(np.abs(current), 0.99))
    way = np.where(np.abs(current) <= rules.rest_share * scale, 0.0, np.sign(current))
    level = _levels(current, way, rules.same_current_share)
    cuts = _cuts(way, level)
    cuts = _without_jolts(cuts, way)
    begins, kinds = _kinds(cuts, voltage, current, way, rules)
    begins, kinds = _holds_made_one(begins, kinds, voltage, rules)
    begins, kinds = _profiles(begins, kinds, times, rules)
    charge = _charges(begins, times, current)
    return Steps(begins, kinds, _cycles(kinds, charge, rules.cycle_share, capacity_ah))


def _levels(current: Array, way: Array, share: float) -> NDArray[np.bool_]:
    """Return where a current of one sign jumps to another that stays."""
    steps = np.abs(np.diff(current, prepend=current[:1]))
    larger = np.maximum(np.abs(current), np.abs(np.concatenate([current[:1], current[:-1]])))
    jumps = (steps > share * larger) & (way != 0)
    # Of a current that falls all the time, as where a voltage is held, no row is a jump.
    usual = np.concatenate([steps[1:], steps[-1:]])
    earlier = np.concatenate([steps[:1], steps[:-1]])
    return np.asarray(jumps & (steps > 4 * np.maximum(usual, earlier)))


def _cuts(way: Array, level: NDArray[np.bool_]) -> Rows:
    changes = np.diff(way, prepend=way[:1]) != 0
    changes |= level
    changes[0] = True
    return np.flatnonzero(changes)


def _without_jolts(cuts: Rows, way: Array) -> Rows:
    """Return where steps begin without those of a single row between longer ones."""
    lengths = np.diff(np.append(cuts, len(way)))
    short = (lengths <= _JOLT_ROWS) & (np.arange(len(cuts)) > 0)
    # A run of single rows is a profile, and stays to be seen as one.
    alone = short & ~np.concatenate([[False], short[:-1]]) & ~np.concatenate([short[1:], [False]])
    kept = cuts[~alone]
    return kept if len(kept) else cuts[:1]


def _kinds(
    cuts: Rows, voltage: Array, current: Array, way: Array, rules: Cleaning
) -> tuple[Rows, Rows]:
    """Return the kind of each step, those of a current and then a held voltage cut in two."""
    begins: list[int] = []
    kinds: list[int] = []
    for begin, end in zip(cuts, np.append(cuts[1:], len(way)), strict=True):
        goes = float(np.sign(np.median(way[begin:end])))
        if goes == 0:
            begins.append(int(begin))
            kinds.append(_REST)
            continue
        hold = _held_from(voltage[begin:end], current[begin:end], rules)
        if hold > 0:
            begins.append(int(begin))
            kinds.append(1 if goes > 0 else 2)
        if hold < end - begin:
            begins.append(int(begin + hold))
            kinds.append(3 if goes > 0 else 4)
    return np.array(begins, dtype=np.intp), np.array(kinds, dtype=np.intp)


def _held_from(voltage: Array, current: Array, rules: Cleaning) -> int:
    """Return from which row of a step its voltage is held; its length where it never is."""
    length = len(voltage)
    if length < 4:
        return length
    last = float(np.median(voltage[-max(3, length // 20) :]))
    near = np.abs(voltage - last) <= rules.hold_volt
    outside = np.flatnonzero(~near)
    start = int(outside[-1]) + 1 if outside.size else 0
    size = np.abs(current)
    # The current of a held voltage falls, by more than a constant one would by itself.
    if length - start < 3 or size[-1] > (1 - 2 * rules.same_current_share) * size[start]:
        return length
    falls = np.flatnonzero(size[start:] < (1 - rules.same_current_share / 3) * size[start])
    begin = start + int(falls[0]) - 1 if falls.size else start
    return max(0, begin) if begin > 2 else 0


def _holds_made_one(
    begins: Rows, kinds: Rows, voltage: Array, rules: Cleaning
) -> tuple[Rows, Rows]:
    """Return steps of which none goes on with the held voltage of the one before it."""
    ends = np.append(begins[1:], len(voltage))
    keep = np.ones(len(begins), dtype=bool)
    holding, held = 0, 0.0
    for place, (begin, end) in enumerate(zip(begins, ends, strict=True)):
        kind = int(kinds[place])
        same = kind in (holding, holding - 2)  # what holds, or a piece of it with a steady current
        if holding and same and np.all(np.abs(voltage[begin:end] - held) <= 2 * rules.hold_volt):
            keep[place] = False
            continue
        holding = kind if kind in (3, 4) else 0
        held = float(np.median(voltage[begin:end])) if holding else 0.0
    return begins[keep], kinds[keep]


def _profiles(begins: Rows, kinds: Rows, times: Array, rules: Cleaning) -> tuple[Rows, Rows]:
    """Return steps with many short ones in a row made one: a train of pulses, or a profile."""
    ends = np.append(begins[1:], len(times))
    lasting = times[np.minimum(ends, len(times) - 1)] - times[begins]
    short = (ends - begins <= rules.other_rows) | (lasting <= SHORT_S)
    edges = np.diff(np.concatenate([[0], short.astype(np.int8), [0]]))
    firsts, lasts = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
    drop = np.zeros(len(begins), dtype=bool)
    made = kinds.copy()
    for first, last in zip(firsts, lasts, strict=True):
        if last - first >= _MANY:
            drop[first + 1 : last] = True
            made[first] = _OTHER
    return begins[~drop], made[~drop]


def _charges(begins: Rows, times: Array, current: Array) -> Array:
    """Return the charge of each step in A.h, positive on charge."""
    if len(times) < 2:
        return np.zeros(len(begins))
    parts = np.diff(times) * (current[1:] + current[:-1]) / 2
    whole = np.concatenate([[0.0], np.cumsum(parts)]) / 3600
    ends = np.append(begins[1:], len(times) - 1)
    return np.asarray(whole[np.minimum(ends, len(times) - 1)] - whole[begins])


def _cycles(kinds: Rows, charge: Array, share: float, capacity_ah: float | None) -> Rows:
    """Return the cycle of each step, from 1: one begins where both directions were gone.

    What moves less than ``share`` of the largest half cycle is part of the half
    it stands in, such as the pulses of a resistance test. A half that would move
    much more than is usual is two, with a half between them that was not recorded.
    """
    largest = float(np.max(np.abs(charge))) if len(charge) else 0.0
    least = share * min(largest, capacity_ah or np.inf)
    cycles, halves = _numbered(kinds, charge, least, np.inf)
    if len(halves) < _HALVES:
        return cycles
    return _numbered(kinds, charge, least, _TOO_MUCH * float(np.median(halves)))[0]


def _numbered(kinds: Rows, charge: Array, least: float, most: float) -> tuple[Rows, list[float]]:
    """Return each step's cycle, and what each half cycle moved in A.h."""
    cycles = np.ones(len(kinds), dtype=np.intp)
    halves: list[float] = []
    first = half = 0.0
    cycle = 1
    for place, (kind, moved) in enumerate(zip(kinds, charge, strict=True)):
        goes, size = float(np.sign(moved)), abs(float(moved))
        if kind != _REST and size > least:
            again = goes == half and halves[-1] + size > most
            if goes != half or again:
                first = first or goes
                cycle += bool(halves) and (goes == first or again)
                half = goes
                halves.append(0.0)
            halves[-1] += size
        cycles[place] = cycle
    return cycles, halves
