"""Points of sampled axes: from bounds and a method to rows of numbers."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Array = npt.NDArray[np.float64]

Method = Literal["random", "latin-hypercube", "sobol", "one-at-a-time", "grid"]
Rows = tuple[tuple[float, ...], ...]


@dataclass(frozen=True, slots=True)
class Bounds:
    """Between which numbers a quantity is sampled, and how it is spread.

    ``base`` is where it stays while another moves ("one-at-a-time" only).
    """

    low: float
    high: float
    scale: Literal["linear", "log"] = "linear"
    base: float | None = None

    @property
    def middle(self) -> float:
        """The base, or else the middle: geometric where the scale is "log"."""
        if self.base is not None:
            return self.base
        if self.scale == "log":
            return math.sqrt(self.low) * math.sqrt(self.high)
        return self.low + (self.high - self.low) / 2


def count_rows(method: Method, points: int, names: int) -> int:
    """Return how many rows `sample` gives at most, without making them."""
    if method == "grid":
        return int(points**names)
    return 1 + points * names if method == "one-at-a-time" else points


def spread(bounds: Bounds, points: int) -> tuple[float, ...]:
    """Return points from ``low`` to ``high``, both included, evenly on the scale."""
    import numpy as np

    if points == 1:
        return (bounds.middle,)
    space = np.geomspace if bounds.scale == "log" else np.linspace
    return tuple(space(bounds.low, bounds.high, points).tolist())


def sample(
    bounds: tuple[Bounds, ...], method: Method, points: int, *, seed: tuple[int, int]
) -> Rows:
    """Return rows of values, one value for each of ``bounds``.

    The same ``seed`` (the sweep's, and the axis's place in it) gives the same
    rows. "grid" has ``points`` for each quantity, and all their combinations.
    """
    if method == "grid":
        from itertools import product

        return tuple(product(*(spread(each, points) for each in bounds)))
    if method == "one-at-a-time":
        return _one_at_a_time(bounds, points)
    unit = _unit_sample(method, len(bounds), points, seed)
    columns = [_scaled(unit[:, place], each) for place, each in enumerate(bounds)]
    return tuple(zip(*columns, strict=True))


def _one_at_a_time(bounds: tuple[Bounds, ...], points: int) -> Rows:
    base = tuple(each.middle for each in bounds)
    rows = [base]
    for place, each in enumerate(bounds):
        for value in spread(each, points):
            rows.append((*base[:place], value, *base[place + 1 :]))
    return tuple(dict.fromkeys(rows))


def _unit_sample(method: Method, names: int, points: int, seed: tuple[int, int]) -> Array:
    import numpy as np
    from scipy.stats import qmc

    generator = np.random.default_rng(seed)
    if method == "latin-hypercube":
        return qmc.LatinHypercube(names, rng=generator).random(points)
    if method == "sobol":
        # SciPy warns of any number but a power of two; the first N of those are as good
        whole = qmc.Sobol(names, scramble=True, rng=generator)
        return whole.random_base2((points - 1).bit_length())[:points]
    return generator.random((points, names))


def _scaled(unit: Array, bounds: Bounds) -> list[float]:
    import numpy as np

    if bounds.scale == "log":
        low, high = math.log(bounds.low), math.log(bounds.high)
        values = np.exp(low + unit * (high - low))
    else:
        values = bounds.low + unit * (bounds.high - bounds.low)
    # rounding may step over a bound by one unit in the last place
    return [float(value) for value in np.clip(values, bounds.low, bounds.high)]
