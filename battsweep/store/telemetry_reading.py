"""Telemetry out of the store, by signal, time and component; every byte read is verified."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from battsweep.errors import StoreError
from battsweep.store.layout import file_name, telemetry_folder
from battsweep.store.telemetry_documents import (
    StoredPart,
    damaged,
    live_files,
    place_of,
    telemetry_files,
    verify_part,
)

SAMPLES = ("timestamp", "site", "asset", "component", "signal", "value", "quality")
ALERTS = ("timestamp", "site", "asset", "component", "alert")
Moment = str | datetime
"""A time: a datetime, or ISO 8601 text; UTC where it names no zone."""


def read_samples_of(
    store: Path,
    signal: str | None = None,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    component: int | None = None,
    faults: bool = False,
) -> pa.Table:
    """Return samples from ``start`` until before ``end``, by signal, component and time.

    They are in order of signal, day, site, asset, component, time and value.
    Those marked "fault" are left out unless ``faults`` is true. What two files
    both say is there once.

    Raises
    ------
    StoreError
        If there is no such signal, or a stored file is damaged.
    """
    first, last = _ms(start), _ms(end)
    files = live_files(
        telemetry_files(store, wanted=lambda folder: _holds(folder, signal, first, last)).values()
    )
    if signal is not None and not files:
        _refuse_unknown(store, signal)
    by_partition: dict[tuple[str, str], list[pa.Table]] = {}
    for file, part in ((one, part) for one in files for part in one.parts):
        if signal in (None, part.signal) and _overlaps(part, first, last, component):
            rows = _rows(place_of(store, file.ingest), part, first, last, component)
            if not faults:
                rows = rows.filter(pc.not_equal(rows.column("quality"), "fault"))
            name = pa.array([part.signal] * len(rows), pa.string()).dictionary_encode()
            rows = rows.append_column("signal", name).select(SAMPLES)
            by_partition.setdefault((part.signal, part.day), []).append(rows)
    pieces = [_once(by_partition[key]) for key in sorted(by_partition)]
    return pa.concat_tables(pieces or [_empty()]).unify_dictionaries()


def read_alerts_of(
    store: Path,
    *,
    start: Moment | None = None,
    end: Moment | None = None,
    component: int | None = None,
) -> pa.Table:
    """Return alerts from ``start`` until before ``end``, by time; fails as `read_samples_of`."""
    first, last = _ms(start), _ms(end)
    pieces = [
        _rows(place_of(store, file.ingest), part, first, last, component)
        for file in live_files(
            telemetry_files(store, wanted=lambda one: (one / "alerts.parquet").is_file()).values()
        )
        for part in file.parts
        if _overlaps(part, first, last, component)
    ]
    if not pieces:
        types = [pa.timestamp("ms", "UTC"), pa.int64(), pa.int64(), pa.int64(), pa.string()]
        return pa.schema(list(zip(ALERTS, types, strict=True))).empty_table()
    table = pa.concat_tables(pieces)
    once = table.group_by(list(ALERTS), use_threads=False).aggregate([]).select(ALERTS)
    return once.sort_by([(name, "ascending") for name in ALERTS])


def _holds(folder: Path, signal: str | None, first: int | None, last: int | None) -> bool:
    """Return whether a folder has samples of a signal on a day that is asked for."""
    days = ("" if ms is None else _day(ms) for ms in (first, last))
    from_day, to_day = days
    return any(
        signal is None or (day / f"signal={file_name(signal)}").is_dir()
        for day in folder.glob("day=*")
        if f"day={from_day}" <= day.name and (not to_day or day.name <= f"day={to_day}")
    )


def _refuse_unknown(store: Path, signal: str) -> None:
    """Say which signals there are, unless this is one of them, of other days."""
    found = telemetry_folder(store).glob("*/day=*/signal=*")
    signals = sorted({unquote(path.name.removeprefix("signal=")) for path in found})
    if signal not in signals:
        known = f"there are {', '.join(signals)}" if signals else "there is no telemetry yet"
        raise StoreError(f"{store}: no signal {signal!r}; {known}")


def _overlaps(part: StoredPart, first: int | None, last: int | None, component: int | None) -> bool:
    return (
        (first is None or part.last_ms >= first)
        and (last is None or part.first_ms < last)
        and (component is None or any(one.component == component for one in part.components))
    )


def _rows(
    folder: Path, part: StoredPart, first: int | None, last: int | None, component: int | None
) -> pa.Table:
    path = verify_part(folder, part)
    conditions = []
    if first is not None:
        conditions.append(pc.field("timestamp") >= _timestamp(first))
    if last is not None:
        conditions.append(pc.field("timestamp") < _timestamp(last))
    if component is not None:
        conditions.append(pc.field("component") == component)
    condition: Any = None
    for one in conditions:
        condition = one if condition is None else condition & one
    try:
        table = pq.read_table(
            path, partitioning=None, filters=condition, page_checksum_verification=True
        )
    except (OSError, pa.ArrowException) as error:
        raise damaged(path, error) from error
    return table.replace_schema_metadata(None)


def _once(tables: Sequence[pa.Table]) -> pa.Table:
    """Return the rows of parts of one day and signal; those that several have, once."""
    if len(tables) == 1:
        return tables[0]
    schema = tables[0].schema
    table = pa.concat_tables([_plain_words(one) for one in tables])
    keys = ["signal", "site", "asset", "component", "timestamp", "value"]
    once = table.group_by(keys, use_threads=False).aggregate([("quality", "first")])
    once = once.rename_columns([*keys, "quality"]).select(SAMPLES).cast(schema)
    return once.sort_by([(name, "ascending") for name in keys[1:]])


def _plain_words(table: pa.Table) -> pa.Table:
    """Return a table without dictionaries, of which Arrow's grouping knows little."""
    for name in ("signal", "quality"):
        place = table.column_names.index(name)
        table = table.set_column(place, name, table.column(name).cast(pa.string()))
    return table


def _empty() -> pa.Table:
    ids, words = pa.int64(), pa.dictionary(pa.int32(), pa.string())
    marks = pa.dictionary(pa.int8(), pa.string())
    types = [pa.timestamp("ms", "UTC"), ids, ids, ids, words, pa.float64(), marks]
    return pa.schema(list(zip(SAMPLES, types, strict=True))).empty_table()


def _ms(moment: Moment | None) -> int | None:
    if moment is None:
        return None
    if isinstance(moment, str):
        try:
            moment = datetime.fromisoformat(moment)
        except ValueError as error:
            raise StoreError(f"{moment!r}: no time; write it as 2026-03-01T12:00") from error
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _day(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).date().isoformat()


def _timestamp(ms: int) -> pa.Scalar:
    return pa.scalar(ms, pa.timestamp("ms", "UTC"))
