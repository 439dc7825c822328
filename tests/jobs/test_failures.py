"""Every failed task gets a class from the closed list, and what is true of it is kept."""

from __future__ import annotations

import pytest

from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers
from battsweep.store.receipts import FAILURE_CLASSES

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n[models.SPM]\n'
TAIL = "[output]\nevery = 60\nsummary = ['capacity']\n"


def outcome(sweep):
    """Return the only task's result."""
    [(group, item)] = make_plan(sweep).placed
    *_, result = answers(group, (item,), Builds())
    assert isinstance(result, Result)
    assert result.failure is None or result.failure.failure_class in FAILURE_CLASSES
    return result


def test_a_step_that_ends_at_the_wrong_event_is_infeasible_and_keeps_its_rows(make_sweep):
    steps = ["Discharge at C/2 until 3 V", "Discharge at 4C for 1 hour"]
    result = outcome(make_sweep(f"{HEAD}[protocols.p]\nsteps = {steps}\n{TAIL}"))
    assert result.failure.failure_class == "infeasible"
    assert "cycle 1, step 2 (Discharge at 4C for 1 hour)" in result.failure.message
    assert len(result.columns["voltage_volt"]) > 10
    assert result.summary == {}


def test_whole_cycles_before_a_failure_keep_their_summaries(make_sweep):
    # Each cycle takes out more than it puts back, until a step cannot end.
    steps = ["Discharge at 1C for 20 minutes", "Charge at 1C for 5 minutes"]
    result = outcome(make_sweep(f"{HEAD}[protocols.p]\nsteps = {steps}\ncycles = 6\n{TAIL}"))
    assert result.failure.failure_class == "infeasible"
    assert [c["cycle_count"] for c in result.cycles] == [1, 2, 3]
    assert result.cycles[0]["capacity [A.h]"] == pytest.approx(5 / 3, rel=1e-3)


def test_a_cut_off_above_the_starting_voltage_is_infeasible(make_sweep):
    text = f"{HEAD}[protocols.p]\ndischarge = '1C'\n[[axes]]\n'Lower voltage cut-off [V]' = [4.5]\n"
    result = outcome(make_sweep(text + TAIL))
    assert result.failure.failure_class == "infeasible"
    assert "Minimum voltage" in result.failure.message
    assert "SolverError" in result.traceback


def test_a_profile_that_ends_at_the_cut_off_is_infeasible_and_keeps_its_rows(make_sweep, tmp_path):
    (tmp_path / "long.csv").write_text("0,5\n20000,5\n")
    result = outcome(
        make_sweep(f"{HEAD}[protocols.p]\nprofile = 'long.csv'\npositive = 'discharge'\n{TAIL}")
    )
    assert result.failure.failure_class == "infeasible"
    assert "of 20000 s" in result.failure.message
    assert result.columns["current_ampere"][0] == pytest.approx(-5)


def test_a_cell_far_larger_than_its_nominal_capacity_still_reaches_its_limit(make_sweep):
    text = f"{HEAD}[protocols.p]\ndischarge = '1C'\n[[axes]]\n'Electrode height [m]' = [2.0]\n"
    result = outcome(make_sweep(text + TAIL))
    assert result.failure is None
    assert result.columns["voltage_volt"][-1] == pytest.approx(2.5, abs=1e-3)
    assert result.columns["test_time_second"][-1] > 5 * 3600


def test_a_discharge_that_ends_at_no_voltage_limit_is_infeasible(make_sweep):
    sweep = make_sweep(
        "name = 't'\n[cells.A]\nparameter_set = 'OKane2022'\n[models.M]\ntype = 'SPM'\n"
        "options = { SEI = 'ec reaction limited', 'SEI porosity change' = true }\n"
        "[protocols.p]\ndischarge = 'C/5'\n[[axes]]\n'EC diffusivity [m2.s-1]' = [2e-12]\n"
    )
    result = outcome(sweep)
    assert result.failure.failure_class == "infeasible"
    assert "Zero negative electrode porosity cut-off" in result.failure.message
    assert len(result.columns["voltage_volt"]) > 10


def test_a_protocol_all_of_whose_steps_are_skipped_is_infeasible(make_sweep):
    steps = ["Charge at 1C until 4.0 V"]
    result = outcome(make_sweep(f"{HEAD}[protocols.p]\nsteps = {steps}\ninitial_soc = 1.0\n{TAIL}"))
    assert result.failure.failure_class == "infeasible"


def test_the_time_may_be_a_summary(make_sweep):
    text = f"{HEAD}[protocols.p]\ndischarge = '1C'\n[output]\nsummary = ['end Time [s]']\n"
    result = outcome(make_sweep(text))
    assert result.summary["end Time [s]"] == result.columns["test_time_second"][-1]


def test_an_input_without_effect_is_said_in_the_log(make_sweep):
    text = f"{HEAD}[protocols.p]\ndischarge = '1C'\n[[axes]]\n'Contact resistance [Ohm]' = [0.1]\n"
    result = outcome(make_sweep(text + TAIL))
    assert result.failure is None
    assert "'Contact resistance [Ohm]' is in no equation of this model" in result.log
