"""The series of a chunk's tasks as one table, and how its rows are grouped."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from battsweep.data.columns import column_named


def one_table(series: Sequence[pa.Table], ids: Sequence[str]) -> pa.Table:
    """Return all rows under one schema, task_id first; what a table lacks is null.

    ``ids`` has the task of each table.

    Raises
    ------
    ValueError
        If a column is not numbers, or is not of the same kind everywhere.
    """
    tables = [
        rows.drop_columns("task_id") if "task_id" in rows.column_names else rows for rows in series
    ]
    try:
        joined = pa.concat_tables(tables or [pa.table({})], promote_options="permissive")
    except pa.ArrowTypeError as error:
        raise ValueError(f"columns do not fit together: {error}") from error
    codes = [place for place, rows in enumerate(tables) for _ in range(len(rows))]
    task_id = pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32()), pa.array(ids, pa.string())
    )
    fields, arrays = [pa.field("task_id", task_id.type)], [task_id]
    for name in joined.column_names:
        values = _numbers(name, joined.column(name))
        fields.append(pa.field(name, values.type, metadata=_metadata(name)))
        arrays.append(values)
    return pa.table(arrays, schema=pa.schema(fields))


def pack(row_counts: Sequence[int], *, at_least: int) -> list[tuple[int, int]]:
    """Return (start, count) of row groups of whole tasks; empty tasks take no place.

    Each group but the last has at least ``at_least`` rows, and none would
    still have them without its last task.
    """
    groups = []
    start = count = 0
    for rows in row_counts:
        count += rows
        if count >= at_least:
            groups.append((start, count))
            start, count = start + count, 0
    return [*groups, (start, count)] if count else groups


def _numbers(name: str, column: pa.ChunkedArray) -> pa.Array:
    if pa.types.is_null(column.type):
        column = column.cast(pa.float64())
    if not (pa.types.is_floating(column.type) or pa.types.is_integer(column.type)):
        raise ValueError(f"column {name!r} is {column.type}; it must be numbers")
    return column.combine_chunks()


def _metadata(name: str) -> dict[str, str]:
    column = column_named(name)
    metadata = {"unit": column.unit, "label": column.label}
    if column.pybamm_name is not None:
        metadata["pybamm_name"] = column.pybamm_name
    return metadata
