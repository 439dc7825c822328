"""Which way a measured current goes: from its state words, and held against the voltage."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from battsweep.data.cell import RawCell
from battsweep.data.columns import CURRENT, TESTER_STATE, VOLTAGE
from battsweep.data.states import directions

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

LEAST_V = 0.02
"""What moves less than this in all is noise, and tells nothing."""
CLEAR = 0.5
"""How much more of the voltage's way must speak for one sign than for the other."""


def settled(raw: RawCell, sign: str | None) -> RawCell:
    """Return a cell whose current is positive on charge, or unsigned if only its state tells.

    A recipe's ``sign`` wins; else the sign is turned where the voltage falls while
    the current is positive, and rises while it is negative; that is told.
    """
    current, voltage = (
        np.asarray(raw.table.column(one.name), dtype=float) for one in (CURRENT, VOLTAGE)
    )
    if sign == "unsigned" or (sign is None and _unsigned(raw, current)):
        return replace(
            raw, signed=False, notes=(*raw.notes, "current has no sign; the state's is taken")
        )
    if sign is not None:
        turned = sign == "discharge positive"
        notes = ("current was positive on discharge, as the recipe says; turned",) * turned
        return _with_current(raw, -current if turned else current, notes)
    speaks = evidence(current, voltage)
    if speaks < -CLEAR:
        note = "current was positive on discharge, as the voltage shows; turned"
        return _with_current(raw, -current + 0.0, (note,))
    notes = ()
    if speaks < CLEAR and np.any(current < 0) != np.any(current > 0):
        notes = ("the voltage does not tell the current's sign; taken as positive on charge",)
    return replace(raw, notes=(*raw.notes, *notes))


def evidence(current: Array, voltage: Array) -> float:
    """Return from -1 to 1 how the voltage's way agrees with a current positive on charge.

    Counted over stretches of one sign, without their first point (the jump at
    a step says nothing of the charge); 0 where nothing tells.
    """
    known = np.isfinite(current) & np.isfinite(voltage)
    amperes, volts = current[known], voltage[known]
    if amperes.size < 4:
        return 0.0
    small = 0.02 * float(np.max(np.abs(amperes)))
    way = np.where(np.abs(amperes) <= small, 0.0, np.sign(amperes))
    same = (way[1:] == way[:-1]) & (way[1:] != 0)
    same[1:] &= way[:-2] == way[1:-1]
    rise = np.diff(volts) * way[1:]
    # A spike goes up as far as down; only what stays counts.
    usual = same & (np.abs(np.diff(volts)) < 0.05)
    total = float(np.abs(_by_stretch(np.diff(volts), usual, way)).sum())
    return float(rise[usual].sum()) / total if total > LEAST_V else 0.0


def _by_stretch(rises: Array, usual: NDArray[np.bool_], way: Array) -> Array:
    """Return how far the voltage goes in each stretch of one sign."""
    begins = np.flatnonzero(np.diff(way) != 0)
    edges = np.unique(np.concatenate([[0], begins]))
    return np.asarray(np.add.reduceat(np.where(usual, rises, 0.0), edges))


def _unsigned(raw: RawCell, current: Array) -> bool:
    """Return whether only the tester's state tells the sign: discharging, yet not negative."""
    if TESTER_STATE.name not in raw.table.column_names or np.any(current < 0):
        return False
    words = np.array(raw.table.column(TESTER_STATE.name).to_pylist(), dtype=object)
    return bool(np.any((directions(words) < 0) & (current > 0)))


def _with_current(raw: RawCell, current: Array, notes: tuple[str, ...]) -> RawCell:
    import pyarrow as pa

    place = raw.table.column_names.index(CURRENT.name)
    table: Any = raw.table.set_column(place, CURRENT.name, pa.array(current))
    return replace(raw, table=table, notes=(*raw.notes, *notes))
