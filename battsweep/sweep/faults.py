"""Collect every fault of a file before complaining, and suggest a way out."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

from battsweep.errors import Fault, SpecError

_LONGEST = 80


class Faults:
    """The faults found so far in one file; `raise_if_any` ends the search."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[Fault, None] = {}

    def add(self, place: str, message: str) -> None:
        """Note a fault at a dotted place; the same one twice counts once."""
        self.extend([Fault(self.file, place, message)])

    def extend(self, faults: Iterable[Fault]) -> None:
        """Note faults that were found elsewhere, such as in a table beside the file."""
        self._found.update(dict.fromkeys(faults))

    def under(self, *places: str) -> bool:
        """Return whether anything is wrong at or below one of these places."""
        return any(
            fault.place == place or fault.place.startswith(f"{place}.")
            for fault in self._found
            for place in places
            if fault.file == self.file
        )

    def raise_if_any(self) -> None:
        """Raise one `SpecError` that holds all faults, if there are any."""
        if self._found:
            raise SpecError(tuple(self._found))


def shown(value: object) -> str:
    """Return a value as it should look in a message: quoted, and never long."""
    try:
        text = repr(value)
    except ValueError:  # Python refuses to print integers of thousands of digits
        return "a number with too many digits"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return "; did you mean 'x'?", or all that is known where that is little."""
    names = sorted(set(known))
    near = word[:200]
    close = get_close_matches(near, names, n=2, cutoff=0.85) or get_close_matches(near, names, n=1)
    if close:
        return f"; did you mean {' or '.join(repr(name) for name in close)}?"
    if names and len(names) <= 12:
        return f"; known are {', '.join(repr(name) for name in names)}"
    return ""
