"""Text files that a sweep file names: read whole, then split into rows of a table."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from pathlib import Path

from battsweep.errors import Fault, SpecError
from battsweep.sweep.faults import shown
from battsweep.sweep.quantities import number_in
from battsweep.sweep.spec import Scalar

_MOST_FAULTS = 5


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table: its number in the file, counted from 1, and its fields."""

    number: int
    fields: tuple[str, ...]


class TableFaults:
    """The faults of one table; after the first few, only their number is kept."""

    def __init__(self, file: Path) -> None:
        self._file = str(file)
        self._found: list[Fault] = []
        self._more = 0

    def add(self, line: int | None, message: str) -> None:
        """Note a fault in a line, or in the whole table."""
        if len(self._found) < _MOST_FAULTS:
            place = f"line {line}" if line else ""
            self._found.append(Fault(self._file, place, message))
        else:
            self._more += 1

    def raise_if_any(self) -> None:
        """Raise a `SpecError` that holds the faults, if there are any."""
        if self._more:
            self._found.append(Fault(self._file, "", f"{self._more} more faults like these"))
        if self._found:
            raise SpecError(self._found)


def read_text(path: Path) -> str:
    """Return a text file's content; a byte-order mark is dropped.

    Raises
    ------
    ValueError
        If it cannot be read or is not UTF-8; the message leaves out which file.
    """
    try:
        if path.is_dir():
            raise ValueError("is a folder; name a file in it")
        if not path.is_file():
            raise ValueError("is not a plain file" if path.exists() else "no such file")
        return path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ValueError(
            f"is not UTF-8 text (byte {error.object[error.start]:#04x} at {error.start}); "
            "save it as UTF-8"
        ) from error


def read_lines(path: Path) -> list[Line]:
    """Return a table's lines without comments (#) and empty ones.

    Fields are separated by whichever of comma, semicolon and tab is most
    frequent in the first line.

    Raises
    ------
    SpecError
        If the file cannot be read, is empty, or a line cannot be split.
    """
    faults = TableFaults(path)
    try:
        text = read_text(path)
    except ValueError as error:
        faults.add(None, str(error))
        text = ""
    faults.raise_if_any()
    kept = [
        (number, line)
        for number, line in enumerate(text.replace("\r\n", "\n").split("\n"), start=1)
        if line.strip() and not line.lstrip().startswith("#")
    ]
    if not kept:
        faults.add(None, "is empty; it must have a line for each point")
    faults.raise_if_any()
    separator = max(",;\t", key=kept[0][1].count)
    lines = []
    for number, line in kept:
        try:
            fields = next(csv.reader([line], delimiter=separator, strict=True))
            lines.append(Line(number, tuple(field.strip() for field in fields)))
        except (csv.Error, StopIteration) as error:
            faults.add(number, f"{shown(line)}: {error}")
    faults.raise_if_any()
    return lines


def read_points(path: Path) -> tuple[tuple[str, ...], tuple[tuple[Scalar, ...], ...]]:
    """Return the names in a table's header, and its rows of numbers and words.

    Raises
    ------
    SpecError
        If the file cannot be read, or a line or a field in it is wrong.
    """
    header, *lines = read_lines(path)
    names = header.fields
    faults = TableFaults(path)
    if "" in names:
        faults.add(header.number, "a column without a name; the first line has the names")
    if len(set(names)) < len(names):
        twice = next(name for name in names if names.count(name) > 1)
        faults.add(header.number, f"{shown(twice)}: two columns of this name")
    if not lines:
        faults.add(None, "has no line below the names")
    rows = tuple(_row(line, names, faults) for line in lines)
    faults.raise_if_any()
    return names, rows


def _row(line: Line, names: tuple[str, ...], faults: TableFaults) -> tuple[Scalar, ...]:
    if len(line.fields) != len(names):
        faults.add(line.number, f"{len(line.fields)} values for {len(names)} names")
        return ()
    row: list[Scalar] = []
    for name, field in zip(names, line.fields, strict=True):
        number = number_in(field)
        if number is None and (not field or field.lower().lstrip("+-") in _NOT_FINITE):
            faults.add(line.number, f"{name}: {shown(field)}: must be a finite number or a word")
        row.append(field if number is None else number)
    return tuple(row)


_NOT_FINITE = ("nan", "inf", "infinity")
