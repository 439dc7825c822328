"""A group's model, built once and solved for many inputs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.data.columns import TIME
from battsweep.jobs.classify import CURRENT, TEMPERATURES
from battsweep.jobs.compiled import obstacle
from battsweep.jobs.direct import Direct, Track
from battsweep.jobs.groups import Group, Item
from battsweep.jobs.initial import CONCENTRATIONS, InitialCharge
from battsweep.jobs.knots import stops
from battsweep.jobs.physics import import_pybamm, make_model, mesh_points, parameter_values
from battsweep.jobs.step_inputs import set_durations, with_inputs
from battsweep.jobs.stepper import Stepped, Stepper
from battsweep.jobs.summarise import measured_times
from battsweep.jobs.symbolic import submesh_types
from battsweep.sweep.summaries import parse_summary

VOLTAGE_AND_CURRENT = ("Voltage [V]", "Current [A]")
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
        self.is_experiment = _has_steps(group)
        if group.protocol.profile is not None and not self.is_experiment:
            self.values.update({CURRENT: _interpolant(group)})
        self.stops = _stops(group)
        self._names = {name: _input_name(name, self.is_experiment) for name in group.inputs}
        self.values.update({n: pybamm.InputParameter(i) for n, i in self._names.items()})
        self._charge = InitialCharge(self.values, model, tuple(self._names.values()))
        values = self.values.copy()
        if group.protocol.initial_soc is not None and self._charge.as_inputs:
            values.update(dict.fromkeys(CONCENTRATIONS, "[input]"))
        # At other times than a grid's, values are interpolated in the full state,
        # which the solver does not keep where it is given a list of outputs.
        outputs = [] if group.output.every_s is None else list(self.variables)
        no_compiling = obstacle() if group.compiled else None
        self.notes = () if no_compiling is None else (no_compiling,)
        self.compiled = group.compiled and no_compiling is None
        self._simulation = pybamm.Simulation(
            model,
            parameter_values=values,
            experiment=_experiment(group) if self.is_experiment else None,
            submesh_types=submesh_types(group.model, model),
            var_pts=mesh_points(group.model, model),
            solver=_solver(group, outputs, compiled=self.compiled),
            cache_esoh=False,
        )
        self._state: tuple[object, ...] | None = None
        self._direct: Direct | None = None
        self._stepper: Stepper | None = None
        self._looks = 0
        self._solved_state: tuple[object, ...] | None = ("never solved",)
        self.cost_s = 0.0

    def build(self, inputs: Mapping[str, float], *, initial_soc: float | None) -> None:
        """Build the model; the inputs are only examples of what will be solved.

        Raises
        ------
        Exception
            Whatever PyBaMM raises.
        """
        inputs = self._given(inputs, initial_soc)
        if self.is_experiment:
            self._simulation.build_for_experiment(inputs=inputs)
        else:
            self._simulation.build(inputs=inputs)

    def _named(self, inputs: Mapping[str, float]) -> dict[str, float]:
        """Return inputs by their names in the built model; a step's are named so already."""
        return {self._names.get(name, name): value for name, value in inputs.items()}

    def unused_inputs(self) -> tuple[str, ...]:
        """Return the inputs that are in no equation to be solved; after `build`."""
        models = self._simulation._get_built_models()
        used = {symbol.name for m in models for symbol in m.required_input_parameters}
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
            given = self._given(item.inputs, item.initial_soc)
            self._direct = Direct.of(self._simulation, given)
        return self._direct is not None and not self._direct.stale()

    def solve_list(self, items: Sequence[Item]) -> list[Track | None]:
        """Return a track for each of some items that are `alike`; None for an odd one."""
        also = items[0].measured
        times, grid = self._times(
            items[0].duration_s, None if also is None else measured_times(also)
        )
        if self._direct is None or grid is None:
            return [None] * len(items)
        inputs = [self._given(item.inputs, item.initial_soc) for item in items]
        return self._direct.solve(times, grid, inputs)

    def _times(
        self, duration_s: float, also_at_s: NDArray[np.float64] | None
    ) -> tuple[Any, NDArray[np.float64] | None]:
        """Return where the solver stops, and the times to keep."""
        times = self._knots(duration_s)
        grid = self.grid(times[-1])
        if grid is not None and also_at_s is not None:
            grid = np.union1d(grid, also_at_s[also_at_s <= times[-1]])
        return times, grid

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

    def _set_initial_state(self, soc: float, inputs: dict[str, float]) -> None:
        """Set the state of charge where it is no input and it, or what it depends on, changed.

        PyBaMM's own cache of this misses inputs inside functions such as the
        open-circuit potentials, so it is switched off.
        """
        state = self._state_of(soc, inputs)
        if state != self._state:
            self._simulation.set_initial_state(soc, inputs=inputs)
            self._state = state

    def _state_of(self, soc: float | None, given: Mapping[str, float]) -> tuple[object, ...] | None:
        """Return all that the built initial conditions depend on; None where inputs set them."""
        if soc is None or self._charge.as_inputs:
            return None
        return self._charge.depends_on(soc, given)


def _solver(group: Group, outputs: list[str], *, compiled: bool) -> Any:
    """Return a new solver; where it gives up, what it has so far is returned with a warning."""
    options = {"compile": compiled, **group.solver_options}
    return import_pybamm().IDAKLUSolver(
        rtol=group.rtol,
        atol=group.atol,
        output_variables=outputs,
        root_method=options.pop("root_method", None),
        on_failure="warn",
        options=options,
    )


def wanted_variables(group: Group) -> tuple[str, ...]:
    """Return the PyBaMM variables that a group's series and summaries are made of."""
    names = [*VOLTAGE_AND_CURRENT, *group.output.series]
    for text in group.output.summary:
        summary = parse_summary(text)
        if summary.variable is not None:
            names.append(summary.variable)
        if "capacity" in summary.kind:
            names.append("Discharge capacity [A.h]")
    return tuple(dict.fromkeys(name for name in names if name != TIME.pybamm_name))


def _input_name(name: str, is_experiment: bool) -> str:
    """Return the name of the input that stands for a parameter.

    PyBaMM refuses inputs of some names in experiments, which may set them
    step by step; ours, whose steps have no temperatures, do not.
    """
    return f"{name} of the task" if is_experiment and name in TEMPERATURES else name


def _has_steps(group: Group) -> bool:
    profile = group.protocol.profile
    return group.protocol.kind == "steps" or (profile is not None and profile.quantity == "power")


def _experiment(group: Group) -> Any:
    pybamm = import_pybamm()
    protocol = group.protocol
    steps: tuple[Any, ...] = tuple(
        text if slot is None else with_inputs(text, slot)
        for text, slot in zip(
            protocol.steps, group.slots or (None,) * len(protocol.steps), strict=True
        )
    )
    if protocol.profile is not None:
        # PyBaMM's power is positive on discharge, a profile's on charge.
        power = [-value for value in protocol.profile.values]
        steps = (pybamm.step.power(np.column_stack([protocol.profile.times_s, power])),)
    return pybamm.Experiment([steps] * protocol.cycles, period=group.output.every_s)


def _stops(group: Group) -> NDArray[np.float64] | None:
    """Return where a profile's solver must stop; None where there is no profile."""
    profile = group.protocol.profile
    if profile is None:
        return None
    return stops(np.array(profile.times_s), np.array(profile.values), rtol=group.rtol)


def _interpolant(group: Group) -> Any:
    pybamm = import_pybamm()
    profile = group.protocol.profile
    if profile is None:
        raise ValueError("this protocol has no profile")
    # PyBaMM's current is positive on discharge, a profile's on charge.
    return pybamm.Interpolant(
        np.array(profile.times_s),
        -np.array(profile.values),
        pybamm.t,
        interpolator="linear",
    )
