"""Tasks that share a built model and start at different states."""

from __future__ import annotations

import numpy as np
import pybamm
import pytest

from battsweep.jobs.initial import refers_to_its_start
from battsweep.jobs.plan import make_plan
from battsweep.jobs.warm import Builds, answers

STEPS = ("Discharge at 2C until 3.2 V", "Charge at 1C until 4.1 V")
SWEEP = f"""
name = "starts"
[cells.A]
parameter_set = "OKane2022"
[models.SPM]
options = {{ SEI = "ec reaction limited" }}
[protocols.p]
steps = {list(STEPS)}
cycles = 3
initial_soc = "{{soc}}"
[[axes]]
soc = [0.9, 0.6]
"Negative electrode active material volume fraction" = [0.75, 0.6]
[output]
every = "5 min"
summary = SUMMARY
[run]
checkpoint = 1
"""
LOST = "Loss of lithium inventory [%]"


def solved(plan, numbers):
    group = plan.placed[0][0]
    items = tuple(plan.placed[number][1] for number in numbers)
    return list(answers(group, items, Builds()))[1:]


def test_what_is_lost_counts_from_each_task_s_own_start(make_sweep):
    plan = make_plan(make_sweep(SWEEP.replace("SUMMARY", f"['{LOST}']")))
    assert len(plan.groups()) == 1
    for (_, item), result in zip(plan.placed, solved(plan, (0, 1)), strict=True):
        values = pybamm.ParameterValues("OKane2022")
        values.update(dict(item.inputs))
        simulation = pybamm.Simulation(
            pybamm.lithium_ion.SPM({"SEI": "ec reaction limited"}),
            parameter_values=values,
            experiment=pybamm.Experiment([STEPS] * 3, period=300.0),
            solver=pybamm.IDAKLUSolver(rtol=1e-5, atol=1e-6),
        )
        solution = simulation.solve(initial_soc=item.initial_soc, calc_esoh=False)
        plain = [float(cycle.steps[-1][LOST].data[-1]) for cycle in solution.cycles]
        assert [cycle[LOST] for cycle in result.cycles] == pytest.approx(plain, rel=1e-6)


@pytest.mark.parametrize("summary", ["['capacity']", f"['{LOST}', 'Capacity [A.h]']"])
def test_a_task_s_numbers_are_the_same_alone_and_after_another(summary, make_sweep):
    plan = make_plan(make_sweep(SWEEP.replace("SUMMARY", summary)))
    [alone], [_, after] = solved(plan, (1,)), solved(plan, (0, 1))
    assert alone.cycles == after.cycles
    for name, values in alone.columns.items():
        np.testing.assert_array_equal(values, after.columns[name])


def test_a_variable_that_counts_from_the_start_is_known_to_do_so():
    plain = pybamm.lithium_ion.SPM()
    assert not refers_to_its_start(plain, ["Voltage [V]", "Current [A]"])
    assert refers_to_its_start(plain, [LOST])
    assert refers_to_its_start(
        pybamm.lithium_ion.MSMR({"number of MSMR reactions": ("6", "4")}), [LOST]
    )
    two = pybamm.lithium_ion.SPM({"particle phases": ("2", "2")})
    assert refers_to_its_start(two, [LOST])


def test_an_input_that_only_the_initial_state_depends_on_is_not_said_to_have_no_effect(make_sweep):
    axis = "'Open-circuit voltage at 100% SOC [V]' = [4.1, 4.2]"
    text = "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n[protocols.p]\n"
    plan = make_plan(make_sweep(f"{text}discharge = '1C'\ninitial_soc = 0.9\n[[axes]]\n{axis}\n"))
    low, high = solved(plan, (0, 1))
    assert low.columns["voltage_volt"][0] < high.columns["voltage_volt"][0]
    assert not low.log
