"""How each varied name is swept, on PyBaMM's own models and parameter sets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from battsweep.jobs.catalogue import catalogue
from battsweep.jobs.classify import Swept, Varied, classify
from battsweep.jobs.enters import entered, geometry_names
from battsweep.jobs.physics import make_model
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Cell, Model, Profile, Protocol

MODELS = ("SPM", "SPMe", "DFN")
CONSTANT = Protocol("p", "constant", current="{rate}C")
STEPS = Protocol("p", "steps", steps=("Discharge at {rate}C until {cutoff} V",))
CURRENT = Protocol("p", "profile", profile=Profile("current", (0.0, 1.0), (1.0, 1.0), "file"))
POWER = Protocol("p", "profile", profile=Profile("power", (0.0, 1.0), (1.0, 1.0), "file"))
PROTOCOLS = (CONSTANT, STEPS, CURRENT, POWER)
LENGTHS = (
    "Negative electrode thickness [m]",
    "Separator thickness [m]",
    "Positive electrode thickness [m]",
    "Negative particle radius [m]",
    "Positive particle radius [m]",
)


POROSITIES = (
    "Negative electrode porosity",
    "Separator porosity",
    "Positive electrode porosity",
)
MEAN = "X-averaged electrolyte concentration [mol.m-3]"


@pytest.fixture(scope="module")
def known(tmp_path_factory):
    """Return the content of a parameter set, and models by type."""
    path = tmp_path_factory.mktemp("classify") / "sweep.toml"
    tables = "\n".join(f"[models.{name}]" for name in MODELS)
    path.write_text(
        f"name = 't'\n[cells.A]\nparameter_set = 'Chen2020'\n{tables}\n"
        "[protocols.p]\ndischarge = '1C'\n"
    )
    found = catalogue(load_sweep(path))
    return found.resolved.cells["A"].content, found.models


def swept(known, name, protocol=CONSTANT, model="SPM", *, outputs=(), **more):
    content, models = known
    names = [name] if name in content else []
    found = entered(models[model], Cell("A", "Chen2020"), names, outputs)
    return classify(Varied(name, protocol, content, found, **more))


@pytest.mark.parametrize("model", MODELS)
def test_the_geometry_is_made_of_the_lengths_of_a_cell(model, known):
    assert set(LENGTHS) <= geometry_names(known[1][model])
    assert all(name.endswith("[m]") for name in geometry_names(known[1][model]))


def test_a_half_cell_has_no_negative_particle_in_its_geometry():
    half = make_model(Model("half", "SPM", {"working electrode": "positive"}))
    assert "Negative particle radius [m]" not in geometry_names(half)
    assert "Positive particle radius [m]" in geometry_names(half)


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("model", MODELS)
def test_a_length_is_symbolic_geometry_where_the_mesh_is_of_symbols_and_else_rebuilt(
    model, name, known
):
    assert swept(known, name, model=model, symbolic=True).how == "symbolic geometry"
    assert swept(known, name, model=model).how == "rebuild"


@pytest.mark.parametrize("name", POROSITIES)
def test_a_porosity_is_an_input_only_where_no_average_is_divided_by_it(name, known):
    assert swept(known, name, model="SPM").how == "input"
    assert swept(known, name, model="SPMe").how == "rebuild"
    assert swept(known, name, model="DFN").how == "input"
    assert swept(known, name, model="DFN", outputs=("Voltage [V]",)).how == "input"
    assert swept(known, name, model="DFN", outputs=(MEAN,)).how == "rebuild"


def test_what_is_in_no_equation_is_told_so_by_model(known):
    name = "Cation transference number"
    assert "in no equation" in swept(known, name, model="SPM").reason
    assert "in the model's equations" in swept(known, name, model="SPMe").reason


def test_a_capacity_is_in_no_equation_but_makes_the_currents_that_are_c_rates(known):
    name, amperes = "Nominal cell capacity [A.h]", replace(CONSTANT, current="2 A")
    for protocol in (CONSTANT, STEPS, replace(STEPS, steps=("Hold at 4 V until C/50",))):
        assert "C-rates" in swept(known, name, protocol).reason
    for protocol in (amperes, replace(STEPS, steps=("Charge at 1 A until 4 V",)), CURRENT):
        assert "in no equation" in swept(known, name, protocol).reason


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("Negative particle diffusivity [m2.s-1]", "equations"),
        ("Initial concentration in negative electrode [mol.m-3]", "initial state"),
        ("Lower voltage cut-off [V]", "events"),
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", MODELS)
def test_a_number_is_an_input_and_it_is_told_where_it_enters(model, protocol, name, where, known):
    found = swept(known, name, protocol, model)
    assert found == Swept("input", f"a number in the model's {where}")


def test_a_number_in_place_of_a_function_is_an_input_and_says_so(known):
    found = swept(known, "Electrolyte conductivity [S.m-1]", model="SPMe")
    assert found.how == "input"
    assert "function" in found.reason


def test_a_parameter_inside_a_function_of_the_set_is_found_where_the_function_enters():
    name = "Lithium plating kinetic rate constant [m.s-1]"  # read by OKane2022's own function
    cell = Cell("A", "OKane2022")
    plating = make_model(Model("m", "SPM", {"lithium plating": "reversible"}))
    assert name in entered(plating, cell, [name], ()).equations
    without = entered(make_model(Model("m", "SPM")), cell, [name], ())
    assert name not in without.equations | without.initial | without.events


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_initial_state_needs_no_build(protocol, known):
    charged = replace(protocol, initial_soc="{filled}")
    for name in ("initial_soc", "filled"):
        found = swept(known, name, charged)
        assert found.how == "initial state"
        assert not found.rebuilds


@pytest.mark.parametrize("protocol", [CONSTANT, STEPS])
def test_a_number_for_a_placeholder_is_an_input(protocol, known):
    found = swept(known, "rate", protocol)
    assert found.how == "protocol input"
    assert not found.rebuilds


def test_a_word_for_a_placeholder_in_steps_may_change_their_structure(known):
    assert swept(known, "rate", STEPS, numbers=False).how == "protocol"


def test_every_rule_has_a_reason_and_the_last_ones_take_what_is_left(known):
    content, models = known
    numbers = [name for name, value in content.items() if isinstance(value, float)]
    for model in MODELS:
        found = entered(models[model], Cell("A", "Chen2020"), numbers, ())
        assert not found.refused
        for name in numbers:
            for protocol in PROTOCOLS:
                assert classify(Varied(name, protocol, content, found)).reason
