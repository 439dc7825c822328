"""The tasks of a sweep with a ``[fit]``: one for each cell and model that has curves."""

from __future__ import annotations

from collections.abc import Sequence

from battsweep.sweep.checks import check_fit_curves
from battsweep.sweep.faults import Faults, suggestion
from battsweep.sweep.identity import NOMINAL_CAPACITY, digest, settings_digest, task_id
from battsweep.sweep.procedures import Procedure, Procedures
from battsweep.sweep.spec import Cell, Fit, Measured, Sweep
from battsweep.sweep.task import Resolved, Task


def fit_tasks(
    sweep: Sweep, fit: Fit, resolved: Resolved, procedures: Procedures, faults: Faults
) -> list[Task]:
    """Return one task for each cell that has curves in the fit's data, and each model.

    A task's protocol is that of its cell's first curve.

    Raises
    ------
    SpecError
        With all faults: free parameters that a cell does not have, curves that do
        not fill their protocols, steps that are not understood.
    """
    used = {*fit.data, *fit.hold_out}
    cells = [cell for cell in sweep.cells if _of_cell(cell, fit.data, sweep.measured)]
    check_fit_curves(sweep.measured, sweep.protocols, faults)
    _check_free(fit, cells, resolved, faults)
    faults.raise_if_any()
    protocols = {protocol.name: protocol for protocol in sweep.protocols}
    filled: dict[str, Procedure] = {}
    for curve in sweep.measured:
        if curve.name in used:
            capacity = resolved.cells[curve.cell].content.get(NOMINAL_CAPACITY)
            procedure = procedures.get(protocols[curve.protocol], curve.at, capacity)
            if procedure:
                filled[curve.name] = procedure
    if not cells:
        faults.add("fit.data", "no cell of this file has a curve in it")
    if len(cells) * len(sweep.models) > sweep.run.max_tasks:
        count = len(cells) * len(sweep.models)
        faults.add("run.max_tasks", f"would be {count} tasks; max_tasks is too low; raise it")
    faults.raise_if_any()
    settings = settings_digest(sweep.output, sweep.run)
    tasks: list[Task] = []
    for cell in cells:
        first = _of_cell(cell, fit.data, sweep.measured)[0]
        # The cell's own values of the free parameters are where the search starts.
        parameters = digest(resolved.cells[cell.name].identity())
        content = digest(_content(sweep, fit, cell, filled))
        for model in sweep.models:
            tasks.append(
                Task(
                    id=task_id(
                        kind="fit",
                        parameters=parameters,
                        model=digest(resolved.models[model.name]),
                        protocol="",  # the procedures are among the curves
                        settings=settings,
                        fit=content,
                    ),
                    number=len(tasks),
                    kind="fit",
                    cell=cell.name,
                    model=model.name,
                    protocol=first.protocol,
                    varied={},
                    parameters={},
                    procedure=filled[first.name].protocol,
                )
            )
    return tasks


def _of_cell(cell: Cell, names: Sequence[str], curves: Sequence[Measured]) -> list[Measured]:
    """Return a cell's curves among those named, in the order of the names."""
    known = {curve.name: curve for curve in curves if curve.cell == cell.name}
    return [known[name] for name in names if name in known]


def _content(sweep: Sweep, fit: Fit, cell: Cell, filled: dict[str, Procedure]) -> object:
    """Return what a fit's identity has beside a simulation's; curves in no order."""
    curves = [
        [role, curve.sha256, filled[curve.name].digest]
        for role, names in (("data", fit.data), ("hold-out", fit.hold_out))
        for curve in _of_cell(cell, names, sweep.measured)
    ]
    return {
        "curves": sorted(curves),
        "free": sorted([free.name, free.low, free.high, free.scale] for free in fit.free),
        "population": fit.population,
        "generations": fit.generations,
        "tolerance": fit.tolerance,
        "seed": str(sweep.seed),  # as text, since large seeds are no exact floats
    }


def _check_free(fit: Fit, cells: Sequence[Cell], resolved: Resolved, faults: Faults) -> None:
    for free in fit.free:
        for cell in cells:
            content = resolved.cells[cell.name].content
            place = f"fit.parameters.{free.name}"
            if free.name not in content:
                hint = suggestion(free.name, content)
                faults.add(place, f"no parameter of cell {cell.name!r}{hint}")
