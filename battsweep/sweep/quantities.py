"""Durations, currents and memory as people write them: "30 minutes", "C/3", "4 GiB"."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from battsweep.sweep.faults import shown

_NUMBER = r"(\d+(?:\.\d*)?(?:[eE][+-]?\d+)?|\.\d+(?:[eE][+-]?\d+)?)"
_SIGNED = re.compile(rf"[+-]?{_NUMBER}", re.ASCII)
_DURATION = re.compile(rf"{_NUMBER}\s*([a-z]+)", re.ASCII)
_MULTIPLE_OF_C = re.compile(rf"{_NUMBER}\s*C", re.ASCII)
_FRACTION_OF_C = re.compile(rf"C\s*/\s*{_NUMBER}", re.ASCII)
_BYTES = re.compile(rf"{_NUMBER}\s*([kMGT]i?B)", re.ASCII)
_AMPERES = re.compile(rf"{_NUMBER}\s*(A|mA)", re.ASCII)

_SECONDS = {
    **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
    **dict.fromkeys(("min", "minute", "minutes"), 60.0),
    **dict.fromkeys(("h", "hour", "hours"), 3600.0),
    **dict.fromkeys(("d", "day", "days"), 86400.0),
}
_UNIT_BYTES = {
    f"{prefix}{middle}B": base**power
    for power, prefix in enumerate("kMGT", start=1)
    for middle, base in (("", 1000), ("i", 1024))
}
_LEAST_BYTES = 256 * 1024**2
_DURATION_FORMS = "write a time above zero such as '10 s', '30 minutes', '1.5 h' or '1 day'"
_CURRENT_FORMS = (
    "write a current above zero such as '1C', '0.5 C', 'C/3', '2 A' or '500 mA' "
    "(its direction is said elsewhere)"
)


@dataclass(frozen=True, slots=True)
class Current:
    """A magnitude of current: a C-rate (unit "C") or amperes (unit "A")."""

    value: float
    unit: Literal["C", "A"]


def is_number(value: object) -> bool:
    """Return whether a value is a finite number; booleans are not numbers."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    try:
        return math.isfinite(float(value))
    except OverflowError:
        return False


def number_in(text: str) -> float | None:
    """Return the finite number that a text is, or None; "nan" and "1_000" are not."""
    if not _SIGNED.fullmatch(text):
        return None
    value = float(text)
    return value if math.isfinite(value) else None


def number_text(value: float) -> str:
    """Return the shortest text that gives the same number back: "2", "0.1", "1e-14"."""
    return repr(float(value)).removesuffix(".0")


def seconds(value: object) -> float:
    """Return a duration, "10 s" or "1.5 h" or a number of seconds, in seconds.

    Raises
    ------
    ValueError
        If it is anything else, or not above zero.
    """
    result = math.nan
    if isinstance(value, int | float) and is_number(value):
        result = float(value)
    elif isinstance(value, str) and (found := _DURATION.fullmatch(value.strip())):
        result = float(found[1]) * _SECONDS.get(found[2], math.nan)
    if not (result > 0 and math.isfinite(result)):
        raise ValueError(f"{shown(value)}: not a duration; {_DURATION_FORMS}")
    return result


def bytes_of(value: object) -> int:
    """Return an amount of memory, such as "4 GiB" or "800 MB", in bytes.

    Raises
    ------
    ValueError
        If it is anything else, or less than PyBaMM itself needs.
    """
    found = _BYTES.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise ValueError(f"{shown(value)}: not an amount of memory; write '4 GiB' or '800 MB'")
    size = float(found[1]) * _UNIT_BYTES[found[2]]
    if not _LEAST_BYTES <= size < 2**63:
        raise ValueError(f"{shown(value)}: must be at least 256 MiB; PyBaMM alone needs as much")
    return int(size)


def parse_current(text: str) -> Current:
    """Return the magnitude that a text such as "C/3" or "500 mA" says.

    Raises
    ------
    ValueError
        If it is in no known form, or not above zero.
    """
    stripped = text.strip()
    value, unit = math.nan, "C"
    if found := _MULTIPLE_OF_C.fullmatch(stripped):
        value = float(found[1])
    elif found := _FRACTION_OF_C.fullmatch(stripped):
        divisor = float(found[1])
        value = 1.0 / divisor if divisor > 0 else math.nan
    elif found := _AMPERES.fullmatch(stripped):
        unit = "A"
        value = float(found[1]) / (1000.0 if found[2] == "mA" else 1.0)
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{shown(text)}: not a current; {_CURRENT_FORMS}")
    return Current(value, "A" if unit == "A" else "C")


def current_a(text: str, capacity_ah: float) -> float:
    """Return the magnitude of a current in A; 1C empties ``capacity_ah`` in one hour.

    Raises
    ------
    ValueError
        As `parse_current`.
    """
    current = parse_current(text)
    return current.value * capacity_ah if current.unit == "C" else current.value
