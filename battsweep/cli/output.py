"""Write tables and figures to the terminal or to a file."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.arguments import wrong

if TYPE_CHECKING:
    import pandas as pd

_FORMAT_OF = {
    ".csv": "csv",
    ".json": "json",
    ".md": "markdown",
    ".parquet": "parquet",
    ".txt": "text",
}
_PAGE_WIDTH = 200


def print_json(value: object) -> None:
    """Print one JSON document."""
    print(json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False))


def write_table(frame: pd.DataFrame, arguments: argparse.Namespace) -> None:
    """Write a table as ``--format`` and ``--output`` ask."""
    from battsweep.analysis.render import render

    output: Path | None = arguments.output
    format = arguments.format
    if format is None:
        format = _FORMAT_OF.get(output.suffix.lower(), "") if output else "text"
    if not format:
        raise wrong(
            "--output",
            f"{output}: the ending {output.suffix if output else ''!r} says no format; "
            f"use one of {', '.join(_FORMAT_OF)}, or --format",
        )
    if format == "parquet" and output is None and sys.stdout.isatty():
        raise wrong("--format", "parquet is not for a terminal; add --output FILE.parquet")
    data = render(frame, format, width=terminal_width() if output is None else _PAGE_WIDTH)
    if output is None:
        write_out(data)
    else:
        write_file(output, data)
        rows = f"{len(frame)} row{'' if len(frame) == 1 else 's'}"
        print(f"{output}: {rows}, {len(frame.columns)} columns", file=sys.stderr)


def write_out(data: bytes) -> None:
    """Write bytes to standard output as they are."""
    sys.stdout.flush()
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def write_file(path: Path, data: bytes) -> None:
    """Write a file that the user asked for; an older one stays until the new one is whole.

    Raises
    ------
    SpecError
        If it cannot be written there.
    """
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise wrong("--output", f"{path}: cannot be written: {error.strerror}") from error


def terminal_width() -> int:
    """Return how many characters fit a line; generous where there is no terminal."""
    columns = shutil.get_terminal_size((120, 40)).columns
    return columns if sys.stdout.isatty() else max(columns, _PAGE_WIDTH)


def size(count: float) -> str:
    """Return a number of bytes as people say it, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
