"""Rules of times: clocks that begin anew, wrap at midnight, are put back, or stand still."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from battsweep.data.clean.log import Log, runs
from battsweep.data.clean.settings import Cleaning
from battsweep.data.columns import TIME

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

DAY_S = 86400.0
MOST_FALLS = 1000
"""A clock that goes back more often is no clock that was set."""
_LATEST_WRAP_S = 3600.0
"""A clock that wraps has moved on by less than this between two rows."""


def usual_interval(times: Array) -> float:
    """Return the median of the intervals that go forward, in s; 1 where there are none."""
    steps = np.diff(times)
    forward = steps[steps > 0]
    return float(np.median(forward)) if forward.size else 1.0


def joined(times: Array, rows: Rows, operation: Rows, unix: Array | None, log: Log) -> Array:
    """Return times of operations with clocks of their own, one after the other.

    Where dates are known and go forward, they say how long it was from one to
    the next; else the usual interval does.
    """
    begins = np.flatnonzero(np.diff(operation, prepend=operation[:1] - 1) != 0)
    ends = np.append(begins[1:], len(times))
    usual = usual_interval(times)
    shift = np.zeros(len(begins))
    end = 0.0
    dated = unix is not None and bool(np.all(np.isfinite(unix[begins])))
    for number, (begin, stop) in enumerate(zip(begins, ends, strict=True)):
        first, last = times[begin], np.nanmax(times[begin:stop])
        if number == 0:
            start = first
        elif dated and unix is not None:
            start = max(unix[begin] - unix[begins[0]] + times[begins[0]], end + 1e-3)
        else:
            start = end + usual
        shift[number] = start - first
        end = last + shift[number]
    moved = np.flatnonzero(shift != 0)
    log.changed(
        "operations",
        rows[begins[moved]],
        TIME.name,
        times[begins[moved]],
        times[begins[moved]] + shift[moved],
        "an operation with a clock of its own, put after the one before",
        (ends - begins)[moved],
    )
    log.count(
        "operations",
        {},
        found=len(moved),
        changed=int((ends - begins)[moved].sum()),
        told=f"{len(begins)} operations with clocks of their own, joined by "
        f"{'their dates' if dated else 'the usual interval'}",
    )
    return times + np.repeat(shift, ends - begins)


def unwrapped(times: Array, rows: Rows, log: Log) -> Array:
    """Return times without the falls by a day of a clock that wraps at midnight."""
    steps = np.diff(times)
    wraps = np.flatnonzero((steps < -DAY_S + _LATEST_WRAP_S) & (steps >= -DAY_S - 1)) + 1
    moved = times.copy()
    counts = np.diff(np.append(wraps, len(times)))
    for wrap in wraps:
        moved[wrap:] += DAY_S
    log.changed(
        "midnight_wraps",
        rows[wraps],
        TIME.name,
        times[wraps],
        moved[wraps],
        "the clock of the day began anew",
        counts,
    )
    log.count(
        "midnight_wraps",
        {},
        found=len(wraps),
        changed=int(counts.sum()),
        told=f"the clock wrapped at midnight {len(wraps)} times",
    )
    return moved


def stepped_back(times: Array, rows: Rows, log: Log, rules: Cleaning) -> Array:
    """Return times without steps of the clock, told by where they go back.

    A few rows that are early, or late, by one amount are moved by it; where the
    clock stays put back, all that follows is moved. A clock that stays put
    forward cannot be told from a pause.
    """
    moved = times.copy()
    found = changed = 0
    back = int(np.sum(np.diff(times) < -rules.clock_step_least_s))
    if back > MOST_FALLS:
        log.warnings.append(f"the clock goes back {back} times; later rows that are early go")
        return moved
    why = "the clock was set for these rows"
    usual = usual_interval(times)
    place = 1
    while True:
        falls = np.flatnonzero(np.diff(moved[place - 1 :]) < -rules.clock_step_least_s)
        if not falls.size:
            break
        at = place + int(falls[0])  # the first row that is earlier than the one before
        begin, end, shift = _displaced(moved, at, usual, rules.clock_step_rows)
        found += 1
        changed += end - begin
        log.changed(
            "clock_steps",
            rows[begin : begin + 1],
            TIME.name,
            moved[begin : begin + 1],
            moved[begin : begin + 1] + shift,
            why if end < len(moved) else "the clock was put back from here on",
            np.array([end - begin]),
        )
        moved[begin:end] += shift
        place = max(at, 1) + 1
    log.count(
        "clock_steps",
        rules.of("clock_step_rows", "clock_step_least_s"),
        found=found,
        changed=changed,
        told=f"the clock was set {found} times, for {changed} rows",
    )
    return moved


def _displaced(times: Array, at: int, usual: float, most: int) -> tuple[int, int, float]:
    """Return the rows that the clock was wrong for, and by how much they are to be moved."""
    after = np.diff(times[at - 1 : at + most + 1])[1:]
    before = np.diff(times[max(0, at - most - 1) : at])
    near = np.concatenate([before, after])
    near = near[near > 0]
    local = float(np.median(near)) if near.size else usual
    wanted = local - (times[at] - times[at - 1])
    # Of a jump as large the other way, on either side, the nearer one is the other end.
    late = np.flatnonzero(np.abs(after - local - wanted) <= 0.3 * wanted + local)
    early = np.flatnonzero(np.abs(before - local - wanted) <= 0.3 * wanted + local)
    late = late[after[late] > 0.5 * wanted]
    early = early[before[early] > 0.5 * wanted]
    rows_after = int(late[0]) + 1 if late.size else most + 1
    rows_before = len(before) - int(early[-1]) if early.size else most + 1
    if min(rows_after, rows_before) > most:
        return at, len(times), _whole(wanted)
    if rows_after <= rows_before:
        begin, end = at, at + rows_after
        low, high = times[begin - 1], times[end]
        room = high - low - (times[end - 1] - times[begin])
        return begin, end, _whole(low + room / 2 - times[begin], room / 2)
    begin, end = at - rows_before, at
    low = times[begin - 1] if begin else times[begin] - wanted
    room = times[at] - low - (times[end - 1] - times[begin])
    return begin, end, _whole(low + room / 2 - times[begin], room / 2)


def _whole(shift: float, room: float = 0.5) -> float:
    """Return a shift as whole seconds, as clocks are set, where there is the room for it."""
    rounded = float(np.round(shift))
    return rounded if abs(rounded - shift) < max(room, 0.5) else shift


def strictly_later(
    times: Array, rows: Rows, log: Log, rules: Cleaning
) -> tuple[Array, NDArray[np.bool_]]:
    """Return times that increase strictly, and which rows are left.

    Two rows with one and the same time, as at a step of the current, are put apart
    by as little as can be, and more than two evenly until the next time; what is
    then still not later than a row before goes.
    """
    moved = times.copy()
    if rules.repeated_times:
        same = np.concatenate([[False], times[1:] == times[:-1]])
        begins, ends = runs(same)
        for begin, end in zip(begins, ends, strict=True):
            following = times[end] if end < len(times) else times[begin] + 1.0
            room = following - times[begin]
            apart = max(0.0, room) / (end - begin + 1)
            if end - begin == 1:  # a step of the current; more are a clock of coarse seconds
                apart = min(rules.repeated_time_s, apart)
            moved[begin:end] += apart * np.arange(1, end - begin + 1)
        put = np.flatnonzero(moved != times)
        log.changed(
            "repeated_times",
            rows[put],
            TIME.name,
            times[put],
            moved[put],
            "the same time as the row before",
        )
        log.count(
            "repeated_times",
            rules.of("repeated_time_s"),
            found=int(same.sum()),
            changed=len(put),
            told=f"{len(put)} rows with the time of the row before, put apart",
        )
    highest = np.maximum.accumulate(np.concatenate([[-np.inf], moved[:-1]]))
    late = moved > highest
    if not rules.nonincreasing_times:
        return moved, np.ones(len(moved), bool)
    gone = np.flatnonzero(~late)
    log.dropped("nonincreasing_times", rows[gone], "not later than a row before it")
    log.count(
        "nonincreasing_times",
        {},
        found=len(gone),
        dropped=len(gone),
        told=f"{len(gone)} rows not later than one before them, dropped",
    )
    return moved, late
