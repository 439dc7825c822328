"""Tables that are no text: Excel sheets, Parquet, HDF5."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from battsweep.data.cell import RawCell
from battsweep.data.formats.assemble import Columns, assemble
from battsweep.data.formats.names import NEEDED, Found, parse_name, roles_of
from battsweep.data.formats.source import UNPACKED_BYTES, Source, refusal
from battsweep.data.formats.testers import tester_of
from battsweep.data.formats.text import unique

if TYPE_CHECKING:
    import h5py

    from battsweep.data.recipe import Recipe

_ROWS_LOOKED_AT = 50


def read_excel(source: Source, recipe: Recipe) -> list[RawCell]:
    """Return the cell in a workbook: the sheets with a time, a voltage and a current.

    Raises
    ------
    DataError
        If it cannot be read, unpacks to too much, or has no such sheet.
    """
    from python_calamine import CalamineWorkbook

    _refuse_bomb(source)
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(source.data))
        sheets = {name: book.get_sheet_by_name(name).to_python() for name in book.sheet_names}
    except Exception as error:  # its errors have no common class
        raise refusal(source.path, f"is no workbook that can be read: {error}") from error
    if recipe.sheet is not None and recipe.sheet not in sheets:
        raise refusal(source.path, f"has no sheet {recipe.sheet!r}; there are {list(sheets)}")
    names: tuple[str, ...] = ()
    rows: list[Sequence[Any]] = []
    used: list[str] = []
    for name, content in sheets.items():
        if recipe.sheet not in (None, name):
            continue
        found = _header(content)
        if found is None or (names and found[1] != names):
            continue
        at, names = found
        rows += content[at + 1 :]
        used.append(name)
    if not rows:
        raise refusal(
            source.path,
            f"no sheet has names of a time, a voltage and a current; there are {list(sheets)}",
            recipe=[f"sheet = {next(iter(sheets), '')!r}", "[columns]", 'voltage = "..."'],
        )
    values = {
        name: [row[k] if k < len(row) else None for row in rows] for k, name in enumerate(names)
    }
    return _of_values(source, "excel", values, recipe, (f"sheets read: {', '.join(used)}",))


def _header(rows: Sequence[Sequence[Any]]) -> tuple[int, tuple[str, ...]] | None:
    for number, row in enumerate(rows[:_ROWS_LOOKED_AT]):
        names = [str(value) if value is not None else "" for value in row]
        roles = roles_of(names)
        if sum(role in roles for role in NEEDED) + ("date" in roles) >= 3 and "voltage" in roles:
            return number, unique(names)
    return None


def _of_values(
    source: Source,
    format: str,
    values: dict[str, Any],
    recipe: Recipe,
    notes: tuple[str, ...] = (),
    cell: str | None = None,
) -> list[RawCell]:
    """Return the cells of columns in memory."""
    import pyarrow as pa

    names = list(values)
    roles = roles_of(names)
    for role, given in recipe.columns.model_dump(exclude_none=True).items():
        place = given if isinstance(given, int) else names.index(given) if given in names else -1
        if not 0 <= place < len(names):
            raise refusal(source.path, f"has no column {given!r}; there are {', '.join(names)}")
        base, unit = parse_name(names[place])
        roles[role] = Found(place, names[place], unit, base)
    made = {role: _chunked(values[names[found.place]]) for role, found in roles.items()}
    columns = Columns(
        source,
        format,
        {role: one for role, one in made.items() if not pa.types.is_null(one.type)},
        roles,
        assumed=tester_of((), names).units,
        notes=notes,
    )
    return assemble(columns, recipe, name=cell or source.path.stem)


def _chunked(values: Any) -> Any:
    import pyarrow as pa

    if isinstance(values, pa.ChunkedArray):
        return values
    if isinstance(values, list):
        values = [None if value in ("", "-") else value for value in values]
        kinds = {type(value) for value in values if value is not None}
        if kinds - {float, int} and len(kinds) > 1:
            values = [None if value is None else str(value) for value in values]
    return pa.chunked_array([pa.array(values)])


def read_parquet(source: Source, recipe: Recipe) -> list[RawCell]:
    """Return the cells of a Parquet file, such as of the Battery Data Format.

    Raises
    ------
    DataError
        If it cannot be read, or would take more than `UNPACKED_BYTES`.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(pa.BufferReader(source.data), page_checksum_verification=True)
        plain = 8 * file.metadata.num_rows * file.metadata.num_columns
        if plain > UNPACKED_BYTES:
            raise refusal(source.path, f"unpacks to {plain} bytes, more than {UNPACKED_BYTES}")
        table = file.read()
    except (pa.ArrowException, OSError) as error:
        raise refusal(source.path, f"is no Parquet file that can be read: {error}") from error
    names = set(table.column_names)
    bdf = {"voltage_volt", "current_ampere"} <= names or {"Voltage / V", "Current / A"} <= names
    values = {name: table.column(name) for name in table.column_names}
    return _of_values(source, "bdf" if bdf else "parquet", values, recipe)


def read_hdf5(source: Source, recipe: Recipe) -> list[RawCell]:
    """Return the cells of an HDF5 file: a frame that pandas wrote, or plain columns.

    Raises
    ------
    DataError
        If it cannot be read, is too large, or has no such columns.
    """
    import h5py

    try:
        with h5py.File(io.BytesIO(source.data), "r") as file:
            groups = [file, *(node for node in file.values() if isinstance(node, h5py.Group))]
            for group in groups:
                values = _frame(source, group) if "axis0" in group else _plain(source, group)
                roles = roles_of(list(values))
                if "voltage" in roles and "current" in roles:
                    return _of_values(source, "hdf5", values, recipe)
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise refusal(source.path, f"is no HDF5 file that can be read: {error}") from error
    raise refusal(source.path, "has no group with a time, a voltage and a current of one length")


def _frame(source: Source, group: h5py.Group) -> dict[str, Any]:
    """Return the columns of a frame as pandas stores it, in blocks of one type."""
    values: dict[str, Any] = {}
    number = 0
    while f"block{number}_items" in group:
        items = [name.decode() for name in group[f"block{number}_items"][:]]
        block = _read(source, group[f"block{number}_values"])
        values |= {name: block[:, k] for k, name in enumerate(items)}
        number += 1
    order = [name.decode() for name in group["axis0"][:]]
    return {name: values[name] for name in order if name in values}


def _plain(source: Source, group: h5py.Group) -> dict[str, Any]:
    import h5py

    found = {
        name: node
        for name, node in group.items()
        if isinstance(node, h5py.Dataset) and node.ndim == 1 and node.dtype.kind in "fiu"
    }
    longest = max((len(node) for node in found.values()), default=0)
    return {name: _read(source, node) for name, node in found.items() if len(node) == longest}


def _read(source: Source, dataset: h5py.Dataset) -> Any:
    if dataset.nbytes > UNPACKED_BYTES or dataset.dtype.kind not in "fiu":
        raise refusal(
            source.path,
            f"{dataset.name}: {dataset.nbytes} bytes of {dataset.dtype}; only plain numbers "
            f"up to {UNPACKED_BYTES} bytes are read",
        )
    return dataset[()]


def _refuse_bomb(source: Source) -> None:
    """Raise where an .xlsx, which is a zip, says that it unpacks to too much."""
    if not source.data.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(source.data)) as packed:
            plain = sum(one.file_size for one in packed.infolist())
    except zipfile.BadZipFile as error:
        raise refusal(source.path, f"is no workbook that can be read: {error}") from error
    if plain > UNPACKED_BYTES:
        raise refusal(source.path, f"unpacks to {plain} bytes, more than {UNPACKED_BYTES}")
