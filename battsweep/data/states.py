"""What a tester's own words say of the current: charge, discharge, or none."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_DISCHARGE = ("dchg", "dchrg", "disch", "dis ")
_CHARGE = ("chg", "chrg", "charge")
_RESTS = frozenset({"r", "rest", "pause", "idle", "p", "ocv", "wait", "off"})


def direction_of_word(word: str | None) -> float:
    """Return +1 for a word that says charge, -1 for discharge, 0 for rest, NaN for no word."""
    text = (word or "").strip().lower()
    if text in _RESTS:
        return 0.0
    if text in ("d", "dis") or any(part in text for part in _DISCHARGE):
        return -1.0
    if text == "c" or any(part in text for part in _CHARGE):
        return 1.0
    return float("nan")


def directions(words: NDArray[np.object_]) -> NDArray[np.float64]:
    """Return `direction_of_word` of each of many words, of which there are few kinds."""
    kinds, places = np.unique(words.astype(str), return_inverse=True)
    return np.array([direction_of_word(str(kind)) for kind in kinds])[places]
