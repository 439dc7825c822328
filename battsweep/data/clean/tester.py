"""Rules of what the tester wrote beside the signal: its steps, cycles and states."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from battsweep.data.clean.log import Log, runs
from battsweep.data.clean.settings import Cleaning
from battsweep.data.columns import CURRENT, TESTER_CYCLE, TESTER_STEP
from battsweep.data.states import directions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

_AROUND = 20
"""Rows on either side that tell how a current goes there."""


def without_glitches(steps: Rows, current: Array, rows: Rows, log: Log, rules: Cleaning) -> Rows:
    """Return the tester's steps without flips of a few rows that nothing in the current shows."""
    made = steps.copy()
    begins = np.flatnonzero(np.diff(steps, prepend=steps[:1] - 1) != 0)
    ends = np.append(begins[1:], len(steps))
    labels, counts = np.unique(steps, return_counts=True)
    rare = set(labels[counts <= rules.step_glitch_rows].tolist())
    finite = np.abs(current[np.isfinite(current)])
    least = rules.same_current_share * (float(np.quantile(finite, 0.99)) if finite.size else 0.0)
    found = 0
    short = np.flatnonzero(ends - begins <= rules.step_glitch_rows)
    for number in short[(short > 0) & (short < len(begins) - 1)]:
        begin, end = int(begins[number]), int(ends[number])
        before, after, label = (int(steps[k]) for k in (begin - 1, end, begin))
        sides = (begin - begins[number - 1], ends[number + 1] - end)
        # A number that is nowhere else, and no step between its neighbours' either.
        foreign = label in rare and not min(before, after) <= label <= max(before, after)
        if not foreign and (before != after or min(sides) <= rules.step_glitch_rows):
            continue  # another step; or a label that flutters, and nobody knows which is right
        usual = (_largest_jump(current[max(0, k - _AROUND) : k]) for k in (begin, end + _AROUND))
        if _largest_jump(current[begin - 1 : end + 1]) > max(least, *usual):
            continue  # a short step of its own, such as a pulse
        made[begin:end] = before
        found += 1
    put = np.flatnonzero(made != steps)
    log.changed(
        "step_glitches",
        rows[put],
        TESTER_STEP.name,
        steps[put].astype(float),
        made[put].astype(float),
        "another step for a few rows, while the current stays",
    )
    log.count(
        "step_glitches",
        rules.of("step_glitch_rows", "same_current_share"),
        found=found,
        changed=len(put),
        told=f"the tester's step flipped {found} times, for {len(put)} rows",
    )
    return made


def _largest_jump(current: Array) -> float:
    steps = np.abs(np.diff(current[np.isfinite(current)]))
    return float(steps.max()) if steps.size else 0.0


def note_jumps(cycles: Rows, known: NDArray[np.bool_], rows: Rows, log: Log) -> None:
    """Note where the tester's cycle goes back, or forward by more than one; nothing is changed.

    The cycles of the signal are sequential whatever the tester counts.
    """
    places = np.flatnonzero(known)
    counted = cycles[places]
    steps = np.diff(counted)
    odd = np.flatnonzero((steps > 1) | (steps < 0)) + 1
    at = places[odd]
    log.changed(
        "cycle_jumps",
        rows[at],
        TESTER_CYCLE.name,
        counted[odd - 1].astype(float),
        cycles[at].astype(float),
        "the tester's cycle jumps here; left as it is",
    )
    log.count(
        "cycle_jumps",
        {},
        found=len(odd),
        told=f"the tester's cycle jumps {len(odd)} times; ours are numbered one after another",
    )


def signed(current: Array, words: NDArray[np.object_], rows: Rows, log: Log) -> Array:
    """Return an unsigned current with the sign that the tester's states say."""
    ways = directions(words)
    unknown = int(np.sum(np.isnan(ways) & (np.abs(current) > 0)))
    made = np.where(np.isnan(ways) | (ways == 0), current, np.abs(current) * ways)
    turned = (made != current) & np.isfinite(current)
    begins, ends = runs(turned)
    log.changed(
        "state_signs",
        rows[begins],
        CURRENT.name,
        current[begins],
        made[begins],
        "the state says discharge",
        ends - begins,
    )
    log.count(
        "state_signs",
        {},
        found=len(begins),
        changed=int(turned.sum()),
        told=f"{int(turned.sum())} currents made negative in {len(begins)} discharges",
    )
    if unknown:
        log.warnings.append(f"{unknown} rows have a current and a state that says no direction")
    return made
