"""A receipt: the record of how one attempt at a task ended."""

from __future__ import annotations

import base64
import json
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

from battsweep.store.json_text import plain_to_json, to_json

FAILURE_CLASSES = (
    "infeasible",  # the physics or the protocol does not allow it
    "solver",  # the solver gave up
    "time-limit",  # it ran longer than the sweep file allows
    "memory",  # it asked for more memory than there is
    "crashed",  # the process died
    "spec",  # a value PyBaMM refuses
    "error",  # anything else that Python raised
)
OUTCOMES = ("done", "failed", "lost")


@dataclass(frozen=True, slots=True)
class Receipt:
    """How one attempt ended.

    ``row_start`` and ``row_count`` are the task's place in its shard's series.
    ``summary`` holds one number a name (None where there is none); ``cycles``
    one such mapping a cycle, each with ``cycle_count``. ``statistics`` are the
    solver's. ``partial`` is set where a failed task has rows all the same.
    ``fit`` is empty but for fits. ``group`` is the key of the built model that
    solved it, and ``method`` "reused" where that was shared, "rebuilt" where it
    was built for this task alone. ``proof`` holds how far it is from a plain
    simulation, where that was computed too; ``tries`` what else was tried after
    the solver failed, and then ``message`` says of a done task by what. Times are UTC in ISO 8601.
    """

    task_id: str
    number: int
    kind: str
    cell: str
    model: str
    protocol: str
    varied: Mapping[str, float | str]
    outcome: str
    attempt: int = 1
    failure_class: str | None = None
    message: str | None = None
    traceback: str | None = None
    partial: bool = False
    row_start: int = 0
    row_count: int = 0
    summary: Mapping[str, float | None] = field(default_factory=dict)
    cycles: Sequence[Mapping[str, float | None]] = ()
    statistics: Mapping[str, float] = field(default_factory=dict)
    fit: Mapping[str, object] = field(default_factory=dict)
    group: str = ""
    method: str = ""
    proof: Mapping[str, object] = field(default_factory=dict)
    tries: Sequence[Mapping[str, object]] = ()
    started_utc: str = ""
    wall_s: float = 0.0
    log: str = ""


def encode_receipts(receipts: Sequence[Receipt]) -> bytes:
    """Return receipts as compressed ASCII, fit for a file's key-value metadata.

    NaN and infinity, for which JSON has no word, become None.
    """
    names = tuple(Receipt.__dataclass_fields__)
    values_of = attrgetter(*names)
    records = [dict(zip(names, values_of(receipt), strict=True)) for receipt in receipts]
    try:
        text = plain_to_json(records)  # plain already, as a rule
    except (TypeError, ValueError):
        text = to_json(records)
    return base64.b64encode(zlib.compress(text.encode()))


def decode_receipts(data: bytes) -> list[Receipt]:
    """Return the receipts that `encode_receipts` wrote; later fields may be missing."""
    known = Receipt.__dataclass_fields__
    return [
        Receipt(**{key: value for key, value in record.items() if key in known})
        for record in json.loads(zlib.decompress(base64.b64decode(data, validate=True)))
    ]
