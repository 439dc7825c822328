"""What a solved task leaves behind: rows, numbers of cycles and steps, signs, its log."""

from __future__ import annotations

import logging
import warnings
from itertools import pairwise

import numpy as np
import pytest

from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result, captured_log
from battsweep.jobs.warm import Builds, answers
from battsweep.sweep.load import load_sweep

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n[models.SPM]\n'
CYCLING = """[protocols.p]
steps = ["Discharge at 1C for 5 minutes", "Rest for 2 minutes", "Charge at C/2 for 4 minutes"]
cycles = 2
initial_soc = 0.5
"""
STEP_S = (300.0, 120.0, 240.0)
STEP_A = (-5.0, 0.0, 2.5)


def solved(sweep):
    """Return the only task's result."""
    [(group, item)] = make_plan(sweep).placed
    *_, result = answers(group, (item,), Builds())
    assert isinstance(result, Result)
    return result


def parts(columns):
    """Return the rows of each step, in order, as a mapping of columns."""
    times = columns["test_time_second"]
    keys = list(zip(columns["cycle_count"], columns["step_index"], strict=True))
    found = {}
    for key in dict.fromkeys(keys):
        rows = np.array([k == key for k in keys])
        found[key] = {name: values[rows] for name, values in columns.items()}
    assert sum(len(p["test_time_second"]) for p in found.values()) == len(times)
    return found


@pytest.fixture(scope="module", params=["every = 60", "points = 7", "every = 'solver'"])
def cycling(request, tmp_path_factory):
    """Return the columns of a cycling task, by each way to choose the times."""
    path = tmp_path_factory.mktemp("cycling") / "sweep.toml"
    path.write_text(f"{HEAD}{CYCLING}[output]\n{request.param}\n")
    result = solved(load_sweep(path))
    assert result.failure is None
    return result.columns


def test_cycles_and_steps_are_counted_from_one_in_the_order_done(cycling):
    assert list(parts(cycling)) == [(c, s) for c in (1, 2) for s in (1, 2, 3)]
    assert cycling["cycle_count"].dtype == cycling["step_index"].dtype == np.int32


def test_current_is_positive_on_charge_and_never_a_negative_zero(cycling):
    for (_, step), rows in parts(cycling).items():
        current = rows["current_ampere"]
        np.testing.assert_allclose(current, STEP_A[step - 1], atol=1e-9)
        assert not np.any(np.signbit(current) & (current == 0))


def test_each_step_begins_where_the_last_one_ended_and_has_its_duration(cycling):
    found = parts(cycling)
    ends = [rows["test_time_second"][[0, -1]] for rows in found.values()]
    assert ends[0][0] == 0
    for (_, end), (start, _) in pairwise(ends):
        assert start == pytest.approx(end, abs=1e-6)
    lengths = [end - start for start, end in ends]
    np.testing.assert_allclose(lengths, STEP_S * 2, rtol=1e-9)
    for rows in found.values():
        assert np.all(np.diff(rows["test_time_second"]) > 0)


def test_all_columns_have_one_value_a_row_and_none_is_missing(cycling):
    assert list(cycling) == [
        "test_time_second",
        "voltage_volt",
        "current_ampere",
        "cycle_count",
        "step_index",
    ]
    assert len({len(values) for values in cycling.values()}) == 1
    assert all(np.all(np.isfinite(values)) for values in cycling.values())


def test_points_are_spread_evenly_over_each_step(make_sweep):
    result = solved(make_sweep(f"{HEAD}{CYCLING}[output]\npoints = 7\n"))
    for rows in parts(result.columns).values():
        times = rows["test_time_second"]
        np.testing.assert_allclose(times, np.linspace(times[0], times[-1], 7))


@pytest.mark.parametrize("every", [60, 50])
def test_a_step_of_known_duration_is_divided_evenly_in_about_the_time_asked_for(every, make_sweep):
    result = solved(make_sweep(f"{HEAD}{CYCLING}[output]\nevery = {every}\n"))
    for (_, step), rows in parts(result.columns).items():
        times = rows["test_time_second"] - rows["test_time_second"][0]
        count = round(STEP_S[step - 1] / every) + 1
        np.testing.assert_allclose(times, np.linspace(0, STEP_S[step - 1], count), atol=1e-6)


def test_a_step_until_a_voltage_has_each_time_asked_for_and_its_end(make_sweep):
    steps = "[protocols.p]\nsteps = ['Rest for 90 s', 'Discharge at 2C until 3.7 V']\n"
    result = solved(make_sweep(f"{HEAD}{steps}[output]\nevery = 50\n"))
    last = parts(result.columns)[(1, 2)]
    times = last["test_time_second"] - 90
    np.testing.assert_allclose(times[:-1], np.arange(len(times) - 1) * 50.0, atol=1e-6)
    assert 0 < times[-1] - times[-2] <= 50
    assert last["voltage_volt"][-1] == pytest.approx(3.7, abs=1e-4)


def test_a_step_that_is_over_before_it_begins_has_no_rows_and_keeps_its_number(make_sweep):
    steps = ["Rest for 1 minute", "Charge at C/10 until 4 V", "Rest for 2 minutes"]
    text = f"{HEAD}[protocols.p]\nsteps = {steps}\ninitial_soc = 1.0\n[output]\nevery = 60\n"
    result = solved(make_sweep(text))
    assert result.failure is None
    assert list(parts(result.columns)) == [(1, 1), (1, 3)]


@pytest.mark.parametrize(
    ("duration", "count"), [("2 minutes", 3), ("130 s", 4), ("1 minute", 2), ("59 s", 2)]
)
def test_a_constant_current_is_kept_at_each_time_asked_for_and_at_its_end(
    duration, count, make_sweep
):
    text = f"{HEAD}[protocols.p]\ndischarge = '1C'\nduration = '{duration}'\n"
    times = solved(make_sweep(f"{text}[output]\nevery = 60\n")).columns["test_time_second"]
    assert len(times) == count
    assert np.all(times[:-1] % 60 == 0)


@pytest.mark.parametrize("direction", ["charge", "discharge"])
def test_a_constant_current_has_its_direction(direction, make_sweep):
    text = f"{HEAD}[protocols.p]\n{direction} = '2 A'\nduration = 600\ninitial_soc = 0.5\n"
    columns = solved(make_sweep(f"{text}[output]\nevery = 60\n")).columns
    sign = 1 if direction == "charge" else -1
    np.testing.assert_allclose(columns["current_ampere"], 2 * sign)
    assert np.all(sign * np.diff(columns["voltage_volt"]) > 0)
    assert set(columns["cycle_count"]) == set(columns["step_index"]) == {1}


@pytest.mark.parametrize("quantity", ["current", "power"])
def test_a_profile_is_stored_with_the_sign_it_was_given_with(quantity, make_sweep, tmp_path):
    (tmp_path / "p.csv").write_text("0,4\n300,4\n310,0\n600,0\n610,-4\n900,-4\n")
    text = (
        f"{HEAD}[protocols.p]\nprofile = 'p.csv'\nquantity = '{quantity}'\npositive = 'charge'\n"
        "initial_soc = 0.5\n"
    )
    result = solved(make_sweep(f"{text}[output]\nevery = 30\n"))
    assert result.failure is None
    columns = result.columns
    found = columns["current_ampere"]
    if quantity == "power":
        found = found * columns["voltage_volt"]
    times = [0, 300, 310, 600, 610, 900]
    expected = np.interp(columns["test_time_second"], times, [4, 4, 0, 0, -4, -4])
    np.testing.assert_allclose(found, expected, atol=1e-3)


def test_only_the_series_asked_for_are_kept_and_the_time_once(make_sweep):
    series = "series = ['X-averaged cell temperature [K]', 'Time [s]', 'Voltage [V]']"
    text = f"{HEAD}[protocols.p]\ndischarge = '1C'\n[output]\n{series}\nevery = 60\n"
    assert list(solved(make_sweep(text)).columns) == [
        "test_time_second",
        "X-averaged cell temperature [K]",
        "voltage_volt",
        "cycle_count",
        "step_index",
    ]


def test_each_cycle_has_its_own_summary(make_sweep):
    text = f"{HEAD}{CYCLING}[output]\nevery = 60\nsummary = ['capacity', 'charge capacity']\n"
    result = solved(make_sweep(text))
    assert [cycle["cycle_count"] for cycle in result.cycles] == [1, 2]
    for cycle in result.cycles:
        assert cycle["capacity [A.h]"] == pytest.approx(5 / 12, rel=1e-6)
        assert cycle["charge capacity [A.h]"] == pytest.approx(1 / 6, rel=1e-6)
    assert result.summary["capacity [A.h]"] == pytest.approx(10 / 12, rel=1e-6)


@pytest.mark.parametrize("protocol", [CYCLING, "[protocols.p]\ndischarge = '1C'\n"])
def test_the_solver_says_how_hard_it_was(protocol, make_sweep):
    statistics = solved(make_sweep(f"{HEAD}{protocol}[output]\nevery = 60\n")).statistics
    assert statistics["solve_s"] > 0
    assert statistics["solver_steps"] > 0
    assert all(np.isfinite(number) for number in statistics.values())


def test_a_value_that_is_no_number_is_a_failure_of_the_solver(make_sweep):
    text = (
        "[protocols.p]\ndischarge = '5 A'\nduration = 600\n"
        "[[axes]]\n'Nominal cell capacity [A.h]' = [0]\n"
        "[output]\nseries = ['Voltage [V]', 'C-rate']\nevery = 60\nsummary = ['max C-rate']\n"
    )
    result = solved(make_sweep(HEAD + text))
    assert result.failure.failure_class == "solver"
    assert "'C-rate' is not finite" in result.failure.message
    assert result.summary == {}


def test_what_pybamm_logs_is_kept_with_the_task_and_not_printed(make_sweep, capfd):
    steps = ["Discharge at C/2 until 3 V", "Discharge at 4C for 1 hour"]
    result = solved(make_sweep(f"{HEAD}[protocols.p]\nsteps = {steps}\n[output]\nevery = 60\n"))
    assert result.failure is not None
    assert "warning: " in result.log
    assert "infeasible" in result.log
    assert capfd.readouterr() == ("", "")


def test_warnings_and_log_lines_are_kept_once_each_on_one_line():
    logger = logging.getLogger("pybamm.logger")
    before = logger.handlers[:]
    with captured_log() as log:
        for _ in range(2):
            logger.warning("a step\n   was short")
            warnings.warn("an option is old", DeprecationWarning, stacklevel=1)
    assert log == ["warning: a step was short", "warning: an option is old"]
    assert logger.handlers == before


def test_a_log_is_given_back_to_its_owner_after_an_error():
    logger = logging.getLogger("pybamm.logger")
    before = logger.handlers[:]
    with pytest.raises(ZeroDivisionError), captured_log():
        raise ZeroDivisionError
    assert logger.handlers == before


def test_a_step_that_pybamm_skips_is_said_in_the_log(make_sweep):
    steps = ["Charge at 1C until 4 V", "Discharge at 1C for 10 minutes"]
    sweep = make_sweep(
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n"
        f"[protocols.p]\nsteps = {steps}\ninitial_soc = 1.0\n"
    )
    [(group, item)] = make_plan(sweep).placed
    *_, result = answers(group, (item,), Builds())
    assert result.failure is None
    assert "cycle 1, step 1: skipped" in result.log


@pytest.mark.parametrize(
    "sampling", ["every = 10", "every = 60", "every = 'solver'", "points = 20"]
)
def test_the_error_against_a_curve_does_not_depend_on_what_is_kept(sampling, make_sweep, tmp_path):
    times = np.concatenate([np.arange(0, 600, 10.0), np.arange(600, 3400, 100.0)])
    voltage = 4.0 - 0.0003 * times
    lines = "\n".join(f"{t},{v}" for t, v in zip(times, voltage, strict=True))
    (tmp_path / "curve.csv").write_text(f"test_time_second,voltage_volt\n{lines}\n")
    sweep = make_sweep(
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n"
        "[protocols.p]\ndischarge = '1C'\n"
        "[[measured]]\ncell = 'A'\nprotocol = 'p'\nfile = 'curve.csv'\n"
        f"[output]\n{sampling}\nsummary = ['rmse']\n"
        "[run]\nsolver = { rtol = 1e-7, atol = 1e-9 }\n"
    )
    [(group, item)] = make_plan(sweep).placed
    *_, result = answers(group, (item,), Builds())
    assert result.summary["rmse [mV]"] == pytest.approx(121.2475, abs=1e-3)
    kept = {"every = 10": 358, "every = 60": 61, "points = 20": 20}
    assert len(result.columns["voltage_volt"]) == kept.get(sampling, 175)


@pytest.mark.parametrize("sampling", ["every = 'solver'", "points = 5"])
def test_the_error_of_steps_is_solved_for_where_the_full_state_is_kept(
    sampling, make_sweep, tmp_path
):
    text = (
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n"
        "[protocols.p]\nsteps = ['Discharge at 1C until 3 V', 'Rest for 10 minutes']\n"
        "%s[run]\nsolver = { rtol = 1e-7, atol = 1e-9 }\n[output]\nsummary = ['rmse']\n%s\n"
    )
    [(group, item)] = make_plan(
        make_sweep(text.replace("['rmse']", "[]") % ("", "every = 1"))
    ).placed
    *_, fine = answers(group, (item,), Builds())
    times, first = np.unique(fine.columns["test_time_second"], return_index=True)
    lines = "\n".join(
        f"{t},{v}"
        for t, v in zip(times[::40], fine.columns["voltage_volt"][first][::40], strict=True)
    )
    (tmp_path / "curve.csv").write_text(f"test_time_second,voltage_volt\n{lines}\n")
    curve = "[[measured]]\ncell = 'A'\nprotocol = 'p'\nfile = 'curve.csv'\n"
    [(group, item)] = make_plan(make_sweep(text % (curve, sampling))).placed
    *_, result = answers(group, (item,), Builds())
    assert result.summary["rmse [mV]"] < 0.05


def test_a_measured_curve_changes_no_row_of_a_profile(make_sweep, tmp_path):
    (tmp_path / "profile.csv").write_text("0,1\n100,1\n101,5\n300,5\n305,-2\n700,-2\n")
    (tmp_path / "curve.csv").write_text("test_time_second,voltage_volt\n0,3.8\n33,3.7\n444,3.6\n")
    text = (
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n[protocols.p]\n"
        "profile = 'profile.csv'\npositive = 'discharge'\ninitial_soc = 0.5\n%s"
        "[output]\nevery = 60\nsummary = ['energy'%s]\n"
    )
    curve = "[[measured]]\ncell = 'A'\nprotocol = 'p'\nfile = 'curve.csv'\n"
    found = []
    for filled in (text % ("", ""), text % (curve, ", 'rmse'")):
        [(group, item)] = make_plan(make_sweep(filled)).placed
        *_, result = answers(group, (item,), Builds())
        found.append(result)
    times = [result.columns["test_time_second"] for result in found]
    np.testing.assert_allclose(times[0], times[1], atol=1e-6)
    energies = [result.summary["energy [W.h]"] for result in found]
    assert energies[0] == pytest.approx(energies[1], rel=1e-4)
