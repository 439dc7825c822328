"""Where a parameter enters a model: asked of PyBaMM's own expressions, before any build."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from battsweep.jobs.physics import import_pybamm, parameter_values
from battsweep.sweep.spec import Cell


@dataclass(frozen=True, slots=True)
class Entered:
    """Names of parameters by where they enter a model that is not discretised.

    Names inside the functions of a parameter set count where the function
    does. ``averaged`` are in denominators that PyBaMM's averages over a cell
    take out of the average, in another way for numbers than for inputs.
    ``refused`` cannot be inputs at all.
    """

    equations: frozenset[str] = frozenset()
    initial: frozenset[str] = frozenset()
    events: frozenset[str] = frozenset()
    geometry: frozenset[str] = frozenset()
    averaged: frozenset[str] = frozenset()
    refused: frozenset[str] = frozenset()


def entered(model: Any, cell: Cell, names: Sequence[str], outputs: Sequence[str]) -> Entered:
    """Find where ``names`` enter a PyBaMM model with the parameters of a cell.

    The model is only read. ``outputs`` are the variables that are asked for,
    which an average may make different too.
    """
    refused: list[str] = []
    for name in ("", *names):  # all together first, as that is almost always enough
        try:
            processed = _with_inputs(model, cell, (name,) if name else names)
        except Exception:  # a set's functions may do anything with what they are given
            refused += [name] if name else []
            continue
        if not name:
            break
    else:
        taken = [name for name in names if name not in refused]
        try:
            processed = _with_inputs(model, cell, taken)
        except Exception:  # each alone is taken, together they are not
            return Entered(geometry=geometry_names(model), refused=frozenset(names))
    equations = [*processed.rhs.items(), *processed.algebraic.items()]
    sides = [side for sides in processed.boundary_conditions.values() for side in sides.values()]
    asked = [model.variables[name] for name in outputs if name in model.variables]
    return Entered(
        equations=_inputs(
            [*(s for pair in equations for s in pair), *(value for value, _ in sides)]
        ),
        initial=_inputs(processed.initial_conditions.values()),
        events=_inputs(event.expression for event in processed.events),
        geometry=geometry_names(model),
        averaged=_averaged([*_expressions(model), *asked]) & frozenset(names),
        refused=frozenset(refused),
    )


def geometry_names(model: Any) -> frozenset[str]:
    """Return the parameters in the limits of a PyBaMM model's geometry."""
    symbol = import_pybamm().Symbol
    found: set[str] = set()
    left: list[Any] = [model.default_geometry]
    while left:
        limit = left.pop()
        if isinstance(limit, dict):  # tabs are another level down
            left.extend(limit.values())
        elif isinstance(limit, symbol):
            found.update(_parameters(limit))
    return frozenset(found)


def _with_inputs(model: Any, cell: Cell, names: Sequence[str]) -> Any:
    values = parameter_values(cell)
    values.update(dict.fromkeys(names, "[input]"))
    return values.process_model(model, inplace=False, delayed_variable_processing=True)


def _expressions(model: Any) -> Iterator[Any]:
    yield from model.rhs.values()
    yield from model.algebraic.values()
    yield from (event.expression for event in model.events)
    voltage = model.variables.get("Voltage [V]")
    if voltage is not None:
        yield voltage


def _averaged(symbols: Iterable[Any]) -> frozenset[str]:
    """Return the parameters in whole-cell denominators under an average over the cell.

    PyBaMM takes a concatenation without states for constant over the cell. It
    writes ``c / eps`` as ``c * (1 / eps)`` where ``eps`` are numbers, and so
    multiplies by the average of ``1 / eps``; of an input it divides by the
    average of ``eps``. (Seen in SPMe's mean electrolyte concentration.)
    """
    pybamm = import_pybamm()
    found: set[str] = set()
    for symbol in _distinct(symbols):
        if not isinstance(symbol, pybamm.XAverage):
            continue
        for part in _factors(symbol.children[0]):
            if isinstance(part, pybamm.Division):
                below = list(part.children[1].pre_order())
                joined = any(isinstance(s, pybamm.Concatenation) for s in below)
                if joined and not any(isinstance(s, pybamm.VariableBase) for s in below):
                    found.update(_parameters(part.children[1]))
    return frozenset(found)


def _factors(symbol: Any) -> Iterator[Any]:
    """Yield the sums, products and quotients that an average is taken apart into."""
    pybamm = import_pybamm()
    sums = pybamm.Addition | pybamm.Subtraction | pybamm.Multiplication | pybamm.Division
    left = [symbol]
    while left:
        part = left.pop()
        if isinstance(part, sums):
            yield part
            left.extend(part.children)


def _distinct(symbols: Iterable[Any]) -> Iterator[Any]:
    """Yield every symbol of some trees once: PyBaMM's trees share most of their branches."""
    seen: set[int] = set()
    left = list(symbols)
    while left:
        symbol = left.pop()
        if id(symbol) not in seen:
            seen.add(id(symbol))
            yield symbol
            left.extend(symbol.children)


def _parameters(symbol: Any) -> frozenset[str]:
    pybamm = import_pybamm()
    kinds = pybamm.Parameter | pybamm.FunctionParameter
    return frozenset(part.name for part in _distinct([symbol]) if isinstance(part, kinds))


def _inputs(symbols: Iterable[Any]) -> frozenset[str]:
    pybamm = import_pybamm()
    return frozenset(s.name for s in _distinct(symbols) if isinstance(s, pybamm.InputParameter))
