"""Fifteen common parameters, swept by battsweep, against plain simulations with numbers.

Each is varied alone, then all together (Sobol points). What is shown is the largest
difference in voltage to a `pybamm.Simulation` that was built for the task alone, with the
same mesh types. Tolerances are tight, so that no difference hides in the solver's own error.

    python benchmarks/inputs.py --points 8
"""

import argparse
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from battsweep import load_sweep
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers

RANGES = {
    "Negative electrode thickness [m]": (8e-5, 9e-5),
    "Positive electrode thickness [m]": (7e-5, 8e-5),
    "Negative particle radius [m]": (5e-6, 6.5e-6),
    "Positive particle radius [m]": (4.5e-6, 6e-6),
    "Negative electrode porosity": (0.22, 0.28),
    "Positive electrode porosity": (0.3, 0.36),
    "Negative electrode active material volume fraction": (0.68, 0.72),
    "Positive electrode active material volume fraction": (0.62, 0.66),
    "Negative particle diffusivity [m2.s-1]": (2e-14, 6e-14),
    "Positive particle diffusivity [m2.s-1]": (3e-15, 6e-15),
    "Positive electrode conductivity [S.m-1]": (0.15, 0.25),
    "Cation transference number": (0.24, 0.3),
    "Electrolyte conductivity [S.m-1]": (0.8, 1.1),
    "Maximum concentration in positive electrode [mol.m-3]": (61000, 65000),
    "Ambient temperature [K]": (288.15, 308.15),
}
HEAD = """
name = "inputs"
[cells.LGM50]
parameter_set = "Chen2020"
[models.MODEL]
[protocols.discharge]
discharge = "1C"
duration = "40 min"
[output]
series = ["Voltage [V]"]
every = 30
[run]
solver = { rtol = 1e-8, atol = 1e-10 }
[[axes]]
"""


@dataclass(frozen=True)
class Row:
    """A line of the table; differences are in V, times in s of CPU."""

    model: str
    name: str
    how: str
    groups: int
    tasks: int
    worst_v: float
    swept_s: float
    plain_s: float


def compare(model: str, axis: str, name: str, folder: Path) -> Row:
    """Solve a sweep with the worker's code, and every task of it plainly."""
    path = folder / "sweep.toml"
    path.write_text(HEAD.replace("MODEL", model) + axis)
    plan = make_plan(load_sweep(path))
    started = time.process_time()
    by_group: dict[str, list] = {}
    for group, item in plan.placed:
        by_group.setdefault(group.key, []).append((group, item))
    results = {}
    for members in by_group.values():
        items = tuple(item for _, item in members)
        found = [a for a in answers(members[0][0], items, Builds()) if isinstance(a, Result)]
        results |= {item.task.id: r for item, r in zip(items, found, strict=True)}
    solved = time.process_time()
    worst = 0.0
    for group, item in plan.placed:
        result = results[item.task.id]
        if result.failure is not None or result.method != "reused":
            raise SystemExit(f"{name}: {result.failure} ({result.log})")
        times, voltage = plain(model, item.task.parameters, group.model.geometry == "symbolic")
        if len(times) != len(result.columns["voltage_volt"]):
            raise SystemExit(f"{name}: {len(times)} times, not those of battsweep")
        worst = max(worst, float(np.max(np.abs(voltage - result.columns["voltage_volt"]))))
    hows = {swept.how for place in plan.places for swept in place.swept.values()}
    how = hows.pop() if len(hows) == 1 else "all of these ways"
    ended = time.process_time()
    return Row(
        model, name, how, len(by_group), len(plan.tasks), worst, solved - started, ended - solved
    )


def plain(model: str, parameters: dict, symbolic: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return times and voltage of a new simulation with numbers only."""
    pybamm = import_pybamm()
    made = getattr(pybamm.lithium_ion, model)()
    values = pybamm.ParameterValues("Chen2020")
    values.update(dict(parameters))
    values["Current function [A]"] = 5.0
    meshes = {
        domain: pybamm.SymbolicUniform1DSubMesh
        if symbolic and kind is pybamm.Uniform1DSubMesh
        else kind
        for domain, kind in made.default_submesh_types.items()
    }
    solver = pybamm.IDAKLUSolver(rtol=1e-8, atol=1e-10)
    simulation = pybamm.Simulation(
        made, parameter_values=values, submesh_types=meshes, solver=solver
    )
    grid = np.append(np.arange(0, 2400.0, 30), 2400.0)
    solution = simulation.solve([0, 2400.0], t_interp=grid)
    return solution.t, solution["Voltage [V]"].entries


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=8, help="Sobol points of all together")
    parser.add_argument("--models", nargs="+", default=["SPMe", "DFN"])
    args = parser.parse_args()

    together = f"sample = {{ method = 'sobol', points = {args.points} }}\n" + "".join(
        f"'{name}' = {{ from = {low}, to = {high} }}\n" for name, (low, high) in RANGES.items()
    )
    print(f"{'':6}{'parameter':58}{'how':20}{'groups':>7}{'tasks':>6}{'largest |dV|':>15}")
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        for model in args.models:
            axes = {name: f"'{name}' = [{low}, {high}]\n" for name, (low, high) in RANGES.items()}
            for name, axis in {**axes, "all together": together}.items():
                row = compare(model, axis, name, Path(folder))
                rows.append(row)
                print(
                    f"{row.model:6}{row.name:58}{row.how:20}{row.groups:>7}{row.tasks:>6}"
                    f"{1e6 * row.worst_v:>12.4f} uV",
                    flush=True,
                )
    worst = max(rows, key=lambda row: row.worst_v)
    print(f"largest of all: {1e6 * worst.worst_v:.4f} uV ({worst.model}, {worst.name})")


if __name__ == "__main__":
    main()
