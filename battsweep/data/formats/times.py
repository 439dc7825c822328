"""Times as testers write them: clocks of days and hours, dates of every land, plain numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd
    from numpy.typing import NDArray

    Array = NDArray[np.float64]

_CLOCK = r"^\s*(?:(\d+)(?:d\s*|-))?\s*(\d+):(\d+):(\d+(?:[.,]\d*)?)\s*$"
_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
    "%Y-%m-%d %I:%M:%S %p",
    "%Y/%m/%d %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %I:%M:%S %p",
    "%d.%m.%Y %H:%M:%S",
    "%d-%b-%y %I:%M:%S %p",
    "%d-%b-%Y %H:%M:%S",
    "%d/%m/%Y %H:%M:%S",
)
_SLASHED = r"^\s*(\d{1,2})/\d{1,2}/\d{4}"
EXCEL_EPOCH_S = -2_209_161_600.0
"""1899-12-30, from which Excel counts days (ECMA-376, part 1, 18.17.4.1), in Unix time."""


def clock_s(texts: Sequence[Any]) -> Array:
    """Return seconds of texts such as ``0d 01:16:37.16`` or ``27:00:01``; NaN for others."""
    import pandas as pd

    parts = pd.Series(texts, dtype="str").str.extract(_CLOCK)
    days = pd.to_numeric(parts[0], errors="coerce").fillna(0.0).to_numpy(float)
    hours, minutes = (pd.to_numeric(parts[k], errors="coerce").to_numpy(float) for k in (1, 2))
    text = parts[3].str.replace(",", ".", regex=False)
    seconds = pd.to_numeric(text, errors="coerce").to_numpy(float)
    return np.asarray(86400.0 * days + 3600.0 * hours + 60.0 * minutes + seconds)


def unix_s(texts: Sequence[Any], format: str | None = None) -> Array:
    """Return Unix time in s of dates, taken as UTC; NaN for what is no date.

    One column may mix formats, as where several testers wrote it. Of ``d/m`` and
    ``m/d`` the first is taken only where some number tells.
    """
    import pandas as pd

    series = pd.Series(texts, dtype="str").str.strip()
    found = pd.Series(pd.NaT, index=series.index, dtype="datetime64[ns]")
    for one in (format,) if format else _in_order(series):
        left = series[found.isna() & series.notna()]
        if left.empty:
            break
        if format or _fill(found, left.iloc[:20], one).notna().any():
            found = _fill(found, left, one)
    seconds = (found - pd.Timestamp(0)) / pd.Timedelta(seconds=1)
    return np.asarray(seconds, dtype=float)


def _fill(found: pd.Series, texts: pd.Series, format: str) -> pd.Series:
    import pandas as pd

    for variant in (format, format.replace("%S", "%S.%f")):
        parsed = pd.to_datetime(texts, format=variant, errors="coerce")
        known = parsed.dropna().astype("datetime64[ns]")
        found = found.copy()
        found.loc[known.index] = known
        texts = texts[parsed.isna()]
        if texts.empty:
            break
    return found


def _in_order(series: pd.Series) -> Iterable[str]:
    import pandas as pd

    first = pd.to_numeric(series.str.extract(_SLASHED)[0], errors="coerce")
    days_first = bool((first > 12).any())
    if days_first:
        return sorted(_FORMATS, key=lambda one: not one.startswith("%d/"))
    return _FORMATS


def is_serial_day(values: Array) -> bool:
    """Return whether numbers are days since 1899-12-30, as spreadsheets count them."""
    finite = values[np.isfinite(values)]
    return finite.size > 0 and bool(np.all((finite > 20_000) & (finite < 80_000)))
