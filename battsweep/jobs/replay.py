"""Replayed cycles made ready for PyBaMM: where they start, and cells of the measured capacity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from battsweep.errors import Fault, SpecError
from battsweep.jobs.classify import CAPACITY
from battsweep.jobs.knots import stops
from battsweep.jobs.physics import import_pybamm, parameter_values
from battsweep.sweep.replay import CYCLE
from battsweep.sweep.spec import Cell, Measured, Protocol, Replay, Sweep

HEIGHT = "Electrode height [m]"
LOWER, UPPER = "Lower voltage cut-off [V]", "Upper voltage cut-off [V]"
FITTED_SHARE, FITTED_S = 0.1, 1800.0
ROOM_V = 0.5
"""By so much a simulation may pass its voltage limits while a measured current is replayed."""


def settled(sweep: Sweep) -> Sweep:
    """Return a sweep whose replays have a state of charge, and cells the capacity asked for.

    Raises
    ------
    SpecError
        If PyBaMM has no parameter set of that name, or no state of charge for it.
    """
    if not any(protocol.replays for protocol in sweep.protocols):
        return sweep
    cells: dict[str, Cell] = {}
    states: dict[str, _State] = {}
    faults: list[Fault] = []
    for cell in sweep.cells:
        place = f"cells.{cell.name}.parameter_set"
        cells[cell.name] = cell
        try:
            states[cell.name] = _State(parameter_values(cell))
            mine = [r for p in sweep.protocols for r in p.replays if r.cell == cell.name]
            cells[cell.name] = _scaled(cell, states[cell.name], mine)
            if all(protocol.replays for protocol in sweep.protocols):
                cells[cell.name] = _with_room(cells[cell.name], states[cell.name])
        except Exception as error:  # PyBaMM raises what its parts do
            faults.append(Fault(str(sweep.path), place, f"{cell.parameter_set!r}: {error}"))
    if faults:
        raise SpecError(faults)
    curves = {(curve.cell, curve.at.get(CYCLE)): curve for curve in sweep.measured if curve.kinds}
    protocols = tuple(_started(one, cells, states, curves) for one in sweep.protocols)
    return replace(sweep, cells=tuple(cells.values()), protocols=protocols)


class _State:
    """The electrodes' window of one parameter set."""

    def __init__(self, values: Any) -> None:
        pybamm = import_pybamm()
        self._values = values
        self.x_0, self.x_100, _, _ = pybamm.lithium_ion.get_min_max_stoichiometries(values)
        parameters = pybamm.LithiumIonParameters()
        self.capacity_ah = float(values.evaluate(parameters.n.Q_init) * abs(self.x_100 - self.x_0))
        self.limits = tuple(
            float(values.evaluate(one))
            for one in (parameters.voltage_low_cut, parameters.voltage_high_cut)
        )

    def soc_at(self, volts: float) -> float:
        """Return the state of charge at an open-circuit voltage, from 0 to 1."""
        low, high = self.limits
        if volts <= low or volts >= high:
            return 0.0 if volts <= low else 1.0
        found = import_pybamm().lithium_ion.get_initial_stoichiometries(
            f"{volts!r} V", self._values
        )
        share = (float(found[0]) - self.x_0) / (self.x_100 - self.x_0)
        return float(min(1.0, max(0.0, share)))


def _scaled(cell: Cell, state: _State, replays: Sequence[Replay]) -> Cell:
    """Return a cell whose electrodes' area gives it the measured capacity.

    That is the largest that a replayed cycle discharged, from a full cell to an empty one;
    a discharge that begins a cycle began at that cycle's state of charge.
    """
    if not cell.scale_capacity or not replays:
        return cell
    capacity = max(
        one.discharge_ah / max(0.1, _soc(one, state) if one.from_full else 1.0) for one in replays
    )
    height = float(parameter_values(cell)[HEIGHT]) * capacity / state.capacity_ah
    return replace(cell, overrides={**cell.overrides, HEIGHT: height, CAPACITY: capacity})


def _soc(one: Replay, state: _State) -> float:
    if one.initial_soc is not None or one.rest_voltage_v is None:
        return 1.0 if one.initial_soc is None else one.initial_soc
    return state.soc_at(one.rest_voltage_v)


def fitted_soc(cell: Cell, curve: Measured) -> tuple[float, float]:
    """Return the state of charge with which SPM follows a curve's first part best, and its RMSE.

    That part is the first tenth of the charge that goes either way, at least half an
    hour of it; the RMSE is in mV.
    """
    from scipy.optimize import minimize_scalar

    pybamm = import_pybamm()
    times, current = np.asarray(curve.times_s), -np.asarray(curve.current_a)
    volts = np.asarray(curve.voltage_v)
    moved = np.concatenate([[0.0], np.cumsum(np.abs(np.diff(times) * current[1:]))])
    first = (moved <= FITTED_SHARE * moved[-1]) | (times <= FITTED_S)
    times, current, volts = times[first], current[first], volts[first]
    values = parameter_values(cell)
    values["Current function [A]"] = pybamm.Interpolant(times, current, pybamm.t)
    simulation = pybamm.Simulation(pybamm.lithium_ion.SPM(), parameter_values=values)
    at = stops(times, -current, rtol=1e-4)

    def off_v(soc: float) -> float:
        try:
            solution = simulation.solve(at, t_interp=times, initial_soc=float(soc))
        except Exception:  # there is no such start: as far off as can be
            return 10.0
        seen = solution["Voltage [V]"].entries
        short = 10.0 * (1 - len(seen) / len(times))  # what ends early must not win
        count = min(len(seen), len(volts))
        return short + float(np.sqrt(np.mean((seen[:count] - volts[:count]) ** 2)))

    grid = np.linspace(0.02, 0.98, 9)
    best = grid[int(np.argmin([off_v(soc) for soc in grid]))]
    bounds = (max(0.0, best - 0.12), min(1.0, best + 0.12))
    found = minimize_scalar(off_v, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(found.x), 1e3 * float(found.fun)


def _with_room(cell: Cell, state: _State) -> Cell:
    """Return a cell whose voltage limits do not end a replay, as they did not end the test.

    How full the cell is does not depend on them, but on its open-circuit voltages.
    """
    low, high = state.limits
    room = {LOWER: low - ROOM_V, UPPER: high + ROOM_V}
    return replace(cell, overrides={**room, **cell.overrides})


def _started(
    protocol: Protocol,
    cells: Mapping[str, Cell],
    states: Mapping[str, _State],
    curves: Mapping[tuple[str, float | str | None], Measured],
) -> Protocol:
    if not protocol.replays:
        return protocol
    replays = tuple(
        _with_soc(one, cells[one.cell], states[one.cell], curves[one.cell, float(one.cycle)])
        for one in protocol.replays
    )
    profile = replays[0].profile
    return replace(protocol, replays=replays, profile=profile, initial_soc=replays[0].initial_soc)


def _with_soc(one: Replay, cell: Cell, state: _State, curve: Measured) -> Replay:
    soc, told = one.initial_soc, one.told
    if soc is None and one.rest_voltage_v is None:
        soc, off_mv = fitted_soc(cell, curve)
        told += f": a state of charge of {soc:.4f}, SPM's least error then {off_mv:.1f} mV"
    if soc is None and one.rest_voltage_v is not None:
        soc = state.soc_at(one.rest_voltage_v)
        told += f", a state of charge of {soc:.4f} by the set's open-circuit voltage"
        if soc in (0.0, 1.0):
            told += " (at its limit)"
    if cell.scale_capacity:
        capacity = cell.overrides[CAPACITY]
        told += f"; electrode area x {capacity / state.capacity_ah:.4f} for {capacity:.4g} A.h"
    profile = None if one.profile is None else replace(one.profile, source=told)
    return replace(one, initial_soc=soc, told=told, profile=profile)
