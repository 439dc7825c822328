"""A shard as an HDF5 file: one array a column, the tasks' rows one after the other.

::

    /series/<column>         chunked, gzip + shuffle + fletcher32; attributes units, label
    /missing/<column>        1 where a value is missing; only for columns with such
    /tasks/task_id, row_start, row_count
    /header/<key>            what a Parquet file has as key-value metadata

Behind all that stand the word ``_SEAL`` and a sha256 of all bytes before it, which
HDF5 passes over: its own checksums do not cover what lies between its objects.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

import h5py
import numpy as np
import pyarrow as pa

_LIBVER = ("v110", "v110")  # older layouts have no checksums on metadata
_CHUNK_ROWS = 8192
_SEAL = b"sha256 ="
_SEAL_SIZE = len(_SEAL) + 32
_PIECE = 1 << 20


def encode(table: pa.Table, groups: Sequence[tuple[int, int]], header: Mapping[str, str]) -> bytes:
    """Return an HDF5 file; ``groups`` are for formats with row groups."""
    del groups
    buffer = io.BytesIO()
    with h5py.File(buffer, "w", libver=_LIBVER) as file:
        _write_tasks(file.create_group("tasks"), table.column("task_id"))
        series = file.create_group("series", track_order=True)
        missing = file.create_group("missing")
        for field in table.schema:
            if field.name == "task_id":
                continue
            column = table.column(field.name)
            name = _escape(field.name)
            values = column.fill_null(0) if column.null_count else column
            written = _write(series, name, values.to_numpy())
            for key, value in (field.metadata or {}).items():
                written.attrs[key.decode()] = np.bytes_(value)
            if column.null_count:
                _write(missing, name, column.is_null().to_numpy().astype(np.uint8))
        pairs = file.create_group("header")
        for key, text in header.items():
            _write(pairs, key, np.frombuffer(text.encode(), np.uint8))
    data = buffer.getvalue()
    return b"".join([data, _SEAL, sha256(data).digest()])


def read_header(path: Path) -> dict[str, str]:
    """Return what `encode` was given as header, verified.

    Raises
    ------
    OSError, KeyError, ValueError, RuntimeError
        If the file is damaged.
    """
    with _opened(path) as file:
        return {key: item[()].tobytes().decode() for key, item in file["header"].items()}


def verify(path: Path) -> None:
    """Hold every byte of a file against its seal; raises as `read_header` does."""
    digest = sha256()
    sealed = _sealed_digest(path)
    with path.open("rb") as file:
        left = path.stat().st_size - _SEAL_SIZE
        while left and (piece := file.read(min(left, _PIECE))):
            digest.update(piece)
            left -= len(piece)
    if left or digest.digest() != sealed:
        raise ValueError("its bytes do not match their sha256")


def read_ranges(
    path: Path, ranges: Sequence[tuple[int, int]], columns: Sequence[str] | None
) -> pa.Table:
    """Return rows by (start, count), one range after the other, every chunk verified.

    Columns that the file lacks are left out. Raises as `read_header` does.
    """
    with _opened(path) as file:
        names = ["task_id", *(_unescape(key) for key in file["series"])]
        wanted = names if columns is None else [name for name in columns if name in names]
        arrays: dict[str, pa.Array] = {}
        fields = []
        for name in wanted:
            if name == "task_id":
                arrays[name], metadata = _task_ids(file["tasks"], ranges), None
            else:
                arrays[name], metadata = _values(file, _escape(name), ranges)
            fields.append(pa.field(name, arrays[name].type, metadata=metadata))
    return pa.table(arrays, schema=pa.schema(fields))


def _opened(path: Path) -> h5py.File:
    _sealed_digest(path)
    # A shard never changes, and HDF5's own locks fail on network file systems.
    return h5py.File(path, "r", locking=False)


def _sealed_digest(path: Path) -> bytes:
    """Return the sha256 behind all else; a file that was cut has none."""
    with path.open("rb") as file:
        file.seek(-_SEAL_SIZE, os.SEEK_END)  # an OSError where the file is shorter
        word, digest = file.read(len(_SEAL)), file.read()
    if word != _SEAL:
        raise ValueError("it does not end as a shard does")
    return digest


def _write(group: h5py.Group, name: str, values: np.ndarray) -> h5py.Dataset:
    return group.create_dataset(
        name,
        data=values,
        chunks=(min(max(len(values), 1), _CHUNK_ROWS),),
        maxshape=(None,),
        compression="gzip",
        compression_opts=1,
        shuffle=True,
        fletcher32=True,
    )


def _write_tasks(group: h5py.Group, ids: pa.ChunkedArray) -> None:
    runs = ids.combine_chunks()
    codes = runs.indices.to_numpy()
    starts = np.flatnonzero(np.diff(codes, prepend=-1))
    names = runs.dictionary.to_numpy(zero_copy_only=False).astype(np.bytes_)
    _write(group, "task_id", names[codes[starts]])
    _write(group, "row_start", starts.astype(np.int64))
    _write(group, "row_count", np.diff(starts, append=len(codes)).astype(np.int64))


def _task_ids(tasks: h5py.Group, ranges: Sequence[tuple[int, int]]) -> pa.Array:
    starts, names = tasks["row_start"][()], tasks["task_id"][()]
    rows = np.concatenate([np.arange(0), *(np.arange(a, a + n) for a, n in ranges)])
    codes = np.searchsorted(starts, rows, side="right") - 1
    dictionary = pa.array([name.decode() for name in names], pa.string())
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32()), dictionary)


def _values(
    file: h5py.File, name: str, ranges: Sequence[tuple[int, int]]
) -> tuple[pa.Array, dict[str, str]]:
    dataset = file["series"][name]
    mask = file["missing"].get(name)
    pieces = []
    for start, count in ranges:
        rows = slice(start, start + count)
        gone = None if mask is None else mask[rows].astype(bool)
        pieces.append(pa.array(dataset[rows], mask=gone))
    empty = pa.array(np.empty(0, dataset.dtype))
    metadata = {key: value.decode() for key, value in dataset.attrs.items()}
    return pa.concat_arrays([empty, *pieces]), metadata


def _escape(name: str) -> str:
    """Return a column's name as HDF5 can have it: no slash, and not "." alone."""
    text = name.replace("%", "%25").replace("/", "%2F")
    return text.replace(".", "%2E") if set(text) == {"."} else text


def _unescape(text: str) -> str:
    return text.replace("%2E", ".").replace("%2F", "/").replace("%25", "%")
