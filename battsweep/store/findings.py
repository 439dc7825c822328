"""What a check of a store finds."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal["missing", "unknown", "damaged", "index", "left over"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be, and the command that mends it."""

    kind: Kind
    path: str
    message: str
    mend: str


def rebuild_command(store: Path) -> str:
    """Return the command that makes a store's index anew."""
    return f"battsweep check {store} --rebuild"
