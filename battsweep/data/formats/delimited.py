"""Text with a row a line: plain CSV, and what most testers export."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.data.cell import RawCell
from battsweep.data.formats.assemble import Columns, assemble
from battsweep.data.formats.names import NEEDED, Found, parse_name, roles_of
from battsweep.data.formats.neware import is_nested, read_nested
from battsweep.data.formats.source import Source, refusal
from battsweep.data.formats.testers import (
    BITRODE_NAMES,
    PLAIN,
    TESTERS,
    cell_of,
    is_bitrode_without_names,
    is_labview,
    tester_of,
    usable,
)
from battsweep.data.formats.text import Layout, Text, decode, layout_of, read_columns, unique

if TYPE_CHECKING:
    from battsweep.data.recipe import Recipe

_METADATA = ("nominal_capacity_in_Ah", "form_factor", "cathode_material", "anode_material")


def read_delimited(source: Source, recipe: Recipe) -> list[RawCell]:
    """Return the cells of a delimited text.

    Raises
    ------
    DataError
        If it has no table of time, voltage and current that is understood.
    """
    text = decode(source, recipe.encoding)
    name = source.path.stem
    if is_nested(text.lines) and not recipe.columns.voltage:
        return assemble(read_nested(text), recipe, name=name)
    layout = _layout(text, recipe)
    tester = tester_of(text.lines, layout.names, recipe.format)
    roles = {**usable(layout.names, layout.roles, tester), **_named(source, layout, recipe)}
    names = {role: layout.names[found.place] for role, found in roles.items()}
    table, notes = read_columns(text, layout, list(names.values()))
    cell, info = cell_of(tester, text.lines, name)
    if tester.word == "batteryml-csv":
        cell, told = _beside(source.path)
        info = {**info, **told}
    found = Columns(
        source=source,
        format=tester.word,
        values={role: table.column(column) for role, column in names.items()},
        roles=roles,
        first_line=layout.skip + 1,
        assumed=tester.units,
        info=info,
        notes=(*text.notes, *notes, *_twice(layout.names, roles)),
    )
    return assemble(found, recipe, name=cell)


def _layout(text: Text, recipe: Recipe) -> Layout:
    if recipe.format not in (None, "csv", *(tester.word for tester in TESTERS)):
        known = sorted({tester.word for tester in (*TESTERS, PLAIN)})
        raise refusal(
            text.source.path, f"format {recipe.format!r} is not one of {', '.join(known)}"
        )
    if is_bitrode_without_names(text.lines):
        width = text.lines[0].count(",") + 1
        names = unique([*BITRODE_NAMES, *("" for _ in range(width))][:width])
        return Layout(names, ",", 0, roles_of(names))
    layout = layout_of(text, recipe)
    if layout is not None:
        return layout
    if is_labview(text.lines):
        raise refusal(
            text.source.path,
            "is LabVIEW's: columns of temperatures without times; "
            "it has neither voltage nor current, so it is no cell's history",
        )
    first = text.lines[0][:60] if text.lines else ""
    raise refusal(
        text.source.path,
        "no line with the names of a time, a voltage and a current was found; "
        f"the first line is {first!r}",
        recipe=[
            "skip_rows = 0          # lines before the one with the names",
            "[columns]",
            'time = "..."',
            'voltage = "..."',
            'current = "..."',
        ],
    )


def _named(source: Source, layout: Layout, recipe: Recipe) -> dict[str, Found]:
    """Return the columns that a recipe names."""
    found: dict[str, Found] = {}
    for role, given in recipe.columns.model_dump(exclude_none=True).items():
        if isinstance(given, int) and given < len(layout.names):
            place = given
        elif given in layout.names:
            place = layout.names.index(given)
        else:
            raise refusal(
                source.path,
                f"has no column {given!r}; there are {_shown(layout.names)}",
                line=layout.skip,
                recipe=["[columns]", f"{role} = {layout.names[0]!r}"],
            )
        base, unit = parse_name(layout.names[place])
        found[role] = Found(place, layout.names[place], unit, base)
    return found


def _twice(names: Sequence[str], roles: Mapping[str, Found]) -> list[str]:
    """Return what is to be said of columns of which another has the same name."""
    bases = [parse_name(re.sub(r" \(\d+\)$", "", name))[0] for name in names]
    return [
        f"{bases.count(found.base)} columns are called {found.name!r}; the first is taken"
        for role, found in roles.items()
        if role in NEEDED and bases.count(found.base) > 1
    ]


def _shown(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names[:20])) + (", ..." if len(names) > 20 else "")


def _beside(path: Path) -> tuple[str, dict[str, float | str]]:
    """Return the cell and what is said of it in the ``_metadata.csv`` beside a ``_cycles.csv``."""
    import csv

    stem = path.stem.removesuffix("_cycles")
    beside = path.with_name(f"{stem}_metadata.csv")
    if stem == path.stem or not beside.is_file():
        return stem, {}
    with beside.open(encoding="utf-8", errors="replace", newline="") as file:
        rows = [row for row in csv.reader(file) if row]
    told = (
        dict(zip(rows[0], rows[1], strict=False))
        if len(rows) == 2
        else {row[0]: row[1] for row in rows if len(row) > 1}
    )
    info: dict[str, float | str] = {}
    for key in _METADATA:
        if told.get(key):
            try:
                info[key.replace("_in_Ah", "_ah")] = float(told[key])
            except ValueError:
                info[key] = told[key]
    return told.get("cell_id") or stem, info


def refuse_companion(path: Path) -> None:
    """Raise for a file that only tells of another: metadata, metrics, a tester's description."""
    lower = path.name.lower()
    if lower.endswith(("_metadata.csv", "_metrics.csv")):
        main = lower.rsplit("_", 1)[0]
        raise refusal(path, f"tells of another file, and holds no series; ingest {main}… instead")
