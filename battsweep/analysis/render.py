"""A table as text for a terminal, or as CSV, Markdown, JSON or Parquet."""

from __future__ import annotations

import io
import json
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

FORMATS = ("text", "csv", "json", "markdown", "parquet")
ID_DIGITS = 10
_DIGITS = 5
_MIN_WIDTH = 8
_ID_ENDINGS = ("task_id", "sha256")


def render(frame: pd.DataFrame, format: str, *, width: int = 120) -> bytes:
    """Return a table in one of `FORMATS`; only "text" shortens anything.

    Raises
    ------
    ValueError
        If the format is none of `FORMATS`, or Parquet cannot hold a column.
    """
    match format:
        case "text":
            return text_table(frame, width=width).encode()
        case "csv":
            return frame.to_csv(index=False, lineterminator="\n").encode()
        case "json":
            return (json.dumps(records(frame), indent=1, allow_nan=False) + "\n").encode()
        case "markdown":
            return markdown_table(frame).encode()
        case "parquet":
            return _parquet(frame)
    raise ValueError(f"{format!r} is no format; choose one of {', '.join(FORMATS)}")


def records(frame: pd.DataFrame) -> list[dict[str, object]]:
    """Return one mapping a row with plain JSON values; None where there is no number."""
    names = [str(name) for name in frame.columns]
    columns = [[_plain(value) for value in frame.iloc[:, k]] for k in range(len(names))]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def text_table(frame: pd.DataFrame, *, width: int = 120) -> str:
    """Return an aligned table no wider than ``width`` characters.

    Numbers stand right, words left. Long words are cut with "…"; columns that
    do not fit any more are named in a line below.
    """
    if frame.columns.empty:
        return "(no columns)\n"
    columns = [_cells(frame, k) for k in range(len(frame.columns))]
    right = [_is_number(frame.iloc[:, k]) for k in range(len(frame.columns))]
    widths, shown = _fit([max(map(len, column)) for column in columns], right, width)
    lines = []
    for row in zip(*columns[:shown], strict=True):
        parts = [
            cut(cell, size).rjust(size) if left_free else cut(cell, size).ljust(size)
            for cell, size, left_free in zip(row, widths, right, strict=False)
        ]
        lines.append("  ".join(parts).rstrip())
    lines.insert(1, "  ".join("─" * size for size in widths[:shown]))
    if frame.empty:
        lines.append("(no rows)")
    if shown < len(columns):
        hidden = ", ".join(str(name) for name in frame.columns[shown:])
        lines.append("")
        lines.append(f"{len(columns) - shown} more columns (--format csv shows all): {hidden}")
    return "\n".join(lines) + "\n"


def markdown_table(frame: pd.DataFrame) -> str:
    """Return a GitHub-flavoured Markdown table, whole words and short numbers."""
    columns = [_cells(frame, k, short_ids=False) for k in range(len(frame.columns))]
    rows = [[_escaped(cell) for cell in row] for row in zip(*columns, strict=True)]
    rule = ["---:" if _is_number(frame.iloc[:, k]) else "---" for k in range(len(columns))]
    return "".join(f"| {' | '.join(row)} |\n" for row in [rows[0], rule, *rows[1:]])


def number(value: float, digits: int = _DIGITS) -> str:
    """Return a number to a few significant digits; "–" where it is none.

    Whole numbers below a million are kept whole.
    """
    if math.isnan(value):
        return "–"
    if math.isfinite(value) and float(value).is_integer() and abs(value) < 1e6:
        return str(int(value))
    return f"{value:.{digits}g}"


def cut(text: str, size: int) -> str:
    """Return the text, its end replaced by "…" where it is longer than ``size``."""
    return text if len(text) <= size else text[: max(size - 1, 0)] + "…"


def _fit(wanted: Sequence[int], right: Sequence[bool], width: int) -> tuple[list[int], int]:
    """Return column widths and how many columns are shown, the words shrunk first."""
    shown = len(wanted)
    while True:
        widths = list(wanted[:shown])
        over = sum(widths) + 2 * (shown - 1) - width
        for k in sorted(range(shown), key=lambda k: -widths[k]):
            if over <= 0:
                return widths, shown
            if not right[k] and widths[k] > _MIN_WIDTH:
                smaller = max(_MIN_WIDTH, widths[k] - over)
                over -= widths[k] - smaller
                widths[k] = smaller
        if over <= 0:
            return widths, shown
        if shown == 1:
            return [min(widths[0], max(width, 1))], 1
        shown -= 1


def _cells(frame: pd.DataFrame, k: int, *, short_ids: bool = True) -> list[str]:
    """Return the header and the cells of a column as words."""
    name = str(frame.columns[k])
    cells = [_word(value) for value in frame.iloc[:, k]]
    if short_ids and name.endswith(_ID_ENDINGS):
        cells = [cell[:ID_DIGITS] for cell in cells]
    return [" ".join(name.split()), *cells]


def _word(value: Any) -> str:
    plain = _plain(value)
    if plain is None:
        return "–"
    if isinstance(plain, bool):
        return "yes" if plain else "no"
    if isinstance(plain, int):
        return str(plain)
    if isinstance(plain, float):
        return number(plain)
    text = plain if isinstance(plain, str) else json.dumps(plain, ensure_ascii=False)
    return " ".join(text.split())


def _plain(value: Any) -> object:
    """Return a JSON value: NumPy and pandas types unpacked, NaN and infinity as None."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, dict):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if value is None or value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if isinstance(value, bool | int | str) else str(value)


def _is_number(column: pd.Series[Any]) -> bool:
    return bool(pd.api.types.is_numeric_dtype(column)) and not pd.api.types.is_bool_dtype(column)


def _escaped(cell: str) -> str:
    return cell.replace("\\", "\\\\").replace("|", "\\|")


def _parquet(frame: pd.DataFrame) -> bytes:
    """Return a Parquet file; columns of mappings or lists become JSON text."""
    flat = frame.copy()
    for name in flat.columns:
        if flat[name].map(lambda value: isinstance(value, dict | list | tuple)).any():
            flat[name] = flat[name].map(lambda value: json.dumps(_plain(value)))
    file = io.BytesIO()
    try:
        flat.to_parquet(file, index=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise ValueError(
            f"parquet holds one kind of value a column, numbers or text ({'; '.join(error.args)}); "
            "use csv or json, or in SQL: CAST(column AS TEXT)"
        ) from error
    return file.getvalue()
