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
