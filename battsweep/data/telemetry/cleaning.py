"""Rules for telemetry: what is no measurement, and what jumps. No value is changed or lost.

A sample outside what its signal can be is marked "fault"; one that jumps from the
sample before, "jump": that may be real, so it counts as good. Both are told.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from battsweep.data.cell import RuleCount
from battsweep.data.telemetry.reading import Floats, Integers, Samples, Series, Tally
from battsweep.data.telemetry.sorting import Sorted

QUALITIES = ("good", "fault", "jump")
GOOD, FAULT, JUMP = range(3)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class TelemetryRules:
    """Limits by patterns of signals' names; the first pattern that fits counts.

    ``limits`` are a signal's lowest and highest possible value; ``jumps``, by
    how much two samples no more than ``within_s`` apart may differ.
    """

    limits: Mapping[str, tuple[float, float]] = field(
        default_factory=lambda: {"*DegC": (-60.0, 250.0)}
    )
    jumps: Mapping[str, float] = field(default_factory=lambda: {"*DegC": 40.0})
    within_s: float = 60.0


class Marker:
    """Marks the samples of sorted pieces, one after the other."""

    def __init__(self, series: Sequence[Series], rules: TelemetryRules) -> None:
        signals = [one[1] for one in series]
        limits = [_first(rules.limits, name, (-np.inf, np.inf)) for name in signals]
        self._low = np.array([low for low, _ in limits], float)
        self._high = np.array([high for _, high in limits], float)
        self._jump = np.array([_first(rules.jumps, name, np.inf) for name in signals], float)
        self._within_ms = rules.within_s * 1000
        self._before: tuple[int, int, float] = (-1, 0, 0.0)
        self.faults = self.jumps = 0

    def mark(self, piece: Samples) -> NDArray[np.int8]:
        """Return the place in `QUALITIES` of each sample of the next piece."""
        marks = np.zeros(len(piece.values), np.int8)
        low, high = self._low[piece.series], self._high[piece.series]
        marks[(piece.values < low) | (piece.values > high)] = FAULT
        sound = np.flatnonzero(marks == GOOD)
        if len(sound):
            series = _led(self._before[0], piece.series[sound])
            times = _led(self._before[1], piece.ms_of_day[sound])
            values = np.concatenate([[self._before[2]], piece.values[sound]])
            far = np.abs(np.diff(values)) > self._jump[piece.series[sound]]
            near = (np.diff(series) == 0) & (np.diff(times) <= self._within_ms)
            marks[sound[far & near]] = JUMP
            self._before = (int(series[-1]), int(times[-1]), float(values[-1]))
        self.faults += int((marks == FAULT).sum())
        self.jumps += int((marks == JUMP).sum())
        return marks


def rule_counts(
    tally: Tally, counted: Sorted, marker: Marker | None, rules: TelemetryRules
) -> tuple[RuleCount, ...]:
    """Return what each rule found, in the words of a report; rules that found nothing too."""
    faults, jumps = (marker.faults, marker.jumps) if marker else (0, 0)
    limits = {name: f"{low:g} to {high:g}" for name, (low, high) in rules.limits.items()}
    by: dict[str, float | str | bool] = {
        **{name: f"{jump:g}" for name, jump in rules.jumps.items()},
        "within_s": rules.within_s,
    }
    return (
        _dropped("missing", tally.missing, "rows without a time, an id or a number"),
        _dropped("exact_duplicate", counted.duplicates, "rows that are there twice"),
        RuleCount("unsorted", {}, tally.unsorted, 0, 0, f"{tally.unsorted} rows put in order"),
        RuleCount(
            "same_time",
            {},
            counted.same_time,
            0,
            0,
            f"{counted.same_time} rows share component and time with one of another value: kept",
        ),
        RuleCount("sensor_fault", limits, faults, faults, 0, f"{faults} rows marked 'fault'"),
        RuleCount(
            "jump", by, jumps, jumps, 0, f"{jumps} rows marked 'jump': may be real, so they count"
        ),
        RuleCount(
            "other_date",
            {},
            tally.other_date,
            0,
            0,
            f"{tally.other_date} rows of another event_date than their time's day in UTC, "
            "which counts",
        ),
    )


def _dropped(rule: str, count: int, what: str) -> RuleCount:
    return RuleCount(rule, {}, count, 0, count, f"{count} {what}: dropped")


def _first(patterns: Mapping[str, T], name: str, otherwise: T) -> T:
    return next((one for key, one in patterns.items() if fnmatchcase(name, key)), otherwise)


def _led(first: int, rest: Integers) -> Integers:
    return np.concatenate([[first], rest])


def spans(series: Integers) -> list[tuple[int, int, int]]:
    """Return (series, start, stop) of each stretch of one series in a sorted piece."""
    if not len(series):
        return []
    edges = np.flatnonzero(np.diff(series)) + 1
    starts = [0, *edges.tolist()]
    stops = [*edges.tolist(), len(series)]
    return [(int(series[a]), a, b) for a, b in zip(starts, stops, strict=True)]


def extent(values: Floats) -> tuple[float | None, float | None]:
    """Return the lowest and highest of some values; None of none."""
    return (float(values.min()), float(values.max())) if len(values) else (None, None)
