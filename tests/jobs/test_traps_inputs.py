"""What PyBaMM answers wrongly without a word when a built model is used again.

Every test holds battsweep's answer against a plain simulation with numbers.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers

HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n'
CONSTANT = "[protocols.p]\ndischarge = '{rate}C'\nduration = '20 min'\n"
TAIL = "[output]\nevery = 60\nseries = %s\n[run]\nsolver = { rtol = 1e-8, atol = 1e-8 }\n"
VOLTAGE = '["Voltage [V]"]'
MEAN = "X-averaged electrolyte concentration [mol.m-3]"
CLOSE_V = 2e-7
LENGTHS = {
    "Negative electrode thickness [m]": [8e-5, 9e-5],
    "Separator thickness [m]": [1e-5, 1.3e-5],
    "Positive electrode thickness [m]": [7e-5, 8e-5],
    "Negative particle radius [m]": [5e-6, 6.5e-6],
    "Positive particle radius [m]": [4e-6, 6e-6],
}


def axes(values):
    return "[[axes]]\n" + "".join(f"'{name}' = {rows}\n" for name, rows in values.items())


def model(kind, more=""):
    return f"[models.{kind}]\n{more}\n"


def check(found, sweep, plain, *, close=CLOSE_V, relative=1e-6):
    """Check every column of every task of a sweep against its plain simulation."""
    assert found
    for _, item, result in found:
        assert result.failure is None
        expected = plain(sweep, item.task)
        times = result.columns["test_time_second"]
        end = min(times[-1], expected.t[-1])
        for name in sweep.output.series:
            column = {"Voltage [V]": "voltage_volt"}.get(name, name)
            mine, theirs = result.columns[column], expected[name].entries
            assert len(mine) == len(theirs)
            tolerance = close if name == "Voltage [V]" else relative * np.abs(theirs).max()
            np.testing.assert_allclose(mine[times <= end], theirs[times <= end], atol=tolerance)
    return {group.key for group, _, _ in found}


@pytest.mark.parametrize("kind", ["SPM", "SPMe", "DFN"])
def test_lengths_are_inputs_of_a_mesh_of_symbols(kind, make_sweep, solved, plain):
    text = HEAD + model(kind) + CONSTANT.format(rate=1) + axes(LENGTHS) + TAIL % VOLTAGE
    sweep = make_sweep(text)
    found = solved(sweep)
    assert len(check(found, sweep, plain)) == 1
    assert {result.method for _, _, result in found} == {"reused"}


MANY = {
    "Negative particle diffusivity [m2.s-1]": [2e-14, 5e-14],
    "Positive electrode active material volume fraction": [0.62, 0.68],
    "Maximum concentration in negative electrode [mol.m-3]": [32500, 34000],
    "Negative electrode Bruggeman coefficient (electrolyte)": [1.4, 1.6],
    "Cation transference number": [0.25, 0.35],
    "Electrolyte diffusivity [m2.s-1]": [2e-10, 4e-10],
    "Electrolyte conductivity [S.m-1]": [0.8, 1.1],
    "Positive electrode conductivity [S.m-1]": [0.15, 0.2],
    "Electrode height [m]": [0.06, 0.07],
    "Number of electrodes connected in parallel to make a cell": [1, 2],
    "Number of cells connected in series to make a battery": [1, 2],
    "Reference temperature [K]": [295, 299],
    "Ambient temperature [K]": [288.15, 303.15],
    "Nominal cell capacity [A.h]": [4.5, 5.0],
    "Initial concentration in electrolyte [mol.m-3]": [950, 1050],
}


@pytest.mark.parametrize("kind", ["SPM", "SPMe", "DFN"])
def test_many_inputs_together_and_a_state_of_charge_give_what_numbers_give(
    kind, make_sweep, solved, plain
):
    protocol = CONSTANT.format(rate=1) + "initial_soc = '{soc}'\n"
    varied = axes({**MANY, **LENGTHS, "soc": [0.9, 0.5]})
    series = f'["Voltage [V]", "C-rate", "Discharge capacity [A.h]", "{MEAN}"]'
    sweep = make_sweep(HEAD + model(kind) + protocol + varied + TAIL % series)
    assert len(check(solved(sweep), sweep, plain)) == 1


def test_porosities_are_right_with_every_model_and_output(make_sweep, solved, plain):
    porosities = {"Negative electrode porosity": [0.2, 0.3], "Separator porosity": [0.4, 0.5]}
    text = HEAD + model("SPM") + model("SPMe") + model("DFN") + CONSTANT.format(rate=1)
    sweep = make_sweep(text + axes(porosities) + TAIL % f'["Voltage [V]", "{MEAN}"]')
    found = solved(sweep)
    check(found, sweep, plain)
    inputs = {item.task.model: set(group.inputs) & set(porosities) for group, item, _ in found}
    assert inputs == {"SPM": set(porosities), "SPMe": set(), "DFN": set()}


def test_what_experiments_keep_for_themselves_is_an_input_all_the_same(make_sweep, solved, plain):
    steps = ["Discharge at 1C until 3.6 V", "Rest for 5 minutes", "Charge at C/2 for 5 minutes"]
    varied = {
        "Ambient temperature [K]": [288.15, 303.15],
        "Initial temperature [K]": [290.15, 300.15],
        "Nominal cell capacity [A.h]": [4.6, 5.0],
        "Lower voltage cut-off [V]": [2.6, 2.4],
        "Negative electrode thickness [m]": [8.4e-5, 8.6e-5],
    }
    protocol = f"[protocols.p]\nsteps = {steps}\ninitial_soc = 0.8\n"
    lumped = model("SPM", "options = { thermal = 'lumped' }")
    series = '["Voltage [V]", "X-averaged cell temperature [K]", "C-rate"]'
    sweep = make_sweep(HEAD + lumped + protocol + axes(varied) + TAIL % series)
    assert len(check(solved(sweep), sweep, plain)) == 1


def test_every_input_of_a_task_is_one_of_its_group_and_none_is_missing(make_sweep, solved):
    protocols = (
        CONSTANT.format(rate=1)
        + "[protocols.q]\nsteps = ['Discharge at {rate}C until {end} V', 'Rest for 1 minute']\n"
    )
    varied = axes({**MANY, "rate": [1, 2], "end": [3.5, 3.6]})
    sweep = make_sweep(HEAD + model("SPM") + protocols + varied + TAIL % VOLTAGE)
    for group, item, _ in solved(sweep):
        steps = {name for name in item.inputs if name.startswith("Step ")}
        assert set(item.inputs) == set(group.inputs) | steps
        assert set(item.task.parameters) <= set(group.inputs) | set(group.cell.overrides)
        assert bool(steps) == any(group.slots)


def test_answers_do_not_depend_on_what_was_solved_before(make_sweep):
    protocol = CONSTANT.format(rate="{rate}") + "initial_soc = '{soc}'\n"
    varied = axes(
        {"rate": [1, 2, 0.5], "soc": [0.9, 0.5, 0.7], **{n: [*v, v[0]] for n, v in MANY.items()}}
    )
    sweep = make_sweep(HEAD + model("SPM") + protocol + varied + TAIL % VOLTAGE)
    placed = make_plan(sweep).placed
    group, items = placed[0][0], tuple(item for _, item in placed)
    builds = Builds()
    first, again = (
        [a for a in answers(group, order, builds) if isinstance(a, Result)]
        for order in (items, items[::-1])
    )
    for one, other in zip(first, again[::-1], strict=True):
        np.testing.assert_array_equal(one.columns["voltage_volt"], other.columns["voltage_volt"])
    assert builds.get(group, items[0]) is builds.get(group, items[1])


def test_cells_and_rates_that_share_a_set_do_not_share_its_values(make_sweep, solved, plain):
    cells = (
        HEAD
        + "[cells.B]\nparameter_set = 'Chen2020'\noverrides = {'Nominal cell capacity [A.h]' = 4}\n"
    )
    protocols = "[protocols.a]\ndischarge='1C'\nduration='9 min'\n[protocols.b]\ncharge='C/2'\nduration='9 min'\ninitial_soc=0.5\n"
    sweep = make_sweep(cells + model("SPM") + protocols.replace("C/2", "0.5C") + TAIL % VOLTAGE)
    found = solved(sweep)
    check(found, sweep, plain)
    assert len({result.columns["voltage_volt"][-1] for _, _, result in found}) == 4


def test_a_discharge_that_ends_early_has_no_rows_after_its_end(make_sweep, solved, plain):
    protocol = "[protocols.p]\ndischarge = '{rate}C'\n"
    cut_off = axes({"rate": [1, 2], "Lower voltage cut-off [V]": [3.0, 3.4]})
    sweep = make_sweep(HEAD + model("SPM") + protocol + cut_off + TAIL % VOLTAGE)
    found = solved(sweep)
    check(found, sweep, plain, close=2e-6)
    for _, item, result in found:
        times, volts = result.columns["test_time_second"], result.columns["voltage_volt"]
        assert np.all(np.diff(times) > 0)
        assert np.all(np.isfinite(volts))
        end = item.task.parameters["Lower voltage cut-off [V]"]
        assert volts[-1] == pytest.approx(end, abs=1e-5)


def test_an_impossible_task_changes_nothing_of_its_neighbours(make_sweep, solved):
    protocol = CONSTANT.format(rate=1)
    name = "Lower voltage cut-off [V]"
    good = make_sweep(HEAD + model("SPM") + protocol + axes({name: [2.5, 2.6]}) + TAIL % VOLTAGE)
    alone = [r.columns["voltage_volt"] for _, _, r in solved(good)]
    with_bad = make_sweep(
        HEAD + model("SPM") + protocol + axes({name: [2.5, 4.5, 2.6]}) + TAIL % VOLTAGE
    )
    first, bad, last = (result for _, _, result in solved(with_bad))
    assert bad.failure is not None
    assert "voltage_volt" not in bad.columns
    np.testing.assert_array_equal(first.columns["voltage_volt"], alone[0])
    np.testing.assert_array_equal(last.columns["voltage_volt"], alone[1])


@pytest.mark.parametrize("column", ["current", "power"])
def test_short_pulses_in_a_profile_are_not_stepped_over(column, make_sweep, solved, tmp_path):
    times = np.arange(0, 1801.0, 5)
    pulse = np.where((times >= 900) & (times < 915), 9.0, 0.01)
    lines = "\n".join(f"{t},{v}" for t, v in zip(times, pulse, strict=True))
    (tmp_path / "pulse.csv").write_text(lines + "\n")
    protocol = f"[protocols.p]\nprofile='pulse.csv'\nquantity='{column}'\npositive='discharge'\ninitial_soc=0.5\n"
    name = "Negative particle diffusivity [m2.s-1]"
    tail = TAIL % VOLTAGE + "[[axes]]\n" + f"'{name}' = [3e-14, 4e-14]\n"
    sweep = make_sweep(
        HEAD
        + model("SPM")
        + protocol
        + tail.replace("every = 60", "every = 5\nsummary = ['capacity']")
    )
    for _, _, result in solved(sweep):
        volts = result.columns["voltage_volt"]
        assert volts.min() < volts[0] - 0.02
        if column == "current":
            expected = np.trapezoid(pulse, times) / 3600
            assert result.summary["capacity [A.h]"] == pytest.approx(expected, rel=1e-6)


FIT = """
[[measured]]
cell = "A"
protocol = "p"
at = { rate = 1 }
file = "curve.csv"
[fit]
data = ["curve"]
population = 4
generations = 1
[fit.parameters]
"Negative electrode thickness [m]" = { from = 8e-5, to = 9e-5 }
"Positive particle radius [m]" = { from = 4e-6, to = 6e-6 }
"""


def test_fitted_lengths_give_the_curve_of_a_simulation_with_these_lengths(
    make_sweep, plain, tmp_path
):
    rows = "".join(f"{t},{4.1 - t / 1e4}\n" for t in range(0, 1201, 60))
    (tmp_path / "curve.csv").write_text(f"test_time_second,voltage_volt\n{rows}")
    sweep = make_sweep(HEAD + model("SPMe") + CONSTANT + TAIL % VOLTAGE + FIT)
    [(_, item)] = make_plan(sweep).placed
    *_, result = answers(None, (item,), Builds())
    assert result.failure is None
    lengths = result.fit["parameters"]
    found = replace(item.curves[0].item.task, parameters=lengths)
    expected = plain(sweep, found)
    fitted = result.columns["fitted"] == 1
    voltage = result.columns["voltage_volt"][fitted]
    np.testing.assert_allclose(voltage, expected["Voltage [V]"].entries, atol=CLOSE_V)
    start = plain(sweep, replace(found, parameters={}))["Voltage [V]"].entries
    assert not np.allclose(voltage, start, atol=1e-4)
    sweep = replace(sweep, models=(replace(sweep.models[0], geometry="symbolic"),))
    start = plain(sweep, replace(found, parameters={}))["Voltage [V]"].entries
    np.testing.assert_allclose(result.columns["voltage_volt"][~fitted], start, atol=CLOSE_V)


def test_a_state_of_charge_follows_every_input_its_window_depends_on(make_sweep, solved, plain):
    names = {
        "Negative electrode thickness [m]": [8e-5, 9e-5],
        "Maximum concentration in negative electrode [mol.m-3]": [32500, 34000],
        "Positive electrode active material volume fraction": [0.62, 0.68],
        "Upper voltage cut-off [V]": [4.2, 4.15],
        "Lower voltage cut-off [V]": [2.6, 2.5],
        "Initial temperature [K]": [290.0, 300.0],
        "Reference temperature [K]": [299.0, 297.0],
    }
    protocol = CONSTANT.format(rate=1).replace("20 min", "2 min") + "initial_soc = 0.5\n"
    varied = "".join(axes({name: values}) for name, values in list(names.items())[:3])
    moved = axes(dict(list(names.items())[3:]))
    sweep = make_sweep(HEAD + model("SPM") + protocol + varied + moved + TAIL % VOLTAGE)
    assert len(check(solved(sweep), sweep, plain)) == 1
