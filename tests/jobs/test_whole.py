"""Summaries folded from cycles are those of the whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.jobs.summarise import Step, summarise
from battsweep.jobs.whole import fold, unfold
from battsweep.sweep.summaries import parse_summary

ASKED = [
    parse_summary(text)
    for text in (
        "capacity",
        "charge capacity",
        "energy",
        "charge energy",
        "duration",
        "time to 3.5 V",
        "start Voltage [V]",
        "end Voltage [V]",
        "min Voltage [V]",
        "max Voltage [V]",
        "mean Voltage [V]",
        "change Voltage [V]",
        "Capacity [A.h]",
    )
]


@st.composite
def cycles(draw):
    """Return the steps of some cycles, one after the other in time."""
    found, now = [], draw(st.floats(0, 1e6))
    for cycle in range(1, draw(st.integers(1, 5)) + 1):
        steps = []
        for step in range(1, draw(st.integers(1, 3)) + 1):
            count = draw(st.integers(2, 6))
            gaps = draw(st.lists(st.floats(1, 1e3), min_size=count - 1, max_size=count - 1))
            times = now + np.concatenate([[0.0], np.cumsum(gaps)])
            numbers = st.lists(st.floats(2.5, 4.5), min_size=count, max_size=count)
            values = {
                "Voltage [V]": np.array(draw(numbers)),
                "Current [A]": np.array(draw(numbers)) - 3.5,
                "Discharge capacity [A.h]": np.linspace(0, 1, count),
            }
            health = {"Capacity [A.h]": draw(st.floats(1, 5))}
            steps.append(Step(cycle, step, times, values, health=health))
            now = float(times[-1])
        found.append(steps)
    return found


@settings(deadline=None)
@given(cycles())
def test_folding_cycle_by_cycle_through_json_gives_the_number_of_the_whole(cycles):
    whole = {}
    for steps in cycles:
        whole = json.loads(json.dumps(fold(whole, ASKED, steps)))
    every_step = [step for steps in cycles for step in steps]
    found = unfold(whole, ASKED)
    for summary in ASKED:
        expected = summarise(summary, every_step)
        if expected is None:
            assert found[summary.name] is None, summary.name
        else:
            assert found[summary.name] == pytest.approx(expected, rel=1e-9, abs=1e-6), summary.name
