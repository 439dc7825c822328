"""Tables of measured cells as pandas data frames, from the files: never behind an ingest."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from battsweep.store.cell_files import Part, read_part
from battsweep.store.cells import cell_records, read_record
from battsweep.store.queries import frame
from battsweep.store.telemetry_documents import live_files, place_of, telemetry_files

if TYPE_CHECKING:
    import pandas as pd

_CELLS = (
    "cell",
    "format",
    "rows",
    "cycles",
    "steps",
    "duration_s",
    "changed",
    "dropped",
    "warnings",
    "generation",
    "files",
)
_TELEMETRY = ("day", "signal", "rows", "components", "first_utc", "last_utc", "file", "path")


def cells_frame(store: Path) -> pd.DataFrame:
    """Return a row a measured cell: what it has, what cleaning changed, where it is from."""
    rows = []
    for record in cell_records(store):
        rules = [rule for segment in record.segments for rule in segment.rules]
        rows.append(
            (
                record.cell,
                ", ".join(dict.fromkeys(segment.format for segment in record.segments)),
                record.rows,
                record.cycles,
                record.steps,
                record.duration_s,
                sum(rule.changed for rule in rules),
                sum(rule.dropped for rule in rules),
                len(record.warnings),
                record.generation,
                ", ".join(source.name for source in record.sources),
            )
        )
    return frame(_CELLS, rows)


def parts_frame(store: Path, part: Part, cell: str | None) -> pd.DataFrame:
    """Return the cycles or steps of a cell, or of all, with the cell's name in front."""
    records = cell_records(store) if cell is None else [read_record(store, cell)]
    pieces = []
    for record in records:
        table = read_part(store, record, part)
        names = pa.array([record.cell] * table.num_rows, pa.string())
        pieces.append(table.add_column(0, "cell", names))
    joined = pa.concat_tables(
        pieces or [pa.table({"cell": pa.array([], pa.string())})], promote_options="permissive"
    )
    found: pd.DataFrame = joined.to_pandas()
    return found


def telemetry_frame(store: Path) -> pd.DataFrame:
    """Return a row for each file of telemetry's day and signal, and for alerts."""
    rows = []
    for file in live_files(telemetry_files(store).values()):
        for part in file.parts:
            folder = place_of(store, file.ingest).relative_to(store)
            rows.append(
                (
                    part.day or "–",
                    part.signal or "(alerts)",
                    part.rows,
                    len(part.components),
                    _utc(part.first_ms),
                    _utc(part.last_ms),
                    file.source.name,
                    (folder / part.path).as_posix(),
                )
            )
    return frame(_TELEMETRY, sorted(rows))


def _utc(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds")
