"""Telemetry in the store: a folder for each ingested file, whole or not there.

    telemetry/<file>-<sha8>/day=2022-03-12/signal=LM_powerLimit/part.parquet
                            alerts.parquet
                            telemetry.json      what it came from, what cleaning did
    telemetry/superseded/<file>-<sha8>/…        older contents of altered files

So ``telemetry/*/day=*/signal=*/part.parquet`` is all that counts, for any reader of
hive-partitioned Parquet. A file is *altered* if it has the name of an older one and
shares a day, signal and component with it: then the newer one counts. What two files
both say is read once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from hashlib import file_digest
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from battsweep.data.cell import SourceFile
from battsweep.data.telemetry.cleaning import (
    FAULT,
    QUALITIES,
    Marker,
    TelemetryRules,
    extent,
    rule_counts,
    spans,
)
from battsweep.data.telemetry.reading import Kind, Samples, Series, Tally, read_alerts, read_samples
from battsweep.data.telemetry.sorting import ROWS_IN_MEMORY, Sorted, sort_samples
from battsweep.errors import DataError
from battsweep.store.files import make_folder, whole_folder
from battsweep.store.layout import file_name, telemetry_folder
from battsweep.store.telemetry_documents import (
    DOCUMENT,
    STAGING,
    ComponentRows,
    StoredPart,
    TelemetryFile,
    encode_document,
    live_files,
    place_of,
    settle,
    telemetry_files,
)

What = Literal["new", "superseded", "unchanged"]
GROUP_ROWS = 131_072

_FIELDS = [
    pa.field("timestamp", pa.timestamp("ms", "UTC"), metadata={"unit": "ms"}),
    pa.field("site", pa.int64()),
    pa.field("asset", pa.int64()),
    pa.field("component", pa.int64()),
    pa.field("value", pa.float64()),
    pa.field("quality", pa.dictionary(pa.int8(), pa.string())),
]
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class WrittenTelemetry:
    """What an ingest of a file did, and in words."""

    file: TelemetryFile
    what: What
    told: str


def ingest_telemetry(
    store: Path,
    path: Path,
    kind: Kind,
    *,
    rules: TelemetryRules | None = None,
    rows_in_memory: int = ROWS_IN_MEMORY,
) -> WrittenTelemetry:
    """Put a file of telemetry into the store, whole or not at all; memory is bounded.

    The same file again changes nothing. One of the same name with other
    content counts from now on; what was there before stays, aside.

    Raises
    ------
    DataError
        If the file is torn, says what cannot be, or changes while it is read.
    StoreError
        If the file system refuses.
    """
    rules = rules or TelemetryRules()
    source, stamp = _source(path)
    known = telemetry_files(store, source.name)
    same = [one for one in live_files(known.values()) if one.source == source]
    if same:
        return WrittenTelemetry(same[0], "unchanged", f"{source.name}: is in the store already")
    stem = f"{file_name(source.name)}-{source.sha256[:8]}"
    names = (stem, *(f"{stem}-{k}" for k in range(2, 10_000)))
    name = next(one for one in names if not place_of(store, one).is_dir())
    try:
        root = telemetry_folder(store)
        with whole_folder(root / name, staging=root / STAGING) as folder:
            write = _write_signals if kind == "signals" else _write_alerts
            file = write(folder, path, rules, rows_in_memory)
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            file = replace(file, ingest=name, source=source, created_utc=now)
            if _stamp(path) != stamp:
                raise DataError(f"{path}: changed while it was read; ingest it when it is whole")
            (folder / DOCUMENT).write_bytes(encode_document(file))
    except FileExistsError:  # another ingest of this very file was first
        return ingest_telemetry(store, path, kind, rules=rules, rows_in_memory=rows_in_memory)
    settle(store, source.name)
    return _written(file, known)


def look_at_telemetry(store: Path, path: Path, kind: Kind, folder: Path) -> WrittenTelemetry:
    """Return what `ingest_telemetry` would do; ``folder``, not the store, is written to."""
    source, _ = _source(path)
    known = telemetry_files(store, source.name)
    live = live_files(known.values())
    if same := [one for one in live if one.source == source]:
        return WrittenTelemetry(same[0], "unchanged", f"{source.name}: is in the store already")
    write = _write_signals if kind == "signals" else _write_alerts
    file = write(folder, path, TelemetryRules(), ROWS_IN_MEMORY)
    now = datetime.now(UTC).isoformat(timespec="microseconds")
    return _written(replace(file, source=source, created_utc=now), known)


def _written(file: TelemetryFile, known: Mapping[str, TelemetryFile]) -> WrittenTelemetry:
    """Return what a new file does to those that were there, in words."""
    before = {one.ingest for one in live_files(known.values())}
    after = {one.ingest for one in live_files([*known.values(), file])}
    if gone := sorted(before - after):
        told = "has another content than before"
        told = f"{file.source.name}: {told}; {', '.join(gone)} stays, aside"
        return WrittenTelemetry(file, "superseded", told)
    return WrittenTelemetry(file, "new", f"{file.source.name}: a new file")


def _write_signals(
    folder: Path, path: Path, rules: TelemetryRules, rows_in_memory: int
) -> TelemetryFile:
    tally, counted = Tally(), Sorted()
    marker: Marker | None = None
    series: list[Series] = []
    parts: list[StoredPart] = []
    writer: _PartWriter | None = None
    pieces = sort_samples(
        read_samples(path, tally), tally.series, folder, counted, rows_in_memory=rows_in_memory
    )
    for piece in pieces:
        if marker is None:  # all has been read now
            series = sorted(tally.series)
            marker = Marker(series, rules)
        marks = marker.mark(piece)
        for number, start, stop in spans(piece.series):
            if writer is None or writer.partition != series[number][:2]:
                parts += [writer.close()] if writer is not None else []
                writer = _PartWriter(folder, series[number])
            rows = Samples(
                piece.series[start:stop], piece.ms_of_day[start:stop], piece.values[start:stop]
            )
            writer.write(series[number], rows, marks[start:stop])
    parts += [writer.close()] if writer is not None else []
    if not tally.rows:
        raise DataError(f"{path}: has no rows; expected telemetry, a row a sample")
    found = rule_counts(tally, counted, marker, rules)
    return TelemetryFile("", "signals", SourceFile("", 0, ""), "", tally.rows, tuple(parts), found)


def _write_alerts(folder: Path, path: Path, rules: TelemetryRules, _: int) -> TelemetryFile:
    tally = Tally()
    table = read_alerts(path, tally)
    kept = table.group_by(table.column_names, use_threads=False).aggregate([])
    kept = kept.select(table.column_names).sort_by([(n, "ascending") for n in table.column_names])
    counted = Sorted(duplicates=table.num_rows - kept.num_rows)
    target = folder / "alerts.parquet"
    pq.write_table(kept, target, compression="zstd", write_page_checksum=True)
    times = kept.column("timestamp").cast(pa.int64()).to_numpy()
    by = kept.group_by(["site", "asset", "component"], use_threads=False)
    components = tuple(
        ComponentRows(
            row["site"],
            row["asset"],
            row["component"],
            row["alert_count"],
            row["alert_count"],
            _ms(row["timestamp_min"]),
            _ms(row["timestamp_max"]),
            None,
            None,
        )
        for row in by.aggregate(
            [("alert", "count"), ("timestamp", "min"), ("timestamp", "max")]
        ).to_pylist()
    )
    part = StoredPart(
        "alerts.parquet",
        "",
        "",
        kept.num_rows,
        *_bytes_and_digest(target),
        int(times[0]) if len(times) else 0,
        int(times[-1]) if len(times) else 0,
        components,
    )
    found = rule_counts(tally, counted, None, rules)
    kinds = ("missing", "exact_duplicate", "unsorted")
    kept_rules = tuple(one for one in found if one.rule in kinds)
    return TelemetryFile("", "alerts", SourceFile("", 0, ""), "", tally.rows, (part,), kept_rules)


class _PartWriter:
    """Writes the samples of one day and signal, a row group of about `GROUP_ROWS` at a time."""

    def __init__(self, folder: Path, first: Series) -> None:
        self.partition = first[:2]
        self._day = (_EPOCH + timedelta(days=first[0])).isoformat()
        self._folder = folder
        self._path = Path(f"day={self._day}", f"signal={file_name(first[1])}", "part.parquet")
        make_folder((folder / self._path).parent)
        schema = pa.schema(_FIELDS, {"battsweep.format": "telemetry", "signal": first[1]})
        self._writer = pq.ParquetWriter(
            folder / self._path,
            schema,
            compression="zstd",
            use_dictionary=["site", "asset", "component", "quality"],
            use_byte_stream_split=["value"],
            column_encoding={"timestamp": "DELTA_BINARY_PACKED"},
            write_page_checksum=True,
        )
        self._waiting: list[pa.Table] = []
        self._rows = 0
        self._written = 0
        self._components: dict[Series, ComponentRows] = {}

    def write(
        self, series: Series, rows: Samples, marks: np.ndarray[tuple[int], np.dtype[np.int8]]
    ) -> None:
        """Add samples of one series, which come after all that were added."""
        count = len(rows.values)
        first = series[0] * 86_400_000
        columns = [
            pa.array(rows.ms_of_day + first).cast(_FIELDS[0].type),
            *(pa.array(np.full(count, one)) for one in series[2:]),
            pa.array(rows.values),
            pa.DictionaryArray.from_arrays(pa.array(marks), pa.array(QUALITIES)),
        ]
        self._waiting.append(pa.table(columns, schema=self._writer.schema))
        self._rows += count
        good = rows.values[marks != FAULT]
        times = int(rows.ms_of_day[0]) + first, int(rows.ms_of_day[-1]) + first
        new = ComponentRows(*series[2:], count, len(good), *times, *extent(good))
        self._components[series] = _joined(self._components.get(series), new)
        if self._rows >= GROUP_ROWS:
            self._flush()

    def close(self) -> StoredPart:
        """Finish the file and return what is in it."""
        self._flush()
        self._writer.close()
        components = tuple(self._components.values())
        return StoredPart(
            self._path.as_posix(),
            self._day,
            self.partition[1],
            self._written,
            *_bytes_and_digest(self._folder / self._path),
            min(one.first_ms for one in components),
            max(one.last_ms for one in components),
            components,
        )

    def _flush(self) -> None:
        if self._waiting:
            table = pa.concat_tables(self._waiting).combine_chunks()
            self._writer.write_table(table, row_group_size=GROUP_ROWS)
        self._written += self._rows
        self._waiting, self._rows = [], 0


def _joined(before: ComponentRows | None, new: ComponentRows) -> ComponentRows:
    if before is None:
        return new
    lows = [low for low in (before.low, new.low) if low is not None]
    highs = [high for high in (before.high, new.high) if high is not None]
    return replace(
        new,
        rows=before.rows + new.rows,
        good=before.good + new.good,
        first_ms=before.first_ms,
        low=min(lows, default=None),
        high=max(highs, default=None),
    )


def _source(path: Path) -> tuple[SourceFile, tuple[int, int]]:
    try:
        stamp = _stamp(path)
        with path.open("rb") as file:
            digest = file_digest(file, "sha256").hexdigest()
            return SourceFile(path.name, file.tell(), digest), stamp
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror}") from error


def _stamp(path: Path) -> tuple[int, int]:
    found = path.stat()
    return found.st_size, found.st_mtime_ns


def _bytes_and_digest(path: Path) -> tuple[int, str]:
    with path.open("rb") as file:
        digest = file_digest(file, "sha256").hexdigest()
        return file.tell(), digest


def _ms(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
