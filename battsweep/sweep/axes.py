"""``[[axes]]``: lists, ranges, samples and tables become rows of values."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from battsweep.errors import SpecError
from battsweep.sweep.faults import Faults, shown, suggestion
from battsweep.sweep.quantities import is_number
from battsweep.sweep.sampling import Bounds, count_rows, sample, spread
from battsweep.sweep.schema import BoundsTable, RangeTable, SampledTable, SampleTable, check
from battsweep.sweep.spec import LABELS, NO_AXIS, Axis, Scalar
from battsweep.sweep.tables import read_points

_MOST_NAMES = 1000


def read_axes(
    value: object, *, folder: Path, seed: int, limit: int, faults: Faults
) -> tuple[Axis, ...]:
    """Return the axes of a file; one with faults is noted, and varies nothing.

    Tables are looked for in ``folder``. An axis of more than ``limit`` points
    is a fault and is never made.
    """
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        faults.add("axes", f"{shown(value)}: must be tables; begin each with [[axes]]")
        return ()
    axes: list[Axis] = []
    owners: dict[str, int] = {}
    for number, table in enumerate(value):
        place = f"axes.{number}"
        axis = _read_axis(table, place, (seed, number), folder, limit, faults)
        names = axis.names if axis else tuple(map(str, table))
        for name in names:
            if name in owners and name not in ("sample", "table"):
                faults.add(f"{place}.{name}", f"is varied by axes.{owners[name]} too; delete one")
            owners.setdefault(name, number)
        axes.append(axis or NO_AXIS)
    return tuple(axes)


def _read_axis(
    table: Mapping[str, object],
    place: str,
    seed: tuple[int, int],
    folder: Path,
    limit: int,
    faults: Faults,
) -> Axis | None:
    if not table:
        faults.add(place, "is empty; write a name and a list, such as rate = [0.5, 1, 2]")
        return None
    if "table" in table:
        axis = _from_table(table, place, folder, faults)
    elif "sample" in table:
        axis = _from_sample(table, place, seed, limit, faults)
    else:
        axis = _from_columns(table, place, limit, faults)
    if axis and len(axis.rows) > limit:
        faults.add(place, _too_many(len(axis.rows), limit))
    if axis and "sample" not in table:
        _check_distinct(axis, place, faults)
    for name in axis.names if axis else table:
        _check_name(name, f"{place}.{name}", faults)
    return None if faults.under(place) else axis


def _check_name(name: str, place: str, faults: Faults) -> None:
    if name in LABELS:
        faults.add(place, f"{name!r} is a label of every task; give the axis another name")
    elif not name.strip() or not name.isprintable() or set(name) & set("{}`"):
        faults.add(place, f"{shown(name)}: a name needs printable characters, none of {{ }} `")


def _check_distinct(axis: Axis, place: str, faults: Faults) -> None:
    seen: set[tuple[Scalar, ...]] = set()
    for number, row in enumerate(axis.rows):
        if row in seen and len(row) == 1:
            told = f"value {number}: {shown(row[0])}: stands there twice; delete one"
            faults.add(f"{place}.{axis.names[0]}", told)
            return
        if row in seen:
            point = shown(dict(zip(axis.names, row, strict=True)))
            faults.add(place, f"point {number}: {point}: stands there twice; delete one")
            return
        seen.add(row)


def _too_many(count: int, limit: int) -> str:
    return (
        f"would be {count:,} points; max_tasks is {limit}; raise run.max_tasks or take fewer points"
    )


def _from_columns(
    table: Mapping[str, object], place: str, limit: int, faults: Faults
) -> Axis | None:
    columns = {
        name: _column(given, f"{place}.{name}", limit, faults) for name, given in table.items()
    }
    lengths = {name: len(column) for name, column in columns.items() if column}
    if len(set(lengths.values())) > 1:
        told = ", ".join(f"{name!r} has {length}" for name, length in lengths.items())
        faults.add(
            place,
            f"names of one axis move together and need equally many values: {told}; "
            "write them as two [[axes]] to combine all with all",
        )
        return None
    if any(not column for column in columns.values()):
        return None
    return Axis(tuple(columns), tuple(zip(*columns.values(), strict=True)))


def _column(given: object, place: str, limit: int, faults: Faults) -> tuple[Scalar, ...]:
    """Return a name's values; none at all if anything is wrong."""
    if isinstance(given, dict):
        bounds = check(RangeTable, given, place, faults)
        if bounds is None or not _fits_together(bounds, place, faults):
            return ()
        if bounds.points > limit:
            faults.add(place, _too_many(bounds.points, limit))
            return ()
        return spread(Bounds(bounds.low, bounds.high, bounds.scale), bounds.points)
    if not isinstance(given, list):
        hint = f"write [{given!r}]" if is_number(given) else "write a list or {from, to, points}"
        faults.add(place, f"{shown(given)}: must be a list of values; {hint}")
        return ()
    if not given:
        faults.add(place, "[]: must not be empty")
    values: list[Scalar] = []
    for number, item in enumerate(given):
        if isinstance(item, int | float) and is_number(item):
            values.append(float(item))
        elif isinstance(item, str) and item.strip():
            values.append(item)
        else:
            faults.add(f"{place}.{number}", f"{shown(item)}: must be a finite number or a text")
    return tuple(values) if len(values) == len(given) else ()


def _fits_together(bounds: BoundsTable, place: str, faults: Faults) -> bool:
    found = bounds.faults()
    for message in found:
        faults.add(place, message)
    return not found


def _from_sample(
    table: Mapping[str, object],
    place: str,
    seed: tuple[int, int],
    limit: int,
    faults: Faults,
) -> Axis | None:
    how = check(SampleTable, table["sample"], f"{place}.sample", faults)
    bounds: dict[str, Bounds] = {}
    for name, given in table.items():
        if name == "sample":
            continue
        read = check(SampledTable, given, f"{place}.{name}", faults)
        if read is None or not _fits_together(read, f"{place}.{name}", faults):
            continue
        if read.base is not None and how and how.method != "one-at-a-time":
            faults.add(f"{place}.{name}.base", "has a meaning for 'one-at-a-time' only; delete it")
        bounds[name] = Bounds(read.low, read.high, read.scale, read.base)
    if len(table) == 1:
        faults.add(place, "samples nothing; add names such as rate = { from = 0.5, to = 2 }")
    if len(table) > _MOST_NAMES:
        faults.add(place, f"samples {len(table) - 1} names; {_MOST_NAMES - 1} are allowed")
    if how is None or faults.under(place):
        return None
    count = count_rows(how.method, how.points, len(bounds))
    if count > limit:
        faults.add(place, _too_many(count, limit))
        return None
    rows = sample(tuple(bounds.values()), how.method, how.points, seed=seed)
    return Axis(tuple(bounds), rows)


def _from_table(
    table: Mapping[str, object], place: str, folder: Path, faults: Faults
) -> Axis | None:
    for name in table:
        if name != "table":
            hint = suggestion(name, ["table"])
            faults.add(f"{place}.{name}", f"not beside 'table', which has its own names{hint}")
    file = table["table"]
    if not isinstance(file, str):
        faults.add(f"{place}.table", f"{shown(file)}: must be a file's name")
        return None
    try:
        names, rows = read_points(folder / file)
    except SpecError as error:
        faults.extend(error.faults, place=f"{place}.table")
        return None
    return Axis(names, rows)
