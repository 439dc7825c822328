"""A measured line with fewer corners: what is left out is nowhere further than is allowed."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]


def corners(times_s: Array, values: Array, allowed: float) -> list[int]:
    """Return the points of a polyline that is within ``allowed`` of all others.

    From each corner, the next is the furthest point that a straight line
    reaches so; the slopes that still pass every point on the way form a cone.
    """
    times, heights = times_s.tolist(), values.tolist()
    slack = allowed + 1e-12 * max(map(abs, heights))  # of points on a line, rounding
    chosen, last = [0], len(times) - 1
    while chosen[-1] < last:
        start = chosen[-1]
        low, high = -math.inf, math.inf
        furthest = start + 1
        for point in range(start + 1, last + 1):
            seconds = times[point] - times[start]
            rise = heights[point] - heights[start]
            if low <= rise / seconds <= high:
                furthest = point
            low = max(low, (rise - slack) / seconds)
            high = min(high, (rise + slack) / seconds)
            if low > high:
                break
        chosen.append(furthest)
    return chosen
