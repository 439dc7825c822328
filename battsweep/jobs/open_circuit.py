"""The stoichiometries of an empty and a full cell, from its open-circuit voltage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from battsweep.jobs.physics import import_pybamm

Array = NDArray[np.float64]

XTOL = 1e-15
GRID = 200
"""Points at which it is looked whether a voltage is passed once only."""


class OpenCircuit:
    """A cell's open-circuit voltage as one function of its inputs, to be solved for many.

    With the electrodes' capacities Q_n and Q_p and the lithium in both, Q_Li, a
    stoichiometry x of the negative electrode gives y = (Q_Li - x Q_n) / Q_p of the
    positive; x is sought where U_p(y) - U_n(x) is the voltage of an empty and of a full
    cell. The equations are PyBaMM's own (`pybamm.lithium_ion.ElectrodeSOHSolver`, known
    value "cyclable lithium capacity"; Mohtat et al. 2019, doi:10.1016/j.jpowsour.2019.03.104),
    which solves them in general, where here they are compiled once.
    """

    def __init__(self, values: Any, param: Any, options: Any, names: Sequence[str] | None) -> None:
        pybamm = import_pybamm()
        import casadi

        self._names = tuple(names or ())
        self._solver = pybamm.lithium_ion.ElectrodeSOHSolver(values, param=param, options=options)
        given = casadi.MX.sym("inputs", len(self._names))
        x, y = casadi.MX.sym("x"), casadi.MX.sym("y")
        inputs = {name: given[place] for place, name in enumerate(self._names)}
        inputs.update({"x": x, "y": y})

        def converted(symbol: Any) -> Any:
            return values.process_symbol(symbol).to_casadi(inputs=inputs)

        numbers = (
            param.n.Q_init,
            param.p.Q_init,
            param.Q_Li_particles_init,
            param.ocp_soc_0,
            param.ocp_soc_100,
            param.n.prim.c_max,
            param.p.prim.c_max,
        )
        self._numbers = casadi.Function(
            "numbers", [given], [casadi.vertcat(*map(converted, numbers))]
        )
        voltage = param.p.prim.U(pybamm.InputParameter("y"), param.T_ref) - param.n.prim.U(
            pybamm.InputParameter("x"), param.T_ref
        )
        self._voltage = casadi.Function("voltage", [given, x, y], [converted(voltage)])
        self._voltages = self._voltage.map(GRID)

    def limits(self, inputs: Mapping[str, float]) -> tuple[float, ...] | None:
        """Return x_0, x_100, y_100, y_0 and both maximum concentrations in mol.m-3.

        None where there are no stoichiometries within the electrodes' limits, or
        more than one that has the voltage.
        """
        from scipy.optimize import brentq

        given = np.array([float(inputs[name]) for name in self._names])
        q_n, q_p, q_li, empty, full, most_n, most_p = self._numbers(given).full().reshape(-1)
        capacities = {"Q_n": float(q_n), "Q_p": float(q_p), "Q_Li": float(q_li)}

        def beyond(x: float, voltage: float) -> float:
            return float(self._voltage(given, x, (q_li - x * q_n) / q_p)) - float(voltage)

        try:
            low, high, _, _ = (float(limit) for limit in self._solver._get_lims(capacities))
            if not self._passed_once(given, capacities, (low, high), (empty, full)):
                return None
            x_0 = brentq(beyond, low, high, args=(empty,), xtol=XTOL)
            x_100 = brentq(beyond, low, high, args=(full,), xtol=XTOL)
        except (ValueError, RuntimeError):
            return None
        y_0, y_100 = (q_li - x_0 * q_n) / q_p, (q_li - x_100 * q_n) / q_p
        found = tuple(float(n) for n in (x_0, x_100, y_100, y_0, most_n, most_p))
        return found if np.all(np.isfinite(found)) and x_0 < x_100 else None

    def _passed_once(
        self,
        given: Array,
        capacities: Mapping[str, float],
        between: tuple[float, float],
        voltages: tuple[float, float],
    ) -> bool:
        x = np.linspace(*between, GRID)
        y = (capacities["Q_Li"] - x * capacities["Q_n"]) / capacities["Q_p"]
        inputs = np.tile(given.reshape(-1, 1), GRID)
        found = self._voltages(inputs, x.reshape(1, -1), y.reshape(1, -1)).full().reshape(-1)
        return bool(np.all(np.isfinite(found))) and all(
            np.count_nonzero(np.diff(np.signbit(found - voltage))) == 1 for voltage in voltages
        )
