"""Which tester wrote a text, told by its first lines and the names of its columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from battsweep.data.formats.names import Found

_AMPERES = {"time": "s", "voltage": "V", "current": "A", "temperature": "degC"}
_BITRODE_ROW = re.compile(r"^(?:No|Yes),[\d.]+(?:,\d+){5},[\d.]+,-?[\d.]+,[\d.]+,")
BITRODE_NAMES = (
    *("Exclude", "Time(s)", "Cycle", "Loop 1", "Loop 2", "Loop 3", "Step", "StepTime(s)"),
    *("Current(A)", "Voltage(V)", "Power(W)", "Capacity(Ah)", "Energy(Wh)", "Mode", "Data"),
)


@dataclass(frozen=True, slots=True)
class Tester:
    """A tester's dialect: a word for it, how it is known, and what its names do not say.

    ``head`` is looked for in the lines before the table, ``names`` must all be
    among the columns' names. ``units`` are those of columns whose names have none.
    """

    word: str
    head: str = ""
    names: tuple[str, ...] = ()
    units: Mapping[str, str] = field(default_factory=dict)


TESTERS = (
    Tester("biologic", r"^(?:BT|EC)-Lab ASCII FILE", units=_AMPERES),
    Tester("biologic", names=("Ecell/V", "I/mA")),
    Tester("novonix", r"^\"?\[Summary\]"),
    Tester("basytec", r"^~Resultfile from Basytec"),
    Tester("pec", r"^TestRegime Name:"),
    Tester("maccor", r"^Today's Date", units=_AMPERES),
    Tester("maccor", r"^Tester\tMaccor", units=_AMPERES),
    Tester("arbin", names=("Data_Point", "Test_Time", "Current", "Voltage"), units=_AMPERES),
    Tester("arbin", names=("Data Point", "Test Time (s)", "Current (A)", "Voltage (V)")),
    Tester("neware", names=("DataPoint", "Step Type", "Current(A)", "Voltage(V)")),
    Tester("bitrode", names=("Exclude", "Current(A)", "Voltage(V)", "Mode")),
    Tester("bdf", names=("Test Time / h", "Voltage / V", "Current / A")),
    Tester("bdf", names=("Test Time / s", "Voltage / V", "Current / A")),
    Tester("bdf", names=("test_time_second", "voltage_volt", "current_ampere")),
    Tester(
        "nasa-csv",
        names=("battery_id", "voltage_measured", "current_measured", "time"),
        units=_AMPERES,
    ),
    Tester("batteryml-csv", names=("time_in_s", "voltage_in_V", "current_in_A")),
)
PLAIN = Tester("csv")


def tester_of(head: Sequence[str], names: Sequence[str], word: str | None = None) -> Tester:
    """Return the tester that wrote a text, the one a recipe names, or `PLAIN`."""
    if word is not None:
        return next((one for one in TESTERS if one.word == word), PLAIN)
    for tester in TESTERS:
        if tester.head and any(re.match(tester.head, line) for line in head[:60]):
            return tester
        if tester.names and set(tester.names) <= set(names):
            return tester
    return PLAIN


def is_bitrode_without_names(lines: Sequence[str]) -> bool:
    """Return whether a text is rows of a Bitrode tester without the line of their names."""
    rows = [line for line in lines[:5] if line.strip()]
    return bool(rows) and all(_BITRODE_ROW.match(row) for row in rows)


def is_labview(lines: Sequence[str]) -> bool:
    """Return whether a text is LabVIEW's measurements: numbers and no names, nor times."""
    rows = [line.split("\t") for line in lines[:5] if line.strip()]
    return bool(rows) and all(row[0] == "" and len(row) > 2 for row in rows)


def cell_of(tester: Tester, head: Sequence[str], name: str) -> tuple[str, dict[str, float | str]]:
    """Return what a text's first lines call the cell, else ``name``, and what they say of it."""
    text = "\n".join(head[:60])
    info: dict[str, float | str] = {}
    capacity = re.search(r"^Capacity \(Ah\): ([\d.]+)", text, re.M)
    if tester.word == "novonix" and capacity:
        info["nominal_capacity_ah"] = float(capacity.group(1))
    size = re.search(r"^TestRegime CellSize:,([\d.]+) mAh", text, re.M)
    if size:
        info["nominal_capacity_ah"] = float(size.group(1)) / 1000
    return name, info


def usable(names: Sequence[str], roles: Mapping[str, Found], tester: Tester) -> dict[str, Found]:
    """Return the roles of a tester's columns, without those that mean something else there."""
    left = dict(roles)
    if tester.word in ("novonix", "biologic", "basytec"):
        left.pop("state", None)  # numbers that stand for kinds of steps
    if tester.word == "basytec" and "Command" in names:
        left["state"] = Found(names.index("Command"), "Command", None, "command")
    if tester.word == "pec":
        left.pop("cell", None)  # a rack's place, where it is there at all
    return left
