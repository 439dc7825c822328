"""Many inputs through the solver's own call: PyBaMM's part around it, done once a list.

`pybamm.BaseSolver.solve` spends about as long on a small model as the C++ solver
does: it checks, copies and wraps for each set of inputs. Here the same functions of
the same solver are called with the same numbers, so the answers are equal to the last
bit (a test says so); what is odd in any way is left to PyBaMM, one set at a time.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.jobs.physics import import_pybamm

Array = NDArray[np.float64]

REACHED_THE_END = frozenset({0, 1})  # IDA_SUCCESS, IDA_TSTOP_RETURN
FOUND_A_ROOT = 2  # IDA_ROOT_RETURN


@dataclass(frozen=True, slots=True, eq=False)
class Track:
    """What was solved without an experiment: ``values`` by PyBaMM's names and signs.

    Each has the length of ``times_s``. ``termination`` is PyBaMM's text.
    """

    times_s: Array
    values: Mapping[str, Array]
    termination: str
    statistics: Mapping[str, float]


def is_simple(solver: Any, model: Any) -> bool:
    """Return whether a solver that is set up can be called without PyBaMM's part around it.

    Not simple are discontinuities in time, events that tell of extrapolation, a root
    to be found beforehand, and outputs that are not one number a time.
    """
    event_types = import_pybamm().EventType
    setup = vars(solver).get("_setup")
    if not setup or not setup["output_variables"]:
        return False
    assembly = setup["output_assembly"]
    return bool(
        model.uses_stacked_inputs
        and model.is_standard_form_dae
        and model.len_rhs
        and solver.root_method is None
        and not solver.store_first_last
        and not model.discontinuity_events_eval
        and not model.t_discon_constant_symbols
        and all(e.event_type != event_types.INTERPOLANT_EXTRAPOLATION for e in model.events)
        and assembly._n_rows == len(setup["output_variables"])
        and not assembly._sparse
        and not assembly._time_integrals
        and not setup["number_of_sensitivity_parameters"]
    )


class Direct:
    """The solver of a built simulation, to be called with many sets of inputs at once."""

    def __init__(self, solver: Any, model: Any, example: Mapping[str, float]) -> None:
        event_types = import_pybamm().EventType
        self._solver = solver
        self._model = model
        self._setup = solver._setup
        self._names = tuple(solver._set_up_model_inputs(model, dict(example)))
        self._outputs = tuple(self._setup["output_variables"])
        self._events = [e.name for e in model.events if e.event_type == event_types.TERMINATION]
        self._mapped: dict[tuple[str, int], tuple[Any, Any]] = {}

    @classmethod
    def of(cls, simulation: Any, example: Mapping[str, float]) -> Direct | None:
        """Return a simulation that was solved before as this; None where it is not that simple."""
        solver, model = simulation.solver, simulation.built_model
        if not is_simple(solver, model):
            return None
        return cls(solver, model, example)

    def stale(self) -> bool:
        """Return whether the model's initial conditions were changed since PyBaMM last solved."""
        set_up = self._solver._model_set_up.get(self._model)
        return not set_up or (
            set_up["initial conditions"] != self._model.concatenated_initial_conditions
        )

    def solve(
        self, times: Array, grid: Array, inputs: Sequence[Mapping[str, float]]
    ) -> list[Track | None]:
        """Return a track for each set of inputs; None for one that PyBaMM should look at.

        ``times`` are where the solver stops, ``grid`` the times to keep, as
        `pybamm.Simulation.solve` takes them.
        """
        timer = import_pybamm().Timer()
        grid = self._solver.process_t_interp(grid, t_eval=times)
        sets = np.array([[float(one[name]) for name in self._names] for one in inputs])
        try:
            y0, ydot0 = self._initial_states(times[0], sets)
            prepared = timer.time()
            found = self._setup["solver"].solve(
                times, grid, y0, ydot0, sets, logger=None, pbar=np.empty((0, 0))
            )
        except (ValueError, RuntimeError, import_pybamm().SolverError):
            return [None] * len(inputs)
        integrated = timer.time() - prepared
        steps = sum(one.stats.number_of_steps for one in found) or 1
        endings = self._endings(found, sets)
        return [
            self._track(one, ending, integrated.value * one.stats.number_of_steps / steps)
            for one, ending in zip(found, endings, strict=True)
        ]

    def _endings(self, found: Sequence[Any], sets: Array) -> list[str | None]:
        """Return PyBaMM's text for how each ended: the event nearest to zero, where by one."""
        endings: list[str | None] = [
            "final time" if one.flag in REACHED_THE_END and one.t.size > 1 else None
            for one in found
        ]
        ended = [k for k, one in enumerate(found) if one.flag == FOUND_A_ROOT and one.t.size > 1]
        if not ended or not self._events:
            return endings
        at_event = self._map("events", self._setup["rootfn_casadi"], len(ended))
        values = at_event(
            np.array([[found[k].t[-1] for k in ended]]),
            np.column_stack([found[k].y_term for k in ended]),
            np.ascontiguousarray(sets[ended].T),
        ).full()
        nearest = np.nanargmin(np.abs(values), axis=0)
        for k, place in zip(ended, nearest, strict=True):
            endings[k] = f"event: {self._events[place]}"
        return endings

    def _map(self, name: str, function: Any, count: int) -> Any:
        """Return a CasADi function of one set as one of ``count`` sets, kept for the next list.

        PyBaMM makes another function of the initial state where that is set anew.
        """
        of, mapped = self._mapped.get((name, count), (None, None))
        if of is not function:
            mapped = function.map(count)
            self._mapped[name, count] = (function, mapped)
        return mapped

    def _initial_states(self, start: float, sets: Array) -> tuple[Array, Array]:
        """Return y0 and its slope for each set, as the solver's own preparation does."""
        model = self._model
        count = len(sets)
        initial = self._map("initial", model.initial_conditions_eval, count)
        slope = self._map("slope", model.rhs_eval, count)
        at = np.full((1, count), float(start))
        columns = np.ascontiguousarray(sets.T)
        y0 = initial(at, np.zeros((model.len_rhs_and_alg, count)), columns).full()
        ydot0 = np.zeros_like(y0)
        ydot0[: model.len_rhs] = slope(at, y0, columns).full()
        return np.ascontiguousarray(y0.T), np.ascontiguousarray(ydot0.T)

    def _track(self, found: Any, ending: str | None, integration_s: float) -> Track | None:
        if ending is None:
            return None
        times = np.array(found.t, dtype=float)
        table = np.asarray(found.y).reshape(len(times), -1)
        return Track(
            times_s=times,
            values={name: table[:, place].copy() for place, name in enumerate(self._outputs)},
            termination=ending,
            statistics={
                "solve_s": integration_s,
                "integration_s": integration_s,
                "solver_steps": float(found.stats.number_of_steps),
                "nonlinear_fails": float(found.stats.number_of_nonlinear_solver_fails),
                "error_test_fails": float(found.stats.number_of_error_test_failures),
            },
        )
