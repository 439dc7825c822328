"""Write tables and figures to the terminal or to a file."""

from __future__ import annotations

import argparse
import errno
import json
import os
import shutil
import sys
import uuid
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.arguments import wrong
from battsweep.errors import LostError

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
    write_tables({"": frame}, arguments)


def write_tables(frames: Mapping[str, pd.DataFrame], arguments: argparse.Namespace) -> None:
    """Write tables by their headings, one after the other, as `write_table` does.

    Raises
    ------
    SpecError
        If the format cannot hold the values, or is not text for several tables.
    """
    from battsweep.analysis.render import render

    output: Path | None = arguments.output
    format = table_format(arguments)
    if format == "parquet" and output is None and sys.stdout.isatty():
        raise wrong("--format", "parquet is not for a terminal; add --output FILE.parquet")
    if format != "text" and len(frames) > 1:
        raise wrong("--format", f"{format} has one table, not {len(frames)}; use text")
    width = terminal_width() if output is None else _PAGE_WIDTH
    try:
        parts = [
            (f"{title}\n\n" if title else "").encode() + render(frame, format, width=width)
            for title, frame in frames.items()
        ]
    except ValueError as error:
        raise wrong("--format", str(error)) from error
    data = b"\n".join(parts)
    if output is None:
        write_out(data)
    else:
        write_file(output, data)
        for frame in frames.values():
            rows = f"{len(frame)} row{'' if len(frame) == 1 else 's'}"
            print(f"{output}: {rows}, {len(frame.columns)} columns", file=sys.stderr)


def table_format(arguments: argparse.Namespace) -> str:
    """Return the format that ``--format`` says, else the ending of ``--output``.

    Raises
    ------
    SpecError
        If the ending says none.
    """
    if arguments.format is not None:
        return str(arguments.format)
    output: Path | None = arguments.output
    if output is None:
        return "text"
    if output.suffix.lower() not in _FORMAT_OF:
        raise wrong(
            "--output",
            f"{output}: the ending {output.suffix!r} says no format; "
            f"use one of {', '.join(_FORMAT_OF)}, or --format",
        )
    return _FORMAT_OF[output.suffix.lower()]


def write_out(data: bytes) -> None:
    """Write bytes to standard output as they are.

    Raises
    ------
    LostError
        If it cannot take them, as on a full disk.
    """
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.buffer.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        raise LostError(f"standard output: {error.strerror}") from error


def write_file(path: Path, data: bytes) -> None:
    """Write a file that the user asked for; an older one stays until the new one is whole.

    A link is followed; a device or a pipe is written to as it is.

    Raises
    ------
    SpecError
        If it cannot be written there.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            target = path.resolve()
            if target.is_symlink():  # from Python 3.13, how a ring of links shows
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
            _replace(target, data)
    except (OSError, RuntimeError) as error:  # before 3.13, a ring is a RuntimeError
        why = error.strerror if isinstance(error, OSError) else error
        raise wrong("--output", f"{path}: cannot be written: {why}") from error


def _replace(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}.part")
    try:
        part.write_bytes(data)
        part.replace(path)
    except BaseException:
        with suppress(OSError):  # on a read-only file system this fails as well
            part.unlink()
        raise


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
