"""Raw cells into a store: named, cleaned, and only then written, one after the other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from hashlib import file_digest
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.arguments import wrong

if TYPE_CHECKING:
    from battsweep.data.cell import CleanCell, RawCell
    from battsweep.store.cells import WrittenCell

Clean = Callable[["RawCell"], "CleanCell"]
Seen = dict[str, dict[str, str]]
"""By cells, the files of a command so far: their names, and the sha256 of their bytes."""


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What the user says of cells: a name, that they go on, that nothing is written."""

    name: str | None = None
    extend: bool = False
    dry_run: bool = False
    settings: Mapping[str, object] = field(default_factory=dict)


def named(raws: Sequence[RawCell], name: str | None) -> list[RawCell]:
    """Return the cells under the name given, or under their own.

    Raises
    ------
    SpecError
        If one file holds several cells, which no one name can be of.
    """
    if name is None:
        return list(raws)
    if not name.strip() or not name.isprintable():
        raise wrong("--cell", f"{name!r} is no name; use letters, digits and marks")
    by_source: dict[tuple[str, ...], set[str]] = {}
    for raw in raws:
        key = tuple(source.sha256 for source in raw.sources)
        by_source.setdefault(key, set()).add(raw.cell)
    for cells in by_source.values():
        if len(cells) > 1:
            raise wrong(
                "--cell",
                f"{name!r} cannot be the name of all the cells in one file: "
                f"{', '.join(sorted(cells)[:20])}; leave it out",
            )
    return [replace(raw, cell=name) for raw in raws]


def known_file(
    known: Mapping[str, Sequence[WrittenCell]], path: Path, options: CellOptions
) -> list[WrittenCell]:
    """Return the cells of a file that need not even be read, as all of it is in the store.

    Empty unless it was cleaned with the same settings. ``known`` is what
    `battsweep.store.cells.cells_by_file` says.
    """
    from battsweep.store.json_text import plain

    try:
        with path.open("rb") as file:
            found = known.get(file_digest(file, "sha256").hexdigest(), ())
    except OSError:
        return []  # reading it says what is wrong
    settings = plain(options.settings)
    same = []
    for one in found:
        segment = next(s for s in one.record.segments if s.generation == one.segment)
        if segment.settings == settings and options.name in (None, one.record.cell):
            same.append((one, segment.siblings))
    whole = same and len(same) == same[0][1]
    return [one for one, _ in same] if whole else []


def take_in(
    raws: Sequence[RawCell],
    clean: Clean,
    store: Path,
    options: CellOptions,
    seen: Seen,
) -> list[WrittenCell]:
    """Clean the cells of a file and put them into a store; none before all are clean.

    What the store has already, cleaned with the same settings, is not cleaned
    again. ``seen`` are the cells of this command so far, and grows.

    Raises
    ------
    DataError, SpecError, StoreError
        If a cell cannot be cleaned, or not be taken in; then none of the file is.
    """
    from battsweep.store.cells import known_already, refuse_others, write_cell

    cells = named(raws, options.name)
    extend = options.extend or options.name is not None
    now = dict(seen)
    for raw in cells:
        refuse_others(store, raw, extend=extend)
        now = _with(now, raw, extend=extend)
    known = [known_already(store, raw, options.settings) for raw in cells]
    cleaned = [
        replace(clean(raw), cell=raw.cell) if written is None else None
        for raw, written in zip(cells, known, strict=True)
    ]
    found = []
    for raw, written, cell in zip(cells, known, cleaned, strict=True):
        if written is None and cell is not None:
            written = write_cell(
                store,
                raw,
                cell,
                settings=options.settings,
                siblings=len(cells),
                extend=extend,
                dry_run=options.dry_run,
            )
        if written is not None:
            found.append(written)
    seen.update(now)
    return found


def _with(seen: Seen, raw: RawCell, *, extend: bool) -> Seen:
    """Return what was seen and a cell; a DataError where two files do not go together."""
    from battsweep.errors import DataError

    mine = {source.name: source.sha256 for source in raw.sources}
    others = seen.get(raw.cell, {})
    for name, digest in mine.items():
        if others.get(name, digest) != digest:
            raise DataError(
                f"{name}: two files of this name are of cell {raw.cell!r}; by its name a file's "
                "newer content is known, so rename one"
            )
    if not extend and others.keys() - mine.keys():
        names = ", ".join(sorted({*others, *mine}))
        raise DataError(
            f"{names}: all are of cell {raw.cell!r}; if they are one history in this order, say "
            "--extend; if they are several cells, ingest each with a --cell of its own"
        )
    return {**seen, raw.cell: {**others, **mine}}
