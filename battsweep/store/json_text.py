"""Values as JSON text: plain numbers, never NaN, NumPy's numbers welcome."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real
from typing import Any

_ENCODER = json.JSONEncoder(
    separators=(",", ":"),
    allow_nan=False,
    ensure_ascii=False,  # SQLite compares keys as written, escapes and all
)


def plain(value: object) -> Any:
    """Return ``value`` in JSON's own types.

    NaN and infinity, for which JSON has no word, become None. NumPy's numbers
    and arrays become Python's.
    """
    kind = type(value)
    if isinstance(value, float) and kind is float:
        return value if math.isfinite(value) else None
    if kind is str or kind is int or kind is bool or value is None:
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, Integral):
        return int(value)
    if isinstance(value, Real):
        return plain(float(value))
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [plain(item) for item in value]
    return str(value)


def plain_to_json(value: object) -> str:
    """Return as JSON text, in less time, a value that came from JSON and so is plain."""
    return _ENCODER.encode(value)


def to_json(value: object) -> str:
    """Return ``value`` as compact JSON text, after `plain`; keys stay in their order."""
    return _ENCODER.encode(plain(value))
