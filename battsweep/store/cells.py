"""Measured cells in the store: each ingest a folder that is whole or not there.

A generation's folder holds its ``history.json``, and the tables of the segment that
it brought. Its rename is the commit; nothing in it ever changes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Literal

import pyarrow as pa

from battsweep.data.cell import CleanCell, RawCell
from battsweep.errors import DataError, StoreError
from battsweep.store.cell_files import (
    HISTORY,
    cell_folders,
    encode_tables,
    generation_folders,
    read_generation,
    read_part,
    read_segment,
    segment_of,
    tables_of,
)
from battsweep.store.files import whole_folder
from battsweep.store.histories import CellRecord, Segment, Why, encode_history, placed
from battsweep.store.json_text import plain
from battsweep.store.layout import cell_folder, generation_folder

What = Literal["new", "extended", "superseded", "unchanged"]

_TRIES = 50


@dataclass(frozen=True, slots=True)
class WrittenCell:
    """What an ingest did: the record that counts now, and in words how it came to.

    ``segment`` is the generation that brought the segment with the files' rows.
    """

    record: CellRecord
    what: What
    told: str
    segment: int


@dataclass(frozen=True, slots=True, eq=False)
class MeasuredCell:
    """A measured cell's history, all segments joined; tables as in `CleanCell`.

    ``changes`` has the number of the segment besides, since its rows are
    those of that segment's file. ``impedance`` is None where there is none.
    """

    record: CellRecord
    series: pa.Table
    steps: pa.Table
    cycles: pa.Table
    changes: pa.Table
    impedance: pa.Table | None


def write_cell(
    store: Path,
    raw: RawCell,
    clean: CleanCell,
    *,
    settings: Mapping[str, object] | None = None,
    siblings: int = 1,
    extend: bool = False,
    dry_run: bool = False,
) -> WrittenCell:
    """Put a cell into the store, or what is new of it; on the disk when this returns.

    The same files cleaned to the same content change nothing. A file of the
    same name with other content takes the place of the older one. Other
    files of a known cell go on with its history if ``extend`` is true.
    ``siblings`` is how many cells the files gave, this one among them. With
    ``dry_run`` nothing is written, and what would be is returned.

    Raises
    ------
    DataError
        If the cell is known from other files and ``extend`` is false.
    StoreError
        If the file system refuses, or what is there of the cell is damaged.
    """
    _check_name(raw.cell)
    encoded: dict[str, tuple[int, bytes]] | None = None
    for _ in range(_TRIES):
        before = newest_record(store, raw.cell)
        if before is not None and is_known(before, raw, settings):
            return _unchanged(before, raw)
        refuse_others(store, raw, extend=extend)
        if encoded is None:
            encoded = encode_tables(raw, tables_of(raw, clean))
        segment = segment_of(raw, clean, encoded, settings or {})
        segment = replace(segment, siblings=siblings)
        if before is not None and _has_content(store, before, segment, raw):
            return _unchanged(before, raw)
        record = _next(before, segment, raw.cell)
        if dry_run:
            return WrittenCell(record, record.why, record.told, record.generation)
        try:
            with whole_folder(generation_folder(store, raw.cell, record.generation)) as part:
                for name, (_, data) in encoded.items():
                    (part / f"{name}.parquet").write_bytes(data)
                (part / HISTORY).write_bytes(encode_history(record))
        except FileExistsError:
            continue  # another ingest of this cell was first: decide anew
        return WrittenCell(record, record.why, record.told, record.generation)
    raise StoreError(f"{cell_folder(store, raw.cell)}: changes all the time; try again")


def known_already(
    store: Path, raw: RawCell, settings: Mapping[str, object] | None = None
) -> WrittenCell | None:
    """Return what `write_cell` would of files that are there already, so cleaned; else None."""
    _check_name(raw.cell)
    before = newest_record(store, raw.cell)
    return _unchanged(before, raw) if before and is_known(before, raw, settings) else None


def cells_by_file(store: Path) -> dict[str, list[WrittenCell]]:
    """Return, by the sha256 of a file, the cells that were read from it alone and count now.

    Cells that are damaged are left out: what is asked of them later says so.
    """
    found: dict[str, list[WrittenCell]] = {}
    for folder in cell_folders(store):
        try:
            record = newest_record_in(folder)
        except StoreError:
            continue
        for segment in record.segments if record else ():
            if record and len(segment.sources) == 1:
                told = f"{segment.sources[0].name}: is in the store already, as it is"
                written = WrittenCell(record, "unchanged", told, segment.generation)
                found.setdefault(segment.sources[0].sha256, []).append(written)
    return found


def refuse_others(store: Path, raw: RawCell, *, extend: bool) -> None:
    """Raise a DataError if a cell is known from other files, and these are not to go on with it."""
    record = newest_record(store, raw.cell)
    names = {source.name for source in raw.sources}
    digests = {source.sha256 for source in raw.sources}
    if extend or record is None:
        return
    if not any(one.name in names or one.sha256 in digests for one in record.sources):
        known = ", ".join(source.name for source in record.sources)
        raise DataError(
            f"{', '.join(sorted(names))}: cell {raw.cell!r} is in the store already, from "
            f"{known}; if this goes on with the same cell's history, say --extend; if it is "
            "another cell, give it a name with --cell"
        )


def read_cell(store: Path, name: str) -> MeasuredCell:
    """Return a cell's newest history, every byte verified.

    Raises
    ------
    StoreError
        If there is no such cell, or a file of it is damaged.
    """
    record = read_record(store, name)
    series, steps, cycles, changes = (
        read_part(store, record, part) for part in ("series", "steps", "cycles", "changes")
    )
    has_spectra = any("impedance" in segment.files for segment in record.segments)
    spectra = read_part(store, record, "impedance") if has_spectra else None
    return MeasuredCell(record, series, steps, cycles, changes, spectra)


def cell_names(store: Path) -> list[str]:
    """Return the names of the measured cells, sorted; damaged ones by their folders' names."""
    return sorted(_name(folder) for folder in cell_folders(store))


def cell_records(store: Path) -> list[CellRecord]:
    """Return the newest record of every measured cell, by name; raises as `read_cell`."""
    found = [newest_record_in(folder) for folder in cell_folders(store)]
    return sorted((one for one in found if one is not None), key=lambda record: record.cell)


def read_record(store: Path, name: str) -> CellRecord:
    """Return a cell's newest record; raises as `read_cell` does."""
    record = newest_record(store, name)
    if record is None:
        known = cell_names(store)
        hint = f"there are {', '.join(map(repr, known[:20]))}" if known else "there is none yet"
        raise StoreError(
            f"{store}: no measured cell {name!r}; {hint}; battsweep ingest FILE --store brings one"
        )
    return record


def newest_record(store: Path, name: str) -> CellRecord | None:
    """Return a cell's newest record, or None where the store has no such cell."""
    return newest_record_in(cell_folder(store, name))


def newest_record_in(folder: Path) -> CellRecord | None:
    """Return the newest record of a cell's folder, or None where it has none."""
    generations = generation_folders(folder)
    return read_generation(generations[-1]) if generations else None


def is_known(
    record: CellRecord, raw: RawCell, settings: Mapping[str, object] | None = None
) -> bool:
    """Return whether a history has these very files, cleaned with these settings."""
    digests = [source.sha256 for source in raw.sources]
    return any(
        [source.sha256 for source in segment.sources] == digests
        and segment.settings == plain(settings or {})
        for segment in record.segments
    )


def _unchanged(record: CellRecord, raw: RawCell) -> WrittenCell:
    names = ", ".join(source.name for source in raw.sources)
    digests = [source.sha256 for source in raw.sources]
    [mine, *_] = [s for s in record.segments if [one.sha256 for one in s.sources] == digests]
    told = f"{names}: is in the store already, as it is"
    return WrittenCell(record, "unchanged", told, mine.generation)


def _check_name(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError as error:
        raise DataError(f"cell {name!r}: its name is no text; give one with --cell") from error


def _has_content(store: Path, record: CellRecord, new: Segment, raw: RawCell) -> bool:
    """Return whether a segment of a history has these sources and this very content.

    Another version of the library that writes the files may write the same in
    other bytes: so what is stored is written anew for comparison.
    """
    digests = [source.sha256 for source in new.sources]
    for segment in record.segments:
        if [source.sha256 for source in segment.sources] != digests:
            continue
        if segment.files == new.files:
            return True
        if segment.files.keys() == new.files.keys() and segment.rows == new.rows:
            old = {part: read_segment(store, record, segment, part) for part in segment.files}
            anew = encode_tables(raw, old)
            if all(
                sha256(data).hexdigest() == new.files[part].sha256
                for part, (_, data) in anew.items()
            ):
                return True
    return False


def _next(before: CellRecord | None, segment: Segment, cell: str) -> CellRecord:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    if before is None:
        segments = placed([replace(segment, generation=1)])
        return CellRecord(cell, 1, "new", "a new cell", now, segments)
    number = before.generation + 1
    segment = replace(segment, generation=number)
    names = {source.name for source in segment.sources}
    digests = {source.sha256 for source in segment.sources}
    older = [
        one
        for one in before.segments
        if any(s.name in names or s.sha256 in digests for s in one.sources)
    ]
    kept = [one for one in before.segments if one not in older]
    if older:
        kept.insert(before.segments.index(older[0]), segment)
    else:
        kept.append(segment)
    segments = placed(kept)
    why: Why = "superseded" if older else "extended"
    told = _told(segments, segment, older, before.generation)
    return CellRecord(cell, number, why, told, now, segments)


def _told(
    segments: Sequence[Segment], new: Segment, older: Sequence[Segment], generation: int
) -> str:
    names = ", ".join(source.name for source in new.sources)
    if not older:
        mine = next(one for one in segments if one.generation == new.generation)
        first = mine.cycle_offset + 1
        return f"{names}: goes on with the history: cycles {first} to {first + mine.cycles - 1}"
    same = {s.sha256 for s in new.sources} <= {s.sha256 for one in older for s in one.sources}
    why = "is cleaned otherwise than before" if same else "has another content than before"
    return f"{names}: {why}; generation {generation} stays, generation {generation + 1} counts"


def _name(folder: Path) -> str:
    try:
        record = newest_record_in(folder)
    except StoreError:
        record = None
    return folder.name if record is None else record.cell
