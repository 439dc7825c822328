"""The files of a measured cell's history: made, found, read and verified."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from battsweep.data.cell import CleanCell, RawCell
from battsweep.data.columns import (
    CURRENT_SIGN,
    CYCLE,
    STEP,
    STEP_KIND,
    TESTER_STATE,
    TIME,
    UNIX_TIME,
    column_named,
)
from battsweep.errors import StoreError
from battsweep.store import parquet_shard
from battsweep.store.histories import CellRecord, Segment, StoredFile, decode_history
from battsweep.store.json_text import plain, to_json
from battsweep.store.layout import file_name, generation_folder

Part = Literal["series", "steps", "cycles", "changes", "impedance"]
HISTORY = "history.json"

_GROUP_ROWS = 65_536
_WORDS = (STEP_KIND.name, TESTER_STATE.name, "rule", "column", "why")
_SHIFTED = {
    TIME.name: "time_offset_s",
    "start_second": "time_offset_s",
    "row_start": "row_offset",
    CYCLE.name: "cycle_offset",
    STEP.name: "step_offset",
}
_DAMAGE = (OSError, ValueError, LookupError, TypeError, struct.error, pa.ArrowException)


def tables_of(raw: RawCell, clean: CleanCell) -> dict[str, pa.Table]:
    """Return what is stored of a cell, by the names of the files."""
    tables = {
        "series": clean.series,
        "steps": clean.steps,
        "cycles": clean.cycles,
        "changes": clean.changes,
    }
    return tables if raw.impedance is None else tables | {"impedance": raw.impedance}


def encode_tables(raw: RawCell, tables: Mapping[str, pa.Table]) -> dict[str, tuple[int, bytes]]:
    """Return a Parquet file for each table of a raw cell, and how many rows it has.

    Units and the sign of the current are in the files' metadata.
    """
    encoded = {}
    for name, table in tables.items():
        fields = []
        for field in table.schema:
            column = column_named(field.name)
            fields.append(field.with_metadata({"unit": column.unit, "label": column.label}))
        header = {
            "battsweep.format": f"measured-{name}",
            "battsweep.cell": raw.cell,
            "battsweep.current_sign": CURRENT_SIGN,
            "battsweep.sources": to_json([source.name for source in raw.sources]),
        }
        groups = [
            (start, min(_GROUP_ROWS, table.num_rows - start))
            for start in range(0, table.num_rows, _GROUP_ROWS)
        ]
        whole = table.combine_chunks()  # the same rows are the same bytes, however they came
        plain_table = pa.table(whole.columns, schema=pa.schema(fields))
        words = [word for word in _WORDS if word in table.column_names]
        data = parquet_shard.encode(plain_table, groups, header, dictionaries=words)
        encoded[name] = table.num_rows, data
    return encoded


def segment_of(
    raw: RawCell,
    clean: CleanCell,
    encoded: Mapping[str, tuple[int, bytes]],
    settings: Mapping[str, object],
) -> Segment:
    """Return what is said of a segment that is about to be written; of no generation yet."""
    times = clean.series.column(TIME.name).to_numpy()
    unix = _ends(clean.series, UNIX_TIME.name)
    return Segment(
        generation=0,
        format=raw.format,
        sources=raw.sources,
        files={
            name: StoredFile(rows, len(data), sha256(data).hexdigest())
            for name, (rows, data) in encoded.items()
        },
        cycles=clean.cycles.num_rows,
        steps=clean.steps.num_rows,
        first_s=float(times[0]) if len(times) else 0.0,
        last_s=float(times[-1]) if len(times) else 0.0,
        interval_s=float(np.median(np.diff(times))) if len(times) > 1 else 1.0,
        first_unix_s=unix[0],
        last_unix_s=unix[1],
        rules=clean.rules,
        warnings=clean.warnings,
        notes=raw.notes,
        info=plain(raw.info),
        settings=plain(settings),
    )


def read_part(
    store: Path, record: CellRecord, part: Part, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return one table of a history, of all columns or of those named, verified.

    Times, cycle and step numbers go on from segment to segment; columns that
    a segment lacks are null there, and those that all lack are left out.
    """
    pieces = []
    for number, segment in enumerate(record.segments, start=1):
        if part not in segment.files:
            continue
        piece = _shifted(read_segment(store, record, segment, part, columns), segment)
        if part == "changes":
            count = pa.array(np.full(piece.num_rows, number, np.int64))
            piece = piece.append_column("segment", count)
        pieces.append(piece.replace_schema_metadata(None))
    return pa.concat_tables(pieces or [pa.table({})], promote_options="permissive")


def read_segment(
    store: Path,
    record: CellRecord,
    segment: Segment,
    part: str,
    columns: Sequence[str] | None = None,
) -> pa.Table:
    """Return one table of a segment as it was cleaned, verified; fails as `read_part` does."""
    path = _path(store, record, segment, part)
    try:
        rows = segment.files[part].rows
        piece = parquet_shard.read_ranges(path, [(0, rows)], columns)
        if piece.num_columns and piece.num_rows != rows:
            raise ValueError(f"{piece.num_rows} rows where {rows} should be")
    except _DAMAGE as error:
        raise _damaged(store, path, record, error) from error
    return piece


def cell_folders(store: Path) -> list[Path]:
    """Return the folders of the measured cells that have a history, sorted."""
    found = (store / "measured").glob("*")
    return sorted(folder for folder in found if generation_folders(folder))


def generation_folders(folder: Path) -> list[Path]:
    """Return the folders of the generations of a cell's folder, oldest first."""
    return sorted(path for path in folder.glob("g[0-9]*") if path.is_dir())


def read_generation(folder: Path) -> CellRecord:
    """Return what a generation's folder says; a StoreError if it is damaged."""
    path = folder / HISTORY
    try:
        record = decode_history(path.read_bytes())
        if (file_name(record.cell), f"g{record.generation:06d}") != (
            folder.parent.name,
            folder.name,
        ):
            raise ValueError("it belongs to another folder")
    except _DAMAGE as error:
        raise _damaged(folder.parents[2], path, None, error) from error
    return record


def verify_generation(folder: Path) -> CellRecord:
    """Hold every byte that a generation brought against its checksums; return its record."""
    record = read_generation(folder)
    store = folder.parents[2]
    for segment in record.segments:
        if segment.generation != record.generation:
            continue
        for part, file in segment.files.items():
            path = folder / f"{part}.parquet"
            try:
                data = path.read_bytes()
                if (len(data), sha256(data).hexdigest()) != (file.bytes, file.sha256):
                    raise ValueError("its content is not what was written")
            except _DAMAGE as error:
                raise _damaged(store, path, record, error) from error
    return record


def _ends(series: pa.Table, name: str) -> tuple[float | None, float | None]:
    """Return a column's first and last value, if both are finite."""
    if name not in series.column_names or not series.num_rows:
        return None, None
    first, last = series.column(name)[0].as_py(), series.column(name)[-1].as_py()
    if first is None or last is None or not np.isfinite([first, last]).all():
        return None, None
    return float(first), float(last)


def _shifted(table: pa.Table, segment: Segment) -> pa.Table:
    for place, name in enumerate(table.column_names):
        offset = getattr(segment, _SHIFTED[name]) if name in _SHIFTED else 0
        if offset:
            column = table.column(name)
            moved = pc.add(column, pa.scalar(offset)).cast(column.type)
            table = table.set_column(place, table.schema.field(name), moved)
    return table


def _path(store: Path, record: CellRecord, segment: Segment, part: str) -> Path:
    return generation_folder(store, record.cell, segment.generation) / f"{part}.parquet"


def _damaged(store: Path, path: Path, record: CellRecord | None, error: Exception) -> StoreError:
    what = "is missing" if isinstance(error, FileNotFoundError) else f"is damaged ({error})"
    again = "the raw files" if record is None else ", ".join(s.name for s in record.sources)
    return StoreError(
        f"{path}: {what}; `battsweep check {store} --deep` says how to mend it; "
        f"then ingest {again} again"
    )
