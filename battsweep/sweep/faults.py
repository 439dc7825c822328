"""Collect every fault of a file before complaining, and suggest a way out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from difflib import get_close_matches

from battsweep.errors import Fault, SpecError

_LONGEST = 80
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")


class Faults:
    """The faults found so far in one file; `raise_if_any` ends the search."""

    def __init__(self, file: str) -> None:
        self.file = file
        self._found: dict[Fault, None] = {}
        self._places: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._found)

    def add(self, place: str, message: str) -> None:
        """Note a fault at a dotted place; the same one twice counts once."""
        self.extend([Fault(self.file, place, message)], place=place)

    def extend(self, faults: Iterable[Fault], *, place: str) -> None:
        """Note faults found elsewhere, such as in a table that is named at ``place``."""
        self._found.update(dict.fromkeys(faults))
        self._places.add(place)

    def under(self, *places: str) -> bool:
        """Return whether anything is wrong at or below one of these places."""
        return any(
            known == place or known.startswith(f"{place}.")
            for known in self._places
            for place in places
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


def toml_key(name: str) -> str:
    """Return a name as TOML wants it before "=": in quotes where it needs them."""
    return name if _BARE_KEY.fullmatch(name) else json.dumps(name, ensure_ascii=False)


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
