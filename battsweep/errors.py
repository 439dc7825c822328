"""What can go wrong, and what the caller should do about it.

::

    BattsweepError
    ├── SpecError      the user's file is wrong: say where and how to mend it
    ├── DataError      a measured file is wrong: say where, and what would mend it
    ├── StoreError     a stored file is damaged, missing or held by another
    └── LostError      the machine failed; the same thing may work later
"""

from __future__ import annotations

from dataclasses import dataclass


class BattsweepError(Exception):
    """Any error that battsweep raises on purpose."""


class StoreError(BattsweepError):
    """A stored file is damaged, missing, or held by another driver."""


class LostError(BattsweepError):
    """The machine failed; trying again may succeed."""


class DataError(BattsweepError):
    """A measured file is unreadable, of an unknown kind, or says what cannot be."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong in a file that a person wrote.

    ``place`` is dotted, such as ``axes.0.rate``; ``message`` has the wrong
    value and the way out.
    """

    file: str
    place: str
    message: str

    def __str__(self) -> str:
        told = ": ".join(part for part in (self.file, self.place, self.message) if part)
        # A file's text must not command the terminal that shows it.
        return "".join(c if c.isprintable() else repr(c)[1:-1] for c in told)


class SpecError(BattsweepError):
    """A file that a person wrote is wrong; holds every fault found in it."""

    def __init__(self, faults: list[Fault] | tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
