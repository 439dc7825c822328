"""Colours that all eyes can tell apart: categories, steps, and bars for many numbers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing
import pandas as pd
from matplotlib import colormaps
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, LogNorm, Normalize, to_rgb

Colour = tuple[float, float, float]
Array = np.typing.NDArray[np.float64]

# Okabe and Ito's colours without black (kept for measured curves); yellow last.
CATEGORIES = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#56B4E9", "#E69F00", "#F0E442")
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
MISSING: Colour = (0.6, 0.6, 0.6)
LEGEND_MOST = 6
_LOG_RATIO = 8.0


@dataclass(frozen=True, slots=True, eq=False)
class Colours:
    """The colours of one quantity: either ``entries`` of a legend or a colour bar.

    ``entries`` are pairs of a value and its colour.
    """

    name: str
    entries: tuple[tuple[object, Colour], ...] = ()
    bar: ScalarMappable | None = None

    def of(self, value: object) -> Colour:
        """Return the colour of a value; grey where it is missing or unknown."""
        if self.bar is not None:
            if not isinstance(value, int | float | np.number) or not math.isfinite(value):
                return MISSING
            return _rgb(self.bar.to_rgba(np.array([float(value)]))[0].tolist())
        return dict(self.entries).get(value, MISSING)


def colours_for(values: pd.Series[Any], name: str) -> Colours:
    """Return the colours of a quantity, from all its values.

    Words get categories' colours in the order they appear; up to six numbers,
    steps of viridis with a legend; more, a colour bar, logarithmic if spread so.
    """
    known = values.dropna()
    if not pd.api.types.is_numeric_dtype(known):
        words = [str(word) for word in known.unique()]
        return Colours(name, tuple(zip(words, _categories(len(words)), strict=True)))
    distinct = np.unique(known.to_numpy(float))
    distinct = distinct[np.isfinite(distinct)]
    if len(distinct) <= LEGEND_MOST:
        steps = np.linspace(0, 0.95, len(distinct)).tolist()
        tones = [_rgb(shades()(step)) for step in steps]
        return Colours(name, tuple(zip(distinct.tolist(), tones, strict=True)))
    return Colours(name, bar=ScalarMappable(norm_for(distinct), shades()))


def shades() -> Colormap:
    """Return viridis without its palest end, which is hard to see on white."""
    return ListedColormap(colormaps["viridis"](np.linspace(0, 0.93, 256)), name="viridis-dark")


def norm_for(values: Array) -> Normalize:
    """Return a scale over all values, logarithmic if they are spread so."""
    low, high = float(values.min()), float(values.max())
    return LogNorm(low, high) if is_log_spread(values) else Normalize(low, high)


def is_log_spread(values: Array) -> bool:
    """Return whether values, all positive, span decades more evenly than units."""
    known = np.unique(values[np.isfinite(values)])
    if len(known) < 3 or known[0] <= 0 or known[-1] / known[0] < _LOG_RATIO:
        return False
    middle = float(np.median(known))
    geometric, plain = math.sqrt(known[0] * known[-1]), (known[0] + known[-1]) / 2
    return abs(math.log(middle / geometric)) < abs(math.log(middle / plain))


def _categories(count: int) -> list[Colour]:
    if count <= len(CATEGORIES):
        return [to_rgb(text) for text in CATEGORIES[:count]]
    return [_rgb(shades()(step)) for step in np.linspace(0, 1, count)]


def _rgb(colour: Sequence[float]) -> Colour:
    return (float(colour[0]), float(colour[1]), float(colour[2]))
