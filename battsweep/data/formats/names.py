"""What testers call their columns: from a name in a file to a role and a unit."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

# The first name of a role that a file has is taken: a test's time before a step's.
ROLES: dict[str, tuple[str, ...]] = {
    "time": (
        *("test time", "total time", "cumulative time", "run time", "elapsed time", "prog time"),
        *("progtime", "testtime", "time", "test"),
    ),
    "date": (
        *("datetime", "date time", "date and time", "dpt time", "real time", "systime"),
        *("absolute time", "timestamp", "time stamp", "date stamp", "unix time", "system time"),
        "date",
    ),
    "voltage": (
        *("voltage", "volts", "volt", "potential", "cell voltage", "voltage measured"),
        *("ecell", "ewe", "u", "v"),
    ),
    "current": (
        *("current", "amps", "amp", "cell current", "current measured", "cur", "i"),
        *("<i>", "currvec"),
    ),
    "cycle": (
        *("cycle", "cyc#", "cycle index", "cycle number", "cycle count", "cycle c", "cycle no"),
        *("cyc count", "cyc"),
    ),
    "step": ("step", "step index", "step number", "step no", "step id", "ns", "line"),
    "state": (
        *("state", "step state", "step type", "md", "mode", "status", "command"),
        *("instruction name",),
    ),
    "temperature": (
        *("temperature", "cell temperature", "temperature t1", "temp 1", "temp", "t1"),
        *("temperature measured", "aux t", "auxtemp", "aux #1", "t"),
    ),
    "ambient": (
        *("ambient temperature", "environment temperature", "station temperature"),
        *("chamber temperature", "ambient te"),
    ),
    "cell": ("cell id", "cellid", "battery id", "cell name"),
}

FACTORS: dict[str, dict[str, float]] = {
    "time": {
        **dict.fromkeys(("s", "sec", "second", "seconds"), 1.0),
        **dict.fromkeys(("min", "minute", "minutes"), 60.0),
        **dict.fromkeys(("h", "hr", "hour", "hours", "hours in hh:mm:ss.xxx"), 3600.0),
        "ms": 1e-3,
        "us": 1e-6,
        "d": 86400.0,
        "days": 86400.0,
    },
    "voltage": {"v": 1.0, "volt": 1.0, "volts": 1.0, "mv": 1e-3},
    "current": {"a": 1.0, "ampere": 1.0, "amps": 1.0, "amp": 1.0, "ma": 1e-3, "ua": 1e-6},
    "date": {"s": 1.0, "second": 1.0, "ms": 1e-3, "us": 1e-6},
    "temperature": dict.fromkeys(("c", "degc", "celsius", "dc.", "°c", "k"), 1.0),
}
FACTORS["ambient"] = FACTORS["temperature"]
NEEDED = ("time", "voltage", "current")
IN_THEIR_NAME = frozenset({"volts", "amps", "amp", "volt"})
"""Names that are a unit themselves."""

_BRACKETS = re.compile(r"^(.*?)\s*[(\[]([^()\[\]]*)[)\]]\s*$")
_SLASH = re.compile(r"^(.+?)\s*/\s*([^/]+)$")
_SUFFIX = re.compile(
    r"^(.*?)_(?:in_)?(mA|A|mV|V|ms|us|s|h|min|C|K|degC|a|v|c|ampere|volt|second|hour|celsius)$"
)


@dataclass(frozen=True, slots=True)
class Found:
    """A column that plays a role: its number and name in the file, and its unit if it says one."""

    place: int
    name: str
    unit: str | None
    base: str


def parse_name(name: str) -> tuple[str, str | None]:
    """Return a name without its unit, in small letters and single blanks, and its unit."""
    text = name.strip().strip("\ufeff~").strip()
    unit: str | None = None
    for pattern in (_BRACKETS, _SLASH, _SUFFIX):
        found = pattern.match(text)
        if found and found.group(1):
            text, unit = found.group(1), found.group(2).strip()
            break
    base = re.sub(r"[^a-z0-9#<>]+", " ", text.lower()).strip()
    return base, unit


def roles_of(names: Sequence[str]) -> dict[str, Found]:
    """Return the columns that play a role, by role; the best name of each, then the first."""
    parsed = [(place, name, *parse_name(name)) for place, name in enumerate(names)]
    found: dict[str, Found] = {}
    for role, known in ROLES.items():
        ranked = [
            (known.index(base), place, name, unit, base)
            for place, name, base, unit in parsed
            if base in known and not _other(role, base, unit)
        ]
        if ranked:
            _, place, name, unit, base = min(ranked)
            found[role] = Found(place, name, unit, base)
    return found


def _other(role: str, base: str, unit: str | None) -> bool:
    """Return whether a name is another thing's in spite of its words."""
    known = unit is not None and _unit_key(unit) in FACTORS.get(role, {})
    if role == "time" and base == "test":
        return not known  # a number of the test, where it has no unit of time
    if base in ("u", "v", "i", "t") and role in ("voltage", "current", "temperature"):
        return not known
    # Watts and ampere hours are called "current" by nobody, but "mode/1" is no time.
    return role in ("voltage", "current") and unit is not None and not known


def factor(role: str, unit: str) -> float | None:
    """Return what a number in a unit is multiplied by; None where the unit is not known."""
    return FACTORS[role].get(_unit_key(unit))


def is_kelvin(unit: str | None) -> bool:
    """Return whether a temperature's unit is K."""
    return unit is not None and _unit_key(unit) == "k"


def _unit_key(unit: str) -> str:
    key = unit.strip().lower().replace("µ", "u")
    # Degree signs come in every encoding, and in none.
    return "c" if re.fullmatch(r"[^a-z0-9]{1,3}c", key) else key
