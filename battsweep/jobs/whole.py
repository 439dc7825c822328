"""A whole task's summaries, folded from its cycles so that none of them need be kept.

What is folded is a mapping of numbers (None where there is none), so that a
checkpoint can hold it; numbers come back from JSON bit for bit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from battsweep.jobs.summarise import Step, summarise
from battsweep.sweep.summaries import Summary

Fold = Mapping[str, float | None]

FIRST_S, LAST_S, LAST_V = "first time", "last time", "last voltage"


def fold(so_far: Fold, asked: Sequence[Summary], steps: Sequence[Step]) -> dict[str, float | None]:
    """Return a fold with one more cycle in it, given the cycle's steps in order."""
    start, end = float(steps[0].times_s[0]), float(steps[-1].times_s[-1])
    found: dict[str, float | None] = {
        FIRST_S: so_far.get(FIRST_S, start),
        LAST_S: end,
        LAST_V: float(steps[-1].values["Voltage [V]"][-1]),
    }
    for summary in asked:
        new = summarise(summary, steps)
        if summary.kind == "mean" and new is not None:
            new *= _seconds(steps)
            found[_seconds_of(summary)] = _sum(so_far, _seconds_of(summary), _seconds(steps))
        if summary.kind == "change":
            first = summarise(Summary(summary.name, "start", summary.variable), steps)
            last = summarise(Summary(summary.name, "end", summary.variable), steps)
            found[_start_of(summary)] = so_far.get(_start_of(summary), first)
            new = last
        if summary.kind == "time to":
            new = _first_time(so_far, summary, steps)
        found[summary.name] = _together(so_far, summary, new)
    return found


def unfold(whole: Fold, asked: Sequence[Summary]) -> dict[str, float | None]:
    """Return each summary's number over all cycles that were folded."""
    return {summary.name: _number(whole, summary) for summary in asked}


def _together(so_far: Fold, summary: Summary, new: float | None) -> float | None:
    if summary.name not in so_far:
        return new
    old = so_far[summary.name]
    match summary.kind:
        case "capacity" | "charge capacity" | "energy" | "charge energy" | "mean":
            return None if old is None or new is None else old + new
        case "min" | "max":
            if old is None or new is None:
                return None
            return min(old, new) if summary.kind == "min" else max(old, new)
        case "start":
            return old
        case "time to":
            return new if old is None else old
    return new


def _number(whole: Fold, summary: Summary) -> float | None:
    value = whole[summary.name]
    first, last = whole[FIRST_S], whole[LAST_S]
    if summary.kind == "duration":
        return None if first is None or last is None else last - first
    if summary.kind == "change":
        start = whole[_start_of(summary)]
        return None if value is None or start is None else value - start
    if summary.kind == "mean":
        seconds = whole.get(_seconds_of(summary))
        return value / seconds if value is not None and seconds else None
    return value


def _first_time(so_far: Fold, summary: Summary, steps: Sequence[Step]) -> float | None:
    """Return the time since the task's start at which a voltage is first passed."""
    first, last, voltage = so_far.get(FIRST_S), so_far.get(LAST_S), so_far.get(LAST_V)
    if first is None or last is None or voltage is None:
        return summarise(summary, steps)
    before = Step(0, 0, np.array([last]), {"Voltage [V]": np.array([voltage])})
    found = summarise(summary, [before, *steps])
    return None if found is None else found + last - first


def _sum(so_far: Fold, name: str, new: float) -> float:
    return (so_far.get(name) or 0.0) + new


def _seconds(steps: Sequence[Step]) -> float:
    return sum(float(step.times_s[-1] - step.times_s[0]) for step in steps)


def _start_of(summary: Summary) -> str:
    return f"start of {summary.name}"


def _seconds_of(summary: Summary) -> str:
    return f"seconds of {summary.name}"
