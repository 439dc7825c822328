import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from battsweep.jobs.initial import CONCENTRATIONS, InitialCharge
from battsweep.jobs.physics import import_pybamm

FRACTION = "Negative electrode active material volume fraction"
CUTOFF = "Open-circuit voltage at 100% SOC [V]"


def charge_of(name, inputs=()):
    pybamm = import_pybamm()
    model = pybamm.lithium_ion.SPM()
    values = pybamm.ParameterValues(name)
    values.update(dict.fromkeys(inputs, "[input]"))
    return model, InitialCharge(values, model, inputs)


def pybamms_own(name, model, soc, changed):
    values = import_pybamm().ParameterValues(name)
    values.update(changed)
    values = values.set_initial_state(soc, inplace=False, param=model.param, options=model.options)
    return [values[concentration] for concentration in CONCENTRATIONS]


MODEL, CHARGE = charge_of("Chen2020", (FRACTION, CUTOFF))


@given(
    soc=st.floats(0, 1),
    fraction=st.floats(0.65, 0.85),
    cutoff=st.floats(4.0, 4.25),
)
@settings(deadline=None, max_examples=12)
def test_concentrations_are_those_pybamm_would_set(soc, fraction, cutoff):
    inputs = {FRACTION: fraction, CUTOFF: cutoff}
    found = CHARGE.concentrations(soc, inputs)
    exact = pybamms_own("Chen2020", MODEL, soc, inputs)
    assert list(found.values()) == pytest.approx(exact, rel=1e-9)


@given(st.permutations([0.66, 0.7, 0.75, 0.8]))
@settings(deadline=None, max_examples=4)
def test_concentrations_do_not_depend_on_what_was_asked_before(order):
    _, charge = charge_of("Chen2020", (FRACTION,))
    _, fresh = charge_of("Chen2020", (FRACTION,))
    fresh.concentrations(0.5, {FRACTION: 0.72})
    charge.concentrations(0.5, {FRACTION: 0.72})
    found = {value: charge.concentrations(0.9, {FRACTION: value}) for value in order}
    assert all(fresh.concentrations(0.9, {FRACTION: value}) == found[value] for value in found)


@pytest.mark.parametrize("name", ["Ramadass2004", "Ai2020"])
def test_a_voltage_that_is_passed_twice_is_left_to_pybamm(name):
    concentration = "Maximum concentration in negative electrode [mol.m-3]"
    model, charge = charge_of(name, (concentration,))
    base = import_pybamm().ParameterValues(name)[concentration]
    for factor in (1.01, 0.99):
        inputs = {concentration: base * factor}
        found = charge.concentrations(0.7, inputs)
        assert list(found.values()) == pytest.approx(
            pybamms_own(name, model, 0.7, inputs), rel=1e-9
        )
