"""Measured cells into the index's tables, from their files alone."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from pathlib import Path

from battsweep.data.columns import CYCLE, STEP, STEP_KIND
from battsweep.errors import StoreError
from battsweep.store.cell_files import (
    HISTORY,
    cell_folders,
    generation_folders,
    read_part,
    verify_generation,
)
from battsweep.store.connect import transaction
from battsweep.store.histories import CellRecord
from battsweep.store.json_text import to_json


def reconcile_cells(connection: sqlite3.Connection, store: Path) -> tuple[int, list[str]]:
    """Make the index agree with the cells' files; return how many changed, and what is damaged.

    A cell of which anything is new or gone is put in anew, whole: so the
    order in which files came makes no difference.
    """
    problems: list[str] = []
    changed = 0
    known: dict[str, dict[str, int]] = {}
    for folder, size in connection.execute("SELECT folder, bytes FROM cell_generation"):
        known.setdefault(Path(folder).parent.as_posix(), {})[folder] = size
    found = {folder.relative_to(store).as_posix(): folder for folder in cell_folders(store)}
    for gone in sorted(known.keys() - found.keys()):
        with transaction(connection):
            _forget(connection, gone)
        changed += 1
    for name, folder in found.items():
        if _sizes(store, folder) != known.get(name, {}):
            with transaction(connection):
                problems += _put(connection, store, folder)
            changed += 1
    return changed, problems


def _sizes(store: Path, folder: Path) -> dict[str, int]:
    """Return the size of each generation's history; -1 where it is missing."""
    found = {}
    for one in generation_folders(folder):
        history = one / HISTORY
        size = history.stat().st_size if history.is_file() else -1
        found[one.relative_to(store).as_posix()] = size
    return found


def _forget(connection: sqlite3.Connection, folder: str) -> None:
    connection.execute(
        "DELETE FROM cell_generation WHERE substr(folder, 1, ?) = ?",
        (len(folder) + 1, f"{folder}/"),
    )


def _put(connection: sqlite3.Connection, store: Path, folder: Path) -> list[str]:
    """Put a cell into the index in place of what was there; return what is damaged of it."""
    _forget(connection, folder.relative_to(store).as_posix())
    problems = []
    whole: dict[int, tuple[Path, CellRecord]] = {}
    for one in generation_folders(folder):
        try:
            record = verify_generation(one)
            lacking = [s.generation for s in record.segments if s.generation not in whole]
            if set(lacking) - {record.generation}:
                raise StoreError(f"{one}: builds on a generation that is damaged or missing")
            whole[record.generation] = one, record
        except StoreError as error:
            problems.append(str(error))
    live = max(whole, default=0)
    for number, (one, record) in whole.items():
        relative = one.relative_to(store).as_posix()
        _insert_generation(connection, relative, one, record, live=number == live)
    if whole:
        _insert_tables(connection, store, whole[live][1])
    return problems


def _insert_generation(
    connection: sqlite3.Connection, relative: str, folder: Path, record: CellRecord, *, live: bool
) -> None:
    segments = [
        {
            "generation": one.generation,
            "files": [source.name for source in one.sources],
            "time_offset_s": one.time_offset_s,
            "cycle_offset": one.cycle_offset,
            "step_offset": one.step_offset,
        }
        for one in record.segments
    ]
    info: dict[str, object] = {}
    for one in record.segments:
        info |= one.info
    connection.execute(
        "INSERT INTO cell_generation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            record.cell,
            record.generation,
            relative,
            (folder / HISTORY).stat().st_size,
            "live" if live else "superseded",
            record.why,
            record.told,
            record.created_utc,
            ", ".join(dict.fromkeys(one.format for one in record.segments)),
            record.rows,
            record.cycles,
            record.steps,
            record.duration_s,
            to_json(segments),
            to_json(info),
            to_json(record.warnings),
        ),
    )
    [own] = [one for one in record.segments if one.generation == record.generation]
    key = (record.cell, record.generation)
    connection.executemany(
        "INSERT INTO cell_source VALUES (?, ?, ?, ?, ?, ?)",
        [(*key, k, s.name, s.bytes, s.sha256) for k, s in enumerate(own.sources)],
    )
    connection.executemany(
        "INSERT INTO cell_file VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (*key, part, f"{relative}/{part}.parquet", file.rows, file.bytes, file.sha256)
            for part, file in own.files.items()
        ],
    )
    connection.executemany(
        "INSERT INTO cleaning_rule VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*key, k, r.rule, to_json(r.parameters), r.found, r.changed, r.dropped, r.told)
            for k, r in enumerate(own.rules)
        ],
    )


def _insert_tables(connection: sqlite3.Connection, store: Path, record: CellRecord) -> None:
    """Put in the cycles and steps of the generation that counts."""
    last = [(one.cycle_offset + one.cycles, one.generation) for one in record.segments]
    connection.executemany(
        "INSERT INTO measured_cycle VALUES (?, ?, ?, ?)",
        (
            (record.cell, number, _segment_of(last, number), to_json(row))
            for row in read_part(store, record, "cycles").to_pylist()
            for number in (int(row.pop(CYCLE.name)),)
        ),
    )
    last = [(one.step_offset + one.steps, one.generation) for one in record.segments]
    connection.executemany(
        "INSERT INTO measured_step VALUES (?, ?, ?, ?, ?, ?)",
        (
            _step_row(record.cell, row, last)
            for row in read_part(store, record, "steps").to_pylist()
        ),
    )


def _step_row(
    cell: str, row: Mapping[str, object], last: list[tuple[int, int]]
) -> tuple[object, ...]:
    named = (STEP.name, CYCLE.name, STEP_KIND.name)
    number, cycle, kind = (row[name] for name in named)
    rest = {name: value for name, value in row.items() if name not in named}
    return (cell, number, cycle, kind, _segment_of(last, int(str(number))), to_json(rest))


def _segment_of(last: list[tuple[int, int]], number: int) -> int:
    """Return the generation that brought a cycle or step, by the segments' last numbers."""
    return next((generation for end, generation in last if number <= end), last[-1][1])
