"""Names, units and labels of the columns of a time series.

Names of the Battery Data Format (BDF, battery-data-alliance/battery-data-format)
where it has one; PyBaMM's own names for all else. Current is positive on charge.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

CURRENT_SIGN = "positive on charge"


@dataclass(frozen=True, slots=True)
class Column:
    """A column: its name on disk, unit, label, and what PyBaMM calls it."""

    name: str
    unit: str
    label: str
    pybamm_name: str | None = None


TIME = Column("test_time_second", "s", "Test Time / s", "Time [s]")
VOLTAGE = Column("voltage_volt", "V", "Voltage / V", "Voltage [V]")
CURRENT = Column("current_ampere", "A", "Current / A", "Current [A]")
CYCLE = Column("cycle_count", "1", "Cycle Count / 1")
STEP = Column("step_index", "1", "Step Index / 1")
BDF_COLUMNS = (TIME, VOLTAGE, CURRENT, CYCLE, STEP)

_BY_PYBAMM_NAME = {column.pybamm_name: column for column in BDF_COLUMNS}
_BY_NAME = {column.name: column for column in BDF_COLUMNS}
_UNIT = re.compile(r"\[([^\[\]]*)\]\s*$")


def column_for(pybamm_name: str) -> Column:
    """Return the column that holds a PyBaMM variable."""
    known = _BY_PYBAMM_NAME.get(pybamm_name)
    return known or Column(pybamm_name, unit_of(pybamm_name), pybamm_name, pybamm_name)


def column_named(name: str) -> Column:
    """Return the column with a name on disk."""
    return _BY_NAME.get(name) or column_for(name)


def unit_of(name: str) -> str:
    """Return the unit in a name such as ``Voltage [V]``; "1" where there is none."""
    found = _UNIT.search(name)
    return found.group(1) if found else "1"
