"""From the tables of a sweep file to a `Sweep`; every fault is found before any is told."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from battsweep.errors import Fault
from battsweep.sweep.axes import read_axes
from battsweep.sweep.cells import read_cells, read_models
from battsweep.sweep.checks import (
    check_axes,
    check_exclude,
    check_fit_curves,
    check_measured,
)
from battsweep.sweep.faults import Faults, shown, suggestion
from battsweep.sweep.measured import read_curves, read_fit
from battsweep.sweep.protocols import directions, read_protocols, replaying
from battsweep.sweep.replay import HasCells, cycle_axis, with_replays
from battsweep.sweep.schema import ExcludeTable, HeadTable, check
from battsweep.sweep.settings import read_output, read_run, with_comparison
from battsweep.sweep.sound import sound_part
from battsweep.sweep.spec import Measured, Sweep

_HEAD = ("name", "seed")
_TABLES = (
    "cells",
    "models",
    "protocols",
    "axes",
    "exclude",
    "measured",
    "output",
    "run",
    "fit",
)


def read_document(
    document: Mapping[str, object],
    *,
    path: Path,
    text: str,
    further: Callable[[Sweep], Sequence[Fault]] | None = None,
    measured: Callable[[str], HasCells | None] | None = None,
) -> Sweep:
    """Return the sweep that a file's tables describe.

    Tables of points, profiles and curves are read from beside ``path``; ``measured``
    is given the sweep's name where measured cells are needed. Where
    there are faults, ``further`` looks for more in the sound part of the sweep.

    Raises
    ------
    SpecError
        With all faults of the file, and of the files it names.
    """
    faults = Faults(str(path))
    folder = path.parent
    for key in document:
        if key not in (*_HEAD, *_TABLES):
            hint = suggestion(key, (*_HEAD, *_TABLES))
            faults.add(key, f"not a known key{hint}")
    given = {key: document[key] for key in _HEAD if key in document}
    head = check(HeadTable, given, "", faults) or HeadTable(name="unnamed")
    run = read_run(document.get("run", {}), faults=faults)
    cells = read_cells(document.get("cells"), folder=folder, faults=faults)
    models = read_models(document.get("models"), folder=folder, faults=faults)
    protocols = read_protocols(document.get("protocols"), folder=folder, faults=faults)
    axes = read_axes(
        document.get("axes", []),
        folder=folder,
        seed=head.seed,
        limit=run.max_tasks,
        faults=faults,
    )
    exclude = _read_exclude(document.get("exclude", []), faults)
    labels = {kind: _labels(document.get(f"{kind}s")) for kind in ("cell", "model", "protocol")}
    curves = read_curves(
        document.get("measured", []),
        folder=folder,
        cells=labels["cell"],
        protocols=dict.fromkeys(labels["protocol"]) | directions(protocols),
        faults=faults,
    )
    wanted = replaying(document.get("protocols"))
    output = read_output(
        document.get("output", {}),
        has_measured="measured" in document or bool(wanted),
        faults=faults,
    )
    replayed: tuple[Measured, ...] = ()
    if not faults.under("cells", "protocols"):
        protocols, replayed = with_replays(
            *(protocols, cells, wanted),
            lambda: None if measured is None else measured(head.name),
            faults,
        )
        output = with_comparison(output, replayed)
    fit = None
    if "fit" in document:
        fit = read_fit(document["fit"], curves=curves, faults=faults)
        for key in ("axes", "exclude"):
            if key in document:
                faults.add(key, "and [fit] not together in this version; write two sweep files")
        if not faults.under("protocols", "measured"):
            check_fit_curves(curves, protocols, faults)
    else:
        axes_known = not faults.under("axes")
        every = (*axes, *cycle_axis(protocols))
        check_exclude(exclude, labels, every if axes_known else None, faults)
        if axes_known and not faults.under("protocols"):
            check_axes(axes, protocols, faults)
        if axes_known and not faults.under("measured"):
            check_measured(curves, axes, faults)
    sweep = Sweep(
        name=head.name,
        path=path,
        text=text,
        seed=head.seed,
        cells=cells,
        models=models,
        protocols=protocols,
        axes=axes,
        exclude=tuple(when for _, when in exclude),
        output=output,
        run=run,
        measured=(*curves, *replayed),
        fit=fit,
    )
    if faults and further:
        faults.extend(further(sound_part(sweep, document, faults)), place="")
    faults.raise_if_any()
    return sweep


def _read_exclude(value: object, faults: Faults) -> list[tuple[int, str]]:
    if not isinstance(value, list):
        faults.add("exclude", f"{shown(value)}: must be tables; begin each with [[exclude]]")
        return []
    tables = [
        (number, check(ExcludeTable, given, f"exclude.{number}", faults))
        for number, given in enumerate(value)
    ]
    return [(number, table.when) for number, table in tables if table]


def _labels(value: object) -> tuple[str, ...]:
    return tuple(value) if isinstance(value, dict) else ()
