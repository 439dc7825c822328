"""What the store says of a measured cell: which files, in which order, on which clock.

A *segment* is what one ingest brought: cleaned tables that never change. A
*generation* of a cell's history is an ordered list of segments, each with what
is added to its times, cycle and step numbers so that these go on from one to the
next. A further file makes a generation with one segment more; an altered one,
a generation with another segment in its place. The newest generation counts.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from hashlib import sha256
from typing import Any, Literal

from battsweep.data.cell import RuleCount, SourceFile
from battsweep.store.json_text import plain, to_json

SCHEMA_VERSION = 1
Why = Literal["new", "extended", "superseded"]


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file of a segment: how many rows and bytes it has, and their sha256."""

    rows: int
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Segment:
    """What one ingest brought of a cell.

    ``generation`` is the one that brought it, and names its folder; ``siblings``
    are the cells that its files gave, itself among them. ``first_s``
    to ``last_s`` are its own times, ``*_unix_s`` its calendar's where it has
    one; the offsets are what this history adds.
    """

    generation: int
    format: str
    sources: tuple[SourceFile, ...]
    files: Mapping[str, StoredFile]
    cycles: int
    steps: int
    first_s: float
    last_s: float
    interval_s: float
    first_unix_s: float | None = None
    last_unix_s: float | None = None
    rules: tuple[RuleCount, ...] = ()
    warnings: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    info: Mapping[str, float | str] = field(default_factory=dict)
    settings: Mapping[str, object] = field(default_factory=dict)
    siblings: int = 1
    time_offset_s: float = 0.0
    row_offset: int = 0
    cycle_offset: int = 0
    step_offset: int = 0

    @property
    def rows(self) -> int:
        """Return how many rows of series it has."""
        return self.files["series"].rows


@dataclass(frozen=True, slots=True)
class CellRecord:
    """A generation of a cell's history; ``told`` says in words how it came to be."""

    cell: str
    generation: int
    why: Why
    told: str
    created_utc: str
    segments: tuple[Segment, ...]

    @property
    def rows(self) -> int:
        """Return how many rows of series it has."""
        return sum(segment.rows for segment in self.segments)

    @property
    def cycles(self) -> int:
        """Return how many cycles it has."""
        return sum(segment.cycles for segment in self.segments)

    @property
    def steps(self) -> int:
        """Return how many steps it has."""
        return sum(segment.steps for segment in self.segments)

    @property
    def duration_s(self) -> float:
        """Return the time from its first row to its last."""
        last = self.segments[-1]
        return last.last_s + last.time_offset_s - self.segments[0].first_s

    @property
    def sources(self) -> tuple[SourceFile, ...]:
        """Return the files that it was read from, in order."""
        return tuple(source for segment in self.segments for source in segment.sources)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Return what reading, cleaning and joining warned of."""
        own = (text for segment in self.segments for text in (*segment.notes, *segment.warnings))
        return (*own, *joints(self.segments))


def placed(segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return segments in their order, each with what makes it go on from the one before.

    The order is that of the calendar where all have one, else as given. Cycle
    and step numbers go on. The clock goes on by the calendar's gap where both
    have one; by itself where it starts after the other's end; else the
    segment starts one of its sampling intervals after the other's end.
    """
    starts = [segment.first_unix_s for segment in segments]
    ordered = list(segments)
    if all(start is not None for start in starts):
        ordered.sort(key=lambda segment: segment.first_unix_s or 0.0)
    found: list[Segment] = []
    for segment in ordered:
        if not found:
            found.append(
                replace(segment, time_offset_s=0.0, row_offset=0, cycle_offset=0, step_offset=0)
            )
            continue
        before = found[-1]
        found.append(
            replace(
                segment,
                time_offset_s=_offset(before, segment)[0],
                row_offset=before.row_offset + before.rows,
                cycle_offset=before.cycle_offset + before.cycles,
                step_offset=before.step_offset + before.steps,
            )
        )
    return tuple(found)


def joints(segments: Sequence[Segment]) -> list[str]:
    """Return, in words, where the clock between two segments is not known but assumed."""
    return [
        told
        for before, segment in itertools.pairwise(segments)
        if (told := _offset(before, segment)[1])
    ]


def encode_history(record: CellRecord) -> bytes:
    """Return a record as JSON text that covers itself with a sha256."""
    content = plain(asdict(record))
    text = json.dumps(
        {"format": "battsweep-cell", "schema_version": SCHEMA_VERSION, "history": content}
        | {"sha256": _digest(content)},
        indent=1,
        ensure_ascii=False,
    )
    return (text + "\n").encode()


def decode_history(data: bytes) -> CellRecord:
    """Return the record that `encode_history` wrote.

    Raises
    ------
    ValueError, LookupError, TypeError
        If it is damaged, or of a newer battsweep.
    """
    document = json.loads(data)
    if int(document["schema_version"]) > SCHEMA_VERSION:
        raise ValueError(
            f"schema_version {document['schema_version']} is newer than {SCHEMA_VERSION}; "
            "install a newer battsweep"
        )
    content = document["history"]
    if _digest(content) != document["sha256"]:
        raise ValueError("its content is not what was written")
    return CellRecord(**content | {"segments": tuple(map(_segment, content["segments"]))})


def _segment(content: Mapping[str, Any]) -> Segment:
    parts = {
        "sources": tuple(SourceFile(**one) for one in content["sources"]),
        "files": {name: StoredFile(**one) for name, one in content["files"].items()},
        "rules": tuple(RuleCount(**one) for one in content["rules"]),
        "warnings": tuple(content["warnings"]),
        "notes": tuple(content["notes"]),
    }
    return Segment(**{**content, **parts})


def _digest(content: object) -> str:
    return sha256(to_json(content).encode()).hexdigest()


def _offset(before: Segment, segment: Segment) -> tuple[float, str]:
    """Return what is added to a segment's times, and a warning where it is a guess."""
    end = before.last_s + before.time_offset_s
    if before.last_unix_s is not None and segment.first_unix_s is not None:
        gap = segment.first_unix_s - before.last_unix_s
        if gap > 0:
            return end + gap - segment.first_s, ""
    if segment.first_s > end:
        return 0.0, ""
    names = ", ".join(source.name for source in segment.sources)
    guess = (
        f"{names}: how long after the rows before it this starts is not in the files; "
        f"taken as one sampling interval ({segment.interval_s:.3g} s)"
    )
    return end + segment.interval_s - segment.first_s, guess
