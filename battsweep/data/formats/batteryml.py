"""Cells in the schema of BatteryML and BatteryLife: a dict with a list of cycles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from battsweep.data import columns as c
from battsweep.data.cell import RawCell
from battsweep.data.formats.plain_pickle import load_plain
from battsweep.data.formats.signs import settled
from battsweep.data.formats.source import Source, refusal

if TYPE_CHECKING:
    from battsweep.data.recipe import Recipe

_COLUMNS = (
    (c.TIME, "time_in_s"),
    (c.VOLTAGE, "voltage_in_V"),
    (c.CURRENT, "current_in_A"),
    (c.TEMPERATURE, "temperature_in_C"),
)
_INFO = {
    "nominal_capacity_in_Ah": "nominal_capacity_ah",
    "form_factor": "form_factor",
    "anode_material": "anode_material",
    "cathode_material": "cathode_material",
    "max_voltage_limit_in_V": "max_voltage_volt",
    "min_voltage_limit_in_V": "min_voltage_volt",
}


def read_pickle(source: Source, recipe: Recipe) -> list[RawCell]:
    """Return the cell in a pickle of that schema.

    Raises
    ------
    DataError
        If the pickle is not plain, or of another schema; with the key.
    """
    import pyarrow as pa

    held = load_plain(source)
    if not isinstance(held, Mapping) or not isinstance(held.get("cycle_data"), list):
        kind = f"the keys {list(held)[:8]}" if isinstance(held, Mapping) else type(held).__name__
        raise refusal(source.path, f"holds {kind}, not a dict with a list 'cycle_data'")
    parts: dict[str, list[np.ndarray[Any, Any]]] = {}
    temperatures = True
    for number, cycle in enumerate(held["cycle_data"]):
        length = None
        for column, key in _COLUMNS:
            values = cycle.get(key)
            if column is c.TEMPERATURE:
                if values is None or np.size(values) == 0:
                    temperatures = False
                    continue
                if np.size(values) == 1 and length:  # one number for the whole cycle
                    values = np.full(length, float(np.ravel(values)[0]))
            if values is None:
                raise refusal(source.path, f"cycle_data.{number}.{key}: is missing")
            array = np.array(
                [np.nan if one is None else one for one in np.ravel(values)], dtype=float
            )
            if length is not None and len(array) != length:
                raise refusal(
                    source.path,
                    f"cycle_data.{number}.{key}: has {len(array)} values, not {length}",
                )
            length = len(array)
            parts.setdefault(column.name, []).append(array)
        count = cycle.get("cycle_number", number + 1)
        parts.setdefault(c.TESTER_CYCLE.name, []).append(
            np.full(length or 0, int(count), dtype=np.int64)
        )
    if not parts or not sum(map(len, parts[c.TIME.name])):
        raise refusal(source.path, "cycle_data: holds no rows")
    if not temperatures:
        parts.pop(c.TEMPERATURE.name, None)
    table = {name: np.concatenate(values) for name, values in parts.items()}
    info = {
        ours: held[theirs]
        for theirs, ours in _INFO.items()
        if isinstance(held.get(theirs), int | float | str)
    }
    made = RawCell(
        cell=recipe.cell or str(held.get("cell_id") or source.path.stem),
        format="batteryml",
        table=pa.table({name: pa.array(values) for name, values in table.items()}),
        sources=(source.file,),
        operation=_operations(table[c.TESTER_CYCLE.name], parts),
        info=info,
        notes=(f"{len(held['cycle_data'])} cycles",),
    )
    return [settled(made, recipe.sign)]


def _operations(cycles: np.ndarray[Any, Any], parts: Mapping[str, list[Any]]) -> Any:
    """Return which rows keep a clock of their own: each cycle, where one begins anew."""
    import pyarrow as pa

    starts = [float(one[0]) for one in parts[c.TIME.name] if len(one)]
    ends = [float(one[-1]) for one in parts[c.TIME.name] if len(one)]
    anew = any(start < end for start, end in zip(starts[1:], ends[:-1], strict=True))
    return pa.array(cycles) if anew else None
