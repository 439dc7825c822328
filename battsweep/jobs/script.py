"""A short plain-PyBaMM script that computes one task again, with nothing of ours in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import numpy as np

from battsweep.jobs.classify import CURRENT
from battsweep.jobs.knots import stops
from battsweep.jobs.physics import make_model, model_classes
from battsweep.sweep.quantities import current_a
from battsweep.sweep.spec import Model


def reproduce(record: Mapping[str, object]) -> str:
    """Return the script for a task; for a fit, of its first curve with what it chose.

    ``record`` has what `battsweep.store.store.Store.task` returns, and
    "solver" (rtol, atol), "every_s", "parameter_file" (the set as JSON),
    "sources" (the store's copies of Python files, by sha256) and "fitted"
    (parameters that a fit chose; else empty).
    """
    model = cast("Mapping[str, object]", record["model_content"])
    options, mesh = _beyond_default(model)
    procedure = cast("Mapping[str, object]", record["procedure"])
    changed = {
        **cast("Mapping[str, float]", record["overrides"]),
        **cast("Mapping[str, float]", record["parameters"]),
        **cast("Mapping[str, float]", record["fitted"]),
    }
    solver = cast("Mapping[str, float]", record["solver"])
    sources = cast("Mapping[str, str]", record["sources"])
    lines = [
        f"# Task {record['task_id']}: {record['cell']}, {record['model']}, {record['protocol']}",
        *(["import runpy", ""] if sources else []),
        "import numpy as np",
        "import pybamm",
        "",
        f"values = {_parameter_set(record)}",
        *(f"values[{name!r}] = {value!r}" for name, value in changed.items()),
        f"model = {_model(model, options, sources)}",
        f"solver = pybamm.IDAKLUSolver(rtol={solver['rtol']!r}, atol={solver['atol']!r})",
        *_symbolic_mesh(model),
        *_simulation(
            procedure, mesh, record["every_s"], solver["rtol"], symbolic="submesh" in model
        ),
        'print(solution["Voltage [V]"].entries)',
    ]
    return "\n".join(lines) + "\n"


def _model(
    model: Mapping[str, object], options: Mapping[str, object], sources: Mapping[str, str]
) -> str:
    kind = str(model["type"])
    if "source" in model:
        given = {n: _python(v) for n, v in cast("Mapping[str, object]", model["given"]).items()}
        argument = f"options={given!r}" if given else ""
        return f"runpy.run_path({sources[str(model['source'])]!r})[{kind!r}]({argument})"
    if kind in model_classes():
        return f"pybamm.lithium_ion.{kind}({options or ''})"
    return f"pybamm.Model({kind!r}{f', options={options!r}' if options else ''})"


def _parameter_set(record: Mapping[str, object]) -> str:
    name = str(record["parameter_set"])
    if record["parameter_source"]:
        path = cast("Mapping[str, str]", record["sources"])[str(record["parameter_source"])]
        function = name.rpartition(":")[2]
        return f"pybamm.ParameterValues(dict(runpy.run_path({path!r})[{function!r}]()))"
    if name.endswith(".json"):
        return f"pybamm.ParameterValues.from_json({record['parameter_file']!r})"
    return f"pybamm.ParameterValues({name!r})"


def _beyond_default(
    model: Mapping[str, object],
) -> tuple[dict[str, object], dict[str, object]]:
    """Return the options and mesh points that are not what PyBaMM takes by itself."""
    options = cast("Mapping[str, object]", model["options"])
    mesh = cast("Mapping[str, object]", model["mesh"])
    if "source" in model:  # not executed here, so what it takes by itself is not known
        return {}, dict(mesh)
    default = make_model(Model("", str(model["type"])))
    return (
        {name: _python(v) for name, v in options.items() if v != _plain(default.options[name])},
        {name: v for name, v in mesh.items() if v != default.default_var_pts[name]},
    )


def _plain(value: object) -> object:
    return list(map(_plain, value)) if isinstance(value, tuple) else value


def _python(value: object) -> object:
    return tuple(map(_python, value)) if isinstance(value, list) else value


def _symbolic_mesh(model: Mapping[str, object]) -> list[str]:
    if "submesh" not in model:
        return []
    return [
        "submeshes = dict(model.default_submesh_types)",
        "for domain, kind in submeshes.items():",
        "    if kind is pybamm.Uniform1DSubMesh and domain != 'current collector':",
        "        submeshes[domain] = pybamm.SymbolicUniform1DSubMesh",
    ]


def _simulation(
    procedure: Mapping[str, object],
    mesh: Mapping[str, object],
    every_s: object,
    rtol: float,
    *,
    symbolic: bool,
) -> list[str]:
    soc = procedure.get("initial_soc")
    initial = "" if soc is None else f", initial_soc={soc!r}"
    arguments = "model, parameter_values=values, solver=solver"
    if symbolic:
        arguments += ", submesh_types=submeshes"
    if mesh:
        arguments += f", var_pts={{**model.default_var_pts, **{mesh!r}}}"
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
            *_profile(profile, arguments, every_s, initial, rtol),
        ]
    return _constant(procedure, arguments, every_s, initial)


def _constant(
    procedure: Mapping[str, object],
    arguments: str,
    every_s: object,
    initial: str,
) -> list[str]:
    text = str(procedure["current"])
    sign = "" if procedure["direction"] == "discharge" else "-"
    if "c" in text.lower():
        current = f"{current_a(text, 1.0)!r} * capacity"
    else:
        current = repr(current_a(text, 1.0))
    duration = procedure.get("duration_s")
    end = repr(duration) if duration else "5 * 3600 * capacity / current"
    interpolate = "" if every_s is None else f", t_interp=np.arange(0, end, {every_s!r})"
    return [
        "capacity = values['Nominal cell capacity [A.h]']",
        f"current = {current}",
        f"end = {end}",
        f"values[{CURRENT!r}] = {sign}current",
        f"simulation = pybamm.Simulation({arguments})",
        f"solution = simulation.solve([0, end]{interpolate}{initial})",
    ]


def _profile(
    profile: Mapping[str, object], arguments: str, every_s: object, initial: str, rtol: float
) -> list[str]:
    if profile["quantity"] == "power":
        return [
            "step = pybamm.step.power(np.column_stack([times, -charging]))",
            f"experiment = pybamm.Experiment([step], period={every_s!r})",
            f"simulation = pybamm.Simulation({arguments}, experiment=experiment)",
            f"solution = simulation.solve(calc_esoh=False{initial})",
        ]
    times = np.array(cast("list[float]", profile["times_s"]))
    stop_at = stops(times, np.array(cast("list[float]", profile["values"])), rtol=rtol)
    places = np.searchsorted(times, stop_at).tolist()
    every_point = len(places) == len(times)
    interpolate = "" if every_s is None else f", t_interp=np.arange(0, times[-1], {every_s!r})"
    return [
        f"values[{CURRENT!r}] = pybamm.Interpolant(times, -charging, pybamm.t)",
        f"simulation = pybamm.Simulation({arguments})",
        "stops = times" if every_point else f"stops = times[{places!r}]  # straight between them",
        f"solution = simulation.solve(stops{interpolate}{initial})",
    ]
