"""Measured curves in the store: one small Parquet file each, named by its content."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from battsweep.data.columns import CURRENT, CURRENT_SIGN, STEP_KIND, TIME, VOLTAGE
from battsweep.errors import StoreError
from battsweep.store.files import write_whole
from battsweep.store.json_text import to_json
from battsweep.store.layout import inside, measured_path
from battsweep.sweep.spec import Measured, Scalar

_KEY = b"battsweep.measured"


@dataclass(frozen=True, slots=True)
class MeasuredRecord:
    """Where a measured curve is, what it belongs to and where it came from."""

    file: str
    name: str
    cell: str
    protocol: str
    at: Mapping[str, Scalar]
    sha256: str
    source: str


def write_measured(store: Path, curve: Measured) -> MeasuredRecord:
    """Write a curve unless it is there; return its record."""
    path = measured_path(curve.cell, curve.name, _digest(curve))
    record = MeasuredRecord(
        file=path.as_posix(),
        name=curve.name,
        cell=curve.cell,
        protocol=curve.protocol,
        at=dict(curve.at),
        sha256=curve.sha256,
        source=curve.source,
    )
    if not (store / path).exists():
        write_whole(store / path, _encode(record, curve))
    return record


def read_measured(store: Path, file: str) -> tuple[MeasuredRecord, pa.Table]:
    """Return a curve's record and its rows, with columns of the Battery Data Format.

    Raises
    ------
    StoreError
        If the file is missing or damaged.
    """
    path = inside(store, file)
    try:
        table = pq.read_table(path, partitioning=None, page_checksum_verification=True)
        record = MeasuredRecord(**json.loads(table.schema.metadata[_KEY]))
        _check_name(path, record, table)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise StoreError(
            f"{path}: is missing or damaged ({error}); remove it and run the sweep that "
            "brought it under another name: that writes it again"
        ) from error
    return record, table.replace_schema_metadata(None)


def _check_name(path: Path, record: MeasuredRecord, table: pa.Table) -> None:
    """Raise ValueError unless the content has the digest in the file's name."""

    def numbers(name: str) -> tuple[float, ...]:
        return tuple(table.column(name).to_pylist()) if name in table.column_names else ()

    curve = Measured(
        name=record.name,
        cell=record.cell,
        protocol=record.protocol,
        at=record.at,
        times_s=numbers(TIME.name),
        voltage_v=numbers(VOLTAGE.name),
        current_a=numbers(CURRENT.name),
        source=record.source,
        sha256=record.sha256,
        kinds=tuple(table.column(STEP_KIND.name).to_pylist())
        if STEP_KIND.name in table.column_names
        else (),
    )
    if path.name != measured_path(record.cell, record.name, _digest(curve)).name:
        raise ValueError("its content is not what its name says")


def _digest(curve: Measured) -> str:
    """Return the sha256 of all that a curve says; 1 and 1.0 are the same here."""
    content = asdict(curve)
    if not curve.kinds:
        del content["kinds"]  # so that curves of older stores keep their names
    for name in ("times_s", "voltage_v", "current_a"):
        content[name] = [float(value) for value in content[name]]
    return sha256(to_json(content).encode()).hexdigest()


def _encode(record: MeasuredRecord, curve: Measured) -> bytes:
    values = {TIME: curve.times_s, VOLTAGE: curve.voltage_v, CURRENT: curve.current_a}
    kept = {column: list(numbers) for column, numbers in values.items() if numbers}
    schema = pa.schema(
        [
            pa.field(
                column.name,
                pa.float64(),
                metadata={"unit": column.unit, "label": column.label},
            )
            for column in kept
        ],
        metadata={
            _KEY: to_json(asdict(record)),
            "battsweep.format": "measured",
            "battsweep.current_sign": CURRENT_SIGN,
        },
    )
    arrays = [pa.array(numbers, pa.float64()) for numbers in kept.values()]
    if curve.kinds:
        schema = schema.append(pa.field(STEP_KIND.name, pa.string()))
        arrays.append(pa.array(curve.kinds, pa.string()))
    sink = pa.BufferOutputStream()
    pq.write_table(
        pa.table(arrays, schema=schema), sink, compression="zstd", write_page_checksum=True
    )
    return bytes(sink.getvalue())
