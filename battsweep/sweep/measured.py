"""``[[measured]]`` and ``[fit]``: curves to hold simulations against, or to fit to."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from battsweep.errors import SpecError
from battsweep.sweep.curves import Direction, read_measured
from battsweep.sweep.faults import Faults, shown, suggestion
from battsweep.sweep.identity import digest
from battsweep.sweep.schema import BoundsTable, FitTable, MeasuredTable, check
from battsweep.sweep.spec import Fit, Free, Measured


def read_curves(
    value: object,
    *,
    folder: Path,
    cells: Iterable[str],
    protocols: Mapping[str, Direction | None],
    faults: Faults,
) -> tuple[Measured, ...]:
    """Return the measured curves of a file; those with faults are noted and left out.

    Files are looked for in ``folder``; ``cells`` are the labels known, as are the
    keys of ``protocols``, whose values say which way the current goes.
    """
    if not isinstance(value, list):
        faults.add("measured", f"{shown(value)}: must be tables; begin each with [[measured]]")
        return ()
    curves: list[Measured] = []
    for number, given in enumerate(value):
        place = f"measured.{number}"
        table = check(MeasuredTable, given, place, faults)
        if table is None:
            continue
        for key, label, known in (
            ("cell", table.cell, cells),
            ("protocol", table.protocol, protocols),
        ):
            if label not in known:
                hint = suggestion(label, known)
                faults.add(f"{place}.{key}", f"{label!r}: no such {key} in this file{hint}")
        name = table.name or Path(table.file).stem
        if name in (curve.name for curve in curves):
            faults.add(f"{place}.name", f"{name!r}: stands there twice; give another name")
        curve = _curve(name, table, folder, protocols.get(table.protocol), place, faults)
        if curve:
            curves.append(curve)
    return tuple(curves)


def _curve(
    name: str,
    table: MeasuredTable,
    folder: Path,
    direction: Direction | None,
    place: str,
    faults: Faults,
) -> Measured | None:
    try:
        times, voltages, currents = read_measured(folder / table.file, direction=direction)
    except SpecError as error:
        faults.extend(error.faults, place=f"{place}.file")
        return None
    return Measured(
        name=name,
        cell=table.cell,
        protocol=table.protocol,
        at=dict(table.at),
        times_s=times,
        voltage_v=voltages,
        current_a=currents,
        source=table.file,
        sha256=digest([times, voltages, currents]),
    )


def read_fit(value: object, *, curves: tuple[Measured, ...], faults: Faults) -> Fit | None:
    """Return the fit of a file, or None after noting faults."""
    free = []
    parameters = value.get("parameters") if isinstance(value, dict) else None
    for name, given in parameters.items() if isinstance(parameters, dict) else ():
        place = f"fit.parameters.{name}"
        bounds = check(BoundsTable, given, place, faults)
        if bounds:
            for message in bounds.faults():
                faults.add(place, message)
            free.append(Free(name, bounds.low, bounds.high, bounds.scale))
    table = check(FitTable, value, "fit", faults)
    if table is None:
        return None
    if not faults.under("measured"):
        _check_roles(table, curves, faults)
    return Fit(
        free=tuple(free),
        data=tuple(table.data),
        hold_out=tuple(table.hold_out),
        population=table.population,
        generations=table.generations,
        tolerance=table.tolerance,
    )


def _check_roles(table: FitTable, curves: tuple[Measured, ...], faults: Faults) -> None:
    cell_of = {curve.name: curve.cell for curve in curves}
    for key, names in (("data", table.data), ("hold_out", table.hold_out)):
        for number, name in enumerate(names):
            if name not in cell_of:
                hint = suggestion(name, cell_of)
                faults.add(f"fit.{key}.{number}", f"{name!r}: no such [[measured]] curve{hint}")
    fitted = {cell_of.get(name) for name in table.data}
    for number, name in enumerate(table.hold_out):
        place = f"fit.hold_out.{number}"
        if name in table.data:
            faults.add(place, f"{name!r}: is in data too; what is fitted cannot test the fit")
        elif name in cell_of and cell_of[name] not in fitted:
            faults.add(place, f"{name!r}: no curve in data is of its cell {cell_of[name]!r}")
