"""``[cells.X]`` and ``[models.X]``: what is simulated, and with which equations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from battsweep.sweep.faults import Faults, shown, toml_key
from battsweep.sweep.quantities import is_number
from battsweep.sweep.schema import CellTable, ModelTable, check, check_rest
from battsweep.sweep.sources import is_source, read_source
from battsweep.sweep.spec import Cell, Model, Source
from battsweep.sweep.tables import read_text


def labelled(value: object, place: str, faults: Faults) -> Iterator[tuple[str, object]]:
    """Yield the labels below a table such as ``[cells.X]``; at least one is needed."""
    if not isinstance(value, dict) or not value:
        faults.add(place, _no_tables(value, place))
        return
    for label, table in value.items():
        if not label.strip() or not label.isprintable():
            faults.add(place, f"{shown(label)}: a label needs printable characters")
        yield label, table


def _no_tables(value: object, place: str) -> str:
    needed = f"at least one {place.removesuffix('s')} is needed"
    if value is None or isinstance(value, dict):
        given = "missing" if value is None else shown(value)
        return f"{given}: {needed}; begin it with [{place}.NAME]"
    first = value[0] if isinstance(value, list) and value else None
    if isinstance(first, dict):
        return f"{needed}, each a table with a name: write [{place}.NAME], not [[{place}]]"
    word = toml_key(first) if isinstance(first, str) and first.isprintable() else "NAME"
    return f"{shown(value)}: {needed}, and must be a table: begin it with [{place}.{word}]"


def read_cells(value: object, *, folder: Path, faults: Faults) -> tuple[Cell, ...]:
    """Return the cells of a file; those with faults are noted and left out."""
    cells = []
    for label, given in labelled(value, "cells", faults):
        place = f"cells.{label}"
        table = check(CellTable, given, place, faults) or check_rest(
            CellTable, given, place, faults
        )
        if table is None:
            continue
        parameter_set, source = table.parameter_set, None
        if is_source(parameter_set):
            source = _source(parameter_set, folder, f"{place}.parameter_set", faults)
        elif _is_file(parameter_set):
            path = folder / parameter_set
            try:
                read_text(path)
            except ValueError as error:
                faults.add(f"{place}.parameter_set", f"{shown(parameter_set)}: {error}")
            parameter_set = str(path.absolute())
        overrides = dict(table.overrides) or _numbers(given)
        if table.scale_capacity and table.measured is None:
            faults.add(f"{place}.scale_capacity", 'needs measured = "NAME", a cell in the store')
        measured, scale = table.measured, table.scale_capacity
        cells.append(Cell(label, parameter_set, overrides, source, measured, scale))
    return tuple(cells)


def _source(text: str, folder: Path, place: str, faults: Faults) -> Source | None:
    try:
        return read_source(text, folder)
    except ValueError as error:
        faults.add(place, f"{shown(text)}: {error}")
        return None


def _numbers(given: object) -> dict[str, float]:
    """Return those overrides that are numbers, of a table in which others are not."""
    found = given.get("overrides") if isinstance(given, dict) else None
    values = found if isinstance(found, dict) else {}
    return {name: float(value) for name, value in values.items() if is_number(value)}


def _is_file(parameter_set: str) -> bool:
    return parameter_set.lower().endswith(".json") or bool(set(parameter_set) & set("/\\"))


def read_models(value: object, *, folder: Path, faults: Faults) -> tuple[Model, ...]:
    """Return the models of a file; those with faults are noted and left out."""
    models = []
    for label, given in labelled(value, "models", faults):
        table = check(ModelTable, given, f"models.{label}", faults)
        if table:
            kind, source = table.type or label, None
            if is_source(kind):
                source = _source(kind, folder, f"models.{label}.type", faults)
            options, mesh = dict(table.options), dict(table.mesh)
            models.append(Model(label, kind, options, mesh, table.geometry, source))
    return tuple(models)
