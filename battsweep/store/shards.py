"""Shards: the series and receipts of one chunk in one file that is whole or not there."""

from __future__ import annotations

import errno
import json
import secrets
import struct
import zlib
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import cast

import pyarrow as pa

from battsweep.data.columns import CURRENT_SIGN, column_named
from battsweep.errors import StoreError
from battsweep.store import parquet_shard
from battsweep.store.files import refusal, write_whole
from battsweep.store.json_text import to_json
from battsweep.store.layout import SCHEMA_VERSION, SUFFIXES, shard_path
from battsweep.store.receipts import Receipt, decode_receipts, encode_receipts
from battsweep.store.shard_table import one_table, pack

_DAMAGE = (  # what Arrow, HDF5 and we say of bytes that make no sense
    OSError,
    EOFError,
    ValueError,
    LookupError,
    TypeError,
    RuntimeError,
    struct.error,
    zlib.error,
    pa.ArrowException,
)

GROUP_ROWS = 16_384
"""Fewest rows in a row group, but for the last: fast to scan, and to read one task from."""


@dataclass(frozen=True, slots=True)
class ShardHeader:
    """All that a shard says but its series."""

    sweep: str
    chunk: int
    attempt: int
    receipts: tuple[Receipt, ...]
    provenance: dict[str, object]


def write_shard(
    store: Path,
    sweep: str,
    *,
    chunk: int,
    attempt: int,
    series: Sequence[pa.Table],
    receipts: Sequence[Receipt],
    provenance: Mapping[str, object],
    format: str,
) -> Path:
    """Write a chunk's series and receipts; return the shard's path relative to the store.

    ``series`` has a table for each receipt that is done or partial, in the
    receipts' order; a table may be empty. The receipts' places in the file
    are filled in here. When this returns, the shard is on the disk, whole.

    Raises
    ------
    StoreError
        If the file system refuses, or the tables do not fit the receipts.
    """
    path = shard_path(
        sweep, chunk=chunk, attempt=attempt, token=secrets.token_hex(4), format=format
    )
    placed = _placed(path, receipts, series)
    with_rows = [receipt.task_id for receipt in placed if _has_series(receipt)]
    try:
        table = one_table(series, with_rows)
    except ValueError as error:
        raise StoreError(f"{path}: {error}") from error
    columns = [column_named(name) for name in table.column_names[1:]]
    header = {
        "battsweep.format": "shard",
        "battsweep.schema_version": str(SCHEMA_VERSION),
        "battsweep.sweep": sweep,
        "battsweep.chunk": str(chunk),
        "battsweep.attempt": str(attempt),
        "battsweep.columns": to_json(
            {
                column.name: {
                    "unit": column.unit,
                    "label": column.label,
                    "pybamm_name": column.pybamm_name,
                }
                for column in columns
            }
        ),
        "battsweep.current_sign": CURRENT_SIGN,
        "battsweep.provenance": to_json(provenance),
        "battsweep.receipts": encode_receipts(placed).decode(),
    }
    groups = pack([len(rows) for rows in series], at_least=GROUP_ROWS)
    write_whole(store / path, _format_of(path).encode(table, groups, header))
    return path


def read_receipts(path: Path) -> tuple[list[Receipt], dict[str, object]]:
    """Return a shard's receipts and their provenance.

    Raises
    ------
    StoreError
        If the shard is damaged, missing, or of a newer battsweep.
    """
    found = read_header(path)
    return list(found.receipts), found.provenance


def read_header(path: Path) -> ShardHeader:
    """Return all that a shard says but its series; raises as `read_receipts` does."""
    with _damage(path):
        header = _format_of(path).read_header(path)
        version = int(header["battsweep.schema_version"])
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"{path}: schema_version {version} is newer than {SCHEMA_VERSION}; "
                "install a newer battsweep"
            )
        return ShardHeader(
            sweep=header["battsweep.sweep"],
            chunk=int(header["battsweep.chunk"]),
            attempt=int(header["battsweep.attempt"]),
            receipts=tuple(decode_receipts(header["battsweep.receipts"].encode())),
            provenance=json.loads(header["battsweep.provenance"]),
        )


def verify_shard(path: Path) -> None:
    """Hold every byte of a shard against its own checksums; raises as `read_receipts` does."""
    with _damage(path):
        _format_of(path).verify(path)
    read_header(path)


def read_series(
    path: Path, row_start: int, row_count: int, columns: Sequence[str] | None = None
) -> pa.Table:
    """Return some rows of a shard, verified; of all columns, or of those named.

    Columns that the shard lacks are left out. Raises as `read_receipts` does.
    """
    return read_ranges(path, [(row_start, row_count)], columns)


def read_ranges(
    path: Path, ranges: Sequence[tuple[int, int]], columns: Sequence[str] | None = None
) -> pa.Table:
    """Return rows by (start, count), as `read_series` does; ranges in increasing order."""
    with _damage(path):
        table = cast("pa.Table", _format_of(path).read_ranges(path, ranges, columns))
        expected = sum(count for _, count in ranges)
        if table.num_columns and table.num_rows != expected:
            raise ValueError(f"{table.num_rows} rows where {expected} should be")
        return table


def _placed(path: Path, receipts: Sequence[Receipt], series: Sequence[pa.Table]) -> list[Receipt]:
    """Return the receipts with their rows' places."""
    expected = sum(_has_series(receipt) for receipt in receipts)
    if expected != len(series):
        raise StoreError(
            f"{path}: {len(series)} tables for {expected} receipts that are done or "
            "partial; give each of these a table, if need be an empty one"
        )
    if len({(receipt.task_id, receipt.attempt) for receipt in receipts}) != len(receipts):
        raise StoreError(f"{path}: two receipts for one attempt at a task; leave one out")
    tables = iter(series)
    placed = []
    start = 0
    for receipt in receipts:
        count = len(next(tables)) if _has_series(receipt) else 0
        placed.append(replace(receipt, row_start=start, row_count=count))
        start += count
    return placed


def _has_series(receipt: Receipt) -> bool:
    return receipt.outcome == "done" or receipt.partial


def _format_of(path: Path) -> ModuleType:
    """Return the module that reads and writes a shard's format."""
    if path.suffix == SUFFIXES["hdf5"]:
        # h5py is slow to import, and often not needed.
        from battsweep.store import hdf5_shard

        return hdf5_shard
    return parquet_shard


@contextmanager
def _damage(path: Path) -> Generator[None]:
    """Turn what a damaged file makes readers say into our error."""
    try:
        yield
    except StoreError:
        raise
    except FileNotFoundError as error:
        raise StoreError(
            f"{path}: is missing; `battsweep check STORE --rebuild` forgets it, and the "
            "next run computes its tasks again"
        ) from error
    except _DAMAGE as error:
        if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM):
            raise refusal(path, error) from error
        why = error if path.stat().st_size else "it is empty"
        raise StoreError(
            f"{path}: is damaged ({why}); `battsweep check STORE --deep` says how to mend it"
        ) from error
