"""Where the solver stops in a profile: as seldom as possible, and nothing is stepped over."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from battsweep.jobs.knots import LARGEST_SHARE, SHARE_OF_RTOL, stops
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.plan import make_plan
from battsweep.jobs.warm import Builds, answers

SECONDS = np.arange(0, 1801.0)
RANDOM = np.random.default_rng(3)


@st.composite
def profiles(draw):
    steps = draw(st.lists(st.floats(0.01, 100), min_size=1, max_size=60))
    times = np.concatenate([[0.0], np.cumsum(steps)])
    near = st.one_of(st.floats(-10, 10), st.floats(0.999, 1.001), st.just(0.0))
    values = draw(st.lists(near, min_size=len(times), max_size=len(times)))
    return times, np.array([1.0, *values[1:]])


def charge(times, values):
    return np.concatenate([[0], np.cumsum(np.diff(times) * (values[:-1] + values[1:]) / 2)])


@given(profiles(), st.sampled_from([1e-8, 1e-6, 1e-4, 1e-2]))
def test_between_two_stops_a_profile_is_straight_within_the_bound(profile, rtol):
    times, values = profile
    kept = stops(times, values, rtol=rtol)
    assert (kept[0], kept[-1]) == (times[0], times[-1])
    assert np.all(np.diff(kept) > 0)
    assert np.isin(kept, times).all()
    lines = np.interp(times, kept, values[np.isin(times, kept)])
    bound = min(SHARE_OF_RTOL * rtol, LARGEST_SHARE) * np.max(np.abs(values))
    assert np.max(np.abs(lines - values)) <= bound + 1e-10
    flow = charge(times, values)
    assert np.max(np.abs(charge(times, lines) - flow)) <= rtol * np.ptp(flow) + 1e-9


@given(profiles(), st.integers(2, 5))
def test_points_on_a_straight_line_add_no_stop(profile, parts):
    times, values = profile
    finer = np.unique(np.concatenate([np.linspace(a, b, parts + 1) for a, b in pairwise(times)]))
    kept = stops(finer, np.interp(finer, times, values), rtol=1e-9)
    assert len(kept) <= len(times)


@pytest.mark.parametrize(
    ("values", "count"),
    [
        (np.full(1801, 5.0), 2),
        (np.where((SECONDS >= 900) & (SECONDS < 910), 10.0, 0.0), 6),
        (np.where((SECONDS >= 900) & (SECONDS < 901), 0.01, 1.0), 5),
        (np.interp(SECONDS, [0, 600, 1800], [0, 5, 1]), 3),
    ],
)
def test_only_corners_are_stops(values, count):
    assert len(stops(SECONDS, values, rtol=1e-4)) == count


def test_of_white_noise_nearly_every_point_is_a_stop():
    assert len(stops(SECONDS, RANDOM.standard_normal(1801), rtol=1e-4)) > 1790


def test_many_deviations_too_small_to_see_do_not_add_up():
    values = np.where(SECONDS % 10 == 5, 1.0004, 1.0)
    values[0] = 1.0
    few = stops(SECONDS, values, rtol=1e-4)
    lines = np.interp(SECONDS, few, values[np.isin(SECONDS, few)])
    whole = charge(SECONDS, values)
    assert abs(charge(SECONDS, lines)[-1] - whole[-1]) <= 1e-4 * whole[-1]


def test_a_profile_with_few_stops_stays_within_a_tenth_of_a_millivolt(tmp_path, make_sweep):
    amperes = 2.5 + 2 * np.sin(SECONDS / 200) + np.where(SECONDS % 300 >= 290, 4.0, 0.0)
    lines = "\n".join(f"{t},{i}" for t, i in zip(SECONDS, amperes, strict=True))
    (tmp_path / "profile.csv").write_text(lines)
    sweep = make_sweep(
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n[protocols.p]\n"
        "profile = 'profile.csv'\npositive = 'discharge'\ninitial_soc = 0.9\n"
        "[output]\nevery = '1 s'\n[run]\nsolver = { rtol = 1e-5, atol = 1e-6 }\n"
    )
    [(group, item)] = make_plan(sweep).placed
    *_, result = answers(group, (item,), Builds())
    assert result.failure is None
    assert len(stops(SECONDS, amperes, rtol=1e-5)) < len(SECONDS) / 2
    pybamm = import_pybamm()
    values = pybamm.ParameterValues("Chen2020")
    values["Current function [A]"] = pybamm.Interpolant(SECONDS, amperes, pybamm.t)
    tight = pybamm.IDAKLUSolver(rtol=1e-7, atol=1e-9)
    simulation = pybamm.Simulation(pybamm.lithium_ion.SPM(), parameter_values=values, solver=tight)
    solution = simulation.solve(SECONDS, t_interp=SECONDS, initial_soc=0.9)
    np.testing.assert_allclose(
        result.columns["voltage_volt"], solution["Voltage [V]"].entries, rtol=0, atol=1e-4
    )


def test_what_is_stored_are_the_times_asked_for_and_the_stops(tmp_path, make_sweep):
    pulse = np.where((SECONDS >= 900) & (SECONDS < 910), 10.0, 0.0)
    lines = "\n".join(f"{t},{i}" for t, i in zip(SECONDS, pulse, strict=True))
    (tmp_path / "pulse.csv").write_text(lines)
    (tmp_path / "curve.csv").write_text("test_time_second,voltage_volt\n0,3.8\n33,3.7\n905,3.6\n")
    text = (
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n[protocols.p]\n"
        "profile = 'pulse.csv'\npositive = 'discharge'\ninitial_soc = 0.5\n%s"
        "[output]\nevery = 60\nsummary = ['capacity'%s]\n"
    )
    curve = "[[measured]]\ncell = 'A'\nprotocol = 'p'\nfile = 'curve.csv'\n"
    for filled in (text % ("", ""), text % (curve, ", 'rmse'")):
        [(group, item)] = make_plan(make_sweep(filled)).placed
        *_, result = answers(group, (item,), Builds())
        expected = np.union1d(np.arange(0, 1801.0, 60), [899, 900, 909, 910])
        np.testing.assert_allclose(result.columns["test_time_second"], expected, atol=1e-6)
        assert result.summary["capacity [A.h]"] == pytest.approx(100 / 3600, rel=1e-9)
