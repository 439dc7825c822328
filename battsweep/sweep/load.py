"""Read a sweep file."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.errors import Fault, SpecError
from battsweep.sweep.spec import Sweep
from battsweep.sweep.tables import read_text

if TYPE_CHECKING:
    from battsweep.sweep.replay import HasCells

_DEEPEST = 50
_TOO_DEEP = f"not valid TOML: nested too deeply; {_DEEPEST} levels are allowed"


def load_sweep(
    path: str | Path,
    *,
    further: Callable[[Sweep], Sequence[Fault]] | None = None,
    measured: Callable[[str], HasCells | None] | HasCells | None = None,
) -> Sweep:
    """Return the sweep that a TOML file describes, checked and frozen.

    Whether PyBaMM knows the names in it is checked later, by
    `battsweep.sweep.expand.expand` with what `battsweep.jobs` finds out. So that
    the faults of a wrong file are told all at once, ``further`` is then given
    what is sound of it (there may be no cell, model or protocol), and returns
    the faults that it finds. A right file is not given to it.

    Measured cells that the file names are taken from ``measured``: an open store,
    or what returns one for the sweep's name.

    Raises
    ------
    SpecError
        If the file, or a file it names, cannot be read or is wrong. Holds
        every fault, each with its place and the way out.
    """
    from battsweep.sweep.document import read_document  # brings pydantic, which is slow

    path = Path(path)
    try:
        text = read_text(path)
    except ValueError as error:
        raise SpecError([Fault(str(path), "", str(error))]) from error
    try:
        document = tomllib.loads(text)
    except ValueError as error:
        raise SpecError([Fault(str(path), "", f"not valid TOML: {error}")]) from error
    except RecursionError as error:
        raise SpecError([Fault(str(path), "", _TOO_DEEP)]) from error
    if _is_deep(document):
        raise SpecError([Fault(str(path), "", _TOO_DEEP)])
    held = None if measured is None else measured if callable(measured) else lambda _: measured
    return read_document(document, path=path, text=text, further=further, measured=held)


def _is_deep(document: dict[str, object]) -> bool:
    """Return whether tables and lists are nested deeper than any sweep file needs."""
    level: list[object] = [document]
    for _ in range(_DEEPEST):
        level = [
            item
            for value in level
            if isinstance(value, dict | list)
            for item in (value.values() if isinstance(value, dict) else value)
        ]
    return bool(level)
