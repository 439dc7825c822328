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
TEMPERATURE = Column("temperature_t1_celsius", "degC", "Temperature T1 / degC")
AMBIENT = Column("ambient_temperature_celsius", "degC", "Ambient Temperature / degC")
UNIX_TIME = Column("unix_time_second", "s", "Unix Time / s")
STEP_KIND = Column("step_kind", "1", "Step Kind / 1")
TESTER_CYCLE = Column("tester_cycle_count", "1", "Tester Cycle Count / 1")
TESTER_STEP = Column("tester_step_index", "1", "Tester Step Index / 1")
TESTER_STATE = Column("tester_state", "1", "Tester State / 1")
BDF_COLUMNS = (TIME, VOLTAGE, CURRENT, CYCLE, STEP, TEMPERATURE, AMBIENT, UNIX_TIME)
MEASURED_COLUMNS = (*BDF_COLUMNS, STEP_KIND, TESTER_CYCLE, TESTER_STEP, TESTER_STATE)

_BY_PYBAMM_NAME = {c.pybamm_name: c for c in BDF_COLUMNS if c.pybamm_name}
_BY_NAME = {column.name: column for column in MEASURED_COLUMNS}
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
