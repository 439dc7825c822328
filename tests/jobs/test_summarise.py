"""Summaries on series whose numbers are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.jobs.summarise import Step, overlap, rmse_mv, summarise, voltage_errors
from battsweep.sweep.spec import Measured
from battsweep.sweep.summaries import parse_summary

finite = st.floats(0.1, 10)


def step(times, voltage, current, cycle=1, number=1):
    """Return a step; its charge is the integral of the current, as the solver's would be."""
    times, voltage, current = (np.asarray(a, dtype=float) for a in (times, voltage, current))
    parts = np.diff(times) * (current[1:] + current[:-1]) / 2
    charge = np.concatenate([[0.0], np.cumsum(parts)]) / 3600
    values = {
        "Voltage [V]": voltage,
        "Current [A]": current,
        "Discharge capacity [A.h]": charge,
    }
    return Step(cycle, number, times, values)


def number(text, steps, measured=None):
    return summarise(parse_summary(text), steps, measured)


def measured(times, voltage):
    return Measured("m", "c", "p", {}, tuple(times), tuple(voltage), (), "file", "0" * 64)


@given(amperes=finite, hours=finite, volts=finite)
def test_a_constant_discharge_gives_current_times_time(amperes, hours, volts):
    steps = [step([0, 3600 * hours], [volts, volts], [amperes, amperes])]
    assert number("capacity", steps) == pytest.approx(amperes * hours)
    assert number("energy", steps) == pytest.approx(amperes * hours * volts)
    assert number("charge capacity", steps) == 0
    assert number("duration", steps) == pytest.approx(3600 * hours)


@given(st.lists(st.floats(-5, 5), min_size=2, max_size=30))
def test_what_is_charged_less_what_is_discharged_is_the_whole_charge(currents):
    times = np.arange(len(currents)) * 10.0
    steps = [step(times, np.full(len(currents), 3.7), currents)]
    charge = steps[0].values["Discharge capacity [A.h]"][-1]
    balance = number("capacity", steps) - number("charge capacity", steps)
    assert balance == pytest.approx(charge, abs=1e-9)


@settings(deadline=None)
@given(st.floats(3.01, 4.19))
def test_the_time_to_a_voltage_lies_where_the_line_crosses_it(voltage):
    steps = [step([0, 100], [3.0, 4.2], [-1, -1])]
    assert number(f"time to {voltage!r} V", steps) == pytest.approx(100 * (voltage - 3) / 1.2)


def test_a_voltage_never_reached_has_no_time():
    assert number("time to 4.3 V", [step([0, 100], [3.0, 4.2], [-1, -1])]) is None


def test_reductions_reach_over_all_steps():
    steps = [step([0, 1, 2], [3, 5, 4], [1, 1, 1]), step([2, 3], [4, 2], [1, 1], number=2)]
    found = {k: number(f"{k} Voltage [V]", steps) for k in ("start", "end", "min", "max")}
    assert found == {"start": 3, "end": 2, "min": 2, "max": 5}
    assert number("change Voltage [V]", steps) == -1
    assert number("Voltage [V]", steps) == 2


def test_a_variable_in_space_is_reduced_over_space_too():
    values = {"Cell temperature [C]": np.array([[20.0, 30.0], [21.0, 35.0]])}
    steps = [Step(1, 1, np.array([0.0, 1.0]), values)]
    assert number("max Cell temperature [C]", steps) == 35
    assert number("end Cell temperature [C]", steps) == pytest.approx(32.5)


@given(st.floats(-0.5, 0.5))
def test_a_constant_offset_is_its_own_rmse(offset):
    times = np.linspace(0, 100, 11)
    steps = [step(times, 4 - times / 100 + offset, np.ones(11))]
    curve = measured(times, 4 - times / 100)
    assert rmse_mv(steps, curve) == pytest.approx(abs(offset) * 1e3, abs=1e-9)
    assert overlap(steps, curve) == 1


def test_what_a_simulation_does_not_reach_is_not_in_the_rmse_but_in_the_overlap():
    steps = [step([0, 50], [4, 3.5], [1, 1])]
    curve = measured([0, 25, 50, 75, 100], [4, 3.75, 3.5, 3.25, 3.0])
    assert rmse_mv(steps, curve) == pytest.approx(0, abs=1e-9)
    assert overlap(steps, curve) == pytest.approx(0.5)
    errors = voltage_errors(steps, curve).errors_v
    np.testing.assert_allclose(errors, [0, 0, 0, 0.25, 0.5], atol=1e-12)


@given(st.lists(st.floats(0.01, 0.99), min_size=1, max_size=20, unique=True))
def test_points_added_where_nothing_changes_weigh_nothing(shares):
    steps = [step([0, 100], [4.0, 3.0], [1, 1])]
    plain = np.linspace(0, 100, 2001)
    uneven = np.unique(np.concatenate([plain, 100 * np.array(shares) ** 8]))
    found = [rmse_mv(steps, measured(t, 3.9 - (t / 100) ** 2)) for t in (plain, uneven)]
    assert found[1] == pytest.approx(found[0], rel=1e-3)


@given(st.floats(0.1, 10), st.floats(0.1, 10))
def test_of_a_current_that_changes_sign_each_direction_is_its_own_triangle(up, down):
    steps = [step([0, 10], [1, 1], [up, -down])]
    crossing = 10 * up / (up + down)
    assert number("capacity", steps) == pytest.approx(up * crossing / 2 / 3600)
    assert number("charge capacity", steps) == pytest.approx(down * (10 - crossing) / 2 / 3600)
    assert number("energy", steps) == pytest.approx(up * crossing / 2 / 3600)


def test_a_profile_counts_its_own_points_between_the_stored_ones():
    times, amperes = np.array([0.0, 10, 20, 30]), np.array([0.0, 5, -5, 0])
    coarse = step([0, 30], [3.7, 3.7], [0, 0])
    steps = [replace(coarse, current=(times, amperes))]
    assert number("capacity", steps) == pytest.approx((25 + 12.5) / 3600)
    assert number("charge capacity", steps) == pytest.approx((25 + 12.5) / 3600)
    assert number("energy", steps) == pytest.approx(3.7 * 37.5 / 3600)


def test_a_mean_is_over_time_and_not_over_points():
    times = np.array([0, 1, 2, 3, 4, 100.0])
    steps = [step(times, [4, 4, 4, 4, 4, 2], np.ones(6))]
    assert number("mean Voltage [V]", steps) == pytest.approx((4 * 4 + 96 * 3) / 100)
