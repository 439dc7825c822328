"""A measured current with fewer points: its charge is kept, and no pulse is lost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from battsweep.sweep.polyline import corners

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

CHARGE_SHARE = 1e-4
"""How far the charge of the reduced current may ever be from the measured one, of its range."""
CURRENT_SHARE = 1e-3
"""How far a current that is not steady may be from its corners' line, of the largest one."""
_HALVINGS = 12


def reduced(times: Array, current: Array, steps: Array) -> tuple[Array, Array, float]:
    """Return fewer points of a measured current, and how far its charge is ever off.

    Split at the steps: a steady one becomes its mean, which keeps its charge; of
    others the corners are kept. The charge at any time is within
    `CHARGE_SHARE` of its range of the measured charge, or all points are kept.
    """
    import numpy as np

    charge = charge_moved(times, current)
    reach = max(float(np.ptp(charge)), 1e-12)
    share = CURRENT_SHARE
    for _ in range(_HALVINGS):
        kept, values = _corners(times, current, steps, share)
        line = np.interp(times, times[kept], values)
        off = float(np.max(np.abs(charge_moved(times, line) - charge))) / reach
        if off <= CHARGE_SHARE:
            return times[kept], values, off
        share /= 2
    return times, current, 0.0


def _corners(
    times: Array, current: Array, steps: Array, share: float
) -> tuple[NDArray[np.intp], Array]:
    import numpy as np

    allowed = share * float(np.max(np.abs(current)))
    begins = np.flatnonzero(np.diff(steps, prepend=steps[0] - 1))
    kept: list[int] = []
    values: list[float] = []
    for begin, end in zip(begins, np.append(begins[1:], len(times)), strict=True):
        own, mine = times[begin:end], current[begin:end]
        mean = charge_moved(own, mine)[-1] / (own[-1] - own[0]) if end - begin > 1 else mine[0]
        if end - begin > 2 and np.max(np.abs(mine - mean)) <= allowed:
            kept += [int(begin), int(end) - 1]
            values += [mean, mean]
            continue
        places = corners(own, mine, allowed) if end - begin > 1 else [0]
        kept += [int(begin) + place for place in places]
        values += mine[places].tolist()
    return np.array(kept), np.array(values)


def charge_moved(times: Array, current: Array) -> Array:
    """Return the charge in A.s since the first time, by the trapezoidal rule."""
    import numpy as np

    pieces = np.diff(times) * (current[:-1] + current[1:]) / 2
    return np.concatenate([[0.0], np.cumsum(pieces)])
