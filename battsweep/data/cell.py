"""A measured cell's history: as it was read from files, and as it is after cleaning."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import pyarrow as pa

StepKind = Literal["rest", "cc_charge", "cc_discharge", "cv_charge", "cv_discharge", "other"]
"""What a step does, told by the signal: "other" is a pulse train, a profile, a power step."""


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file that was read: its name (without folders), size, and the sha256 of its bytes."""

    name: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, eq=False)
class RawCell:
    """A cell's rows as its tester wrote them: named and in units as here, but not cleaned.

    ``table`` has columns of `battsweep.data.columns` in file order; at least
    time, voltage and current. Times may repeat, fall or be missing, numbers
    may be NaN. The tester's own cycle, step and state are ``TESTER_CYCLE``,
    ``TESTER_STEP`` (integers, null where it had none) and ``TESTER_STATE`` (text).
    ``signed`` is False where the current has no sign and its sign is the state's.
    ``operation`` numbers rows that the file itself keeps apart, each with a
    clock of its own; None where it is one series. ``info`` is what the file
    says of the cell (``nominal_capacity_ah``, ``format_version`` ...);
    ``impedance`` holds spectra, in a format's own columns.
    """

    cell: str
    format: str
    table: pa.Table
    sources: tuple[SourceFile, ...]
    signed: bool = True
    operation: pa.Array | None = None
    info: Mapping[str, float | str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    impedance: pa.Table | None = None


@dataclass(frozen=True, slots=True)
class RuleCount:
    """What one rule of cleaning did: its parameters, and how many rows it changed or dropped."""

    rule: str
    parameters: Mapping[str, float | str | bool]
    found: int
    changed: int
    dropped: int
    told: str


@dataclass(frozen=True, slots=True, eq=False)
class CleanCell:
    """A cell's cleaned history, and what was done to get it.

    ``series``: time (strictly increasing), voltage, current (positive on
    charge), what else was measured, ``CYCLE`` and ``STEP`` (both sequential
    from 1, of the signal), ``STEP_KIND``, and the tester's own numbers.
    ``steps`` and ``cycles``: a row each, with capacities in A.h and energies
    in W.h by coulomb counting. ``changes``: a row for each changed or dropped
    value: rule, row of the raw file, column, before, after, why.
    """

    cell: str
    series: pa.Table
    steps: pa.Table
    cycles: pa.Table
    changes: pa.Table
    rules: tuple[RuleCount, ...]
    warnings: tuple[str, ...] = ()
