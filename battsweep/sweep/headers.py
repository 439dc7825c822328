"""Units in the names of a table's columns, held against those that are expected."""

from __future__ import annotations

import re
from collections.abc import Mapping

from battsweep.sweep.faults import shown

_TIMES: Mapping[str, str] = {
    **dict.fromkeys(("ms", "millisecond", "milliseconds"), "ms"),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), "s"),
    **dict.fromkeys(("min", "mins", "minute", "minutes"), "min"),
    **dict.fromkeys(("h", "hr", "hrs", "hour", "hours"), "h"),
    **dict.fromkeys(("d", "day", "days"), "d"),
}
_VALUES: Mapping[str, str] = {
    **dict.fromkeys(("a", "amp", "amps", "ampere", "amperes"), "A"),
    **dict.fromkeys(("ma", "milliampere", "milliamperes"), "mA"),
    **dict.fromkeys(("ua", "µa", "μa"), "µA"),
    "ka": "kA",
    **dict.fromkeys(("w", "watt", "watts"), "W"),
    **dict.fromkeys(("mw", "milliwatt", "milliwatts"), "mW"),
    **dict.fromkeys(("kw", "kilowatt", "kilowatts"), "kW"),
    **dict.fromkeys(("c", "c-rate"), "C"),
    **dict.fromkeys(("v", "volt", "volts"), "V"),
    "mv": "mV",
}
_QUANTITY = {"A": "current", "mA": "current", "W": "power", "kW": "power"}
_MARKED = re.compile(r"\[([^\[\]]*)\]\s*$|\(([^()]*)\)\s*$|/\s*([^/\s]+)\s*$")
_LAST_WORD = re.compile(r"[_ ]([^\W_]+)\s*$")


def wrong_time_unit(name: str) -> str | None:
    """Return what is wrong if a column's name says that its times are not in s."""
    unit = _unit_in(name, _TIMES)
    if unit in (None, "s"):
        return None
    return f"{shown(name)}: is in {unit}; times must be in seconds: write them so"


def wrong_value_unit(name: str, expected: str) -> str | None:
    """Return what is wrong if a column's name says another unit than A, mA, W or kW."""
    unit = _unit_in(name, _VALUES)
    if unit in (None, expected):
        return None
    told = f"{shown(name)}: is in {unit}, and {expected} is expected"
    if unit not in _QUANTITY:
        return f"{told}; name another value_column, or convert it with scale"
    if _QUANTITY[unit] != _QUANTITY[expected]:
        return f'{told}; write quantity = "{_QUANTITY[unit]}" and unit = "{unit}"'
    return f'{told}; write unit = "{unit}", or convert it with scale'


def _unit_in(name: str, own: Mapping[str, str]) -> str | None:
    """Return the known unit in a name, in brackets, after "/", or as the last word.

    Only the last word must be a unit of its ``own`` kind, as it may be anything else.
    """
    if found := _MARKED.search(name):
        text = next(part for part in found.groups() if part is not None).strip().casefold()
        return own.get(text) or _TIMES.get(text) or _VALUES.get(text)
    last = _LAST_WORD.search(name)
    return own.get(last[1].casefold()) if last else None
