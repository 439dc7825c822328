"""From a file's columns to a cell's rows: units, times and signs, and what is to be said."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from battsweep.data import columns as c
from battsweep.data.cell import RawCell
from battsweep.data.formats.names import IN_THEIR_NAME, NEEDED, Found, factor, is_kelvin
from battsweep.data.formats.signs import settled
from battsweep.data.formats.source import Source, refusal
from battsweep.data.formats.times import EXCEL_EPOCH_S, clock_s, is_serial_day, unix_s

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    from battsweep.data.recipe import Recipe

    Array = NDArray[np.float64]

UNITS = {"time": "s", "voltage": "V", "current": "A", "temperature": "degC"}
_PLAIN = {
    "voltage": c.VOLTAGE,
    "current": c.CURRENT,
    "temperature": c.TEMPERATURE,
    "ambient": c.AMBIENT,
}


@dataclass(frozen=True, slots=True, eq=False)
class Columns:
    """A file's columns by role, as they stand there, and what they are called there.

    ``assumed`` are units of a tester that does not write them into names.
    """

    source: Source
    format: str
    values: Mapping[str, pa.ChunkedArray]
    roles: Mapping[str, Found]
    first_line: int = 1
    assumed: Mapping[str, str] | None = None
    info: Mapping[str, float | str] | None = None
    notes: tuple[str, ...] = ()


def assemble(found: Columns, recipe: Recipe, *, name: str) -> list[RawCell]:
    """Return the cells of a file's columns, in the order in which they come.

    Raises
    ------
    DataError
        If a column that is needed is missing, has no unit, or no numbers.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    missing = [role for role in ("voltage", "current") if role not in found.values]
    if "time" not in found.values and "date" not in found.values:
        missing.insert(0, "time")
    if missing:
        raise refusal(
            found.source.path,
            f"has no column that is known as {' or '.join(missing)}; "
            f"there are {', '.join(one.name for one in found.roles.values()) or 'none'}",
            recipe=["[columns]", *(f'{role} = "the name of that column"' for role in missing)],
        )
    _refuse_without_units(found, recipe)
    table: dict[str, Any] = {}
    for role, column in _PLAIN.items():
        if role in found.values:
            values = _numbers(found, role, recipe)
            if role in NEEDED or np.isfinite(values).any():
                table[column.name] = values
    dates = _dates(found, recipe)
    table[c.TIME.name], notes = _times(found, recipe, dates)
    if dates is not None:
        table[c.UNIX_TIME.name] = dates
    for role, column in (("cycle", c.TESTER_CYCLE), ("step", c.TESTER_STEP)):
        if role in found.values and (whole := _whole(found.values[role])) is not None:
            table[column.name] = whole
    if "state" in found.values:
        words = found.values["state"].cast(pa.string()).combine_chunks()
        table[c.TESTER_STATE.name] = pc.utf8_trim_whitespace(words)
    raw = RawCell(
        cell=recipe.cell or name,
        format=found.format,
        table=pa.table({key: pa.array(value) for key, value in table.items()}),
        sources=(found.source.file,),
        info={
            **(found.info or {}),
            **({"nominal_capacity_ah": recipe.nominal_capacity} if recipe.nominal_capacity else {}),
        },
        notes=(*found.notes, *notes),
    )
    return [settled(one, recipe.sign) for one in _by_cell(raw, found, recipe)]


def _by_cell(raw: RawCell, found: Columns, recipe: Recipe) -> list[RawCell]:
    if "cell" not in found.values or recipe.cell:
        return [raw]
    words = np.array([str(value) for value in found.values["cell"].to_pylist()])
    names = list(dict.fromkeys(words.tolist()))
    if len(names) == 1:
        return [replace(raw, cell=names[0])] if names[0] not in ("", "None") else [raw]
    tables = ((name, raw.table.take(np.flatnonzero(words == name))) for name in names)
    if "time" in found.values:
        return [replace(raw, cell=name, table=table) for name, table in tables]
    return [replace(raw, cell=name, table=_from_its_start(table)) for name, table in tables]


def _from_its_start(table: pa.Table) -> pa.Table:
    """Return rows whose times, which are dates, are counted from their own first one."""
    import pyarrow as pa

    times = np.asarray(table.column(c.TIME.name), dtype=float)
    known = times[np.isfinite(times)]
    start = known[0] if known.size else 0.0
    return table.set_column(
        table.column_names.index(c.TIME.name), c.TIME.name, pa.array(times - start)
    )


def _numbers(found: Columns, role: str, recipe: Recipe) -> Array:
    """Return a column in the unit that is kept."""
    values = as_numbers(found, role)
    unit = _unit(found, role, recipe)
    if role in ("temperature", "ambient"):
        return values - 273.15 if is_kelvin(unit) else values
    times = factor(role, unit) if unit else 1.0
    if times is None:
        raise refusal(
            found.source.path,
            f"column {found.roles[role].name!r}: unit {unit!r} is not known for a {role}",
            recipe=["[units]", f'{role} = "{UNITS[role]}"'],
        )
    return values if times == 1.0 else values * times


def _unit(found: Columns, role: str, recipe: Recipe) -> str | None:
    given: str | None = getattr(recipe.units, role, None) or found.roles[role].unit
    return given or (found.assumed or {}).get(role)


def _refuse_without_units(found: Columns, recipe: Recipe) -> None:
    """Raise where columns of numbers say no unit, in which no tester writes them for sure."""
    import pyarrow as pa

    bare = [
        role
        for role in NEEDED
        if role in found.values
        and not (role == "time" and pa.types.is_string(found.values[role].type))
        and _unit(found, role, recipe) is None
        and found.roles[role].base not in IN_THEIR_NAME
    ]
    if bare:
        raise refusal(
            found.source.path,
            f"no unit is said of {', '.join(repr(found.roles[role].name) for role in bare)}",
            line=max(1, found.first_line - 1),
            recipe=["[units]", *(f'{role} = "{UNITS[role]}"' for role in bare)],
        )


def as_numbers(found: Columns, role: str) -> Array:
    """Return a column as numbers, NaN where it has none.

    Raises
    ------
    DataError
        If a field is no number; with its line.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = found.values[role]
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        texts = pc.utf8_trim_whitespace(column)
        texts = pc.replace_substring(texts, ",", ".")
        texts = pc.if_else(pc.is_in(texts, pa.array(["", "N/A", "NaN", "-"])), None, texts)
        try:
            column = texts.cast(pa.float64())
        except pa.ArrowInvalid as error:
            place, word = first_odd(texts)
            raise refusal(
                found.source.path,
                f"column {found.roles[role].name!r}: {word!r} is no number",
                line=found.first_line + place,
                recipe=["[columns]", f'{role} = "the name of the right column"'],
            ) from error
    return np.asarray(
        column.cast(pa.float64()).to_numpy(zero_copy_only=False)
        if isinstance(column, pa.Array)
        else column.cast(pa.float64()).to_numpy(),
        dtype=float,
    )


def first_odd(texts: pa.ChunkedArray) -> tuple[int, str]:
    """Return the place and text of the first of some texts that is no number."""
    for place, text in enumerate(texts.to_pylist()):
        try:
            float(text if text is not None else 0)
        except ValueError:
            return place, str(text)
    return 0, ""


def _dates(found: Columns, recipe: Recipe) -> Array | None:
    """Return Unix time in s where there is a column of dates."""
    import pyarrow as pa

    if "date" not in found.values:
        return None
    column = found.values["date"]
    if pa.types.is_string(column.type):
        return unix_s(column.to_pylist(), recipe.date_format)
    if pa.types.is_timestamp(column.type):
        return np.asarray(column.cast(pa.timestamp("us")).cast(pa.int64()).to_numpy() / 1e6)
    values = as_numbers(found, "date")
    if is_serial_day(values):
        return values * 86400.0 + EXCEL_EPOCH_S
    return values * (factor("date", found.roles["date"].unit or "s") or 1.0)


def _times(found: Columns, recipe: Recipe, dates: Array | None) -> tuple[Array, Sequence[str]]:
    """Return test time in s, and what is to be said of it."""
    import pyarrow as pa

    if "time" not in found.values:
        if dates is None or not np.isfinite(dates).any():
            raise refusal(
                found.source.path,
                f"column {found.roles['date'].name!r}: its dates are not understood",
                recipe=['date_format = "%d/%m/%Y %H:%M:%S"'],
            )
        return dates - dates[np.isfinite(dates)][0], ["times are those of the dates"]
    column = found.values["time"]
    if not pa.types.is_string(column.type):
        return _numbers(found, "time", recipe), []
    texts = column.to_pylist()
    clock = clock_s(texts)
    if np.isfinite(clock).any():
        return clock, []
    dated = unix_s(texts, recipe.date_format)
    if np.isfinite(dated).any():
        return dated - dated[np.isfinite(dated)][0], ["times are dates, counted from the first"]
    return as_numbers(found, "time"), []


def _whole(column: pa.ChunkedArray) -> pa.Array | None:
    """Return a column as integers, null where it has none; None where it is no such column."""
    import pyarrow as pa

    if pa.types.is_string(column.type):
        return None
    numbers = np.asarray(column.cast(pa.float64()).to_numpy(), dtype=float)
    known = np.isfinite(numbers)
    if not known.any() or np.any(numbers[known] % 1):
        return None
    return pa.array(np.where(known, numbers, 0).astype(np.int64), mask=~known)
