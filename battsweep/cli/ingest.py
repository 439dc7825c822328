"""``battsweep ingest``: measured cells and telemetry into a store."""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.arguments import add_command, wrong
from battsweep.cli.ingest_words import (
    cell_json,
    cells_lines,
    count,
    printable,
    printable_lines,
    telemetry_json,
    telemetry_lines,
)
from battsweep.cli.output import print_json
from battsweep.errors import DataError

if TYPE_CHECKING:
    from battsweep.data.telemetry.reading import Kind
    from battsweep.store.cells import WrittenCell
    from battsweep.store.telemetry import WrittenTelemetry

_DESCRIPTION = """\
Take measured data into a store: recognise each file's format, clean it, number its cycles
and steps, and keep all of it with what was changed and why. A FILE may be a pattern or a
folder. Of a charger fleet's telemetry, files larger than memory are streamed.

A file is in whole or not at all. The same file again changes nothing; one of the same name
with other content counts from then on, and the older one is kept. It works while
'battsweep run' is at work on the same store.
"""
_EXAMPLES = """\
  battsweep ingest B0005.mat --store lab            a cell, or all cells of a file
  battsweep ingest exports/ --store lab --dry-run   what would be recognised and cleaned
  battsweep ingest odd.csv --store lab --recipe odd.toml --cell LGM50-07
  battsweep ingest part2.csv --store lab --cell LGM50-07    goes on with its history
"""


def add_ingest(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "ingest",
        ingest,
        help="measured data in: recognise, clean, number cycles, store",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    parser.add_argument("files", metavar="FILE", nargs="+", help="a file, a pattern or a folder")
    parser.add_argument(
        "--store", metavar="STORE", type=Path, required=True, help="made if it is not there"
    )
    parser.add_argument(
        "--recipe",
        metavar="RECIPE",
        type=Path,
        help="a TOML file that says what the columns are, and how to clean",
    )
    parser.add_argument(
        "--cell", metavar="NAME", help="the cell's name; further files go on with its history"
    )
    parser.add_argument(
        "--extend", action="store_true", help="files of cells known go on with their histories"
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="tell what would be done, write nothing"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def ingest(arguments: argparse.Namespace) -> int:
    """Take the files in, and say what they were and what became of them."""
    from battsweep.cli.ingest_files import given_files
    from battsweep.data.telemetry.reading import telemetry_kind
    from battsweep.store.layout import create_store, is_store, store_format

    store: Path = arguments.store
    given = given_files(arguments.files)
    for path in given.passed_over:
        print(f"passed over: {printable(str(path))}", file=sys.stderr)
    if is_store(store):
        store_format(store)
    elif not arguments.dry_run:
        create_store(store, format="parquet")
    kinds = {path: telemetry_kind(path) for path in given.paths}
    fleet = [(path, kind) for path, kind in kinds.items() if kind is not None]
    others = [path for path, kind in kinds.items() if kind is None]
    if fleet and not others and (arguments.cell or arguments.recipe or arguments.extend):
        raise wrong("--cell", "--recipe and --extend are for cells; all files are telemetry")
    done = Done()
    _take_cells(others, store, arguments, done)
    for path, kind in fleet:
        with done.refusals():
            _take_telemetry(store, path, kind, arguments, done)
    taken = bool(done.cells or done.files) and not arguments.dry_run
    busy = _index(store) if taken else ""
    if arguments.json:
        document = {
            "store": str(store),
            "dry_run": arguments.dry_run,
            "cells": [cell_json(one) for one in done.cells],
            "telemetry": [telemetry_json(one) for one in done.files],
            "refused": done.refused,
            "passed_over": [printable(str(path)) for path in given.passed_over],
            "indexed": taken and not busy,
        }
        print_json(document)
    else:
        print("\n".join(_ending(done, arguments, busy)), flush=True)
    for text in done.refused:
        print(f"battsweep: {printable_lines(text)}", file=sys.stderr)
    return 2 if done.refused else 0


@dataclass(slots=True)
class Done:
    """What became of the files so far; ``refused`` has an error's text for each that is out."""

    cells: list[WrittenCell] = field(default_factory=list)
    files: list[WrittenTelemetry] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)

    @contextmanager
    def refusals(self) -> Generator[None]:
        """Note a file that is wrong, and go on with the next."""
        try:
            yield
        except DataError as error:
            self.refused.append(str(error))


def _take_cells(
    paths: Sequence[Path], store: Path, arguments: argparse.Namespace, done: Done
) -> None:
    """Take in the cells of files, one file after the other: memory is that of the largest."""
    if not paths:
        return
    from battsweep.cli.ingest_cells import CellOptions, Seen, known_file, take_in
    from battsweep.data.clean import clean, settings_of
    from battsweep.data.formats import read_files
    from battsweep.data.recipe import load_recipe
    from battsweep.store.cells import cells_by_file

    recipe = None if arguments.recipe is None else load_recipe(arguments.recipe)
    cleaning = settings_of(recipe.cleaning if recipe is not None else None)
    settings = {
        "battsweep": _version(),
        "cleaning": asdict(cleaning),
        "recipe": None if recipe is None else recipe.model_dump(mode="json"),
    }
    options = CellOptions(arguments.cell, arguments.extend, arguments.dry_run, settings)
    known, seen = cells_by_file(store), Seen()
    for number, path in enumerate(paths, start=1):
        _progress(f"{number} of {len(paths)}: {path.name}")
        with done.refusals():
            written = known_file(known, path, options)
            if not written:
                raws = read_files([path], recipe)
                written = take_in(raws, lambda raw: clean(raw, cleaning), store, options, seen)
            done.cells += written
            if written and not arguments.json:
                print("\n".join(cells_lines(written)), flush=True)


def _version() -> str:
    """Return battsweep's version: another one may clean otherwise."""
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("battsweep")
    except PackageNotFoundError:
        return "not installed"


def _take_telemetry(
    store: Path, path: Path, kind: Kind, arguments: argparse.Namespace, done: Done
) -> None:
    from battsweep.store.telemetry import ingest_telemetry, look_at_telemetry

    _progress(f"telemetry: {path.name}")
    if arguments.dry_run:
        with tempfile.TemporaryDirectory(prefix="battsweep-dry-run-") as folder:
            written = look_at_telemetry(store, path, kind, Path(folder))
    else:
        written = ingest_telemetry(store, path, kind)
    done.files.append(written)
    if not arguments.json:
        print("\n".join(telemetry_lines(written)), flush=True)


def _index(store: Path) -> str:
    from battsweep.store.indexing import index_measured

    return index_measured(store)


def _ending(done: Done, arguments: argparse.Namespace, busy: str) -> list[str]:
    """Return the last lines: how many of what, and what comes later."""
    cells, files = done.cells, done.files
    counts: dict[str, int] = {}
    for what_was_done in [one.what for one in cells] + [one.what for one in files]:
        counts[what_was_done] = counts.get(what_was_done, 0) + 1
    what = [
        count(len(one), word)
        for one, word in ((cells, "cell"), (files, "file of telemetry"))
        if one
    ] or ["nothing"]
    if done.refused:
        counts["refused"] = len(done.refused)
    told = ", ".join(f"{number} {word}" for word, number in counts.items())
    total = " and ".join(what).replace("file of telemetrys", "files of telemetry")
    if arguments.dry_run:
        return [f"{arguments.store}: nothing is written (--dry-run): {total}: {told}"]
    lines = [f"{arguments.store}: {total}: {told}"]
    if busy:
        lines.append(f"the index is written by a driver now ({busy}); it takes this in at its end")
    return lines


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        print(printable(text), file=sys.stderr, flush=True)
