"""A fit finds what made the data, says how well, and is the same each time."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.jobs.fit import INFEASIBLE_MV, Evaluator, decode, encode, run_fit
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Free

DIFFUSIVITY = "Positive particle diffusivity [m2.s-1]"
FRACTION = "Positive electrode active material volume fraction"
TRUTH = {DIFFUSIVITY: 7e-15, FRACTION: 0.63}
RATES = (0.5, 1, 2)
HEAD = "[models.SPM]\n[protocols.p]\ndischarge = '{rate}C'\n"
TAIL = "[output]\nevery = 20\n"


def curve(rate):
    return (
        f"[[measured]]\nname = '{rate}C'\ncell = 'A'\nprotocol = 'p'\n"
        f"at = {{ rate = {rate} }}\nfile = '{rate}C.csv'\n"
    )


def fit_of(folder, *, seed=1, parameters=None, data=(1, 2), hold_out=(0.5,), generations=12):
    """Return a fit of one cell to the curves in a folder, ready to run."""
    bounds = parameters or (
        f"'{DIFFUSIVITY}' = {{ from = 1e-15, to = 3e-14, scale = 'log' }}\n"
        f"'{FRACTION}' = {{ from = 0.6, to = 0.7 }}\n"
    )
    (folder / f"fit-{seed}.toml").write_text(
        f"name = 'fit'\nseed = {seed}\n[cells.A]\nparameter_set = 'Chen2020'\n{HEAD}"
        f"{''.join(map(curve, RATES))}[fit]\ndata = {[f'{r}C' for r in data]}\n"
        f"hold_out = {[f'{r}C' for r in hold_out]}\npopulation = 8\n"
        f"generations = {generations}\ntolerance = 0.0\n[fit.parameters]\n{bounds}{TAIL}"
    )
    [(_, item)] = make_plan(load_sweep(folder / f"fit-{seed}.toml")).placed
    return item


@pytest.fixture(scope="module")
def builds():
    """Return builds that all fits of this file share, as those of a worker do."""
    return Builds()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Return a folder with curves that were simulated with the values of `TRUTH`."""
    path = tmp_path_factory.mktemp("fits")
    overrides = ", ".join(f"'{name}' = {value}" for name, value in TRUTH.items())
    (path / "truth.toml").write_text(
        f"name = 'truth'\n[cells.A]\nparameter_set = 'Chen2020'\noverrides = {{ {overrides} }}\n"
        f"{HEAD}[[axes]]\nrate = {list(RATES)}\n{TAIL}"
    )
    placed = make_plan(load_sweep(path / "truth.toml")).placed
    found = answers(placed[0][0], tuple(item for _, item in placed), Builds())
    for rate, result in zip(RATES, (r for r in found if isinstance(r, Result)), strict=True):
        names = ("test_time_second", "voltage_volt", "current_ampere")
        rows = np.column_stack([result.columns[name] for name in names])
        np.savetxt(
            path / f"{rate}C.csv",
            rows,
            fmt="%.17g",
            delimiter=",",
            header=",".join(names),
            comments="",
        )
    return path


@pytest.fixture(scope="module")
def fitted(folder, builds):
    """Return a fit and its result."""
    item = fit_of(folder)
    return item, run_fit(item, builds)


def test_values_known_beforehand_are_found_again(fitted):
    _, result = fitted
    assert result.failure is None
    assert result.fit["parameters"][FRACTION] == pytest.approx(TRUTH[FRACTION], rel=0.01)
    assert result.fit["parameters"][DIFFUSIVITY] == pytest.approx(TRUTH[DIFFUSIVITY], rel=0.1)
    assert result.fit["objective_end_mv"] < 2 < 20 < result.fit["objective_start_mv"]


def test_the_summary_has_the_error_and_every_fitted_parameter(fitted):
    _, result = fitted
    assert result.summary == {
        "objective [mV]": result.fit["objective_end_mv"],
        **result.fit["parameters"],
    }


def test_the_best_error_so_far_never_grows_and_ends_at_the_objective(fitted):
    history = fitted[1].fit["history_mv"]
    assert all(later <= earlier for earlier, later in pairwise(history))
    assert history[-1] == fitted[1].fit["objective_end_mv"]
    assert len(history) == fitted[1].fit["generations"]


def test_what_was_held_out_is_reported_and_well_met(fitted):
    data = {record["name"]: record for record in fitted[1].fit["data"]}
    assert {name: record["role"] for name, record in data.items()} == {
        "0.5C": "hold-out",
        "1C": "fit",
        "2C": "fit",
    }
    for record in data.values():
        assert record["rmse_end_mv"] < 3 < record["rmse_start_mv"]
        assert 0.9 < record["overlap"] <= 1


def test_the_rows_are_the_curves_before_and_after_and_give_the_errors_told(fitted):
    item, result = fitted
    columns = result.columns
    for number, (of_fit, record) in enumerate(zip(item.curves, result.fit["data"], strict=True)):
        measured = of_fit.item.measured
        assert record["name"] == measured.name
        for which, told in ((0, record["rmse_start_mv"]), (1, record["rmse_end_mv"])):
            rows = (columns["measured_index"] == number) & (columns["fitted"] == which)
            times, voltage = columns["test_time_second"][rows], columns["voltage_volt"][rows]
            both = np.array(measured.times_s) <= times[-1]
            errors = (np.interp(measured.times_s, times, voltage) - measured.voltage_v)[both]
            assert 1e3 * np.sqrt(np.mean(errors**2)) == pytest.approx(told, rel=0.1)
            assert np.all(columns["current_ampere"][rows] < 0)


def test_the_same_seed_gives_the_same_numbers_and_another_one_does_not(folder, builds):
    first = run_fit(fit_of(folder, generations=2), Builds())
    again = run_fit(fit_of(folder, generations=2), builds)
    other = run_fit(fit_of(folder, generations=2, seed=2), builds)
    assert again.fit == first.fit
    for name, values in first.columns.items():
        np.testing.assert_array_equal(again.columns[name], values)
    assert other.fit["parameters"] != first.fit["parameters"]


def test_a_curve_that_is_held_out_has_no_say_in_the_search(folder, builds):
    without = run_fit(fit_of(folder, generations=2, hold_out=()), builds)
    with_it = run_fit(fit_of(folder, generations=2, hold_out=(0.5,)), builds)
    assert with_it.fit["parameters"] == without.fit["parameters"]
    assert with_it.fit["history_mv"] == without.fit["history_mv"]


def test_a_parameter_that_wants_to_leave_its_bounds_is_named(folder, builds):
    parameters = f"'{FRACTION}' = {{ from = 0.7, to = 0.75 }}\n"
    result = run_fit(fit_of(folder, parameters=parameters, generations=8), builds)
    assert result.fit["at_bound"] == [FRACTION]
    assert result.fit["parameters"][FRACTION] == pytest.approx(0.7, abs=5e-4)


def test_a_parameter_inside_its_bounds_is_not_named(fitted):
    assert fitted[1].fit["at_bound"] == []
    assert fitted[1].fit["bounds"] == {DIFFUSIVITY: [1e-15, 3e-14], FRACTION: [0.6, 0.7]}


def test_a_parameter_in_no_equation_is_named(folder, builds):
    parameters = "'Contact resistance [Ohm]' = { from = 0.01, to = 0.1 }\n"
    result = run_fit(fit_of(folder, parameters=parameters, generations=1), builds)
    assert result.fit["no_effect"] == ["Contact resistance [Ohm]"]
    assert "its fitted value says nothing" in result.log


CUT_OFF = "'Lower voltage cut-off [V]' = { from = 2.4, to = 6.0 }\n"


def test_an_infeasible_candidate_costs_a_finite_number_and_is_counted(folder, builds):
    item = fit_of(folder, parameters=CUT_OFF)
    built = {
        c.group.key: builds.get(
            c.group, replace(c.item, inputs={**c.item.inputs, "Lower voltage cut-off [V]": 2.5})
        )
        for c in item.curves
    }
    evaluator = Evaluator(item, built)
    feasible, infeasible = (evaluator.objective(np.array([share])) for share in (0.0, 1.0))
    assert feasible < 1000 < infeasible == INFEASIBLE_MV
    assert (evaluator.evaluations, evaluator.failures) == (2, 1)


def test_a_search_goes_on_through_infeasible_candidates(folder, builds):
    result = run_fit(fit_of(folder, parameters=CUT_OFF, generations=3), builds)
    assert result.failure is None
    assert 0 < result.fit["failed_evaluations"] < result.fit["evaluations"]
    assert np.all(np.isfinite(result.fit["history_mv"]))
    assert result.fit["objective_end_mv"] < INFEASIBLE_MV


def test_a_fit_of_which_nothing_could_be_simulated_is_infeasible_and_chooses_nothing(
    folder, builds
):
    parameters = "'Lower voltage cut-off [V]' = { from = 4.6, to = 6.0 }\n"
    result = run_fit(fit_of(folder, parameters=parameters, generations=1), builds)
    assert result.failure.failure_class == "infeasible"
    assert "bounds" in result.failure.message
    assert (result.fit, result.summary, result.columns) == ({}, {}, {})


floats = {"allow_nan": False, "allow_infinity": False}


@st.composite
def free_parameters(draw):
    """Draw parameters with bounds, linear or logarithmic, of any magnitude."""
    found = []
    for number in range(draw(st.integers(1, 4))):
        scale = draw(st.sampled_from(["linear", "log"]))
        low = draw(st.floats(1e-18, 1e6, **floats))
        if scale == "linear":
            low *= draw(st.sampled_from([-1, 0, 1]))
        width = draw(st.floats(0.01, 1e4)) * (abs(low) or 1)
        found.append(Free(str(number), low, low + width, scale))
    return tuple(found)


@settings(deadline=None)
@given(free_parameters(), st.data())
def test_candidates_and_values_are_the_same_thing_twice(free, data):
    shares = data.draw(st.lists(st.floats(0, 1), min_size=len(free), max_size=len(free)))
    values = decode(np.array(shares), free)
    assert all(p.low <= values[p.name] <= p.high for p in free)
    np.testing.assert_allclose(encode(values, free), shares, atol=1e-9)


@settings(deadline=None)
@given(free_parameters())
def test_the_bounds_are_the_ends_of_the_candidates(free):
    ends = (decode(np.full(len(free), share), free) for share in (0.0, 1.0))
    for parameter, low, high in zip(free, *(end.values() for end in ends), strict=True):
        assert low == pytest.approx(parameter.low, rel=1e-12)
        assert high == pytest.approx(parameter.high, rel=1e-12)


@settings(deadline=None)
@given(free_parameters(), st.data())
def test_values_that_are_missing_or_out_of_bounds_are_no_candidate(free, data):
    middle = decode(np.full(len(free), 0.5), free)
    one = data.draw(st.sampled_from(free))
    beyond = one.high + (one.high - one.low)
    for value in (None, beyond, one.low - (one.high - one.low)):
        assert encode({**middle, one.name: value}, free) is None
    assert encode({n: v for n, v in middle.items() if n != one.name}, free) is None
