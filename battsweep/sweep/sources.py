"""A user's own model or parameter set: a function in a Python file, kept as text."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

from battsweep.sweep.spec import Source
from battsweep.sweep.tables import read_text

_SOURCE = re.compile(r"(?P<file>.+\.py)(?::(?P<function>.*))?", re.DOTALL)


def is_source(text: str) -> bool:
    """Return whether a text means a Python file, with or without its function."""
    return _SOURCE.fullmatch(text) is not None


def read_source(text: str, folder: Path) -> Source:
    """Return what "my_model.py:make" means; the file is read from beside ``folder``.

    It is not executed here: that is for the processes that compute.

    Raises
    ------
    ValueError
        If no function is named, or the file cannot be read.
    """
    found = _SOURCE.fullmatch(text)
    if found is None or not (found["function"] or "").isidentifier():
        file = found["file"] if found else text
        raise ValueError(f"needs the name of a function in it: write '{file}:make'")
    content = read_text(folder / found["file"])
    return Source(
        file=found["file"],
        function=found["function"],
        text=content,
        sha256=hashlib.sha256(content.encode()).hexdigest(),
    )
