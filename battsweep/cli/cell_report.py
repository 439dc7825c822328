"""A measured cell in words: where it is from, what it has, what cleaning did to it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from battsweep.cli.ingest_words import count, printable, rules_json
from battsweep.cli.progress import duration

if TYPE_CHECKING:
    from battsweep.store.cells import MeasuredCell
    from battsweep.store.histories import Segment

_MOST_WARNINGS = 50


def describe_cell(cell: MeasuredCell) -> list[str]:
    """Return the lines that tell a cell and its cleaning report to a person."""
    record = cell.record
    lines = [
        f"Cell {printable(record.cell)}",
        f"  {count(record.rows, 'row')}, {count(record.cycles, 'cycle')}, "
        f"{count(record.steps, 'step')}, {duration(record.duration_s)}",
        f"  steps: {_kinds(cell)}",
        f"  columns: {', '.join(map(printable, cell.series.column_names))}",
    ]
    if cell.impedance is not None:
        lines.append(f"  impedance: {count(cell.impedance.num_rows, 'row')}")
    lines += [
        f"  generation {record.generation} of its history, {record.created_utc}: "
        f"{printable(record.told)}",
        "",
    ]
    for number, segment in enumerate(record.segments, start=1):
        lines += _segment(number, segment, several=len(record.segments) > 1)
    if record.warnings:
        lines += [
            "Warnings",
            *(f"  {printable(text)}" for text in record.warnings[:_MOST_WARNINGS]),
        ]
        if len(record.warnings) > _MOST_WARNINGS:
            lines.append(f"  … and {len(record.warnings) - _MOST_WARNINGS} more (--json: all)")
    else:
        lines.append("No warnings")
    return lines


def cell_document(cell: MeasuredCell) -> dict[str, object]:
    """Return a cell's summary and cleaning report as plain values."""
    record = cell.record
    return {
        "cell": record.cell,
        "generation": record.generation,
        "why": record.why,
        "told": record.told,
        "created_utc": record.created_utc,
        "rows": record.rows,
        "cycles": record.cycles,
        "steps": record.steps,
        "duration_s": record.duration_s,
        "columns": cell.series.column_names,
        "changes": cell.changes.num_rows,
        "warnings": list(record.warnings),
        "segments": [
            {
                "generation": one.generation,
                "format": one.format,
                "files": [
                    {"name": s.name, "bytes": s.bytes, "sha256": s.sha256} for s in one.sources
                ],
                "rows": one.rows,
                "cycles": one.cycles,
                "steps": one.steps,
                "time_offset_s": one.time_offset_s,
                "cycle_offset": one.cycle_offset,
                "step_offset": one.step_offset,
                "info": dict(one.info),
                "rules": rules_json(one.rules),
            }
            for one in record.segments
        ],
    }


def _segment(number: int, segment: Segment, *, several: bool) -> list[str]:
    title = f"Segment {number}" if several else "Source"
    lines = [f"{title} ({printable(segment.format)})"]
    for source in segment.sources:
        lines.append(
            f"  {printable(source.name)}, {count(source.bytes, 'byte')}, "
            f"sha256 {source.sha256[:16]}…"
        )
    if several:
        first, last = segment.cycle_offset + 1, segment.cycle_offset + segment.cycles
        lines.append(f"  cycles {first} to {last}; {segment.time_offset_s:g} s added to its times")
    lines += [f"  {printable(name)}: {printable(_word(v))}" for name, v in segment.info.items()]
    lines += ["", "Cleaning" + (f" of segment {number}" if several else "")]
    found = [rule for rule in segment.rules if rule.found or rule.changed or rule.dropped]
    width = max((len(rule.rule) for rule in segment.rules), default=0)
    for rule in found:
        lines.append(
            f"  {rule.rule:<{width}}  {rule.found} found, {rule.changed} changed, "
            f"{rule.dropped} dropped{_parameters(rule.parameters)}"
        )
        if rule.told:
            lines.append(f"  {'':<{width}}  {printable(rule.told)}")
    if idle := [rule.rule for rule in segment.rules if rule not in found]:
        lines.append(f"  nothing found by {', '.join(idle)}")
    return [*lines, ""]


def _parameters(parameters: Mapping[str, float | str | bool]) -> str:
    told = ", ".join(f"{name} {_word(value)}" for name, value in parameters.items())
    return f" ({printable(told)})" if told else ""


def _kinds(cell: MeasuredCell) -> str:
    from battsweep.data.columns import STEP_KIND

    if STEP_KIND.name not in cell.steps.column_names:
        return "none"
    found = Counter(str(one) for one in cell.steps.column(STEP_KIND.name).to_pylist())
    return ", ".join(f"{number} {kind}" for kind, number in found.most_common())


def _word(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
