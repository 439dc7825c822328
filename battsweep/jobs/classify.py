"""How each varied name is swept: as an input of one built model, or by building again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from battsweep.jobs.physics import import_pybamm
from battsweep.sweep.spec import Protocol

How = Literal["input", "protocol input", "initial state", "protocol", "rebuild"]

CURRENT = "Current function [A]"


@dataclass(frozen=True, slots=True)
class Swept:
    """How a varied name is swept, and why."""

    how: How
    reason: str

    @property
    def rebuilds(self) -> bool:
        """Whether another value needs another built model."""
        return self.how in ("rebuild", "protocol")


def classify(
    name: str, *, protocol: Protocol, model: Any, content: Mapping[str, float | str]
) -> Swept:
    """Say how ``name`` is swept in tasks of a protocol and a PyBaMM model.

    A parameter is an input only where that was shown to give what a fresh
    simulation gives; whatever is in doubt is built again.
    """
    if name == "initial_soc" or protocol.initial_soc == f"{{{name}}}":
        return Swept("initial state", "sets the initial concentrations of a built model")
    if name not in content:
        if protocol.kind == "constant":
            return Swept("protocol input", f"sets {CURRENT!r}, an input")
        return Swept("protocol", "changes the steps: each value is its own experiment")
    return _classify_parameter(name, protocol, model, content[name])


def _classify_parameter(name: str, protocol: Protocol, model: Any, value: float | str) -> Swept:
    if name in geometry_names(model):
        return Swept("rebuild", "a length of the geometry that the mesh is made from")
    if "porosity" in name:
        return Swept("rebuild", "as an input it is simplified otherwise (0.2 mV in SPMe)")
    if name.startswith("Number of "):
        return Swept("rebuild", "a count that decides what is built")
    if name.startswith("Reference temperature"):
        return Swept("rebuild", "enters the parameter functions and the initial state")
    if protocol.kind == "steps" or _is_power(protocol):
        if name in ("Ambient temperature [K]", "Initial temperature [K]"):
            return Swept("rebuild", "PyBaMM's experiments set it themselves")
        if name == "Nominal cell capacity [A.h]":
            return Swept("rebuild", "C-rates of the steps are made from it")
    if isinstance(value, str):
        return Swept("input", "a number in place of a function or table of the set")
    return Swept("input", "a number in the model's equations")


def _is_power(protocol: Protocol) -> bool:
    return protocol.profile is not None and protocol.profile.quantity == "power"


def geometry_names(model: Any) -> frozenset[str]:
    """Return the parameters in the limits of a PyBaMM model's geometry."""
    pybamm = import_pybamm()
    found: set[str] = set()
    for domain in model.default_geometry.values():
        for variable in domain.values():
            limits = variable.values() if isinstance(variable, dict) else (variable,)
            for limit in limits:
                if isinstance(limit, pybamm.Symbol):
                    found.update(
                        symbol.name
                        for symbol in limit.pre_order()
                        if isinstance(symbol, pybamm.Parameter | pybamm.FunctionParameter)
                    )
    return frozenset(found)
