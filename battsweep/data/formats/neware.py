"""Neware's nested export: rows of cycles, steps and records between each other."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from typing import TYPE_CHECKING

from battsweep.data.formats.assemble import Columns
from battsweep.data.formats.names import roles_of
from battsweep.data.formats.source import refusal

if TYPE_CHECKING:
    from battsweep.data.formats.text import Text


def is_nested(lines: Sequence[str]) -> bool:
    """Return whether a text begins with the names of a cycle, of a step and of a record."""
    if len(lines) < 4:
        return False
    cycle, step, record = (line.replace('"', "") for line in lines[:3])
    return (
        cycle.startswith("Cycle")
        and step.startswith((",Step", "\tStep"))
        and record[:2] in (",,", "\t\t")
        and "Voltage" in record
    )


def read_nested(text: Text) -> Columns:
    """Return the records of a nested export, each with its cycle, step and kind of step."""
    import pyarrow as pa

    delimiter = "\t" if text.lines[1].startswith("\t") else ","
    rows = csv.reader(text.utf8.decode(errors="replace").splitlines(), delimiter=delimiter)
    cycle_names, step_names, record_names = next(rows), next(rows)[1:], next(rows)[2:]
    kind_place = next(k for k, name in enumerate(step_names) if "Type" in name)
    width = len(record_names)
    records: list[list[str]] = []
    cycle = step = kind = ""
    cycles: list[str] = []
    steps: list[str] = []
    kinds: list[str] = []
    for number, row in enumerate(rows, start=4):
        if not row:
            continue
        if row[0] or (len(row) > 1 and row[1]):
            if row[0]:
                cycle = row[0]
                row = row[len(cycle_names) - 1 :]
            if len(row) > kind_place + 1:
                step, kind = row[1], row[1 + kind_place]
            continue
        if len(row) - 2 < width - 1:
            raise refusal(
                text.source.path,
                f"has {len(row)} fields, not {width + 2} as a record should",
                line=number,
            )
        records.append(row[2 : 2 + width])
        cycles.append(cycle)
        steps.append(step)
        kinds.append(kind)
    roles = roles_of([*record_names, "Cycle Index", "Step Index", "Step Type"])
    columns = [*zip(*records, strict=False)] if records else [() for _ in record_names]
    columns += [tuple(cycles), tuple(steps), tuple(kinds)]
    values = {}
    for role, found in roles.items():
        made = pa.chunked_array([pa.array(columns[found.place], pa.string())])
        values[role] = made.cast(pa.float64()) if role in ("cycle", "step") else made
    return Columns(text.source, "neware-nested", values, roles, first_line=4, notes=text.notes)
