"""Which measured curve belongs to which task."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from battsweep.sweep.checks import listed
from battsweep.sweep.faults import Faults, shown
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


def check_matched(sweep: Sweep, tasks: Iterable[Task], faults: Faults) -> None:
    """Note measured curves that belong to no task, with the values that tasks do have."""
    varied: dict[tuple[str, str], list[Mapping[str, Scalar]]] = {}
    for task in tasks:
        varied.setdefault((task.cell, task.protocol), []).append(task.varied)
    known: dict[tuple[str, ...], set[tuple[Scalar | None, ...]]] = {}
    for number, curve in enumerate(sweep.measured):
        if curve.kinds:
            continue  # of a replayed cycle, which may be excluded
        points = varied.get((curve.cell, curve.protocol), [])
        key = (curve.cell, curve.protocol, *curve.at)
        if key not in known:
            known[key] = {tuple(point.get(name) for name in curve.at) for point in points}
        if tuple(curve.at.values()) not in known[key]:
            faults.add(f"measured.{number}.at", _why_unmatched(curve, points))


def _why_unmatched(curve: Measured, points: Sequence[Mapping[str, Scalar]]) -> str:
    whose = f"no task of cell {curve.cell!r} and protocol {curve.protocol!r}"
    if not points:
        return f"{whose} is left; loosen a condition of [[exclude]] or delete the curve"
    for name, value in curve.at.items():
        known = [point[name] for point in points if name in point]
        if value not in known:
            there = f"has {name} = {listed([value])}"
            values = f"its values there are {listed(known)}" if known else "it has no place there"
            return f"{whose} {there}; {values}"
    return f"{whose} has all of {shown(dict(curve.at))} at once; delete one of them"
