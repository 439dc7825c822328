"""What cleaning did: every changed or dropped value, and each rule's count."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from battsweep.data.cell import RuleCount

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.intp]

ALL = "all"
"""The column of a change that drops a whole row."""


@dataclass(slots=True, eq=False)
class Log:
    """Changes and counts so far. A change may stand for a run of ``row_count`` rows."""

    rules: list[RuleCount] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    _parts: list[dict[str, Any]] = field(default_factory=list)

    def changed(
        self,
        rule: str,
        rows: Rows,
        column: str,
        before: Array,
        after: Array,
        why: str,
        row_count: Rows | None = None,
    ) -> None:
        """Note that values became others; arrays of one length, rows of the raw file."""
        if not len(rows):
            return
        self._parts.append(
            {
                "rule": np.full(len(rows), rule, dtype=object),
                "row": np.asarray(rows, dtype=np.int64),
                "row_count": np.ones(len(rows), np.int64) if row_count is None else row_count,
                "column": np.full(len(rows), column, dtype=object),
                "before": np.array(before, dtype=float),
                "after": np.array(after, dtype=float),
                "why": np.full(len(rows), why, dtype=object),
            }
        )

    def dropped(self, rule: str, rows: Rows, why: str) -> None:
        """Note that whole rows went."""
        nothing = np.full(len(rows), np.nan)
        self.changed(rule, rows, ALL, nothing, nothing, why)

    def count(
        self,
        rule: str,
        parameters: dict[str, float | str | bool],
        *,
        found: int,
        changed: int = 0,
        dropped: int = 0,
        told: str,
    ) -> None:
        """Note what a rule that was on did, if only that it found nothing."""
        text = told if found else "nothing found"
        self.rules.append(RuleCount(rule, parameters, found, changed, dropped, text))

    def changes(self) -> pa.Table:
        """Return all changes in the order of the rules."""
        import pyarrow as pa

        kinds = {
            "rule": pa.string(),
            "row": pa.int64(),
            "row_count": pa.int64(),
            "column": pa.string(),
            "before": pa.float64(),
            "after": pa.float64(),
            "why": pa.string(),
        }
        return pa.table(
            {
                name: pa.chunked_array([pa.array(one[name], kind) for one in self._parts], kind)
                for name, kind in kinds.items()
            }
        )


def runs(flags: NDArray[np.bool_]) -> tuple[Rows, Rows]:
    """Return where runs of true values begin, and where they end (after their last)."""
    edges = np.diff(np.concatenate([[0], flags.view(np.int8), [0]]))
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
