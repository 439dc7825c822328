"""Whether anything but the initial conditions of a model depends on the initial concentrations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from battsweep.jobs.physics import import_pybamm

INITIAL = "Initial concentration in "


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
        isinstance(symbol, names) and symbol.name.startswith(INITIAL) and "electrode" in symbol.name
        for equation in equations
        for symbol in equation.pre_order()
    )
