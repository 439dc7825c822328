"""What can go wrong, and what the caller should do about it.

::

    BattsweepError
    ├── SpecError      the user's file is wrong: say where and how to mend it
    ├── DataError      a measured file is wrong
    ├── TaskError      this task cannot succeed; the others can
    ├── ClusterError   the cluster refuses what was asked
    ├── StoreError     a stored file is damaged, missing or held by another
    └── LostError      the machine failed; the same thing may work later
"""

from __future__ import annotations

from dataclasses import dataclass


class BattsweepError(Exception):
    """Any error that battsweep raises on purpose."""


class DataError(BattsweepError):
    """A measured file cannot be read or understood."""


class ClusterError(BattsweepError):
    """The cluster refuses what was asked of it."""


class StoreError(BattsweepError):
    """A stored file is damaged, missing, or held by another driver."""


class LostError(BattsweepError):
    """The machine failed; trying again may succeed."""


class TaskError(BattsweepError):
    """A task cannot succeed.

    ``failure_class`` is one of `battsweep.store.receipts.FAILURE_CLASSES`.
    """

    def __init__(self, failure_class: str, message: str) -> None:
        super().__init__(message)
        self.failure_class = failure_class


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
        return ": ".join(part for part in (self.file, self.place, self.message) if part)


class SpecError(BattsweepError):
    """A file that a person wrote is wrong; holds every fault found in it."""

    def __init__(self, faults: list[Fault] | tuple[Fault, ...]) -> None:
        super().__init__("\n".join(str(fault) for fault in faults))
        self.faults = tuple(faults)
