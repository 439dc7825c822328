"""Numbers in steps as inputs: every task is what PyBaMM makes of its own text."""

from __future__ import annotations

import numpy as np
import pytest

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n[models.SPM]\n'
TAIL = "[output]\nevery = 60\n[run]\nsolver = { rtol = 1e-8, atol = 1e-8 }\n"
CLOSE_V = 2e-7


def protocol(steps, more=""):
    return f"[protocols.p]\nsteps = {list(steps)}\n{more}\n"


def axis(name, values):
    return f"[[axes]]\n'{name}' = {values}\n"


def compare(found, sweep, plain, close=CLOSE_V):
    """Check every result of a sweep against its own plain simulation."""
    for _, item, result in found:
        expected = plain(sweep, item.task)
        times = result.columns["test_time_second"]
        kept = [s for c in expected.cycles for s in c.steps if len(s.t) > 1]
        np.testing.assert_allclose(times, np.concatenate([s.t for s in kept]), rtol=1e-6, atol=1e-3)
        voltage = np.concatenate([s["Voltage [V]"].entries for s in kept])
        np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=close)
        assert result.method == "reused"


CASES = {
    "a C-rate, whose default duration follows from it": (
        ["Discharge at {x}C until 3.2 V", "Rest for 10 minutes"],
        [0.2, 1, 2],
        1,
    ),
    "a current": (["Discharge at {x} A until 3.4 V"], [2, 5], 1),
    "a part of a C-rate": (["Discharge at C/{x} until 3.5 V"], [1, 3], 1),
    "a voltage that is held, and where charging ends": (
        ["Charge at 1C until {x} V", "Hold at {x} V until C/20"],
        [4.1, 4.15],
        1,
    ),
    "where a discharge ends": (["Discharge at 1C until {x} V"], [3.2, 3.6], 1),
    "where a hold ends": (
        ["Charge at 1C until 4.1 V", "Hold at 4.1 V until {x} mA"],
        [400, 900],
        1,
    ),
    "a duration": (
        ["Discharge at 1C for {x} minutes or until 3 V", "Rest for {x} minutes"],
        [5, 20],
        1,
    ),
    "a power": (["Discharge at {x} W for 20 minutes or until 3 V"], [5, 15], 1),
    "a sign": (["Discharge at {x} A for 10 minutes"], [-2, 3, 2], 2),
    "nothing at all": (["Discharge at {x} A for 10 minutes or until 3 V"], [0, 3], 2),
    "a voltage a rest never ends at": (["Rest for 10 minutes or until {x} V"], [3, 4.19], 1),
}


@pytest.mark.parametrize("case", CASES)
def test_numbers_in_steps_are_inputs_of_one_experiment(case, make_sweep, solved, plain):
    steps, values, groups = CASES[case]
    soc = "initial_soc = 0.6" if "Charge" in steps[0] else "initial_soc = 0.9"
    sweep = make_sweep(HEAD + protocol(steps, soc) + axis("x", values) + TAIL)
    found = solved(sweep)
    compare(found, sweep, plain)
    assert len({group.key for group, _, _ in found}) == groups


def test_steps_that_are_axes_share_an_experiment_where_their_structure_is_one(
    make_sweep, solved, plain
):
    first = '["Discharge at 1C until 3.8 V", "Discharge at C/2 for 9 minutes", "Rest for 9 minutes", "Discharge at 2C until 3.7 V"]'
    second = protocol(["{first}", "Charge at C/2 for 5 minutes"], "initial_soc = 0.8")
    sweep = make_sweep(HEAD + second + axis("first", first) + TAIL)
    found = solved(sweep)
    compare(found, sweep, plain)
    groups = [group.key for group, _, _ in found]
    assert groups[0] == groups[3]
    assert len(set(groups)) == 3


def test_cycles_of_varied_steps_repeat_them(make_sweep, solved, plain):
    steps = [
        "Discharge at {x}C for 10 minutes",
        "Rest for 2 minutes",
        "Discharge at {x}C for 10 minutes",
    ]
    sweep = make_sweep(
        HEAD + protocol(steps, "cycles = 2\ninitial_soc = 0.9") + axis("x", [0.3, 0.6]) + TAIL
    )
    found = solved(sweep)
    compare(found, sweep, plain)
    assert {tuple(np.unique(r.columns["cycle_count"])) for _, _, r in found} == {(1, 2)}


def test_capacity_and_temperature_follow_the_rates_of_varied_steps(make_sweep, solved, plain):
    varied = "[[axes]]\n" + "".join(
        f"'{name}' = {rows}\n"
        for name, rows in {
            "x": [0.5, 1.0],
            "Nominal cell capacity [A.h]": [4.5, 5.2],
            "Ambient temperature [K]": [290.0, 305.0],
            "Positive particle radius [m]": [5e-6, 5.4e-6],
            "initial_soc": [0.8, 0.9],
        }.items()
    )
    steps = [
        "Discharge at {x}C until 3.6 V",
        "Charge at C/2 until 3.9 V",
        "Hold at 3.9 V until C/5",
    ]
    sweep = make_sweep(HEAD + protocol(steps) + varied + TAIL)
    found = solved(sweep)
    compare(found, sweep, plain)
    assert len({group.key for group, _, _ in found}) == 1


def test_a_step_that_cannot_be_done_fails_its_own_task_and_no_other(make_sweep, solved, plain):
    steps = ["Discharge at {x} A for 30 minutes", "Rest for 5 minutes"]
    sweep = make_sweep(HEAD + protocol(steps, "initial_soc = 0.5") + axis("x", [2, 40, 3]) + TAIL)
    found = solved(sweep)
    assert len({group.key for group, _, _ in found}) == 1
    compare([found[0], found[2]], sweep, plain)
    failed = found[1][2]
    assert failed.failure.failure_class == "infeasible"
    assert "Discharge at 40 A for 30 minutes" in failed.failure.message
    assert failed.columns["voltage_volt"].size > 1


def test_a_default_time_that_is_too_short_fails_as_it_does_without_inputs(
    make_sweep, solved, plain
):
    # PyBaMM gives a C-rate twice its time; 0.9 C-rates of a capacity that is too small do not get there
    steps = ["Discharge at {x}C until 2.6 V", "Rest for 1 minute"]
    name = "Nominal cell capacity [A.h]"
    sweep = make_sweep(HEAD + protocol(steps) + axis("x", [0.9, 2.5]) + axis(name, [1.0]) + TAIL)
    for _, item, result in solved(sweep):
        expected = plain(sweep, item.task)
        assert result.failure.failure_class == "infeasible"
        assert result.columns["test_time_second"][-1] == pytest.approx(expected.t[-1], abs=1e-3)
        assert result.columns["test_time_second"][-1] == pytest.approx(7200 / item.task.varied["x"])


def test_a_skipped_step_is_skipped_for_its_own_task_only(make_sweep, solved, plain):
    steps = ["Discharge at 1C for 5 minutes", "Discharge at C/5 until {x} V", "Rest for 5 minutes"]
    sweep = make_sweep(HEAD + protocol(steps, "initial_soc = 0.7") + axis("x", [4.1, 3.7]) + TAIL)
    found = solved(sweep)
    compare(found, sweep, plain)
    assert ["skipped" in result.log for _, _, result in found] == [True, False]
