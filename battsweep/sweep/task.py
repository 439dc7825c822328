"""A task: one computation, named by the hash of its content."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from battsweep.sweep.spec import Protocol, Scalar


@dataclass(frozen=True, slots=True)
class ResolvedCell:
    """A cell as PyBaMM knows it, overrides included.

    ``content`` maps every parameter name to its value: a number as a float,
    anything else as a digest of its serialised form. ``sha256`` names the
    serialised set. ``changed`` are the overrides that differ from the set.
    ``source`` is the sha256 of the Python file that made the set, if one did.
    """

    parameter_set: str
    sha256: str
    content: Mapping[str, float | str]
    changed: Mapping[str, float] = field(default_factory=dict)
    source: str | None = None

    def identity(self) -> Mapping[str, float | str]:
        """Return all that makes a task of this cell another one than of another cell."""
        return self.content if self.source is None else {**self.content, "": self.source}


@dataclass(frozen=True, slots=True)
class Resolved:
    """What PyBaMM says of a sweep's names; all that identity needs besides the file.

    ``models`` maps a model's name to its full configuration (type, all
    options, mesh), and ``canonical_step`` a step's text to plain JSON values
    that are equal for steps that mean the same.
    """

    cells: Mapping[str, ResolvedCell]
    models: Mapping[str, Mapping[str, object]]
    canonical_step: Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Task:
    """One simulation, or one fit.

    ``number`` counts from 0 in its sweep. ``cell``, ``model`` and ``protocol``
    are labels; ``varied`` holds the values of the axes that this task notices;
    ``parameters`` those of them that are PyBaMM parameters; ``procedure`` is
    the protocol with its placeholders filled. ``id`` is 32 hexadecimal digits
    and depends on the content alone, never on labels.
    """

    id: str
    number: int
    kind: Literal["simulation", "fit"]
    cell: str
    model: str
    protocol: str
    varied: Mapping[str, Scalar]
    parameters: Mapping[str, float]
    procedure: Protocol
