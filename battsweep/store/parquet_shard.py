"""A shard as a Parquet file: any reader opens it; ours also verifies every byte it uses.

Parquet's page checksums cover neither the pages' headers nor the footer. So a
seal stands just before the footer, in a gap that other readers pass over: the
crc32 of each column chunk and of all bytes before the seal, how many these are,
and a sha256 of them and the footer.
"""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

_MAGIC = b"PAR1"
_TAIL = 8  # four bytes for the footer's length, four for the magic
_DIGEST = 32
_CRC = 4
_PIECE = 1 << 20


@dataclass(frozen=True, slots=True, eq=False)
class _Sealed:
    """A file's verified footer, the crc32 of each column chunk, group by group, and of all.

    The last of ``crcs`` is that of the first ``body_size`` bytes: all before the seal.
    """

    metadata: pq.FileMetaData
    crcs: tuple[int, ...]
    body_size: int


def encode(
    table: pa.Table,
    groups: Sequence[tuple[int, int]],
    header: Mapping[str, str],
    dictionaries: Sequence[str] = ("task_id",),
) -> bytes:
    """Return a Parquet file with a row group for each (start, count) of ``groups``.

    Columns ``dictionaries`` hold few values that repeat.
    """
    sink = pa.BufferOutputStream()
    floats = [field.name for field in table.schema if pa.types.is_floating(field.type)]
    with pq.ParquetWriter(
        sink,
        table.schema,
        compression="zstd",
        compression_level=3,
        use_dictionary=list(dictionaries),
        use_byte_stream_split=floats,
        write_page_checksum=True,
    ) as writer:
        for start, count in groups:
            writer.write_table(table.slice(start, count), row_group_size=count)
        writer.add_key_value_metadata(dict(header))
    buffer = sink.getvalue()
    data = memoryview(buffer)
    metadata = pq.read_metadata(pa.BufferReader(buffer))
    crcs = [
        zlib.crc32(data[slice(*_place(metadata, group, column))])
        for group in range(metadata.num_row_groups)
        for column in range(metadata.num_columns)
    ]
    footer = _footer_start(bytes(data[-_TAIL:]), len(data))
    crcs.append(zlib.crc32(data[:footer]))
    seal = struct.pack(f"<{len(crcs) + 1}I", *crcs, len(crcs))
    digest = sha256(seal + data[footer:]).digest()
    return b"".join([data[:footer], seal, digest, data[footer:]])


def read_header(path: Path) -> dict[str, str]:
    """Return a file's key-value metadata, verified.

    Raises
    ------
    ValueError, OSError, struct.error, pyarrow.ArrowException
        If the file is damaged.
    """
    with path.open("rb") as file:
        pairs = _unseal(file).metadata.metadata or {}
    return {key.decode(): value.decode() for key, value in pairs.items()}


def verify(path: Path) -> None:
    """Hold every byte of a file against its seal; raises as `read_header` does."""
    with path.open("rb") as file:
        sealed = _unseal(file)
        file.seek(0)
        found, left = 0, sealed.body_size
        while left and (piece := file.read(min(left, _PIECE))):
            found, left = zlib.crc32(piece, found), left - len(piece)
        if left or found != sealed.crcs[-1]:
            raise ValueError("its bytes do not match their crc32")


def read_ranges(
    path: Path, ranges: Sequence[tuple[int, int]], columns: Sequence[str] | None
) -> pa.Table:
    """Return rows by (start, count), in the file's order, all bytes verified.

    Only the row groups and columns that are asked for are read. Columns that
    the file lacks are left out. Raises as `read_header` does.
    """
    with path.open("rb") as file:
        sealed = _unseal(file)
        metadata = sealed.metadata
        names = metadata.schema.to_arrow_schema().names
        wanted = [name for name in columns if name in names] if columns is not None else names
        indices = _leaves(metadata, wanted)
        pieces = [metadata.schema.to_arrow_schema().empty_table().select(wanted)]
        with pq.ParquetFile(file, metadata=metadata, page_checksum_verification=True) as parquet:
            start = 0
            for group in range(metadata.num_row_groups):
                stop = start + metadata.row_group(group).num_rows
                inside = [
                    (
                        max(first, start) - start,
                        min(first + count, stop) - max(first, start),
                    )
                    for first, count in ranges
                    if first < stop and first + count > start
                ]
                if inside:
                    _verify(file, sealed, group, indices)
                    rows = parquet.read_row_group(group, columns=wanted).select(wanted)
                    pieces += [rows.slice(first, count) for first, count in inside]
                start = stop
    return pa.concat_tables(pieces)


def _leaves(metadata: pq.FileMetaData, names: Sequence[str]) -> list[int]:
    """Return the numbers of the column chunks of some columns; a nested one has several."""
    paths = [metadata.schema.column(k).path for k in range(metadata.num_columns)]
    inside = tuple(f"{name}." for name in names)
    return [k for k, path in enumerate(paths) if path in names or path.startswith(inside)]


def _verify(file: BinaryIO, sealed: _Sealed, group: int, columns: Sequence[int]) -> None:
    for column in columns:
        start, stop = _place(sealed.metadata, group, column)
        found = zlib.crc32(os.pread(file.fileno(), stop - start, start))
        if found != sealed.crcs[group * sealed.metadata.num_columns + column]:
            raise ValueError(f"bytes {start} to {stop} do not match their crc32")


def _place(metadata: pq.FileMetaData, group: int, column: int) -> tuple[int, int]:
    """Return the first byte of a column chunk, and the byte after its last."""
    chunk = metadata.row_group(group).column(column)
    start = chunk.data_page_offset
    if chunk.has_dictionary_page:
        start = min(start, chunk.dictionary_page_offset)
    return start, start + chunk.total_compressed_size


def _unseal(file: BinaryIO) -> _Sealed:
    size = os.fstat(file.fileno()).st_size
    footer = size - _footer_start(_last_bytes(file, _TAIL), size)
    (count,) = struct.unpack("<I", _last_bytes(file, footer + _DIGEST + _CRC)[:_CRC])
    seal_size = _CRC * (count + 1)
    end = _last_bytes(file, footer + _DIGEST + seal_size)
    seal, digest, tail = end[:seal_size], end[seal_size:-footer], end[-footer:]
    if sha256(seal + tail).digest() != digest:
        raise ValueError("the footer does not match its sha256")
    crcs = struct.unpack(f"<{count + 1}I", seal)[:-1]
    metadata = pq.read_metadata(pa.BufferReader(tail))
    if count != metadata.num_row_groups * metadata.num_columns + 1:
        raise ValueError(f"{count} checksums are not one a column chunk and one for all")
    return _Sealed(metadata, crcs, size - len(end))


def _last_bytes(file: BinaryIO, count: int) -> bytes:
    file.seek(-count, os.SEEK_END)  # an OSError where the file is shorter
    return file.read(count)


def _footer_start(tail: bytes, size: int) -> int:
    """Return where a file's footer begins, from its last eight bytes."""
    start = size - _TAIL - int.from_bytes(tail[:4], "little")
    if tail[4:] != _MAGIC or start < len(_MAGIC):
        raise ValueError("it does not end as a Parquet file does")
    return start
