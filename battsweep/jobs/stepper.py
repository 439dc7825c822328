"""An experiment step after step through the solvers' own calls, as PyBaMM goes through it.

`pybamm.Simulation` spends 2 ms around each step of an experiment, as long as the C++
solver takes for a rest. Here the same functions of the same built models are called
with the same numbers, so the answers are equal to the last bit (a test says so). It
knows the straight way only: where a step is skipped, fails, or ends other than as the
experiment says, PyBaMM is asked instead, which tells what happened.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.jobs.direct import FOUND_A_ROOT, REACHED_THE_END, is_simple
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.summarise import Step

Array = NDArray[np.float64]

START_TIME = "start time"


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A step of the experiment with its built model and solver; its duration may change."""

    cycle: int
    number: int
    step: Any
    model: Any
    solver: Any
    names: tuple[str, ...]
    events: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Stepped:
    """What was solved of an experiment: all its steps."""

    steps: tuple[Step, ...]
    statistics: Mapping[str, float]


class Stepper:
    """The built models of an experiment, to be gone through for many sets of inputs."""

    def __init__(self, simulation: Any, stages: tuple[Stage, ...]) -> None:
        self._mappers = simulation._compiled_model_state_mappers
        self._stages = stages

    @classmethod
    def of(cls, simulation: Any, example: Mapping[str, float]) -> Stepper | None:
        """Return a simulation that was solved before as this; None where it is not that simple."""
        experiment = simulation.experiment
        if simulation._experiment_uses_unified_model or experiment.termination:
            return None
        event_types = import_pybamm().EventType
        stages: list[Stage] = []
        remaining = iter(experiment.steps)
        for cycle, length in enumerate(experiment.cycle_lengths, start=1):
            for number in range(1, length + 1):
                step = next(remaining)
                model = simulation._get_built_experiment_model(step)
                solver = simulation._get_built_experiment_solver(step)
                timed = step.start_time or step.end_time or step.next_start_time
                if timed or not is_simple(solver, model):
                    return None
                given = {**example, START_TIME: 0.0}
                stage = Stage(
                    cycle=cycle,
                    number=number,
                    step=step,
                    model=model,
                    solver=solver,
                    names=tuple(solver._set_up_model_inputs(model, given)),
                    events=tuple(
                        e.name for e in model.events if e.event_type == event_types.TERMINATION
                    ),
                )
                if not set(stage.names) <= set(given):
                    return None
                stages.append(stage)
        return cls(simulation, tuple(stages))

    def solve(self, inputs: Mapping[str, float]) -> Stepped | None:
        """Return all steps for a set of inputs; None where PyBaMM should look at them."""
        timer = import_pybamm().Timer()
        steps: list[Step] = []
        numbers = dict.fromkeys(
            ("integration_s", "solver_steps", "nonlinear_fails", "error_test_fails"), 0.0
        )
        start = 0.0
        before: tuple[Stage, Array] | None = None
        for stage in self._stages:
            given = {**inputs, START_TIME: start}
            values = np.array([float(given[name]) for name in stage.names])
            times, grid = _shifted(stage, start)
            state = self._state(stage, before, given, values, times[0])
            slope = np.zeros_like(state)
            rhs = stage.model.rhs_eval(times[0], state, values)
            slope[: stage.model.len_rhs] = rhs.full().reshape(-1)
            begun = timer.time().value
            try:
                (found,) = stage.solver._setup["solver"].solve(
                    times,
                    grid,
                    state.reshape(1, -1),
                    slope.reshape(1, -1),
                    values.reshape(1, -1),
                    logger=None,
                    pbar=np.empty((0, 0)),
                )
            except (ValueError, RuntimeError):
                return None
            numbers["integration_s"] += timer.time().value - begun
            if not _ended_well(stage, found, values):
                return None
            numbers["solver_steps"] += found.stats.number_of_steps
            numbers["nonlinear_fails"] += found.stats.number_of_nonlinear_solver_fails
            numbers["error_test_fails"] += found.stats.number_of_error_test_failures
            reached = np.array(found.t, dtype=float)
            table = np.asarray(found.y).reshape(len(reached), -1)
            outputs = stage.solver._setup["output_variables"]
            columns = {name: table[:, k].copy() for k, name in enumerate(outputs)}
            steps.append(Step(stage.cycle, stage.number, reached, columns))
            before, start = (stage, np.array(found.y_term, dtype=float)), float(reached[-1])
        return Stepped(tuple(steps), {"solve_s": timer.time().value, **numbers})

    def _state(
        self,
        stage: Stage,
        before: tuple[Stage, Array] | None,
        given: Mapping[str, float],
        values: Array,
        start: float,
    ) -> Array:
        """Return the state a step starts from: the initial one, or the last of the step before."""
        if before is None:
            zero = np.zeros((stage.model.len_rhs_and_alg, 1))
            found = stage.model.initial_conditions_eval(start, zero, values)
            return np.array(found.full(), dtype=float).reshape(-1)
        last, state = before
        if last.model is stage.model:
            return state
        mapper, _, _ = self._mappers[last.model, stage.model]
        then = np.array([float(given[name]) for name in last.names])
        return np.array(mapper(start, state, then).full(), dtype=float).reshape(-1)


def _shifted(stage: Stage, start: float) -> tuple[Array, Array]:
    """Return where the solver stops and the times to keep, counted from the experiment's start.

    The start is moved by the least there is, so that no time stands twice.
    """
    own, kept = stage.step.setup_timestepping(stage.solver, stage.step.duration, None)
    times = start + np.asarray(own, dtype=float)
    grid = start + stage.solver.process_t_interp(kept, t_eval=own)
    if start:
        times[0] = np.nextafter(start, np.inf)
        if grid.size and grid[0] == start:
            grid[0] = times[0]
    return times, grid


def _ended_well(stage: Stage, found: Any, values: Array) -> bool:
    """Return whether a step ended as the experiment says."""
    if found.t.size < 2:
        return False
    if found.flag in REACHED_THE_END:
        return not stage.step.uses_default_duration
    if found.flag != FOUND_A_ROOT or not stage.events:
        return False
    at_event = stage.solver._setup["rootfn_casadi"](
        float(found.t[-1]), np.asarray(found.y_term).reshape(-1), values
    )
    nearest = int(np.nanargmin(np.abs(at_event.full().reshape(-1))))
    return "[experiment]" in stage.events[nearest]
