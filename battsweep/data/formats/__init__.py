"""Measured files of every tester that is known, read into `RawCell` values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from battsweep.data.cell import RawCell
from battsweep.data.formats.batteryml import read_pickle
from battsweep.data.formats.delimited import read_delimited, refuse_companion
from battsweep.data.formats.matlab import read_matlab
from battsweep.data.formats.source import Source, open_source, refusal
from battsweep.data.formats.tables import read_excel, read_hdf5, read_parquet
from battsweep.data.recipe import Recipe

Reader = Callable[[Source, Recipe], list[RawCell]]

_BY_CONTENT: tuple[tuple[bytes, Reader], ...] = (
    (b"PAR1", read_parquet),
    (b"\x89HDF\r\n\x1a\n", read_hdf5),
    (b"MATLAB 5.0", read_matlab),
    (b"PK\x03\x04", read_excel),
    (b"\xd0\xcf\x11\xe0", read_excel),
)
_PICKLES = (".pkl", ".pickle", ".p")


def read_files(paths: Sequence[Path], recipe: Recipe | None = None) -> tuple[RawCell, ...]:
    """Return the cells of some files, in the order of the files.

    The format is told by a file's content, or by the recipe. A cell that
    stands in several files comes once for each.

    Raises
    ------
    DataError
        If a file cannot be read, is of no known format, or says what cannot
        be; with its place, what was expected, and what would mend it.
    """
    given = recipe or Recipe()
    found: list[RawCell] = []
    for path in paths:
        refuse_companion(path)
        source = open_source(path)
        found += reader_of(source)(source, given)
    return tuple(found)


def reader_of(source: Source) -> Reader:
    """Return what reads a file; told by its first bytes, and of pickles by its name too.

    Raises
    ------
    DataError
        If it is packed, or binary of no known kind.
    """
    head = source.data[:512]
    for magic, reader in _BY_CONTENT:
        if head.startswith(magic):
            return reader
    if source.path.suffix.lower() in _PICKLES or (head[:1] == b"\x80" and head[1:2] <= b"\x05"):
        return read_pickle
    if head.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")):
        raise refusal(source.path, "is packed; unpack it first")
    binary = sum(byte < 9 or 13 < byte < 32 for byte in head)
    if binary > len(head) // 20 and head[:2] not in (b"\xff\xfe", b"\xfe\xff"):
        raise refusal(source.path, f"is binary, and of no known kind (it begins with {head[:8]!r})")
    return read_delimited
