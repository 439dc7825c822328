"""What the tests of this folder share: small sweeps, written to real files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from battsweep.jobs.groups import Group, Item
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Sweep
from battsweep.sweep.task import Task

MakeSweep = Callable[[str], Sweep]


@pytest.fixture
def make_sweep(tmp_path: Path) -> MakeSweep:
    """Return a function that writes a sweep file and loads it."""

    def make(text: str) -> Sweep:
        path = tmp_path / "sweep.toml"
        path.write_text(text)
        return load_sweep(path)

    return make


@pytest.fixture
def solved() -> Callable[[Sweep], list[tuple[Group, Item, Result]]]:
    """Return a function that solves a sweep's tasks as a worker would, group by group."""

    def solve(sweep: Sweep) -> list[tuple[Group, Item, Result]]:
        groups: dict[str, tuple[Group, list[Item]]] = {}
        for group, item in make_plan(sweep).placed:
            groups.setdefault(group.key, (group, []))[1].append(item)
        found = []
        for group, items in groups.values():
            given = answers(group, tuple(items), Builds())
            results = [answer for answer in given if isinstance(answer, Result)]
            found += [(group, item, r) for item, r in zip(items, results, strict=True)]
        return sorted(found, key=lambda one: one[1].task.number)

    return solve


@pytest.fixture
def plain() -> Callable[..., Any]:
    """Return a function that solves a task by a new `pybamm.Simulation` with numbers only.

    It shares no code with the package, but the spec of a model and the steps' texts.
    """
    return plain_solution


def plain_solution(sweep: Sweep, task: Task) -> Any:
    """Return PyBaMM's solution of a task."""
    import pybamm

    spec = next(model for model in sweep.models if model.name == task.model)
    cell = next(cell for cell in sweep.cells if cell.name == task.cell)
    model = getattr(pybamm.lithium_ion, spec.type)(options=dict(spec.options) or None)
    values = pybamm.ParameterValues(cell.parameter_set)
    values.update({**cell.overrides, **task.parameters})
    lengths = {n for n in task.parameters if n.endswith(("thickness [m]", "radius [m]"))}
    symbolic = spec.geometry == "symbolic" or (spec.geometry is None and lengths)
    submeshes = {
        domain: pybamm.SymbolicUniform1DSubMesh
        if symbolic and kind is pybamm.Uniform1DSubMesh
        else kind
        for domain, kind in model.default_submesh_types.items()
    }
    procedure = task.procedure
    experiment = None
    if procedure.kind == "steps":
        every = sweep.output.every_s
        experiment = pybamm.Experiment([procedure.steps] * procedure.cycles, period=every)
    elif procedure.profile is not None:
        times, charging = (
            np.array(a) for a in (procedure.profile.times_s, procedure.profile.values)
        )
        values["Current function [A]"] = pybamm.Interpolant(times, -charging, pybamm.t)
    else:
        capacity = values["Nominal cell capacity [A.h]"]
        text = procedure.current
        amperes = float(text[:-1]) * capacity if text.endswith("C") else float(text.split()[0])
        sign = 1 if procedure.direction == "discharge" else -1
        values["Current function [A]"] = sign * amperes
        times = np.array([0.0, procedure.duration_s or 5 * 3600 * capacity / amperes])
    simulation = pybamm.Simulation(
        model,
        parameter_values=values,
        experiment=experiment,
        var_pts={**model.default_var_pts, **spec.mesh},
        submesh_types=submeshes,
        solver=pybamm.IDAKLUSolver(rtol=sweep.run.rtol, atol=sweep.run.atol),
    )
    soc = procedure.initial_soc
    if experiment is not None:
        return simulation.solve(initial_soc=soc, calc_esoh=False)
    grid = np.append(np.arange(0, times[-1], sweep.output.every_s), times[-1])
    return simulation.solve(times, initial_soc=soc, t_interp=grid)
