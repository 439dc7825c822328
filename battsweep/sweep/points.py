"""Which axes a protocol notices, and the points that are left for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import product

from battsweep.sweep.checks import all_placeholders
from battsweep.sweep.placeholders import INITIAL_SOC, placeholders
from battsweep.sweep.spec import Axis, Protocol, Scalar, Sweep


def noticed_axes(
    protocol: Protocol, axes: Sequence[Axis], elsewhere: frozenset[str]
) -> tuple[Axis, ...]:
    """Return the axes without the names that a protocol has no place for.

    ``elsewhere`` are the placeholders of any protocol; all other names are
    parameters, which every task notices. Rows that are then equal become one.
    """
    unnoticed = elsewhere - placeholders(protocol) - {INITIAL_SOC}
    kept = []
    for axis in axes:
        places = [place for place, name in enumerate(axis.names) if name not in unnoticed]
        if places:
            names = tuple(axis.names[place] for place in places)
            rows = (tuple(row[place] for place in places) for row in axis.rows)
            kept.append(Axis(names, tuple(dict.fromkeys(rows))))
    return tuple(kept)


def points(axes: Sequence[Axis]) -> Iterator[dict[str, Scalar]]:
    """Yield every combination of the axes' rows; the last axis changes fastest."""
    names = [name for axis in axes for name in axis.names]
    for rows in product(*(axis.rows for axis in axes)):
        yield dict(zip(names, (value for row in rows for value in row), strict=True))


def count_points(sweep: Sweep) -> int:
    """Return how many tasks a sweep has before any is excluded, without making them.

    For a fit, the most there can be.
    """
    pairs = len(sweep.cells) * len(sweep.models)
    if sweep.fit is not None:
        return pairs
    elsewhere = all_placeholders(sweep.protocols)
    return sum(
        (len(sweep.models) * len(protocol.replays) if protocol.replays else pairs)
        * math.prod(len(axis.rows) for axis in noticed_axes(protocol, sweep.axes, elsewhere))
        for protocol in sweep.protocols
    )
