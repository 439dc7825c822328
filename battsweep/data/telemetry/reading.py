"""Telemetry from CSV files, a piece at a time: a row a sample, or a row an alert.

A file of signals has the columns timestamp (ms, UTC), SITE, ASSET, COMPONENT,
signal_name, VALUE and perhaps event_date; one of alerts has alert_name for the
last but one two. Other columns, such as a nameless index, are passed over.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv as arrow_csv

from battsweep.errors import DataError

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]
Kind = Literal["signals", "alerts"]
Series = tuple[int, str, int, int, int]
"""Day (since 1970, UTC), signal, site, asset, component."""

MS_A_DAY = 86_400_000
BLOCK_BYTES = 16 << 20
_EARLIEST_MS, _LATEST_MS = 946_684_800_000, 4_102_444_800_000  # 2000 to 2100
_ROW = re.compile(r"Row #(\d+)")
_BEFORE_REASON = re.compile(r"^(.*Row #\d+: )?(CSV conversion error to \w+: )?", re.DOTALL)
_COLUMN = re.compile(r"CSV column #(\d+)")
_IDS = ("SITE", "ASSET", "COMPONENT")
_KINDS: dict[Kind, tuple[str, ...]] = {
    "signals": ("timestamp", *_IDS, "signal_name", "VALUE"),
    "alerts": ("timestamp", *_IDS, "alert_name"),
}
_TYPES = {
    "timestamp": pa.int64(),
    **dict.fromkeys(_IDS, pa.int64()),
    "signal_name": pa.dictionary(pa.int32(), pa.string()),
    "alert_name": pa.dictionary(pa.int32(), pa.string()),
    "event_date": pa.dictionary(pa.int32(), pa.string()),
    "VALUE": pa.float64(),
}


@dataclass(frozen=True, slots=True, eq=False)
class Samples:
    """Samples in file order: of which series each is, when on its day, and its value."""

    series: Integers
    ms_of_day: Integers
    values: Floats


@dataclass(slots=True)
class Tally:
    """What was found while reading: rows, those without a number, and those out of order.

    ``series`` lists every series met; its place in the list is its number.
    """

    rows: int = 0
    missing: int = 0
    unsorted: int = 0
    other_date: int = 0
    series: list[Series] = field(default_factory=list)


def telemetry_kind(path: Path) -> Kind | None:
    """Return which kind of telemetry a file's first line says that it is, or None."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            names = {name.strip().casefold() for name in next(csv.reader([file.readline(4096)]))}
    except (OSError, UnicodeDecodeError, csv.Error, StopIteration):
        return None
    for kind, needed in _KINDS.items():
        if {name.casefold() for name in needed} <= names:
            return kind
    return None


def read_samples(path: Path, tally: Tally) -> Iterator[Samples]:
    """Yield a file's samples piece by piece, and count in ``tally``; memory is bounded.

    Raises
    ------
    DataError
        If the file is torn, or has something else where a number should be.
    """
    numbers: dict[Series, int] = {}
    last_ms = np.zeros(0, np.int64)
    for batch in _batches(path, "signals"):
        tally.rows += batch.num_rows
        columns = [batch.column(name) for name in _KINDS["signals"]]
        known = np.logical_and.reduce([_valid(column) for column in columns])
        known &= np.isfinite(batch.column("VALUE").to_numpy(zero_copy_only=False))
        tally.missing += int(len(known) - known.sum())
        rows = batch.filter(pa.array(known))
        if not rows.num_rows:
            continue
        times = _times(path, rows)
        days = times // MS_A_DAY
        tally.other_date += _other_dates(rows, days)
        series = _numbered(rows, days, numbers)
        tally.series += list(numbers)[len(tally.series) :]
        missing = len(numbers) - len(last_ms)
        last_ms = np.concatenate([last_ms, np.full(missing, _EARLIEST_MS)])
        tally.unsorted += _out_of_order(series, times, last_ms)
        yield Samples(series, times - days * MS_A_DAY, rows.column("VALUE").to_numpy())


def read_alerts(path: Path, tally: Tally) -> pa.Table:
    """Return a file's alerts, sorted by time; exact duplicates are still there.

    Raises as `read_samples` does.
    """
    pieces = []
    for batch in _batches(path, "alerts"):
        tally.rows += batch.num_rows
        known = np.logical_and.reduce([_valid(batch.column(name)) for name in _KINDS["alerts"]])
        tally.missing += int(len(known) - known.sum())
        rows = batch.filter(pa.array(known))
        times = _times(path, rows)
        tally.unsorted += int((np.diff(times) < 0).sum())
        pieces.append(
            pa.table(
                {
                    "timestamp": pa.array(times).cast(pa.timestamp("ms", "UTC")),
                    **{name.lower(): rows.column(name) for name in _IDS},
                    "alert": rows.column("alert_name").cast(pa.string()),
                }
            )
        )
    table = pa.concat_tables(pieces)
    return table.sort_by([(name, "ascending") for name in table.column_names])


def _batches(path: Path, kind: Kind) -> Iterator[pa.RecordBatch]:
    """Yield a file's record batches, its columns by the names used here."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        given = next(csv.reader(file))
    by_word = {name.casefold(): name for name in (*_KINDS[kind], "event_date")}
    names = [by_word.pop(name.strip().casefold(), f"#{k}") for k, name in enumerate(given)]
    wanted = [name for name in names if name in _TYPES]
    with _csv_errors(path, names):
        reader = arrow_csv.open_csv(
            path,
            read_options=arrow_csv.ReadOptions(
                use_threads=False, block_size=BLOCK_BYTES, column_names=names, skip_rows=1
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=_TYPES, include_columns=wanted, strings_can_be_null=True
            ),
        )
    with reader:
        while True:
            with _csv_errors(path, names):
                try:
                    batch = reader.read_next_batch()
                except StopIteration:
                    return
            yield batch


@contextmanager
def _csv_errors(path: Path, names: list[str]) -> Generator[None]:
    try:
        yield
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        text = str(error)
        row, column = _ROW.search(text), _COLUMN.search(text)
        where = f" line {row.group(1)}:" if row else ""
        if column:
            where += f" column {names[int(column.group(1))]!r}:"
        reason = _BEFORE_REASON.sub("", text)
        raise DataError(
            f"{path}:{where} {reason}; expected telemetry: timestamp in ms (UTC), whole numbers "
            "for SITE, ASSET and COMPONENT, a number for VALUE; mend or remove that line"
        ) from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error}") from error


def _valid(column: pa.Array) -> NDArray[np.bool_]:
    return np.asarray(pc.is_valid(column))


def _times(path: Path, rows: pa.RecordBatch) -> Integers:
    times: Integers = rows.column("timestamp").to_numpy()
    odd = (times < _EARLIEST_MS) | (times > _LATEST_MS)
    if odd.any():
        raise DataError(
            f"{path}: column 'timestamp': {times[odd][0]} is no time in ms (UTC) between 2000 "
            "and 2100; convert the column to ms"
        )
    return times


def _other_dates(rows: pa.RecordBatch, days: Integers) -> int:
    """Return how many rows are said to be of another day than their time's in UTC."""
    if "event_date" not in rows.schema.names:
        return 0
    said = rows.column("event_date")
    stamps = [
        np.datetime64(text, "D") if _is_day(text) else None for text in said.dictionary.to_pylist()
    ]
    dates = np.array([-1 if one is None else one.astype(int) for one in stamps] or [-1])
    mine = dates[said.indices.fill_null(0).to_numpy(zero_copy_only=False)]
    return int(((mine != days) & (mine >= 0)).sum())


def _is_day(text: str) -> bool:
    return re.fullmatch(r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|30)", text) is not None or (
        re.fullmatch(r"\d{4}-(0[13578]|1[02])-31", text) is not None
    )


def _numbered(rows: pa.RecordBatch, days: Integers, numbers: dict[Series, int]) -> Integers:
    """Return each row's series by its number; new ones are added to ``numbers``."""
    codes = np.zeros(rows.num_rows, np.int64)
    keys: list[Integers] = []
    first_rows = np.zeros(0, np.int64)
    columns = [pa.array(days), *(rows.column(name) for name in _IDS), rows.column("signal_name")]
    for column in columns:
        encoded = column if isinstance(column, pa.DictionaryArray) else column.dictionary_encode()
        keys.append(encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64))
        mixed = codes * max(1, len(encoded.dictionary)) + keys[-1]
        codes = pa.array(mixed).dictionary_encode().indices.to_numpy().astype(np.int64)
    first_rows = np.full(int(codes.max()) + 1, -1, np.int64)
    first_rows[codes[::-1]] = np.arange(len(codes))[::-1]
    firsts = rows.take(pa.array(first_rows))
    sites, assets, components = (firsts.column(name).to_pylist() for name in _IDS)
    signals = firsts.column("signal_name").to_pylist()
    found = zip(days[first_rows].tolist(), signals, sites, assets, components, strict=True)
    mine = np.array([numbers.setdefault(one, len(numbers)) for one in found], np.int64)
    return mine[codes]


def _out_of_order(series: Integers, times: Integers, last_ms: Integers) -> int:
    """Return how many rows are earlier than the one before of their series; update its last."""
    order = np.argsort(series, kind="stable")
    numbers, sorted_times = series[order], times[order]
    before = np.concatenate([[0], sorted_times[:-1]])
    starts = np.concatenate([[True], numbers[1:] != numbers[:-1]])
    before[starts] = last_ms[numbers[starts]]
    ends = np.concatenate([starts[1:], [True]])
    last_ms[numbers[ends]] = sorted_times[ends]
    return int((sorted_times < before).sum())
