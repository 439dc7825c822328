"""A short plain-PyBaMM script that computes one task again, with nothing of ours in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

from battsweep.jobs.classify import CURRENT
from battsweep.sweep.quantities import current_a


def reproduce(record: Mapping[str, object]) -> str:
    """Return the script for a task.

    ``record`` is what `battsweep.store.store.Store.task` returns: it needs
    "parameter_set", "parameter_file" (the set as JSON in the store),
    "overrides", "parameters", "model" (type, options, mesh), "procedure",
    "solver" and "every_s".
    """
    model = cast("Mapping[str, object]", record["model_content"])
    procedure = cast("Mapping[str, object]", record["procedure"])
    changed = {
        **cast("Mapping[str, float]", record["overrides"]),
        **cast("Mapping[str, float]", record["parameters"]),
    }
    solver = cast("Mapping[str, float]", record["solver"])
    lines = [
        f"# Task {record['task_id']}: {record['cell']}, {record['model']}, {record['protocol']}",
        "import numpy as np",
        "import pybamm",
        "",
        f"values = pybamm.ParameterValues.from_json({record['parameter_file']!r})",
        f"values.update({changed!r})",
        f"model = pybamm.lithium_ion.{model['type']}({model['options']!r})",
        f"solver = pybamm.IDAKLUSolver(rtol={solver['rtol']!r}, atol={solver['atol']!r})",
        *_simulation(procedure, model["mesh"], record["every_s"], changed),
        'print(solution["Voltage [V]"].entries)',
    ]
    return "\n".join(lines) + "\n"


def _simulation(
    procedure: Mapping[str, object],
    mesh: object,
    every_s: object,
    changed: Mapping[str, float],
) -> list[str]:
    soc = procedure.get("initial_soc")
    initial = "" if soc is None else f", initial_soc={soc!r}"
    arguments = f"model, parameter_values=values, solver=solver, var_pts={mesh!r}"
    kind = procedure["kind"]
    profile = cast("Mapping[str, object] | None", procedure.get("profile"))
    if kind == "steps":
        steps = tuple(cast("list[str]", procedure["steps"]))
        return [
            f"experiment = pybamm.Experiment([{steps!r}] * {procedure['cycles']},"
            f" period={every_s!r})",
            f"simulation = pybamm.Simulation({arguments}, experiment=experiment)",
            f"solution = simulation.solve(calc_esoh=False{initial})",
        ]
    if profile is not None:
        return [
            f"times = np.array({profile['times_s']!r})",
            f"charging = np.array({profile['values']!r})  # {profile['quantity']}",
            *_profile(str(profile["quantity"]), arguments, every_s, initial),
        ]
    return _constant(procedure, arguments, every_s, initial, changed)


def _constant(
    procedure: Mapping[str, object],
    arguments: str,
    every_s: object,
    initial: str,
    changed: Mapping[str, float],
) -> list[str]:
    text = str(procedure["current"])
    sign = "" if procedure["direction"] == "discharge" else "-"
    if "c" in text.lower():
        current = f"{current_a(text, 1.0)!r} * values['Nominal cell capacity [A.h]']"
    else:
        current = repr(current_a(text, 1.0))
    duration = procedure.get("duration_s")
    end = repr(duration) if duration else "5 * 3600 * capacity / current"
    interpolate = "" if every_s is None else f", t_interp=np.arange(0, end, {every_s!r})"
    return [
        f"current = {current}",
        "capacity = values['Nominal cell capacity [A.h]']",
        f"end = {end}",
        f"values[{CURRENT!r}] = {sign}current",
        f"simulation = pybamm.Simulation({arguments})",
        f"solution = simulation.solve([0, end]{interpolate}{initial})",
    ]


def _profile(quantity: str, arguments: str, every_s: object, initial: str) -> list[str]:
    if quantity == "power":
        return [
            "step = pybamm.step.power(np.column_stack([times, -charging]))",
            f"experiment = pybamm.Experiment([step], period={every_s!r})",
            f"simulation = pybamm.Simulation({arguments}, experiment=experiment)",
            f"solution = simulation.solve(calc_esoh=False{initial})",
        ]
    interpolate = "" if every_s is None else f", t_interp=np.arange(0, times[-1], {every_s!r})"
    return [
        f"values[{CURRENT!r}] = pybamm.Interpolant(times, -charging, pybamm.t)",
        f"simulation = pybamm.Simulation({arguments})",
        f"solution = simulation.solve(times{interpolate}{initial})",
    ]
