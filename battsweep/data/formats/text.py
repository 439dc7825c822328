"""Delimited text: its encoding, where its table begins, and the columns that are wanted."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from battsweep.data.formats.names import NEEDED, Found, roles_of
from battsweep.data.formats.source import Source, refusal

if TYPE_CHECKING:
    import pyarrow as pa

    from battsweep.data.recipe import Recipe

LOOKED_AT = 400
"""Lines among which the one with the names is looked for."""
MISSING = ("", "NaN", "nan", "NA", "N/A", "n/a", "null", "None", "-", "--", "#N/A")
_UTF8 = re.compile(rb"[\xc2-\xf4][\x80-\xbf]+")
_COMMA_NUMBER = re.compile(r"^\s*-?\d+,\d+(?:[eE][+-]?\d+)?\s*$")


@dataclass(frozen=True, slots=True, eq=False)
class Text:
    """A decoded file: its first lines, and all of it as UTF-8."""

    source: Source
    lines: tuple[str, ...]
    utf8: bytes
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Layout:
    """Where a table is in a text. ``skip`` lines come before its numbers."""

    names: tuple[str, ...]
    delimiter: str
    skip: int
    roles: dict[str, Found]
    decimal: str = "."


def decode(source: Source, encoding: str | None = None) -> Text:
    """Return a file's text; UTF-8, UTF-16 with its mark, or else cp1252.

    Raises
    ------
    DataError
        If it is not of the encoding that a recipe names.
    """
    data = source.data
    notes: tuple[str, ...] = ()
    if encoding is None and data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    if encoding is not None:
        try:
            data = data.decode(encoding).encode()
        except (UnicodeDecodeError, LookupError) as error:
            raise refusal(
                source.path, f"is not {encoding}: {error}", recipe=['encoding = "cp1252"']
            ) from error
    else:
        try:
            data.decode()
        except UnicodeDecodeError as error:
            line = data.count(b"\n", 0, error.start) + 1
            if _UTF8.search(data):
                notes = (f"encodings are mixed: line {line} is not UTF-8; read as cp1252",)
            data = data.decode("cp1252", errors="replace").encode()
    data = data.removeprefix(b"\xef\xbb\xbf").replace(b"\x00", b"")
    head = data[: 4096 * LOOKED_AT].decode(errors="replace")
    lines = head.splitlines()[:LOOKED_AT]
    if _all_quoted(lines):
        data = b"\n".join(
            line[1:-1] if line[:1] == line[-1:] == b'"' else line for line in data.splitlines()
        )
        lines = [line.strip('"') for line in lines]
    return Text(source, tuple(lines), data, notes)


def _all_quoted(lines: Sequence[str]) -> bool:
    """Return whether each line of the table stands in quotes as a whole."""
    wide = [line for line in lines if line.count(",") > 3]
    return len(wide) > 1 and all(
        line.startswith('"') and line.endswith('"') and line.count('"') == 2 for line in wide[-5:]
    )


def layout_of(text: Text, recipe: Recipe) -> Layout | None:
    """Return where the table of a text begins; None where no line looks like its names."""
    delimiters = (recipe.delimiter,) if recipe.delimiter else ("\t", ";", ",", "|")
    if recipe.skip_rows is not None or not recipe.header:
        skip = recipe.skip_rows or 0
        first = text.lines[skip] if skip < len(text.lines) else ""
        delimiter = max(delimiters, key=first.count)
        names = fields_of(first, delimiter)
        if not recipe.header:
            names = [str(number) for number in range(len(names))]
        return _layout(text, names, delimiter, skip + recipe.header, recipe)
    named = {one for one in recipe.columns.model_dump().values() if isinstance(one, str)}
    best: tuple[int, int, Layout] | None = None
    for number, line in enumerate(text.lines):
        if named:
            for delimiter in delimiters:
                names = fields_of(line, delimiter)
                if named <= {name.strip() for name in names}:
                    return _layout(text, names, delimiter, number + 1, recipe)
        for delimiter in delimiters:
            if delimiter not in line:
                continue
            roles = roles_of(fields_of(line, delimiter))
            needed = sum(role in roles for role in (*NEEDED, "date"))
            if needed < 2 or ("voltage" not in roles and "current" not in roles):
                continue
            score = 10 * needed + len(roles)
            if best is None or score > best[0]:
                names = fields_of(line, delimiter)
                best = score, number, _layout(text, names, delimiter, number + 1, recipe)
    return None if best is None else best[2]


def _layout(text: Text, names: Sequence[str], delimiter: str, skip: int, recipe: Recipe) -> Layout:
    """Return a layout with a name for each field of the rows that follow."""
    rows = [line for line in text.lines[skip:] if line.strip()][:20]
    width = max((len(fields_of(row, delimiter)) for row in rows[:3]), default=len(names))
    padded = [*names[:width], *("" for _ in range(width - len(names)))]
    decimal = recipe.decimal or ("," if _has_commas(rows, delimiter) else ".")
    return Layout(unique(padded), delimiter, skip, roles_of(padded), decimal)


def _has_commas(rows: Sequence[str], delimiter: str) -> bool:
    fields = [field for row in rows for field in fields_of(row, delimiter)]
    with_comma = sum(_COMMA_NUMBER.match(field) is not None for field in fields)
    with_point = sum(re.match(r"^\s*-?\d+\.\d+", field) is not None for field in fields)
    return delimiter != "," and with_comma > with_point


def fields_of(line: str, delimiter: str) -> list[str]:
    """Return the fields of one line."""
    try:
        return next(csv.reader([line], delimiter=delimiter), [])
    except csv.Error:
        return line.split(delimiter)


def unique(names: Sequence[str]) -> tuple[str, ...]:
    """Return names of which none is empty nor stands twice."""
    seen: dict[str, int] = {}
    made = []
    for place, name in enumerate(names):
        text = name.strip() or f"column {place}"
        seen[text] = seen.get(text, 0) + 1
        made.append(text if seen[text] == 1 else f"{text} ({seen[text]})")
    return tuple(made)


def read_columns(text: Text, layout: Layout, wanted: Sequence[str]) -> tuple[pa.Table, list[str]]:
    """Return some columns of a text's table, and what is to be said of them.

    A last line that was cut off is left out, and told.

    Raises
    ------
    DataError
        If a line has another number of fields.
    """
    import pyarrow as pa
    from pyarrow import csv as pa_csv

    odd: list[Any] = []

    def note(row: Any) -> str:
        odd.append(row)
        return "skip"

    try:
        table = pa_csv.read_csv(
            io.BytesIO(text.utf8),
            read_options=pa_csv.ReadOptions(
                column_names=list(layout.names), skip_rows=layout.skip, use_threads=False
            ),
            parse_options=pa_csv.ParseOptions(
                delimiter=layout.delimiter, invalid_row_handler=note, ignore_empty_lines=True
            ),
            convert_options=pa_csv.ConvertOptions(
                include_columns=list(dict.fromkeys(wanted)),
                null_values=list(MISSING),
                strings_can_be_null=True,
                decimal_point=layout.decimal,
                timestamp_parsers=["%no such format%"],
                auto_dict_encode=False,
            ),
        )
    except (pa.ArrowInvalid, pa.ArrowKeyError) as error:
        raise refusal(text.source.path, f"is no table: {error}") from error
    return table, _odd_rows(text, layout, odd)


def _odd_rows(text: Text, layout: Layout, odd: Sequence[Any]) -> list[str]:
    if not odd:
        return []
    last = text.utf8.rstrip().rsplit(b"\n", 1)[-1].decode(errors="replace").strip()
    if len(odd) == 1 and odd[0].text.strip() == last:
        return [f"the last line was cut off ({odd[0].actual_columns} fields); it is left out"]
    first = odd[0]
    number = None if first.number is None else first.number
    line = _line_of(text, first.text) if number is None else number
    raise refusal(
        text.source.path,
        f"has {first.actual_columns} fields, not {first.expected_columns} as the others "
        f"({len(odd)} such lines); mend or remove them",
        line=line,
        recipe=[f'delimiter = "{layout.delimiter}"', f"skip_rows = {max(0, layout.skip - 1)}"],
    )


def _line_of(text: Text, row: str) -> int | None:
    place = text.utf8.find(row.encode())
    return None if place < 0 else text.utf8.count(b"\n", 0, place) + 1
