"""What an ingest says: for a person, and as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from battsweep.cli.progress import duration

if TYPE_CHECKING:
    from battsweep.data.cell import RuleCount
    from battsweep.store.cells import WrittenCell
    from battsweep.store.histories import CellRecord, Segment
    from battsweep.store.telemetry import WrittenTelemetry

MOST_WARNINGS = 6
MOST_CELLS = 12


def cell_lines(written: WrittenCell) -> list[str]:
    """Return what was recognised of a cell, what cleaning did, and what became of it."""
    record, segment = written.record, _newest(written)
    names = ", ".join(source.name for source in segment.sources)
    lines = [f"{names}: {segment.format}, cell {printable(record.cell)!r}"]
    lines.append(
        f"  {count(segment.rows, 'row')}, {count(segment.cycles, 'cycle')}, "
        f"{count(segment.steps, 'step')}, {duration(segment.last_s - segment.first_s)}"
    )
    if len(record.segments) > 1:
        lines.append(
            f"  with what was there: {count(record.rows, 'row')}, "
            f"{count(record.cycles, 'cycle')}, {duration(record.duration_s)}"
        )
    lines += [f"  cleaning: {text}" for text in rules_told(segment.rules)]
    told = _warnings(record, segment)
    lines += [f"  warning: {printable(text)}" for text in told[:MOST_WARNINGS]]
    if len(told) > MOST_WARNINGS:
        more = f"… and {len(told) - MOST_WARNINGS} more"
        lines.append(f"  {more}: battsweep show STORE --cell shows all")
    lines.append(f"  {written.what}: {printable(written.told)}")
    return lines


def cells_lines(written: Sequence[WrittenCell]) -> list[str]:
    """Return what became of the cells of one file; of many, a line each."""
    if len(written) <= MOST_CELLS:
        return [line for one in written for line in cell_lines(one)]
    first = _newest(written[0])
    names = ", ".join(source.name for source in first.sources)
    lines = [f"{printable(names)}: {printable(first.format)}, {len(written)} cells"]
    for one in written:
        segment = _newest(one)
        changed = sum(rule.changed for rule in segment.rules)
        dropped = sum(rule.dropped for rule in segment.rules)
        told = _warnings(one.record, segment)
        warnings = f", {count(len(told), 'warning')}" if told else ""
        lines.append(
            f"  {printable(one.record.cell)}: {count(segment.rows, 'row')}, "
            f"{count(segment.cycles, 'cycle')}, {changed} changed, {dropped} dropped"
            f"{warnings}: {one.what}"
        )
    return [*lines, "  battsweep show STORE --cell NAME tells all of one"]


def _warnings(record: CellRecord, segment: Segment) -> list[str]:
    """Return the warnings of a segment alone: of reading, cleaning, and how it goes on."""
    from battsweep.store.histories import joints

    before = record.segments[: record.segments.index(segment) + 1][-2:]
    return [*segment.notes, *segment.warnings, *joints(before)]


def telemetry_lines(written: WrittenTelemetry) -> list[str]:
    """Return what a file of telemetry holds, what cleaning did, and what became of it."""
    file = written.file
    signals = ", ".join(sorted({part.signal for part in file.parts if part.signal})) or "alerts"
    days = sorted({part.day for part in file.parts if part.day})
    span = f", {days[0]}{f' to {days[-1]}' if len(days) > 1 else ''}" if days else ""
    components = {
        (one.site, one.asset, one.component) for part in file.parts for one in part.components
    }
    lines = [
        f"{printable(file.source.name)}: telemetry, {printable(signals)}{span}",
        f"  {count(file.rows_read, 'row')} read, {count(file.rows, 'row')} kept, "
        f"{count(len(components), 'component')}",
    ]
    lines += [f"  cleaning: {text}" for text in rules_told(file.rules)]
    lines.append(f"  {written.what}: {printable(written.told)}")
    return lines


def rules_told(rules: Sequence[RuleCount]) -> list[str]:
    """Return, in words, what those rules did that found anything."""
    return [printable(f"{one.rule}: {one.told}") for one in rules if one.found]


def cell_json(written: WrittenCell) -> dict[str, object]:
    """Return an ingested cell as plain values."""
    record, segment = written.record, _newest(written)
    return {
        "cell": record.cell,
        "what": written.what,
        "told": written.told,
        "generation": record.generation,
        "format": segment.format,
        "files": [source.name for source in segment.sources],
        "rows": segment.rows,
        "cycles": segment.cycles,
        "steps": segment.steps,
        "history": {"rows": record.rows, "cycles": record.cycles, "steps": record.steps},
        "rules": rules_json(segment.rules),
        "warnings": _warnings(record, segment),
        "info": dict(segment.info),
    }


def telemetry_json(written: WrittenTelemetry) -> dict[str, object]:
    """Return an ingested file of telemetry as plain values."""
    file = written.file
    return {
        "file": file.source.name,
        "what": written.what,
        "told": written.told,
        "kind": file.kind,
        "rows_read": file.rows_read,
        "rows": file.rows,
        "parts": [
            {"day": part.day, "signal": part.signal, "rows": part.rows, "path": part.path}
            for part in file.parts
        ],
        "rules": rules_json(file.rules),
    }


def rules_json(rules: Sequence[RuleCount]) -> list[Mapping[str, object]]:
    """Return rules as plain values."""
    return [
        {
            "rule": one.rule,
            "parameters": dict(one.parameters),
            "found": one.found,
            "changed": one.changed,
            "dropped": one.dropped,
            "told": one.told,
        }
        for one in rules
    ]


def count(number: int, word: str) -> str:
    """Return a number and its noun: 1 row, 2 rows."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def printable(text: str) -> str:
    """Return text from a file so that it cannot command the terminal that shows it."""
    return "".join(c if c.isprintable() else repr(c)[1:-1] for c in text)


def printable_lines(text: str) -> str:
    """Return text of several lines as `printable` does, its lines kept."""
    return "\n".join(printable(line) for line in text.splitlines())


def _newest(written: WrittenCell) -> Segment:
    """Return the segment that an ingest is about: the one that its files brought."""
    return next(one for one in written.record.segments if one.generation == written.segment)
