"""The reference for every answer: a plain `pybamm.Simulation` of one task, as a user writes it.

Nothing here is shared between tasks, and nothing is an input: every parameter is a
number in the set, and PyBaMM builds, sets the initial state, chooses its times and
keeps its full state as it does by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.jobs.classify import CURRENT
from battsweep.jobs.failures import Failure, classify_failure
from battsweep.jobs.groups import CAPACITY, Group, Item
from battsweep.jobs.health import NEEDED
from battsweep.jobs.physics import import_pybamm, make_model, mesh_points, parameter_values
from battsweep.jobs.solve import VOLTAGE_LIMITS, Watch
from battsweep.jobs.symbolic import submesh_types
from battsweep.sweep.quantities import current_a
from battsweep.sweep.spec import Profile
from battsweep.sweep.summaries import HEALTH, asks_for_health

Array = NDArray[np.float64]

MOST_CYCLES = 20
"""Of an experiment with more cycles, the first so many are simulated: PyBaMM keeps them all."""
LONGER = (1, 10, 10)


@dataclass(frozen=True, slots=True, eq=False)
class Plain:
    """How a plain simulation of a task ended.

    ``parts`` are PyBaMM's solutions of its steps by cycle and step, those that
    PyBaMM skipped left out. ``cycles`` is how many cycles were asked for.
    ``health`` is the electrodes' state of health after the last step of each
    cycle, where that was asked for.
    """

    parts: Mapping[tuple[int, int], Any]
    cycles: int
    failure: Failure | None = None
    health: Mapping[tuple[int, int], Mapping[str, float]] = field(default_factory=dict)


def simulate(group: Group, item: Item) -> Plain:
    """Return a plain simulation of a task; what PyBaMM raises becomes its failure."""
    cycles = min(item.task.procedure.cycles, MOST_CYCLES)
    try:
        return _simulate(group, item, cycles)
    except Exception as error:  # how a plain simulation fails is an answer as well
        return Plain({}, cycles, classify_failure(error))


def _simulate(group: Group, item: Item, cycles: int) -> Plain:
    pybamm = import_pybamm()
    procedure = item.task.procedure
    values = parameter_values(
        replace(group.cell, overrides={**group.cell.overrides, **item.task.parameters})
    )
    soc = None if procedure.initial_soc is None else float(procedure.initial_soc)
    profile = procedure.profile
    steps: tuple[Any, ...] = procedure.steps
    if profile is not None and profile.quantity == "power":
        steps = (pybamm.step.power(np.column_stack([profile.times_s, _discharging(profile)])),)
    if steps:
        experiment = pybamm.Experiment([steps] * cycles, period=group.output.every_s)
        simulation = _simulation(group, values, experiment)
        heard = Watch()
        solution = simulation.solve(initial_soc=soc, calc_esoh=False, callbacks=heard)
        found = _of_experiment(solution, cycles, cycles * len(steps), heard.failure)
        return replace(found, health=_health(group, values, found.parts))
    if profile is not None:
        times = np.array(profile.times_s)
        values[CURRENT] = pybamm.Interpolant(times, _discharging(profile), pybamm.t)
        solution = _simulation(group, values).solve(times, initial_soc=soc)
        early = solution.t[-1] < times[-1] * (1 - 1e-9)
        failure = Failure("infeasible", f"ended by {solution.termination}") if early else None
    else:
        solution, failure = _constant(group, item, values, soc)
    if solution.termination == "failure":
        failure = Failure("solver", f"the solver stopped at {solution.t[-1]:.6g} s")
    parts = {(1, 1): solution}
    return Plain(parts, 1, failure, _health(group, values, parts))


def _health(
    group: Group, values: Any, parts: Mapping[tuple[int, int], Any]
) -> dict[tuple[int, int], Mapping[str, float]]:
    """Return the electrodes' state of health at the end of each cycle, where it is asked for."""
    if not asks_for_health(group.output.summary):
        return {}
    solver = _simulation(group, values).get_esoh_solver(True, None)
    found: dict[tuple[int, int], Mapping[str, float]] = {}
    for place in {cycle: (cycle, step) for cycle, step in parts}.values():
        last = parts[place].last_state
        held = {short: float(last[name].data[0]) for short, name in NEEDED.items()}
        try:
            answer = solver.solve(inputs=held)
        except (import_pybamm().SolverError, ValueError, KeyError):
            continue  # PyBaMM has none
        found[place] = {name: float(answer[name]) for name in HEALTH if name in answer}
    return found


def _constant(
    group: Group, item: Item, values: Any, soc: float | None
) -> tuple[Any, Failure | None]:
    """Return the solution of a constant current until its end or a voltage limit."""
    procedure = item.task.procedure
    capacity = float(values.get(CAPACITY, 0.0))
    amperes = current_a(procedure.current, capacity)
    values[CURRENT] = amperes if procedure.direction == "discharge" else -amperes
    end = procedure.duration_s or 5 * 3600 * (capacity or amperes) / amperes
    for longer in LONGER if procedure.duration_s is None else LONGER[:1]:
        end *= longer
        solution = _simulation(group, values.copy()).solve([0, end], initial_soc=soc)
        if solution.t[-1] < end * (1 - 1e-9):
            stopped = solution.termination not in VOLTAGE_LIMITS
            why = f"ended at {solution.t[-1]:.6g} s by {solution.termination}"
            return solution, Failure("infeasible", why) if stopped else None
    if procedure.duration_s is not None:
        return solution, None
    return solution, Failure("infeasible", f"no voltage limit was reached within {end:.6g} s")


def _simulation(group: Group, values: Any, experiment: Any = None) -> Any:
    pybamm = import_pybamm()
    model = make_model(group.model)
    return pybamm.Simulation(
        model,
        parameter_values=values,
        experiment=experiment,
        submesh_types=submesh_types(group.model, model),
        var_pts=mesh_points(group.model, model),
        solver=pybamm.IDAKLUSolver(rtol=group.rtol, atol=group.atol),
    )


def _discharging(profile: Profile) -> Array:
    """Return a profile's values in PyBaMM's sign, positive on discharge."""
    return -np.array(profile.values)


def _of_experiment(solution: Any, cycles: int, asked: int, failure: Failure | None) -> Plain:
    if isinstance(solution, import_pybamm().EmptySolution):
        return Plain({}, cycles, Failure("infeasible", "every step was skipped"))
    found = list(_steps(solution))
    if failure is None and len(found) < asked:
        failure = Failure("infeasible", f"PyBaMM did {len(found)} of {asked} steps")
    return Plain({place: part for place, part in found if len(part.t) > 1}, cycles, failure)


def _steps(solution: Any) -> Iterator[tuple[tuple[int, int], Any]]:
    for cycle, of_cycle in enumerate(solution.cycles, start=1):
        for step, part in enumerate(of_cycle.steps, start=1):
            yield (cycle, step), part
