"""Read a sweep file."""

from __future__ import annotations

import tomllib
from pathlib import Path

from battsweep.errors import Fault, SpecError
from battsweep.sweep.spec import Sweep
from battsweep.sweep.tables import read_text


def load_sweep(path: str | Path) -> Sweep:
    """Return the sweep that a TOML file describes, checked and frozen.

    Whether PyBaMM knows the names in it is checked later, by
    `battsweep.sweep.expand.expand` with what `battsweep.jobs` finds out.

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
    except (ValueError, RecursionError) as error:
        raise SpecError([Fault(str(path), "", f"not valid TOML: {error}")]) from error
    return read_document(document, path=path, text=text)
