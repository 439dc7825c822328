"""A file's bytes, and how a file is refused: with its place and what would mend it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from battsweep.data.cell import SourceFile
from battsweep.errors import DataError

LARGEST_BYTES = 4 * 2**30
UNPACKED_BYTES = 2 * 2**30
"""What a packed file may unpack to; larger ones are taken for an attack, or a mistake."""


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A file that was read whole."""

    path: Path
    data: bytes

    @property
    def file(self) -> SourceFile:
        """Return what is kept of it."""
        return SourceFile(self.path.name, len(self.data), hashlib.sha256(self.data).hexdigest())


def open_source(path: Path) -> Source:
    """Return a file's bytes.

    Raises
    ------
    DataError
        If it cannot be read, is empty, or larger than `LARGEST_BYTES`.
    """
    try:
        size = path.stat().st_size
        if size > LARGEST_BYTES:
            raise refusal(
                path, f"has {size} bytes; at most {LARGEST_BYTES} are read at once: split it"
            )
        data = path.read_bytes()
    except OSError as error:
        raise refusal(path, f"cannot be read: {error.strerror}") from error
    if not data.strip(b"\x00 \r\n\t"):
        raise refusal(path, "is empty")
    return Source(path, data)


def refusal(
    path: Path, message: str, *, line: int | None = None, recipe: Sequence[str] = ()
) -> DataError:
    """Return the error that refuses a file; ``recipe`` are lines that would mend it."""
    place = f"{path}: " if line is None else f"{path}: line {line}: "
    lines = [f"{place}{message}"]
    if recipe:
        lines.append("if that is wrong, a recipe (--recipe FILE.toml) can say so:")
        lines += [f"    {one}" for one in recipe]
    return DataError("\n".join(lines))
