"""Which measured curve belongs to which task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from battsweep.sweep.spec import Measured, Scalar, Sweep
from battsweep.sweep.task import Task


def measured_for(sweep: Sweep, task: Task) -> Measured | None:
    """Return the measured curve that a task's voltage is held against, or None."""
    return matching(sweep.measured, task.cell, task.protocol, task.varied)


def matching(
    curves: Iterable[Measured], cell: str, protocol: str, varied: Mapping[str, Scalar]
) -> Measured | None:
    """Return the curve of a cell and protocol whose ``at`` is among the varied values.

    Of several, the one with the most values in ``at``; of those, the first.
    Numbers are compared as floats.
    """
    fitting = [
        curve
        for curve in curves
        if curve.cell == cell
        and curve.protocol == protocol
        and all(name in varied and varied[name] == value for name, value in curve.at.items())
    ]
    return max(fitting, key=lambda curve: len(curve.at), default=None)
