"""How each varied name is swept, on PyBaMM's own models and parameter sets."""

from __future__ import annotations

from dataclasses import replace

import pytest

from battsweep.jobs.catalogue import catalogue
from battsweep.jobs.classify import Swept, classify, geometry_names
from battsweep.jobs.physics import make_model
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Model, Profile, Protocol

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


def swept(known, name, protocol=CONSTANT, model="SPM"):
    content, models = known
    return classify(name, protocol=protocol, model=models[model], content=content)


@pytest.mark.parametrize("model", MODELS)
def test_the_geometry_is_made_of_the_lengths_of_a_cell(model, known):
    assert set(LENGTHS) <= geometry_names(known[1][model])
    assert all(name.endswith("[m]") for name in geometry_names(known[1][model]))


def test_a_half_cell_has_no_negative_particle_in_its_geometry():
    half = make_model(Model("half", "SPM", {"working electrode": "positive"}))
    assert "Negative particle radius [m]" not in geometry_names(half)
    assert "Positive particle radius [m]" in geometry_names(half)


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("model", MODELS)
def test_every_parameter_is_an_input_or_built_again_and_every_length_is_built(
    model, protocol, known
):
    content, models = known
    for name in content:
        how = swept(known, name, protocol, model)
        assert how.how in ("input", "rebuild")
        assert how.reason
    for name in geometry_names(models[model]) & content.keys():
        assert swept(known, name, protocol, model).rebuilds


@pytest.mark.parametrize(
    "name",
    [
        "Negative electrode porosity",
        "Separator porosity",
        "Number of electrodes connected in parallel to make a cell",
        "Number of cells connected in series to make a battery",
        "Reference temperature [K]",
    ],
)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_simplified_or_counted_while_building_is_built_again(name, protocol, known):
    assert swept(known, name, protocol).how == "rebuild"


@pytest.mark.parametrize(
    "name", ["Ambient temperature [K]", "Initial temperature [K]", "Nominal cell capacity [A.h]"]
)
def test_what_an_experiment_sets_itself_is_built_again_only_with_an_experiment(name, known):
    found = [swept(known, name, protocol).how for protocol in PROTOCOLS]
    assert found == ["input", "rebuild", "input", "rebuild"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_a_number_in_the_equations_is_an_input(model, protocol, known):
    name = "Negative particle diffusivity [m2.s-1]"
    assert swept(known, name, protocol, model) == Swept(
        "input", "a number in the model's equations"
    )


def test_a_number_in_place_of_a_function_is_an_input_and_says_so(known):
    found = swept(known, "Electrolyte conductivity [S.m-1]")
    assert found.how == "input"
    assert "function" in found.reason


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_the_initial_state_needs_no_build(protocol, known):
    charged = replace(protocol, initial_soc="{filled}")
    for name in ("initial_soc", "filled"):
        found = swept(known, name, charged)
        assert found.how == "initial state"
        assert not found.rebuilds


def test_a_placeholder_in_a_constant_current_is_an_input_and_in_steps_is_not(known):
    assert swept(known, "rate", CONSTANT).how == "protocol input"
    assert not swept(known, "rate", CONSTANT).rebuilds
    assert swept(known, "rate", STEPS).how == "protocol"
    assert swept(known, "rate", STEPS).rebuilds
