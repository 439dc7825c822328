"""Where the solver must stop in a measured profile, so that it is followed and not crawled through.

A solver that steps freely steps over short pulses without a sign; one that stops at every
point starts anew there each time (6 to 8 steps, measured). Between two stops the profile
stays so near a straight line that stepping over what is left of it cannot matter.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from battsweep.sweep.polyline import corners

Array = NDArray[np.float64]

SHARE_OF_RTOL = 5.0
LARGEST_SHARE = 5e-4
"""Of the largest current. Where that drops 0.2 V in a cell, this is 0.1 mV."""
_HALVINGS = 20


def stops(times_s: Array, values: Array, *, rtol: float) -> Array:
    """Return the times of a profile at which the solver must stop; its ends are among them.

    Between two stops the profile is within ``5 rtol``, and 0.05 %, of its
    largest absolute value from the straight line that joins them. At no time
    is the charge of these lines further than ``rtol`` of the range of the
    profile's own charge from it, so that small deviations do not add up. Points on a
    straight line are left out whatever ``rtol``; noise above these bounds
    leaves every point in.
    """
    allowed = min(SHARE_OF_RTOL * rtol, LARGEST_SHARE) * float(np.max(np.abs(values)))
    charge = _charge(times_s, values)
    drift = rtol * float(np.ptp(charge))
    for _ in range(_HALVINGS):
        kept = corners(times_s, values, allowed)
        lines = np.interp(times_s, times_s[kept], values[kept])
        if np.max(np.abs(_charge(times_s, lines) - charge)) <= drift:
            return times_s[kept]
        allowed /= 2
    return times_s


def _charge(times_s: Array, values: Array) -> Array:
    pieces = np.diff(times_s) * (values[:-1] + values[1:]) / 2
    return np.concatenate([[0.0], np.cumsum(pieces)])
