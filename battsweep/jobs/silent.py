"""What PyBaMM's solver tells by a warning only, while it returns what it has so far."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_PARTIAL = re.compile(r"(?:input set \d+: )?(.*?),? returning a partial solution", re.DOTALL)
_EXTRAPOLATED = re.compile(r"extrapolation occurred for \[(.*)\]", re.DOTALL)
_TABLE = re.compile(r"Interpolant '([^']*)' (lower|upper) bound")


@dataclass(slots=True)
class Said:
    """Why the solver gave up, if it did, and the tables whose ends were passed."""

    gave_up: str = ""
    extrapolated: list[str] = field(default_factory=list)

    def notes(self) -> tuple[str, ...]:
        """Return a note for each table that was used beyond its end."""
        return tuple(
            f"interpolation out of range: {name} was extrapolated; give its table points"
            " beyond that end, or end the protocol earlier"
            for name in dict.fromkeys(self.extrapolated)
        )


@contextmanager
def listened() -> Iterator[Said]:
    """Yield what the solver says in the block, complete after it; other warnings go on."""
    said = Said()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            yield said
        finally:
            others = [warning for warning in warned if not _understood(str(warning.message), said)]
    for warning in others:
        warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _understood(text: str, said: Said) -> bool:
    if found := _PARTIAL.search(text):
        said.gave_up = " ".join(found[1].split())
        return True
    if found := _EXTRAPOLATED.search(text):
        tables = _TABLE.findall(found[1])
        said.extrapolated += [f"{name!r} at its {end} end" for name, end in tables] or [found[1]]
        return True
    return False
