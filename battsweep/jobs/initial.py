"""A state of charge as initial concentrations, and what these depend on."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from battsweep.jobs.open_circuit import OpenCircuit
from battsweep.jobs.physics import import_pybamm

CONCENTRATIONS = (
    "Initial concentration in negative electrode [mol.m-3]",
    "Initial concentration in positive electrode [mol.m-3]",
)
INITIAL = ("Initial concentration in ", "Initial voltage in ")
"""What a state of charge sets, of an electrode or (after a colon) of a phase in it."""
KEPT = 1024
AGREES = 1e-9


class InitialCharge:
    """How a state of charge is given to one built model.

    Where the electrodes are plain (both there, one phase, one open-circuit potential)
    it is two more inputs: the initial concentrations, from PyBaMM's own stoichiometry
    limits, as `pybamm.ParameterValues.set_initial_state` computes them. Limits are
    found once for all states of charge with the same inputs that they depend on.
    """

    def __init__(self, values: Any, model: Any, inputs: Sequence[str]) -> None:
        options = model.options
        self._values = values.copy()
        self._model = model
        self._inputs = tuple(inputs)
        self._known: OrderedDict[tuple[float, ...], tuple[float, ...]] = OrderedDict()
        self._names: tuple[str, ...] | None = None
        self._curve: OpenCircuit | None = None
        self._may_be_fast = True
        self.as_inputs = (
            options.get("open-circuit potential") == "single"
            and options.get("working electrode") == "both"
            and options.get("particle phases") == "1"
            and options.get("particle size") == "single"
        )

    def depends_on(self, soc: float, inputs: Mapping[str, float]) -> tuple[float, ...]:
        """Return a state of charge and the inputs that its concentrations depend on."""
        return (soc, *(inputs[name] for name in self.names()))

    def names(self) -> tuple[str, ...]:
        """Return the inputs that the concentrations depend on, besides the state of charge."""
        if self._names is None:
            self._names = tuple(sorted(self._relevant()))
        return self._names

    def concentrations(self, soc: float, inputs: Mapping[str, float]) -> dict[str, float]:
        """Return the two initial concentrations in mol.m-3.

        Raises
        ------
        Exception
            What PyBaMM raises where there are none for these inputs.
        """
        key = self.depends_on(0.0, inputs)
        if key not in self._known:
            self._known[key] = self._limits(dict(inputs))
            if len(self._known) > KEPT:
                self._known.popitem(last=False)
        x_0, x_100, y_100, y_0, most_n, most_p = self._known[key]
        x = x_0 + soc * (x_100 - x_0)
        y = y_0 - soc * (y_0 - y_100)
        return dict(zip(CONCENTRATIONS, (x * most_n, y * most_p), strict=True))

    def _limits(self, inputs: dict[str, float]) -> tuple[float, ...]:
        """Return x_0, x_100, y_100, y_0 and both maximum concentrations.

        From `OpenCircuit` in half a millisecond, where that agrees with PyBaMM on the
        first inputs; otherwise, and where it finds none, from PyBaMM in over a hundred.
        """
        if self._curve is None and self._may_be_fast:
            self._may_be_fast = False
            exact, self._curve = self._from_pybamm(inputs), self._open_circuit()
            found = None if self._curve is None else self._curve.limits(inputs)
            if found is None or not np.allclose(found, exact, rtol=AGREES, atol=0):
                self._curve = None
        found = None if self._curve is None else self._curve.limits(inputs)
        return self._from_pybamm(inputs) if found is None else found

    def _open_circuit(self) -> OpenCircuit | None:
        try:
            return OpenCircuit(self._values, self._model.param, self._model.options, self._names)
        except Exception:  # whatever PyBaMM or CasADi cannot do with a user's functions
            return None

    def _from_pybamm(self, inputs: dict[str, float]) -> tuple[float, ...]:
        """Return the limits from a solver made anew: it keeps things from its first inputs."""
        param = self._model.param
        solver = import_pybamm().lithium_ion.ElectrodeSOHSolver(
            self._values, param=param, options=self._model.options
        )
        limits = solver.get_min_max_stoichiometries(inputs=inputs)
        most = [
            self._values.evaluate(electrode.prim.c_max, inputs=inputs)
            for electrode in (param.n, param.p)
        ]
        return tuple(float(number) for number in (*limits, *most))

    def _relevant(self) -> frozenset[str]:
        """Return the inputs that the electrodes' stoichiometry limits depend on.

        Derived from the electrode-state-of-health model itself; all inputs
        where PyBaMM uses another model for them.
        """
        if not self.as_inputs:
            return frozenset(self._inputs)
        pybamm = import_pybamm()
        param = self._model.param
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
            processed = self._values.process_symbol(symbol)
            found.update(
                part.name
                for part in processed.pre_order()
                if isinstance(part, pybamm.InputParameter)
            )
        return frozenset(found & set(self._inputs))


def refers_to_its_start(model: Any, variables: Iterable[str]) -> bool:
    """Return whether a model's equations, or some of its variables, have them as parameters.

    A state of charge that is set on a built model changes its initial conditions
    alone: what else refers to the start, such as the lithium lost since then, or
    the strain, keeps the concentrations that it was built with.
    """
    pybamm = import_pybamm()
    equations = [*model.rhs.values(), *model.algebraic.values()]
    equations += [event.expression for event in model.events]
    equations += [model.variables[name] for name in variables]
    names = (pybamm.Parameter, pybamm.FunctionParameter)
    return any(
        isinstance(symbol, names)
        and symbol.name.rpartition(": ")[2].startswith(INITIAL)
        and "electrode" in symbol.name
        for equation in equations
        for symbol in equation.pre_order()
    )
