"""Curves against time from tables: profiles to drive a cell with, and measured voltages."""

from __future__ import annotations

import math
from itertools import pairwise
from pathlib import Path
from typing import Literal

from battsweep.sweep.faults import shown, suggestion
from battsweep.sweep.headers import wrong_time_unit, wrong_value_unit
from battsweep.sweep.quantities import number_in
from battsweep.sweep.tables import Line, TableFaults, read_lines

Numbers = tuple[float, ...]
Direction = Literal["charge", "discharge"]

TIME = "test_time_second"
VOLTAGE = "voltage_volt"
CURRENT = "current_ampere"
_HIGHEST_V = 10


def read_profile(
    path: Path, *, time: str | int, value: str | int, factor: float, unit: str | None = None
) -> tuple[Numbers, Numbers]:
    """Return times from 0, in s, and values times ``factor``.

    ``time`` and ``value`` are columns, by the name in the first line or by
    number from 0; with numbers the line of names may be missing. A name that
    says another unit than s for times, and ``unit`` for values, is refused.

    Raises
    ------
    SpecError
        If the file cannot be read, a column is missing, a field is no finite
        number, the times do not increase, or every value is zero.
    """
    faults = TableFaults(path)
    first, *rest = lines = read_lines(path)
    places = [_place(column, first, faults) for column in (time, value)]
    faults.raise_if_any()
    named = isinstance(time, str) or isinstance(value, str)
    if named or any(number_in(first.fields[place]) is None for place in places):
        lines = rest
        names = [first.fields[place] for place in places]
        for message in (wrong_time_unit(names[0]), unit and wrong_value_unit(names[1], unit)):
            if message:
                faults.add(first.number, message)
    times = _times(lines, places[0], faults)
    values = [number * factor for number in _numbers(lines, places[1], faults)]
    if any(math.isinf(number) for number in values):
        faults.add(None, f"times {factor!r}: some values are too large for a computer")
    if values and not any(values):
        faults.add(None, f"column {places[1]}: every value is 0; name another as value_column")
    faults.raise_if_any()
    return times, tuple(number + 0.0 for number in values)


def read_measured(
    path: Path, *, direction: Direction | None = None
) -> tuple[Numbers, Numbers, Numbers]:
    """Return times from 0 in s, voltages in V, and currents in A (or none at all).

    The file's first line has the names of the Battery Data Format. The charge
    that the currents carry must have the sign of ``direction``, where it is known.

    Raises
    ------
    SpecError
        As `read_profile`, and if voltages or currents cannot be what they say.
    """
    faults = TableFaults(path)
    header, *lines = read_lines(path)
    time_place, voltage_place = (_place(name, header, faults) for name in (TIME, VOLTAGE))
    faults.raise_if_any()
    times = _times(lines, time_place, faults)
    voltages = _numbers(lines, voltage_place, faults)
    for line, voltage in zip(lines, voltages, strict=True):
        if not math.isnan(voltage) and not 0 <= voltage <= _HIGHEST_V:
            message = f"{VOLTAGE}: {voltage!r}: not from 0 to {_HIGHEST_V} V; volts are expected"
            faults.add(line.number, message)
            break
    currents: list[float] = []
    if CURRENT in header.fields:
        currents = _numbers(lines, header.fields.index(CURRENT), faults)
    faults.raise_if_any()
    charge = sum(
        (end - start) * (one + other) / 2
        for (start, end), (one, other) in zip(pairwise(times), pairwise(currents), strict=False)
    )
    if direction and (charge > 0 if direction == "discharge" else charge < 0):
        sign = "positive" if charge > 0 else "negative"
        faults.add(
            None,
            f"{CURRENT} is {sign}, but current is positive on charge; this is a {direction}; "
            "turn its sign, or name another protocol",
        )
    faults.raise_if_any()
    return times, tuple(voltages), tuple(currents)


def _place(column: str | int, header: Line, faults: TableFaults) -> int:
    if isinstance(column, str):
        if column in header.fields:
            return header.fields.index(column)
        hint = suggestion(column, header.fields)
        faults.add(header.number, f"no column {shown(column)} in the first line{hint}")
        return 0
    if column >= len(header.fields):
        faults.add(
            header.number,
            f"no column {column}, counted from 0; {len(header.fields)} are there, "
            "separated by comma, semicolon or tab",
        )
    return column


def _numbers(lines: list[Line], place: int, faults: TableFaults) -> list[float]:
    values = []
    for line in lines:
        field = line.fields[place] if place < len(line.fields) else ""
        number = number_in(field)
        if number is None:
            faults.add(line.number, f"column {place}: {shown(field)}: must be a finite number")
        values.append(math.nan if number is None else number)
    return values


def _times(lines: list[Line], place: int, faults: TableFaults) -> Numbers:
    times = _numbers(lines, place, faults)
    if len(lines) < 2:
        faults.add(None, "has fewer than two points")
        return ()
    shifted = tuple(time - times[0] for time in times)
    for number in range(1, len(times)):
        if shifted[number] <= shifted[number - 1]:  # false where a field was no number
            faults.add(
                lines[number].number,
                f"time {times[number]!r} is not after {times[number - 1]!r}; sort them",
            )
    if math.isinf(shifted[-1]):
        faults.add(lines[-1].number, f"time {times[-1]!r} is too far from {times[0]!r}")
    return shifted
