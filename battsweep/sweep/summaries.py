"""Summaries: one number a task (and a cycle), asked for in a few words.

::

    capacity, charge capacity     A.h     charge put through on discharge, on charge
    energy, charge energy         W.h     the same for energy
    duration                      s
    rmse, max error, bias         mV      simulated against measured voltage; "rmse in rest"
    overlap                       1       part of the measured time that was simulated
    time to 4.2 V                 s       until the voltage first crosses 4.2 V
    max Cell temperature [C]              start, end, min, max, mean or change of a variable
    Discharge capacity [A.h]              a variable alone is its value at the end
    Capacity [A.h], x_100, ...            electrode state of health at the end, see `HEALTH`
    Change in loss of lithium inventory [%]   as PyBaMM names it; "change Loss of ..."
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from battsweep.sweep.faults import shown, suggestion
from battsweep.sweep.quantities import number_in, number_text

WORDS = {
    "capacity": "A.h",
    "charge capacity": "A.h",
    "energy": "W.h",
    "charge energy": "W.h",
    "duration": "s",
    "rmse": "mV",
    "max error": "mV",
    "bias": "mV",
    "overlap": "1",
}
REDUCTIONS = ("start", "end", "min", "max", "mean", "change")
COMPARED = ("rmse", "max error", "bias")
"""Each also in steps of one kind only: "rmse in rest"."""
AGAINST_MEASURED = (*COMPARED, "overlap")
STEP_KINDS = ("rest", "cc_charge", "cc_discharge", "cv_charge", "cv_discharge", "other")
HEALTH = (
    "Capacity [A.h]",
    "Cyclable lithium capacity [A.h]",
    "Formation capacity loss [A.h]",
    "Maximum theoretical energy [W.h]",
    "Negative positive ratio",
    "Practical negative positive ratio",
    "x_0",
    "x_100",
    "y_0",
    "y_100",
)
"""What PyBaMM works out of the electrodes' capacities and the lithium between them."""
_CHANGE_IN = "Change in "

_TIME_TO = re.compile(r"time to (\S+) ?V(?: \[s\])?")
_UNIT = re.compile(r" \[[^\]]*\]$")


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary: the name of its column, and how it is worked out.

    ``kind`` is a key of `WORDS`, "time to" (with ``threshold`` in V), "health"
    (the ``name`` is in `HEALTH`), or one of `REDUCTIONS` (with ``variable``, a
    PyBaMM variable). One of `COMPARED` may be ``within`` one of `STEP_KINDS`.
    """

    name: str
    kind: str
    variable: str | None = None
    threshold: float | None = None
    within: str | None = None


def parse_summary(text: str) -> Summary:
    """Return the summary that a text asks for.

    Whether PyBaMM has the variable is not known here.

    Raises
    ------
    ValueError
        If the words are not known; the message suggests others.
    """
    words = " ".join(text.split())
    bare = _UNIT.sub("", words)
    if bare in WORDS and words in (bare, f"{bare} [{WORDS[bare]}]"):
        return Summary(f"{bare} [{WORDS[bare]}]", bare)
    word, _, kind = bare.partition(" in ")
    if word in COMPARED and kind in STEP_KINDS:
        return Summary(f"{bare} [{WORDS[word]}]", word, within=kind)
    if words.startswith("time to "):
        return _time_to(words)
    if words in HEALTH:
        return Summary(words, "health")
    if words.startswith(_CHANGE_IN) and len(words) > len(_CHANGE_IN):
        rest = words.removeprefix(_CHANGE_IN)
        return Summary(words, "change", rest[0].upper() + rest[1:])
    first, _, rest = words.partition(" ")
    if first in REDUCTIONS and rest in HEALTH:
        raise ValueError(f"{shown(text)}: is no variable over time; write {rest!r} alone")
    if first in REDUCTIONS:
        if not rest:
            raise ValueError(f"{shown(text)}: which variable? Write '{first} Voltage [V]'")
        return Summary(words, first, rest)
    if words[:1].isupper() or words[:1].isdigit():
        return Summary(words, "end", words)
    known = [f"{word} [{unit}]" for word, unit in WORDS.items()]
    hint = suggestion(bare, WORDS) if bare not in WORDS else suggestion(words, known)
    also = f"{', '.join(REDUCTIONS)} before a PyBaMM variable; or 'time to 4.2 V'"
    raise ValueError(f"{shown(text)}: not a known summary{hint} (also: {also})")


def _time_to(words: str) -> Summary:
    found = _TIME_TO.fullmatch(words)
    threshold = number_in(found[1]) if found else None
    if threshold is None or threshold <= 0:
        raise ValueError(f"{shown(words)}: not a voltage; write it as 'time to 4.2 V'")
    name = f"time to {number_text(threshold)} V [s]"
    return Summary(name, "time to", threshold=threshold)


def asks_for_health(summaries: Iterable[str]) -> bool:
    """Return whether any summary is made of the electrodes' state of health."""
    return any(parse_summary(text).kind == "health" for text in summaries)
