"""Names in a sweep file against what PyBaMM knows: all faults at once, each with a way out."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.errors import SpecError
from battsweep.jobs.catalogue import catalogue, did_you_mean
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.plan import further_faults, make_plan
from battsweep.jobs.warm import Builds, answers
from battsweep.sweep.load import load_sweep

ALL_WRONG = """
name = "wrong"
[cells.Misspelt]
parameter_set = "Chen2021"
[cells.Unheard]
parameter_set = "My own cell"
[cells.A]
parameter_set = "Chen2020"
[cells.A.overrides]
"Negative electrode thicknes [m]" = 8e-5
"Current function [A]" = 2
"Initial concentration in negative electrode [mol.m-3]" = 3e4
[models.SPMx]
[models.option]
type = "SPM"
options = { thermall = "lumped" }
[models.value]
type = "SPM"
options = { thermal = "lump" }
[models.SPM]
mesh = { x_nn = 30 }
[protocols.p]
discharge = "1C"
initial_soc = 0.5
[[axes]]
"Current function [A]" = [1, 2]
[[axes]]
"Initial concentration in positive electrode [mol.m-3]" = [1e4, 2e4]
[output]
every = 60
series = [
    "Voltage [V]",
    "Volage [V]",
    "Cell temperature [K]",
    "Negative particle concentration [mol.m-3]",
]
summary = ["max Cell temperatur [C]", "capacity", "Discharge capcity [A.h]"]
"""
WAYS_OUT = {
    "cells.Misspelt.parameter_set": ["'Chen2021'", "did you mean 'Chen2020'"],
    "cells.Unheard.parameter_set": ["'My own cell'", "known sets: ", "Marquis2019"],
    "cells.A.overrides.Negative electrode thicknes [m]": [
        "not a parameter of 'Chen2020'",
        "did you mean 'Negative electrode thickness [m]'",
    ],
    "cells.A.overrides.Current function [A]": ["the protocol sets", "{placeholder}"],
    "cells.A.overrides.Initial concentration in negative electrode [mol.m-3]": [
        "initial_soc",
        "keep one",
    ],
    "models.SPMx.type": ["no lithium-ion model 'SPMx'", "did you mean 'SPM' or 'SPMe'"],
    "models.option.options": ["'thermall'", "Best matches are ['thermal']"],
    "models.value.options": ["'lump'", "'lumped'"],
    "models.SPM.mesh.x_nn": ["not a mesh domain of SPM", "did you mean 'x_n'"],
    "axes.0.Current function [A]": ["the protocol sets", "{placeholder}"],
    "axes.1.Initial concentration in positive electrode [mol.m-3]": ["initial_soc", "keep one"],
    "output.series.1": ["'Volage [V]'", "did you mean 'Voltage [V]'"],
    "output.series.2": ["varies in space", "'X-averaged cell temperature [K]'"],
    "output.series.3": ["varies in space", "'Average negative particle concentration [mol.m-3]'"],
    "output.summary.0": ["'Cell temperatur [C]'", "did you mean 'Cell temperature [C]'"],
    "output.summary.2": ["'Discharge capcity [A.h]'", "did you mean 'Discharge capacity [A.h]'"],
}
TAIL = '[models.SPM]\n[protocols.p]\ndischarge = "1C"\n[output]\nevery = 300\n'


@pytest.fixture(scope="module")
def faults(tmp_path_factory):
    """Return the faults of a file in which everything is wrong."""
    path = tmp_path_factory.mktemp("wrong") / "sweep.toml"
    path.write_text(ALL_WRONG)
    sweep = load_sweep(path)
    with pytest.raises(SpecError) as caught:
        catalogue(sweep)
    assert {fault.file for fault in caught.value.faults} == {str(path)}
    return caught.value.faults


def test_everything_that_is_wrong_is_said_once_and_at_the_same_time(faults):
    assert sorted(fault.place for fault in faults) == sorted(WAYS_OUT)


@pytest.mark.parametrize("place", WAYS_OUT)
def test_a_wrong_name_has_its_place_itself_and_the_way_out(place, faults):
    [message] = [fault.message for fault in faults if fault.place == place]
    for part in WAYS_OUT[place]:
        assert part in message
    assert "\n" not in message


@pytest.mark.parametrize(
    "variable",
    [
        "Cell temperature [K]",
        "Negative particle concentration [mol.m-3]",
        "Negative electrode interfacial current density [A.m-2]",
        "Electrolyte concentration [mol.m-3]",
    ],
)
def test_what_is_named_in_place_of_a_variable_in_space_can_be_stored(variable, make_sweep):
    text = f'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n{TAIL}series = ["%s"]\n'
    with pytest.raises(SpecError) as caught:
        catalogue(make_sweep(text % variable))
    named = str(caught.value).split("did you mean ")[1].split("'")[1::2]
    for name in named:
        catalogue(make_sweep(text % name))


def test_a_variable_that_only_one_model_lacks_names_that_model(make_sweep):
    text = (
        'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n[models.plain]\ntype = "SPM"\n'
        '[models.ageing]\ntype = "SPM"\noptions = { SEI = "constant" }\n'
        '[protocols.p]\ndischarge = "1C"\n[output]\nsummary = ["Loss of lithium to SEI [moll]"]\n'
    )
    with pytest.raises(SpecError, match="did you mean 'Loss of lithium to"):
        catalogue(make_sweep(text))


@pytest.fixture(scope="module")
def known():
    """Return the names of a real parameter set."""
    return sorted(import_pybamm().ParameterValues("Chen2020").keys())


@settings(deadline=None, max_examples=40)
@given(data=st.data())
def test_a_name_with_one_letter_missing_is_recognised(known, data):
    name = data.draw(st.sampled_from(known))
    place = data.draw(st.integers(0, len(name) - 1))
    assert repr(name) in did_you_mean(name[:place] + name[place + 1 :], known)


@pytest.mark.parametrize("name", ["", "0123456789", "zzzzzzzz"])
def test_nothing_is_suggested_where_nothing_is_near(name, known):
    assert did_you_mean(name, known) == ""


def solved(plan):
    """Return the voltages of a plan's tasks, each solved alone."""
    found = []
    for group, item in plan.placed:
        *_, result = answers(group, (item,), Builds())
        assert result.failure is None, result.failure
        found.append(result.columns["voltage_volt"])
    return found


def two_cells(folder, first, second):
    """Return the plan of two cells that differ in their parameter set alone."""
    (folder / "sweep.toml").write_text(
        f"name = 't'\n[cells.first]\nparameter_set = '{first}'\n"
        f"[cells.second]\nparameter_set = '{second}'\n{TAIL}"
    )
    return make_plan(load_sweep(folder / "sweep.toml"))


def test_a_set_saved_as_json_is_the_same_physics_as_its_name(tmp_path):
    values = import_pybamm().ParameterValues("Chen2020")
    (tmp_path / "mine.json").write_text(json.dumps(values.to_json()))
    plan = two_cells(tmp_path, "Chen2020", "mine.json")
    assert plan.tasks[0].id == plan.tasks[1].id
    named, saved = solved(plan)
    np.testing.assert_array_equal(saved, named)


def test_one_number_changed_in_a_file_is_another_task(tmp_path):
    document = import_pybamm().ParameterValues("Chen2020").to_json()
    document["Negative electrode thickness [m]"] = 9e-5
    (tmp_path / "mine.json").write_text(json.dumps(document))
    plan = two_cells(tmp_path, "Chen2020", "mine.json")
    assert plan.tasks[0].id != plan.tasks[1].id
    named, saved = solved(plan)
    assert len(saved) != len(named) or np.max(np.abs(saved - named)) > 1e-3


def bpx(diffusivity):
    """Return the content of a small BPX file."""

    def electrode(thickness, radius, concentration, window, potential):
        return {
            "Thickness [m]": thickness,
            "Porosity": 0.3,
            "Transport efficiency": 0.2,
            "Conductivity [S.m-1]": 1.0,
            "Particle radius [m]": radius,
            "Surface area per unit volume [m-1]": 4e5,
            "Maximum concentration [mol.m-3]": concentration,
            "Minimum stoichiometry": window[0],
            "Maximum stoichiometry": window[1],
            "Diffusivity [m2.s-1]": diffusivity,
            "OCP [V]": potential,
            "Entropic change coefficient [V.K-1]": 0.0,
            "Reaction rate constant [mol.m-2.s-1]": 1e-5,
        }

    negative = electrode(8.5e-5, 5e-6, 33000.0, (0.02, 0.9), "0.5 * exp(-20 * x) + 0.1")
    positive = electrode(7.5e-5, 5e-6, 63000.0, (0.27, 0.9), "4.6 - 1.1 * x")
    return {
        "Header": {"BPX": "1.0.0", "Model": "DFN"},
        "Parameterisation": {
            "Cell": {
                "Electrode area [m2]": 0.1,
                "External surface area [m2]": 0.01,
                "Volume [m3]": 1e-5,
                "Number of electrode pairs connected in parallel to make a cell": 1,
                "Lower voltage cut-off [V]": 2.5,
                "Upper voltage cut-off [V]": 4.25,
                "Nominal cell capacity [A.h]": 5.0,
                "Reference temperature [K]": 298.15,
            },
            "Electrolyte": {
                "Cation transference number": 0.3,
                "Diffusivity [m2.s-1]": 3e-10,
                "Conductivity [S.m-1]": 1.0,
            },
            "Separator": {"Thickness [m]": 1e-5, "Porosity": 0.5, "Transport efficiency": 0.3},
            "Negative electrode": negative,
            "Positive electrode": positive,
        },
        "State": {
            "Initial conditions": {
                "Initial state-of-charge": 1.0,
                "Initial temperature [K]": 298.15,
                "Initial electrolyte concentration [mol.m-3]": 1000,
            },
            "Thermal environment": {"Ambient temperature [K]": 298.15},
        },
    }


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.filterwarnings("ignore:.*not found in BPX file:UserWarning")
def test_a_bpx_file_is_a_cell_known_by_its_content(tmp_path):
    for name, diffusivity in (("one", 3e-14), ("same", 3e-14), ("slower", 6e-15)):
        (tmp_path / f"{name}.json").write_text(json.dumps(bpx(diffusivity)))
    first, same = two_cells(tmp_path, "one.json", "same.json").tasks
    assert first.id == same.id
    plan = two_cells(tmp_path, "one.json", "slower.json")
    assert plan.tasks[0].id == first.id != plan.tasks[1].id
    quick, slow = solved(plan)
    assert 4.0 < quick[0] < 4.25
    assert quick[-1] == pytest.approx(2.5, abs=1e-3)
    assert len(slow) < len(quick)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("not json", "JSONDecodeError: Expecting value"),
        ('{"Header": {"BPX": "1.0.0", "Model": "DFN"}}', "KeyError: 'Parameterisation'"),
    ],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_file_that_cannot_be_read_says_which_and_why(content, reason, tmp_path):
    (tmp_path / "broken.json").write_text(content)
    with pytest.raises(SpecError) as caught:
        two_cells(tmp_path, "Chen2020", "broken.json")
    [fault] = caught.value.faults
    assert fault.place == "cells.second.parameter_set"
    assert str(tmp_path / "broken.json") in fault.message
    assert reason in fault.message


@pytest.mark.parametrize("value", ["0", "-5"])
def test_a_c_rate_needs_a_capacity_above_zero(value, make_sweep):
    text = (
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n"
        f"overrides = {{ 'Nominal cell capacity [A.h]' = {value} }}\n"
        "[models.SPM]\n[protocols.p]\ndischarge = '1C'\n"
    )
    with pytest.raises(SpecError, match="C-rates need") as caught:
        make_plan(make_sweep(text))
    assert caught.value.faults[0].place == "cells.A.overrides.Nominal cell capacity [A.h]"


@pytest.mark.parametrize(
    "step", ["Rest for 1e400 hours", "Discharge at 1C for -1 hour", "Hold at 4.2 V until C/0"]
)
def test_a_step_that_cannot_be_says_what_a_step_looks_like(step, make_sweep):
    text = (
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.SPM]\n"
        f"[protocols.p]\nsteps = ['{step}']\n"
    )
    with pytest.raises(SpecError, match="Rest for 30 minutes") as caught:
        make_plan(make_sweep(text))
    assert caught.value.faults[0].place == "protocols.p.steps.0"


def test_wrong_names_do_not_hide_wrong_steps(make_sweep):
    text = (
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2021'\n[models.SPN]\n"
        "[protocols.p]\nsteps = ['Dischrge at 1C']\n"
    )
    with pytest.raises(SpecError) as caught:
        make_plan(make_sweep(text))
    places = {fault.place for fault in caught.value.faults}
    assert places == {"cells.A.parameter_set", "models.SPN.type", "protocols.p.steps.0"}


def test_a_wrong_number_among_overrides_does_not_hide_a_wrong_name(tmp_path):
    (tmp_path / "sweep.toml").write_text(
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n"
        "overrides = { 'Electrode hight [m]' = 0.06, 'Electrode width [m]' = nan }\n"
        "[models.SPM]\n[protocols.p]\ndischarge = '1C'\n"
    )
    with pytest.raises(SpecError) as caught:
        load_sweep(tmp_path / "sweep.toml", further=further_faults)
    places = [fault.place for fault in caught.value.faults]
    assert places == [
        "cells.A.overrides.Electrode width [m]",
        "cells.A.overrides.Electrode hight [m]",
    ]


def test_a_collector_with_dimensions_is_space(make_sweep):
    text = (
        "name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n[models.M]\ntype = 'SPM'\n"
        "options = { 'current collector' = 'potential pair', dimensionality = 1 }\n"
        "[protocols.p]\ndischarge = '1C'\n"
        "[output]\nseries = ['Current collector current density [A.m-2]']\n"
    )
    with pytest.raises(SpecError, match="varies in space"):
        make_plan(make_sweep(text))
