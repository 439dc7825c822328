"""A group's model, built once and solved for many inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.data.columns import TIME
from battsweep.jobs.classify import CURRENT
from battsweep.jobs.groups import Group
from battsweep.jobs.initial import refers_to_its_start
from battsweep.jobs.physics import import_pybamm, make_model, mesh_points, parameter_values
from battsweep.sweep.summaries import parse_summary

VOLTAGE_AND_CURRENT = ("Voltage [V]", "Current [A]")


class Built:
    """A built `pybamm.Simulation` of one group.

    Not to be shared between threads: PyBaMM then mixes up their answers.
    """

    def __init__(self, group: Group) -> None:
        self.group = group
        self.variables = wanted_variables(group)
        self.values = parameter_values(group.cell)
        model = make_model(group.model)
        self.is_experiment = _has_steps(group)
        if group.protocol.profile is not None and not self.is_experiment:
            self.values.update({CURRENT: _interpolant(group)})
        self.values.update(dict.fromkeys(group.inputs, "[input]"))
        self._refers_to_its_start = refers_to_its_start(model, self.variables)
        self._simulation = self._new_simulation(model)
        self._state_inputs: frozenset[str] | None = None
        self._state: tuple[object, ...] | None = None

    def _new_simulation(self, model: Any) -> Any:
        pybamm = import_pybamm()
        group = self.group
        # At other times than a grid's, values are interpolated in the full state,
        # which the solver does not keep where it is given a list of outputs.
        outputs = [] if group.output.every_s is None else list(self.variables)
        return pybamm.Simulation(
            model,
            parameter_values=self.values,
            experiment=_experiment(group) if self.is_experiment else None,
            var_pts=mesh_points(group.model, model),
            solver=pybamm.IDAKLUSolver(rtol=group.rtol, atol=group.atol, output_variables=outputs),
            cache_esoh=False,
        )

    def build(self, inputs: Mapping[str, float], *, initial_soc: float | None) -> None:
        """Build the model; the inputs are only examples of what will be solved.

        Raises
        ------
        Exception
            Whatever PyBaMM raises.
        """
        if initial_soc is not None:
            self._set_initial_state(initial_soc, dict(inputs))
        if self.is_experiment:
            self._simulation.build_for_experiment(inputs=dict(inputs))
        else:
            self._simulation.build(inputs=dict(inputs))

    def unused_inputs(self) -> tuple[str, ...]:
        """Return the inputs that are in no equation to be solved; after `build`."""
        models = self._simulation._get_built_models()
        used = {symbol.name for m in models for symbol in m.required_input_parameters}
        return tuple(name for name in self.group.inputs if name not in used)

    def solve(
        self,
        inputs: Mapping[str, float],
        *,
        initial_soc: float | None,
        duration_s: float,
        callback: Any,
        also_at_s: NDArray[np.float64] | None = None,
    ) -> Any:
        """Return PyBaMM's solution for these inputs.

        ``also_at_s`` are times to be solved for besides those of a grid; of
        no effect on experiments, whose times PyBaMM chooses.

        Raises
        ------
        Exception
            Whatever PyBaMM raises.
        """
        inputs = dict(inputs)
        if initial_soc is not None:
            self._set_initial_state(initial_soc, inputs)
        if self.is_experiment:
            return self._simulation.solve(inputs=inputs, calc_esoh=False, callbacks=callback)
        times = self._knots(duration_s)
        grid = self.grid(times[-1])
        if grid is not None and also_at_s is not None:
            grid = np.union1d(grid, also_at_s[also_at_s <= times[-1]])
        return self._simulation.solve(times, inputs=inputs, t_interp=grid)

    def solve_cycles(
        self,
        inputs: Mapping[str, float],
        *,
        initial_soc: float | None,
        start: Callable[[], Any] | None,
        cycles: int,
        callback: Any,
    ) -> Any:
        """Return PyBaMM's solution of some cycles of the steps.

        ``start`` gives the state to go on from; None for the first cycles.

        Raises
        ------
        Exception
            Whatever PyBaMM raises.
        """
        inputs = dict(inputs)
        if initial_soc is not None:  # of later cycles too: what is lost counts from there
            self._set_initial_state(initial_soc, inputs)
        start_from = start() if start else None
        whole = self._simulation.experiment
        self._simulation.experiment = _experiment(self.group, cycles=cycles)
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
        profile = self.group.protocol.profile
        return np.array([0.0, duration_s] if profile is None else profile.times_s)

    def grid(self, end: float) -> NDArray[np.float64] | None:
        """Return the times to keep of a solve until ``end``; None where no grid is asked for."""
        every = self.group.output.every_s
        if every is None:
            return None
        grid = np.arange(0.0, end, every)
        return np.append(grid, end) if end - grid[-1] > 1e-9 * end else grid

    def _set_initial_state(self, soc: float, inputs: dict[str, float]) -> None:
        """Set the state of charge where it, or an input it depends on, has changed.

        PyBaMM's own cache of this misses inputs inside functions such as the
        open-circuit potentials, so it is switched off. Where more than the initial
        conditions depends on the initial concentrations, the model is built anew.
        """
        if self._state_inputs is None:
            self._state_inputs = self._inputs_of_the_initial_state()
        state = (soc, *(inputs[name] for name in sorted(self._state_inputs)))
        if state == self._state:
            return
        anew = self._state is not None and self._refers_to_its_start
        if anew:
            self._simulation = self._new_simulation(make_model(self.group.model))
        self._simulation.set_initial_state(soc, inputs=inputs)
        self._state = state
        if anew:
            self.build(inputs, initial_soc=None)

    def _inputs_of_the_initial_state(self) -> frozenset[str]:
        """Return the inputs that the electrodes' stoichiometry limits depend on.

        Derived from the electrode-state-of-health model itself; all inputs
        where PyBaMM uses another model for them.
        """
        pybamm = import_pybamm()
        model = self._simulation.model
        options = model.options
        plain = (
            options.get("open-circuit potential") != "MSMR"
            and options.get("working electrode") == "both"
            and options.get("particle phases") == "1"
        )
        if not plain:
            return frozenset(self.group.inputs)
        param = model.param
        x = pybamm.Scalar(0.5)
        temperatures = (param.T_ref, param.T_init)
        symbols = [
            *(e.prim.U(x, t) for e in (param.n, param.p) for t in temperatures),
            *(e.prim.c_max for e in (param.n, param.p)),
            *(e.Q_init for e in (param.n, param.p)),
            *temperatures,
            param.Q_Li_particles_init,
            param.ocp_soc_0,
            param.ocp_soc_100,
            param.voltage_low_cut,
            param.voltage_high_cut,
        ]
        found: set[str] = set()
        for symbol in symbols:
            processed = self.values.process_symbol(symbol)
            found.update(
                part.name
                for part in processed.pre_order()
                if isinstance(part, pybamm.InputParameter)
            )
        return frozenset(found & set(self.group.inputs))


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


def _has_steps(group: Group) -> bool:
    profile = group.protocol.profile
    return group.protocol.kind == "steps" or (profile is not None and profile.quantity == "power")


def _experiment(group: Group, *, cycles: int | None = None) -> Any:
    pybamm = import_pybamm()
    protocol = group.protocol
    steps: tuple[Any, ...] = protocol.steps
    if protocol.profile is not None:
        # PyBaMM's power is positive on discharge, a profile's on charge.
        power = [-value for value in protocol.profile.values]
        steps = (pybamm.step.power(np.column_stack([protocol.profile.times_s, power])),)
    return pybamm.Experiment([steps] * (cycles or protocol.cycles), period=group.output.every_s)


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
