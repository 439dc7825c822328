"""A group's model, built once and solved for many inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.jobs.classify import CURRENT
from battsweep.jobs.compiled import obstacle
from battsweep.jobs.direct import Direct, Track
from battsweep.jobs.groups import Group, Item
from battsweep.jobs.initial import CONCENTRATIONS, InitialCharge, refers_to_its_start
from battsweep.jobs.physics import import_pybamm, make_model, mesh_points, parameter_values
from battsweep.jobs.simulation import (
    experiment_of,
    has_steps,
    input_name,
    interpolant_of,
    solver_of,
    stops_of,
    wanted_variables,
)
from battsweep.jobs.step_inputs import set_durations
from battsweep.jobs.stepper import Stepped, Stepper
from battsweep.jobs.summarise import measured_times
from battsweep.jobs.symbolic import submesh_types
from battsweep.sweep.summaries import asks_for_health

LOOKS = 3
"""How often it is looked whether the solver can be called directly: a first solve may fail."""


class Built:
    """A built `pybamm.Simulation` of one group.

    Not to be shared between threads: PyBaMM then mixes up their answers.
    """

    def __init__(self, group: Group) -> None:
        pybamm = import_pybamm()
        self.group = group
        self.variables = wanted_variables(group)
        self.values = parameter_values(group.cell)
        model = make_model(group.model)
        self.is_experiment = has_steps(group)
        if group.protocol.profile is not None and not self.is_experiment:
            self.values.update({CURRENT: interpolant_of(group)})
        self.stops = stops_of(group)
        self._names = {
            name: input_name(name, is_experiment=self.is_experiment) for name in group.inputs
        }
        self.values.update({n: pybamm.InputParameter(i) for n, i in self._names.items()})
        self._charge = InitialCharge(self.values, model, tuple(self._names.values()))
        self._refers_to_its_start = refers_to_its_start(model, self.variables)
        no_compiling = obstacle() if group.compiled else None
        self.notes = () if no_compiling is None else (no_compiling,)
        self.compiled = group.compiled and no_compiling is None
        self._simulation = self._new_simulation(model)
        self._state: tuple[object, ...] | None = None
        self._direct: Direct | None = None
        self._stepper: Stepper | None = None
        self._looks = LOOKS if asks_for_health(group.output.summary) else 0
        self._solved_state: tuple[object, ...] | None = ("never solved",)
        self.cost_s = 0.0

    def _new_simulation(self, model: Any) -> Any:
        group = self.group
        values = self.values.copy()
        if group.protocol.initial_soc is not None and self._charge.as_inputs:
            values.update(dict.fromkeys(CONCENTRATIONS, "[input]"))
        # At other times than a grid's, values are interpolated in the full state,
        # which the solver does not keep where it is given a list of outputs.
        outputs = [] if group.output.every_s is None else list(self.variables)
        return import_pybamm().Simulation(
            model,
            parameter_values=values,
            experiment=experiment_of(group) if self.is_experiment else None,
            submesh_types=submesh_types(group.model, model),
            var_pts=mesh_points(group.model, model),
            solver=solver_of(group, outputs, compiled=self.compiled),
            cache_esoh=False,
        )

    def build(self, inputs: Mapping[str, float], *, initial_soc: float | None) -> None:
        """Build the model; the inputs are only examples of what will be solved.

        Raises
        ------
        Exception
            Whatever PyBaMM raises.
        """
        given = self._example(inputs, initial_soc)
        if initial_soc is not None and not self._charge.as_inputs:
            self._set_initial_state(initial_soc, given)
        self._build(given)

    def _build(self, given: Mapping[str, float]) -> None:
        if self.is_experiment:
            self._simulation.build_for_experiment(inputs=dict(given))
        else:
            self._simulation.build(inputs=dict(given))

    def _named(self, inputs: Mapping[str, float]) -> dict[str, float]:
        """Return inputs by their names in the built model; a step's are named so already."""
        return {self._names.get(name, name): value for name, value in inputs.items()}

    def unused_inputs(self) -> tuple[str, ...]:
        """Return the inputs that are in nothing to be solved, nor in its start; after `build`."""
        models = self._simulation._get_built_models()
        used = {symbol.name for m in models for symbol in m.required_input_parameters}
        if self.group.protocol.initial_soc is not None:
            used.update(self._charge.names())
        return tuple(name for name, given in self._names.items() if given not in used)

    def solve(
        self,
        inputs: Mapping[str, float],
        *,
        initial_soc: float | None,
        duration_s: float,
        callback: Any,
        also_at_s: NDArray[np.float64] | None = None,
        steps: Sequence[str] = (),
    ) -> Any:
        """Return PyBaMM's solution for these inputs.

        ``steps`` are the task's, for the durations of those that vary.
        ``also_at_s`` are times to be solved for besides those of a grid; of
        no effect on experiments, whose times PyBaMM chooses.

        Raises
        ------
        Exception
            Whatever PyBaMM raises.
        """
        inputs = self._given(inputs, initial_soc)
        self._solved_state = self._state
        if self.is_experiment:
            self._set_durations(steps)
            return self._simulation.solve(inputs=inputs, calc_esoh=False, callbacks=callback)
        times, grid = self._times(duration_s, also_at_s)
        return self._simulation.solve(times, inputs=inputs, t_interp=grid)

    def step_through(self, inputs: Mapping[str, float], item: Item) -> Stepped | None:
        """Return all steps of an experiment; None where PyBaMM should go through them.

        It has to once for each initial state, and where anything is out of the ordinary.
        """
        if not self.is_experiment or self.group.output.every_s is None:
            return None
        if self._solved_state != self._state_of(item.initial_soc, self._named(inputs)):
            return None
        given = self._given(inputs, item.initial_soc)
        self._set_durations(item.task.procedure.steps)
        if self._stepper is None and self._looks < LOOKS:
            self._looks += 1
            self._stepper = Stepper.of(self._simulation, given)
        return None if self._stepper is None else self._stepper.solve(given)

    def alike(self, item: Item) -> tuple[object, ...]:
        """Return what must be equal for tasks to be solved in one list."""
        measured = None if item.measured is None else item.measured.name
        state = self._state_of(item.initial_soc, self._named(item.inputs))
        return (state, item.duration_s, measured)

    def can_take_lists(self, item: Item) -> bool:
        """Return whether tasks like this one can be solved in lists, now."""
        if self.is_experiment or self.group.output.every_s is None:
            return False
        if self._solved_state != self._state_of(item.initial_soc, self._named(item.inputs)):
            return False
        if self._direct is None and self._looks < LOOKS:
            self._looks += 1
            example = self._example(item.inputs, item.initial_soc)
            self._direct = Direct.of(self._simulation, example)
        return self._direct is not None and not self._direct.stale()

    def solve_list(self, items: Sequence[Item]) -> list[Track | None]:
        """Return a track for each of some items that are `alike`; None for an odd one."""
        also = items[0].measured
        times, grid = self._times(
            items[0].duration_s, None if also is None else measured_times(also)
        )
        if self._direct is None or grid is None:
            return [None] * len(items)
        inputs = [self._given_or_none(item) for item in items]
        sound = [one for one in inputs if one is not None]
        tracks = iter(self._direct.solve(times, grid, sound) if sound else ())
        return [None if one is None else next(tracks) for one in inputs]

    def _times(
        self, duration_s: float, also_at_s: NDArray[np.float64] | None
    ) -> tuple[Any, NDArray[np.float64] | None]:
        """Return where the solver stops, and the times to keep."""
        times = self._knots(duration_s)
        grid = self.grid(times[-1])
        if grid is not None and also_at_s is not None:
            grid = np.union1d(grid, also_at_s[also_at_s <= times[-1]])
        return times, grid

    def solve_cycles(
        self,
        inputs: Mapping[str, float],
        *,
        initial_soc: float | None,
        start: Callable[[], Any] | None,
        cycles: int,
        callback: Any,
        steps: Sequence[str],
    ) -> Any:
        """Return PyBaMM's solution of some cycles of the steps; `solve` says what these are.

        ``start`` gives the state to go on from; None for the first cycles.

        Raises
        ------
        Exception
            Whatever PyBaMM raises.
        """
        inputs = self._given(inputs, initial_soc)  # of later cycles too: losses count from there
        start_from = start() if start else None
        whole = self._simulation.experiment
        self._simulation.experiment = experiment_of(self.group, cycles=cycles)
        self._set_durations(steps)
        try:
            return self._simulation.solve(
                inputs=inputs,
                calc_esoh=False,
                callbacks=callback,
                starting_solution=start_from,
            )
        finally:
            self._simulation.experiment = whole

    def step_models(self) -> list[Any]:
        """Return the built model of each step of a cycle."""
        whole = self._simulation.experiment
        count = whole.cycle_lengths[0]
        models = self._simulation.steps_to_built_models
        return [models[step.basic_repr()] for step in whole.steps[:count]]

    def health_solver(self) -> Any:
        """Return PyBaMM's solver for the electrodes' state of health."""
        return self._simulation.get_esoh_solver(True, None)

    def _knots(self, duration_s: float) -> Any:
        return np.array([0.0, duration_s]) if self.stops is None else self.stops

    def grid(self, end: float) -> NDArray[np.float64] | None:
        """Return the times to keep of a solve until ``end``; None where no grid is asked for."""
        every = self.group.output.every_s
        if every is None:
            return None
        grid = np.arange(0.0, end, every)
        return np.append(grid, end) if end - grid[-1] > 1e-9 * end else grid

    def _set_durations(self, steps: Sequence[str]) -> None:
        """Give the steps whose numbers are inputs a task's durations, which are none."""
        if any(self.group.slots):
            set_durations(self._simulation.experiment.steps, self.group.slots, steps)

    def _given(self, inputs: Mapping[str, float], soc: float | None) -> dict[str, float]:
        """Return inputs as the built model names them, once the state of charge is set.

        Where that is two inputs more, they are among them.
        """
        given = self._named(inputs)
        if soc is None:
            return given
        if self._charge.as_inputs:
            return {**given, **self._charge.concentrations(soc, given)}
        self._set_initial_state(soc, given)
        return given

    def _given_or_none(self, item: Item) -> dict[str, float] | None:
        """Return an item's inputs; None where there is no such initial state, as PyBaMM tells."""
        try:
            return self._given(item.inputs, item.initial_soc)
        except Exception:  # its own solve meets it again, and makes it the outcome
            return None

    def _example(self, inputs: Mapping[str, float], soc: float | None) -> dict[str, float]:
        """Return inputs of which only the names count; there may be no such initial state."""
        given = self._named(inputs)
        if soc is not None and self._charge.as_inputs:
            given |= dict.fromkeys(CONCENTRATIONS, 0.0)
        return given

    def _set_initial_state(self, soc: float, inputs: dict[str, float]) -> None:
        """Set the state of charge where it is no input and it, or what it depends on, changed.

        PyBaMM's own cache of this misses inputs inside functions such as the
        open-circuit potentials, so it is switched off. Where more than the initial
        conditions depends on the initial concentrations, the model is built anew.
        """
        state = self._state_of(soc, inputs)
        if state == self._state:
            return
        anew = self._state is not None and self._refers_to_its_start
        if anew:
            self._simulation = self._new_simulation(make_model(self.group.model))
            self._direct = self._stepper = None
            self._solved_state = ("never solved",)
            self._state = None  # where the next line raises, it is nobody's
        self._simulation.set_initial_state(soc, inputs=inputs)
        self._state = state
        if anew:
            self._build(inputs)

    def _state_of(self, soc: float | None, given: Mapping[str, float]) -> tuple[object, ...] | None:
        """Return all that the built initial conditions depend on; None where inputs set them."""
        if soc is None or self._charge.as_inputs:
            return None
        return self._charge.depends_on(soc, given)
