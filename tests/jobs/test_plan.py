"""A plan: which tasks there are, what they are called, and which share a built model."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from math import prod
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import battsweep
from battsweep.errors import SpecError
from battsweep.jobs.plan import make_plan
from battsweep.sweep.load import load_sweep

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n'
ONE = f"{HEAD}[models.SPM]\n"
CONSTANT = '[protocols.p]\ndischarge = "{rate}C"\n'
THICKNESS = "Negative electrode thickness [m]"
DIFFUSIVITY = "Negative particle diffusivity [m2.s-1]"
NEW_PROCESS = """
import json, sys
from battsweep.jobs.plan import make_plan
from battsweep.sweep.load import load_sweep
plan = make_plan(load_sweep(sys.argv[1]))
print(json.dumps([plan.sweep_id, [task.id for task in plan.tasks], plan.groups()]))
"""


def axis(name, values):
    return f"[[axes]]\n'{name}' = {values}\n"


def test_models_are_groups_and_what_is_an_input_is_not(make_sweep):
    text = f"{HEAD}[models.SPM]\n[models.SPMe]\n[models.DFN]\n{CONSTANT}"
    plan = make_plan(
        make_sweep(text + axis("rate", [0.5, 1, 2]) + axis(DIFFUSIVITY, [2e-14, 3e-14]))
    )
    assert list(plan.groups().values()) == [6, 6, 6]
    for group, item in plan.placed:
        assert item.inputs["Current function [A]"] == 5 * item.task.varied["rate"]
        assert item.inputs[DIFFUSIVITY] == item.task.varied[DIFFUSIVITY]
        assert set(group.inputs) == set(item.inputs)


OWN_MESH = f'{ONE}geometry = "rebuild"\n'


def test_a_thickness_is_a_group_a_value_with_the_mesh_of_pybamm(make_sweep):
    text = f"{OWN_MESH}{CONSTANT}{axis('rate', [0.5, 1])}{axis(THICKNESS, [8e-5, 9e-5, 1e-4])}"
    plan = make_plan(make_sweep(text))
    assert list(plan.groups().values()) == [2, 2, 2]
    for group, item in plan.placed:
        assert group.cell.overrides == {THICKNESS: item.task.varied[THICKNESS]}


def test_lengths_share_one_build_on_a_mesh_of_symbols_which_all_tasks_of_the_model_have(make_sweep):
    rows = axis(THICKNESS, [8e-5, 9e-5, 1e-4])
    plan = make_plan(
        make_sweep(f"{HEAD}[models.SPM]\n[models.SPMe]\n{CONSTANT}{axis('rate', [1])}{rows}")
    )
    assert list(plan.groups().values()) == [3, 3]
    for group, item in plan.placed:
        assert group.model.geometry == "symbolic"
        assert item.inputs[THICKNESS] == item.task.varied[THICKNESS]
        assert plan.catalogue.resolved.models[item.task.model]["submesh"] == "symbolic"


def test_the_mesh_is_part_of_what_a_task_is_and_how_it_is_solved_is_not(make_sweep):
    def ids(model, varied=f"[[axes]]\n'{THICKNESS}' = [8e-5]\n"):
        return [
            t.id
            for t in make_plan(make_sweep(f"{model}{CONSTANT}{axis('rate', [1])}{varied}")).tasks
        ]

    symbolic = f'{ONE}geometry = "symbolic"\n'
    assert ids(ONE) == ids(symbolic)
    assert ids(ONE) != ids(OWN_MESH)
    assert ids(ONE, "") == ids(OWN_MESH, "") != ids(symbolic, "")


def test_a_mesh_that_pybamm_cannot_make_of_symbols_is_a_fault_where_it_is_asked_for(make_sweep):
    options = "options = { 'current collector' = 'potential pair', dimensionality = 1 }\n"
    height = axis("Electrode height [m]", [0.06, 0.07])
    text = f"{ONE}{options}{CONSTANT}{axis('rate', [1])}{height}"
    assert len(make_plan(make_sweep(text)).groups()) == 2
    with pytest.raises(SpecError, match="cannot build it"):
        make_plan(make_sweep(text.replace("[models.SPM]", "[models.SPM]\ngeometry = 'symbolic'")))


@pytest.mark.parametrize(
    ("steps", "values", "groups"),
    [
        ("Discharge at {x}C until 3 V", "[0.5, 1]", [4]),
        ("Discharge at {x} A until 3 V", "[2, -1, 3]", [4, 2]),
        (
            "{x}",
            '["Rest for 1 hour", "Discharge at 1C until 3 V", "Discharge at 2C until 3.1 V"]',
            [2, 4],
        ),
        ("Discharge at 1C {x}", '["until 3 V", "for 10 minutes", "for 20 minutes"]', [2, 4]),
        ("Discharge at {x} until 3 V", '["1C", "5 A"]', [2, 2]),
    ],
)
def test_steps_of_like_structure_share_one_experiment(make_sweep, steps, values, groups):
    text = f"{ONE}[protocols.p]\nsteps = ['{steps}']\n"
    plan = make_plan(make_sweep(text + axis("x", values) + axis(DIFFUSIVITY, [2e-14, 3e-14])))
    assert list(plan.groups().values()) == groups


def test_states_of_charge_share_one_build(make_sweep):
    protocol = "[protocols.p]\ncharge = 'C/2'\ninitial_soc = '{soc}'\n"
    plan = make_plan(make_sweep(ONE + protocol + axis("soc", [0.1, 0.5, 0.9])))
    assert list(plan.groups().values()) == [3]
    assert [item.initial_soc for _, item in plan.placed] == [0.1, 0.5, 0.9]
    assert {item.inputs["Current function [A]"] for _, item in plan.placed} == {-2.5}


def test_charge_and_discharge_share_one_build(make_sweep):
    text = "[protocols.down]\ndischarge = '1C'\n[protocols.up]\ncharge = '2 A'\n"
    plan = make_plan(make_sweep(ONE + text))
    assert list(plan.groups().values()) == [2]
    assert [item.inputs["Current function [A]"] for _, item in plan.placed] == [5, -2]


AXES = {
    DIFFUSIVITY: ([2e-14, 3e-14], False),
    "Ambient temperature [K]": ([290.0, 300.0, 310.0], False),
    "Nominal cell capacity [A.h]": ([4.0, 5.0], False),
    THICKNESS: ([8e-5, 9e-5], True),
    "Negative electrode porosity": ([0.25, 0.3, 0.35], False),
}


@settings(
    deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.permutations(sorted(AXES)), st.integers(0, len(AXES)))
def test_groups_multiply_with_what_is_built_and_every_task_has_all_its_values(
    make_sweep, names, count
):
    chosen = names[:count]
    varied = "".join(axis(name, AXES[name][0]) for name in chosen)
    plan = make_plan(make_sweep(f"{OWN_MESH}{CONSTANT}{axis('rate', [1, 2])}{varied}"))
    assert len(plan.groups()) == prod(len(AXES[name][0]) for name in chosen if AXES[name][1])
    assert len(plan.tasks) == 2 * prod(len(AXES[name][0]) for name in chosen)
    assert len({task.id for task in plan.tasks}) == len(plan.tasks)
    for group, item in plan.placed:
        given_values = {**group.cell.overrides, **item.inputs}
        assert {name: given_values[name] for name in chosen} == item.task.parameters
    [place] = plan.places
    assert {n for n, how in place.swept.items() if how.rebuilds} == {
        name for name in chosen if AXES[name][1]
    }


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Discharge at 1C for 30 minutes", "Discharge at 1 C for 0.5 hours"),
        ("Charge at 500 mA until 4.2 V", "Charge at 0.5 A until 4.2V"),
        ("Hold at 4.2 V until C/50", "Hold at 4.2V until 0.02C"),
    ],
)
def test_steps_that_mean_the_same_are_one_task(first, second, make_sweep):
    text = f"[protocols.one]\nsteps = ['{first}']\n[protocols.other]\nsteps = ['{second}']\n"
    plan = make_plan(make_sweep(ONE + text))
    assert len(plan.tasks) == 2
    assert len({task.id for task in plan.tasks}) == 1


def test_the_same_physics_under_other_labels_is_one_task(make_sweep):
    text = (
        f"{HEAD}[cells.B]\nparameter_set = 'Chen2020'\n"
        f"overrides = {{ '{THICKNESS}' = 8.52e-5 }}\n"
        "[models.SPM]\n[models.again]\ntype = 'SPM'\noptions = { thermal = 'isothermal' }\n"
        "mesh = { x_n = 20 }\n[protocols.p]\ndischarge = '1C'\n[protocols.q]\ndischarge = '1.0 C'\n"
    )
    plan = make_plan(make_sweep(text))
    assert len(plan.tasks) == 8
    assert len({task.id for task in plan.tasks}) == 1
    assert len(plan.groups()) == 1


@pytest.mark.parametrize(
    "change",
    [
        (f"{axis(THICKNESS, [8e-5])}", f"{axis(THICKNESS, [8.1e-5])}"),
        ("discharge = '1C'", "charge = '1C'"),
        ("discharge = '1C'", "discharge = '1C'\ninitial_soc = 0.9"),
        ("[models.SPM]", "[models.SPM]\noptions = { thermal = 'lumped' }"),
        ("[models.SPM]", "[models.SPM]\nmesh = { x_n = 21 }"),
        ("every = 60", "every = 61"),
        ("rtol = 1e-6", "rtol = 1e-7"),
    ],
)
def test_whatever_changes_the_numbers_changes_the_id(change, make_sweep):
    text = (
        f"{ONE}[protocols.p]\ndischarge = '1C'\n{axis(THICKNESS, [8e-5])}"
        "[output]\nevery = 60\n[run]\nsolver = { rtol = 1e-6 }\n"
    )
    assert change[0] in text
    ids = {make_plan(make_sweep(t)).tasks[0].id for t in (text, text.replace(*change))}
    assert len(ids) == 2


def test_ids_and_groups_are_the_same_in_a_new_process(make_sweep):
    steps = "[protocols.s]\nsteps = ['Discharge at {rate}C until 3 V', 'Rest for 1 hour']\n"
    options = "[models.DFN]\noptions = { thermal = 'lumped', SEI = 'constant' }\n"
    varied = axis("rate", [0.5, 1]) + axis(THICKNESS, [8e-5, 9e-5])
    sweep = make_sweep(f"{ONE}{options}{CONSTANT}{steps}{varied}")
    plan = make_plan(sweep)
    root = Path(battsweep.__file__).parents[1]
    done = subprocess.run(
        [sys.executable, "-c", NEW_PROCESS, str(sweep.path)],
        env={**os.environ, "PYTHONHASHSEED": "4321", "PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert json.loads(done.stdout) == [
        plan.sweep_id,
        [task.id for task in plan.tasks],
        plan.groups(),
    ]


CURVES = """
[[measured]]
cell = "A"
protocol = "p"
at = { rate = 1 }
file = "one.csv"
[[measured]]
cell = "A"
protocol = "p"
at = { rate = 2 }
file = "two.csv"
[[measured]]
cell = "B"
protocol = "p"
at = { rate = 1 }
file = "other.csv"
[fit]
data = ["one", "other"]
hold_out = ["two"]
[fit.parameters]
"Negative particle diffusivity [m2.s-1]" = { from = 1e-14, to = 1e-13, scale = "log" }
"""
CELLS = f"{HEAD}[cells.B]\nparameter_set = 'Ai2020'\n[cells.C]\nparameter_set = 'Chen2020'\n"


@pytest.fixture
def curve_files(tmp_path):
    """Write the measured files that `CURVES` names."""
    for number, name in enumerate(("one", "two", "other")):
        voltages = (4.1 - number / 100, 4.0, 3.9)
        rows = "".join(f"{10 * k},{v}\n" for k, v in enumerate(voltages))
        (tmp_path / f"{name}.csv").write_text(f"test_time_second,voltage_volt\n{rows}")


def test_a_fit_is_one_task_for_each_cell_with_curves_and_each_model(make_sweep, curve_files):
    text = f"{CELLS}[models.SPM]\n[models.SPMe]\n{CONSTANT}{CURVES}"
    plan = make_plan(make_sweep(text))
    assert [(t.kind, t.cell, t.model) for t in plan.tasks] == [
        ("fit", "A", "SPM"),
        ("fit", "A", "SPMe"),
        ("fit", "B", "SPM"),
        ("fit", "B", "SPMe"),
    ]
    assert plan.groups() == {"fit": 4}
    assert len({task.id for task in plan.tasks}) == 4


def test_a_fit_has_its_own_curves_with_the_free_parameters_as_inputs(make_sweep, curve_files):
    plan = make_plan(make_sweep(f"{CELLS}[models.SPM]\n{CONSTANT}{CURVES}"))
    of_a, of_b = (item for _, item in plan.placed)
    roles = [[(c.role, c.item.measured.name) for c in item.curves] for item in (of_a, of_b)]
    assert roles == [[("fit", "one"), ("hold-out", "two")], [("fit", "other")]]
    for curve in (*of_a.curves, *of_b.curves):
        group, _ = curve.untouched
        assert DIFFUSIVITY in curve.group.inputs
        assert DIFFUSIVITY not in group.inputs
        assert curve.group.cell == group.cell
    assert [curve.item.inputs["Current function [A]"] for curve in of_a.curves] == [5, 10]
    assert of_a.start == {DIFFUSIVITY: 3.3e-14}


def test_a_function_of_the_set_is_no_start_for_a_fit(make_sweep, curve_files):
    text = f"{CELLS}[models.SPM]\n{CONSTANT}{CURVES}"
    name = "Negative electrode exchange-current density [A.m-2]"
    plan = make_plan(make_sweep(text.replace(DIFFUSIVITY, name)))
    assert plan.placed[0][1].start == {name: None}


def test_a_length_is_fitted_on_a_mesh_of_symbols(make_sweep, curve_files):
    text = f"{CELLS}[models.SPM]\n{CONSTANT}{CURVES}".replace(DIFFUSIVITY, THICKNESS)
    plan = make_plan(make_sweep(text))
    assert {place.swept[THICKNESS].how for place in plan.places} == {"symbolic geometry"}
    for _, item in plan.placed:
        for curve in item.curves:
            assert {g.model.geometry for g in (curve.group, curve.untouched[0])} == {"symbolic"}
            assert THICKNESS in curve.group.inputs


def test_what_is_built_again_cannot_be_fitted_and_every_model_says_so_at_its_place(
    make_sweep, curve_files
):
    own = "geometry = 'rebuild'\n"
    text = f"{CELLS}[models.SPM]\n{own}[models.SPMe]\n{own}{CONSTANT}{CURVES}"
    sweep = make_sweep(text.replace(DIFFUSIVITY, THICKNESS))
    with pytest.raises(SpecError) as caught:
        make_plan(sweep)
    assert {fault.place for fault in caught.value.faults} == {f"fit.parameters.{THICKNESS}"}
    assert len(caught.value.faults) == 2
    assert "'SPMe'" in str(caught.value)
    assert "sweep it instead" in str(caught.value)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Current function [A]", "the protocol sets the current"),
        ("Initial concentration in positive electrode [mol.m-3]", "initial_soc sets this too"),
    ],
)
def test_what_the_protocol_sets_cannot_be_fitted(name, message, make_sweep, curve_files):
    text = f"{CELLS}[models.SPM]\n{CONSTANT}initial_soc = 0.9\n{CURVES}"
    with pytest.raises(SpecError, match=message) as caught:
        make_plan(make_sweep(text.replace(DIFFUSIVITY, name)))
    assert {fault.place for fault in caught.value.faults} == {f"fit.parameters.{name}"}


@pytest.mark.parametrize("change", [("seed = 0", "seed = 1"), ("4.1", "4.11"), ("1e-13", "2e-13")])
def test_whatever_changes_a_fit_changes_its_id(change, make_sweep, curve_files, tmp_path):
    text = f"seed = 0\n{CELLS}[models.SPM]\n{CONSTANT}{CURVES}"
    before = make_plan(make_sweep(text)).tasks[0].id
    curve = tmp_path / "one.csv"
    curve.write_text(curve.read_text().replace(*change))
    assert make_plan(make_sweep(text.replace(*change))).tasks[0].id != before


def test_loading_the_same_file_again_plans_the_same(make_sweep):
    sweep = make_sweep(f"{ONE}{CONSTANT}{axis('rate', [0.5, 1])}")
    first, second = make_plan(sweep), make_plan(load_sweep(sweep.path))
    assert (first.sweep_id, first.tasks, first.groups()) == (
        second.sweep_id,
        second.tasks,
        second.groups(),
    )
