"""Every name that is swept as an input gives the equations of a fresh model with numbers.

Equal equations have equal solutions, whatever the solver does, so this needs no solving.
"""

from __future__ import annotations

import numpy as np
import pytest

from battsweep.jobs.classify import Varied, classify
from battsweep.jobs.enters import entered
from battsweep.jobs.physics import import_pybamm, make_model
from battsweep.jobs.symbolic import submesh_types
from battsweep.sweep.spec import Cell, Model, Protocol

AGEING = {
    "SEI": "solvent-diffusion limited",
    "SEI porosity change": "true",
    "lithium plating": "partially reversible",
    "lithium plating porosity change": "true",
    "particle mechanics": ("swelling and cracking", "swelling only"),
    "SEI on cracks": "true",
    "loss of active material": "stress-driven",
}
THERMAL = {"thermal": "lumped", "contact resistance": "true"}
MODELS = {
    "SPM": ("Chen2020", Model("", "SPM")),
    "SPMe": ("Chen2020", Model("", "SPMe")),
    "DFN": ("Chen2020", Model("", "DFN")),
    "SPM with symbols": ("Chen2020", Model("", "SPM", geometry="symbolic")),
    "SPMe with symbols": ("Marquis2019", Model("", "SPMe", THERMAL, geometry="symbolic")),
    "DFN with symbols": ("Chen2020", Model("", "DFN", geometry="symbolic")),
    "DFN, lumped": ("Marquis2019", Model("", "DFN", THERMAL)),
    "DFN, hot inside": ("Marquis2019", Model("", "DFN", {"thermal": "x-full"})),
    "SPM, ageing": ("OKane2022", Model("", "SPM", AGEING)),
    "SPMe, ageing": ("OKane2022", Model("", "SPMe", AGEING)),
    "DFN, ageing": ("OKane2022", Model("", "DFN", {**AGEING, "thermal": "lumped"})),
    "double layer": ("Marquis2019", Model("", "SPMe", {"surface form": "differential"})),
    "half a cell": ("Xu2019", Model("", "SPM", {"working electrode": "positive"})),
    "mechanics": ("Ai2020", Model("", "SPMe", {"particle mechanics": "swelling only"})),
}
OUTPUTS = (
    "Voltage [V]",
    "Battery voltage [V]",
    "Discharge capacity [A.h]",
    "X-averaged cell temperature [K]",
    "X-averaged negative electrode reaction overpotential [V]",
    "X-averaged battery electrolyte ohmic losses [V]",
    "X-averaged battery concentration overpotential [V]",
    "Total lithium [mol]",
    "Negative electrode SOC",
    "Local ECM resistance [Ohm]",
    "Loss of lithium inventory [%]",
    "X-averaged negative electrode porosity",
)
AVERAGE = "X-averaged electrolyte concentration [mol.m-3]"
EQUATIONS = 1e-9
OUTPUTS_CLOSE = 1e-6
"""PyBaMM smooths roots of inputs and not of numbers: up to 2e-8 V."""
CONSTANT = Protocol("p", "constant", current="1C")


def inputs_among(cell, model, outputs):
    """Return the numbers of a set that would be inputs, with their values."""
    pybamm = import_pybamm()
    values = pybamm.ParameterValues(cell.parameter_set)
    numbers = {n: float(v) for n, v in values.items() if isinstance(v, int | float)}
    found = entered(make_model(model), cell, list(numbers), outputs)
    symbolic = model.geometry == "symbolic"
    return {
        name: value
        for name, value in numbers.items()
        if not classify(Varied(name, CONSTANT, numbers, found, symbolic)).rebuilds
    }


def built(cell, model, changes, given):
    pybamm = import_pybamm()
    made = make_model(model)
    values = pybamm.ParameterValues(cell.parameter_set)
    values.update(changes)
    simulation = pybamm.Simulation(
        made, parameter_values=values, submesh_types=submesh_types(model, made)
    )
    simulation.build(inputs=given)
    return simulation.built_model


def numbers_of(model, state, given, outputs):
    """Return all that a solver sees of a model at a state."""
    at = {"t": 1.0, "y": state, "inputs": given}
    found = {
        "right-hand sides": model.concatenated_rhs.evaluate(**at),
        "algebraic": model.concatenated_algebraic.evaluate(**at) if model.algebraic else 0.0,
        "initial": model.concatenated_initial_conditions.evaluate(t=0, inputs=given),
    }
    # of several events with one name the first to happen counts
    for event in model.events:
        value = float(np.min(event.expression.evaluate(**at)))
        found[event.name] = min(value, found.get(event.name, np.inf))
    for name in outputs:
        if name in model.variables:
            found[name] = model.get_processed_variable_or_event(name).evaluate(**at)
    return found


def differences(label, names=None, outputs=OUTPUTS):
    """Return what differs by more than rounding between numbers and inputs."""
    parameter_set, model = MODELS[label]
    cell = Cell("", parameter_set)
    base = inputs_among(cell, model, outputs) if names is None else names
    rng = np.random.default_rng(1)
    changed = {
        name: value + 1 if name.startswith("Number of") else value * rng.uniform(0.97, 1.0)
        for name, value in base.items()
    }
    mine = built(cell, model, dict.fromkeys(base, "[input]"), changed)
    fresh = built(cell, model, changed, {})
    start = fresh.concatenated_initial_conditions.evaluate(t=0)
    state = start * (1 + 0.01 * rng.standard_normal(start.shape))
    expected = numbers_of(fresh, state, {}, outputs)
    found = numbers_of(mine, state, changed, outputs)
    wrong = {}
    for name, value in expected.items():
        exact = name in ("right-hand sides", "algebraic", "initial")
        size = np.max(np.abs(value)) if exact else max(1.0, float(np.max(np.abs(value))))
        difference = float(np.max(np.abs(found[name] - value)))
        if difference > size * (EQUATIONS if exact else OUTPUTS_CLOSE):
            wrong[name] = difference
    return wrong, base


@pytest.mark.parametrize("label", MODELS)
def test_inputs_give_the_equations_of_numbers(label):
    wrong, names = differences(label)
    assert not wrong
    assert len(names) > 40


@pytest.mark.parametrize("name", ["Negative electrode porosity", "Separator porosity"])
def test_a_porosity_as_an_input_gives_other_equations_where_it_is_rebuilt(name):
    wrong, _ = differences("SPMe", {name: 0.3})
    assert 1e-5 < wrong["Voltage [V]"] < 1e-3
    wrong, _ = differences("DFN", {name: 0.3}, (*OUTPUTS, AVERAGE))
    assert set(wrong) == {AVERAGE}
    assert wrong[AVERAGE] > 1
