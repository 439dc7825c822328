"""The electrodes' state of health at the end of a cycle: capacity, stoichiometry limits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from battsweep.jobs.build import Built
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.summarise import Step
from battsweep.sweep.summaries import HEALTH

NEEDED = {
    "Q_n": "Negative electrode capacity [A.h]",
    "Q_p": "Positive electrode capacity [A.h]",
    "Q_Li": "Total lithium capacity in particles [A.h]",
}


def knows_health(model: Any) -> bool:
    """Return whether PyBaMM can work it out for a model."""
    porous = model.options.electrode_types["negative"] == "porous"
    return porous and all(name in model.variables for name in NEEDED.values())


def with_health(steps: Sequence[Step], parts: Sequence[Any], built: Built) -> list[Step]:
    """Return the steps, those that end a cycle with the state of health there."""
    ends = [this.cycle for this in steps[1:]] + [-1]
    return [
        step if step.cycle == after else replace(step, health=_health(part, built))
        for step, part, after in zip(steps, parts, ends, strict=True)
    ]


def _health(part: Any, built: Built) -> dict[str, float]:
    pybamm = import_pybamm()
    last = part.last_state
    inputs = {name: float(np.ravel(v)[0]) for name, v in last.all_inputs[0].items()}
    inputs |= {short: float(last[name].data[0]) for short, name in NEEDED.items()}
    solver = built.health_solver()
    _forget_the_last(solver)
    try:
        found = solver.solve(inputs=inputs)
    except (pybamm.SolverError, ValueError, KeyError) as error:
        pybamm.logger.warning(f"no electrode state of health: {error}")
        return {}
    return {name: float(found[name]) for name in HEALTH if name in found}


def _forget_the_last(solver: Any) -> None:
    """Make the solver begin anew.

    It begins from its last answer, so that the sixteenth digit would depend on
    what was solved before.
    """
    simulations = [
        solver._get_electrode_soh_sims_full(None),
        *solver._get_electrode_soh_sims_split(None),
    ]
    for simulation in simulations:
        simulation._solution = None
