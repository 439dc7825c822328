from dataclasses import replace

import numpy as np
import pytest

from battsweep.jobs.batch import attempts, batches
from battsweep.jobs.build import Built
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import attempt
from battsweep.sweep.load import load_sweep

HEAD = """
name = "direct"
[cells.A]
parameter_set = "Chen2020"
[models.M]
type = "MODEL"
[protocols.P]
"""
DIFFUSIVITIES = """
[[axes]]
sample = { method = "sobol", points = 8 }
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 5e-14 }
"Negative electrode active material volume fraction" = { from = 0.7, to = 0.8 }
[output]
every = "2 min"
series = ["Voltage [V]", "Current [A]", "X-averaged cell temperature [K]"]
summary = ["capacity", "energy", "mean Voltage [V]"]
"""
CYCLING = """steps = ["Discharge at 2C until 3.2 V", "Rest for 5 minutes", "Charge at 2C until 3.9 V",
  "Hold at 3.9 V until C/3"]
cycles = 2
"""
PROTOCOLS = {
    "discharge": 'discharge = "1C"\n',
    "discharge from a state of charge": 'discharge = "1C"\ninitial_soc = 0.8\n',
    "charge for a time": 'charge = "0.5C"\ninitial_soc = 0.2\nduration = "20 min"\n',
    "cycling": CYCLING,
    "cycling from a state of charge": CYCLING + "initial_soc = 0.9\n",
}


def placed(folder, protocol, model="SPM"):
    path = folder / "sweep.toml"
    path.write_text(HEAD.replace("MODEL", model) + protocol + DIFFUSIVITIES)
    found = make_plan(load_sweep(path)).placed
    return found[0][0], [item for _, item in found]


def built_for(group, item):
    built = Built(group)
    built.build(item.inputs, initial_soc=item.initial_soc)
    return built


@pytest.mark.parametrize(
    ("protocol", "model"),
    [
        *((protocol, "SPM") for protocol in PROTOCOLS),
        ("discharge", "DFN"),
        ("cycling from a state of charge", "SPMe"),
        ("cycling", "DFN"),
    ],
)
def test_the_solvers_own_call_gives_pybamms_answer_to_the_last_bit(tmp_path, protocol, model):
    group, items = placed(tmp_path, PROTOCOLS[protocol], model)
    built = built_for(group, items[0])
    found = [r for batch in batches(built, items) for r in attempts(built, batch)]
    assert built.can_take_lists(items[0]) or built.step_through(items[0].inputs, items[0])
    for item, result in zip(items, found, strict=True):
        alone = attempt(built_for(group, item), item)
        assert result.failure is None
        assert result.summary == alone.summary
        for name, values in alone.columns.items():
            assert np.array_equal(values, result.columns[name]), name


def test_tasks_are_solved_in_lists_and_in_order(tmp_path):
    group, items = placed(tmp_path, PROTOCOLS["discharge"])
    built = built_for(group, items[0])
    sizes = []
    for batch in batches(built, items):
        sizes.append(len(batch))
        attempts(built, batch)
    assert sizes[0] == 1
    assert sum(sizes) == len(items)
    assert max(sizes) > 1


def test_one_that_cannot_be_solved_spoils_no_other_of_its_list(tmp_path):
    group, items = placed(tmp_path, PROTOCOLS["discharge"])
    built = built_for(group, items[0])
    attempts(built, items[:1])
    nonsense = dict.fromkeys(items[3].inputs, float("nan"))
    spoilt = [*items[:3], type(items[3])(items[3].task, nonsense, None, items[3].duration_s)]
    found = attempts(built, [*spoilt, *items[4:]])
    assert [r.failure is None for r in found] == [True, True, True, False, *[True] * 4]
    for item, result in zip(items[4:], found[4:], strict=True):
        alone = attempt(built_for(group, item), item)
        for name, values in alone.columns.items():
            assert np.array_equal(values, result.columns[name]), name


def test_one_without_an_initial_state_spoils_no_other_of_its_list(tmp_path):
    path = tmp_path / "sweep.toml"
    axis = "'Maximum concentration in positive electrode [mol.m-3]' = [63104, 63000, 5000, 62900]"
    text = HEAD.replace("MODEL", "SPM") + PROTOCOLS["discharge from a state of charge"]
    path.write_text(f"{text}[[axes]]\n{axis}\n[output]\nevery = '2 min'\n")
    placed_items = make_plan(load_sweep(path)).placed
    group, items = placed_items[0][0], [item for _, item in placed_items]
    built = built_for(group, items[2])
    attempts(built, items[:1])
    found = attempts(built, items)
    assert [r.failure is None for r in found] == [True, True, False, True]
    assert attempts(built, [items[2]])[0].failure == found[2].failure
    assert found[2].failure.failure_class == "infeasible"


HALF = """
name = "half"
[cells.A]
parameter_set = "Xu2019"
[models.SPM]
options = { "working electrode" = "positive" }
[protocols.short]
discharge = "1C"
duration = "5 min"
initial_soc = "{soc}"
[protocols.long]
discharge = "1C"
duration = "10 min"
initial_soc = "{soc}"
[[axes]]
soc = [0.9, 0.5]
[output]
every = "1 min"
SUMMARY
"""


@pytest.mark.parametrize("summary", ["", "summary = ['Total lithium lost [mol]']"])
def test_a_state_that_is_set_on_the_model_is_each_task_s_own(tmp_path, summary):
    path = tmp_path / "sweep.toml"
    path.write_text(HALF.replace("SUMMARY", summary))
    plan = make_plan(load_sweep(path))
    group, items = plan.placed[0][0], [plan.placed[k][1] for k in (0, 2, 1, 3)]
    assert len(plan.groups()) == 1
    built = built_for(group, items[0])
    for item in items:
        [result], [alone] = attempts(built, [item]), attempts(built_for(group, item), [item])
        assert result.failure is None
        assert result.summary == alone.summary
        for name, values in alone.columns.items():
            assert np.array_equal(values, result.columns[name]), name


MSMR = """
name = "msmr"
[cells.A]
parameter_set = "MSMR_Example"
[models.MSMR]
options = { "number of MSMR reactions" = ["6", "4"] }
[protocols.p]
discharge = "1C"
duration = "5 min"
initial_soc = "{soc}"
[[axes]]
soc = [0.9, 0.5]
[output]
every = "1 min"
summary = ["Loss of lithium inventory [%]"]
"""


def test_a_state_that_could_not_be_set_leaves_none_behind(tmp_path):
    path = tmp_path / "sweep.toml"
    path.write_text(MSMR)
    plan = make_plan(load_sweep(path))
    group, items = plan.placed[0][0], [item for _, item in plan.placed]
    built = built_for(group, items[0])
    assert attempts(built, [items[1]])[0].failure is None
    assert attempts(built, [replace(items[1], initial_soc=1.5)])[0].failure is not None
    [after], [alone] = attempts(built, [items[1]]), attempts(built_for(group, items[1]), [items[1]])
    assert after.summary == alone.summary
    assert np.array_equal(after.columns["voltage_volt"], alone.columns["voltage_volt"])
