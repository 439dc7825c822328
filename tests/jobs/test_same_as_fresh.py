"""The reference for every answer is a plain, freshly built `pybamm.Simulation`."""

from __future__ import annotations

import numpy as np
import pytest

from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers

PARAMETERS = {
    "Negative particle diffusivity [m2.s-1]": [2e-14, 5e-14],
    "Positive electrode active material volume fraction": [0.6, 0.7],
    "Maximum concentration in negative electrode [mol.m-3]": [32000, 34000],
    "Negative electrode Bruggeman coefficient (electrolyte)": [1.4, 1.6],
    "Cation transference number": [0.25, 0.35],
    "Electrolyte diffusivity [m2.s-1]": [2e-10, 4e-10],
    "Electrolyte conductivity [S.m-1]": [0.8, 1.1],
    "Positive electrode conductivity [S.m-1]": [0.15, 0.2],
    "Electrode height [m]": [0.06, 0.07],
    "Lower voltage cut-off [V]": [2.6, 3.0],
    "Nominal cell capacity [A.h]": [4.5, 5.0],
    "Negative electrode thickness [m]": [8e-5, 9e-5],
    "Positive particle radius [m]": [5e-6, 6e-6],
    "Negative electrode porosity": [0.22, 0.28],
    "Ambient temperature [K]": [283.15, 298.15],
    "Number of electrodes connected in parallel to make a cell": [1, 2],
}
HEAD = 'name = "t"\n[cells.A]\nparameter_set = "Chen2020"\n'
SOLVER = "[run]\nsolver = { rtol = 1e-6, atol = 1e-8 }\n"
CLOSE_V = 1e-5
"""A build with inputs rounds otherwise, so the solver may step otherwise within its tolerance."""


def solved(sweep):
    """Yield each task of a sweep with its rows, solved as a worker would."""
    builds = Builds()
    by_group = {}
    for group, item in make_plan(sweep).placed:
        by_group.setdefault(group.key, (group, []))[1].append(item)
    for group, items in by_group.values():
        results = [a for a in answers(group, tuple(items), builds) if isinstance(a, Result)]
        yield from zip((item.task for item in items), results, strict=True)


def fresh(task, *, model, current=None, steps=None, soc=None, every=60.0, profile=None):
    """Return the voltage of a plain simulation that shares nothing with the sweep."""
    pybamm = import_pybamm()
    values = pybamm.ParameterValues("Chen2020")
    values.update(dict(task.parameters))
    solver = pybamm.IDAKLUSolver(rtol=1e-6, atol=1e-8)
    if steps is not None:
        experiment = pybamm.Experiment([steps], period=every)
        simulation = pybamm.Simulation(
            model, parameter_values=values, experiment=experiment, solver=solver
        )
        solution = simulation.solve(initial_soc=soc, calc_esoh=False)
    elif profile is not None:
        times, amperes = profile
        values["Current function [A]"] = pybamm.Interpolant(times, amperes, pybamm.t)
        simulation = pybamm.Simulation(model, parameter_values=values, solver=solver)
        solution = simulation.solve(times, initial_soc=soc, t_interp=times)
    else:
        values["Current function [A]"] = current
        simulation = pybamm.Simulation(model, parameter_values=values, solver=solver)
        end = 6 * 3600.0
        solution = simulation.solve([0, end], initial_soc=soc, t_interp=np.arange(0, end, every))
    return solution["Voltage [V]"].entries


# One model shows how a name is swept; a few names show that models do not differ.
CASES = [("SPMe", name) for name in PARAMETERS] + [
    (model_type, name) for model_type in ("SPM", "DFN") for name in list(PARAMETERS)[:5]
]


@pytest.mark.parametrize(("model_type", "name"), CASES)
def test_each_varied_parameter_gives_what_a_fresh_simulation_gives(model_type, name, make_sweep):
    sweep = make_sweep(
        f"{HEAD}[models.M]\ntype = '{model_type}'\ngeometry = 'rebuild'\n"
        f"[protocols.p]\ndischarge = '1C'\n[[axes]]\n'{name}' = {PARAMETERS[name]}\n"
        f"[output]\nevery = 60\n{SOLVER}"
    )
    pybamm = import_pybamm()
    for task, result in solved(sweep):
        assert result.failure is None
        capacity = task.parameters.get("Nominal cell capacity [A.h]", 5.0)
        model = getattr(pybamm.lithium_ion, model_type)()
        voltage = fresh(task, model=model, current=capacity)
        np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=CLOSE_V)


@pytest.mark.parametrize(
    "name",
    [
        "Positive electrode active material volume fraction",
        "Maximum concentration in negative electrode [mol.m-3]",
        "Negative particle diffusivity [m2.s-1]",
    ],
)
def test_the_initial_state_follows_every_input_it_depends_on(name, make_sweep):
    sweep = make_sweep(
        f"{HEAD}[models.SPM]\n[protocols.p]\ndischarge = '1C'\ninitial_soc = '{{soc}}'\n"
        f"[[axes]]\n'{name}' = {PARAMETERS[name]}\n[[axes]]\nsoc = [1.0, 0.6]\n"
        f"[output]\nevery = 60\n{SOLVER}"
    )
    pybamm = import_pybamm()
    results = list(solved(sweep))
    for task, result in [*results, *reversed(results)]:
        voltage = fresh(task, model=pybamm.lithium_ion.SPM(), current=5.0, soc=task.varied["soc"])
        np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=CLOSE_V)


def test_steps_give_what_a_fresh_experiment_gives(make_sweep):
    steps = ("Discharge at 1C until 3 V", "Rest for 10 minutes", "Charge at 1C until 4 V")
    sweep = make_sweep(
        f"{HEAD}[models.SPMe]\n[protocols.p]\nsteps = {list(steps)}\ninitial_soc = 0.9\n"
        "[[axes]]\n'Positive particle diffusivity [m2.s-1]' = [3e-15, 5e-15]\n"
        "[[axes]]\n'Ambient temperature [K]' = [293.15, 303.15]\n"
        f"[output]\nevery = 60\n{SOLVER}"
    )
    pybamm = import_pybamm()
    for task, result in solved(sweep):
        voltage = fresh(task, model=pybamm.lithium_ion.SPMe(), steps=steps, soc=0.9)
        np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=CLOSE_V)


def test_a_short_pulse_in_a_profile_is_not_stepped_over(make_sweep, tmp_path):
    times = np.arange(0, 3601.0)
    discharge = np.where((times >= 1800) & (times < 1810), 10.0, 0.0)
    lines = "\n".join(f"{t},{i}" for t, i in zip(times, discharge, strict=True))
    (tmp_path / "pulse.csv").write_text(lines + "\n")
    sweep = make_sweep(
        f"{HEAD}[models.SPM]\n[protocols.p]\nprofile = 'pulse.csv'\npositive = 'discharge'\n"
        "initial_soc = 0.5\n[[axes]]\n'Negative particle diffusivity [m2.s-1]' = [3e-14]\n"
        f"[output]\nevery = 1\nsummary = ['capacity']\n{SOLVER}"
    )
    pybamm = import_pybamm()
    [(task, result)] = solved(sweep)
    voltage = fresh(task, model=pybamm.lithium_ion.SPM(), soc=0.5, profile=(times, discharge))
    np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=CLOSE_V)
    assert result.summary["capacity [A.h]"] == pytest.approx(100 / 3600, rel=1e-3)


def test_points_lie_on_the_curve_that_a_fine_grid_gives(make_sweep):
    text = f"{HEAD}[models.SPM]\n[protocols.p]\ndischarge = '1C'\n[output]\n%s\n{SOLVER}"
    [(_, coarse)] = solved(make_sweep(text % "points = 40"))
    [(_, fine)] = solved(make_sweep(text % "every = 1"))
    assert len(coarse.columns["voltage_volt"]) == 40
    expected = np.interp(
        coarse.columns["test_time_second"],
        fine.columns["test_time_second"],
        fine.columns["voltage_volt"],
    )
    np.testing.assert_allclose(coarse.columns["voltage_volt"], expected, atol=1e-4)


def test_a_protocol_without_a_state_of_charge_does_not_take_another_ones(make_sweep):
    sweep = make_sweep(
        f"{HEAD}[models.SPM]\n[protocols.a]\ndischarge = '1C'\ninitial_soc = 0.5\n"
        f"[protocols.b]\ndischarge = '1C'\n[output]\nevery = 60\n{SOLVER}"
    )
    pybamm = import_pybamm()
    for task, result in solved(sweep):
        soc = 0.5 if task.protocol == "a" else None
        voltage = fresh(task, model=pybamm.lithium_ion.SPM(), current=5.0, soc=soc)
        np.testing.assert_allclose(result.columns["voltage_volt"], voltage, atol=CLOSE_V)
