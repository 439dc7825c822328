"""What commands say and draw of measured cells."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from battsweep.cli.arguments import known_name, wrong
from battsweep.errors import StoreError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from battsweep.store.store import Store

TABLES = ("cells", "cell-cycles", "cell-steps", "telemetry")
"""The tables of `battsweep table` that have to do with measured data."""


def add_cell(parser: argparse.ArgumentParser, help: str) -> None:
    """Add the option that names a measured cell."""
    parser.add_argument("--cell", metavar="NAME", help=help)


def table_of(store: Store, name: str, cell: str | None) -> pd.DataFrame:
    """Return one of `TABLES`, of a cell or of all.

    Raises
    ------
    SpecError
        If there is no such cell, or the table has none.
    """
    if name in ("cells", "telemetry"):
        if cell is not None:
            raise wrong("--cell", f"the table {name!r} is not of one cell; use cell-cycles")
        return store.cells() if name == "cells" else store.telemetry_parts()
    if cell is not None:
        cell = known_cell(store, cell)
    return store.cell_cycles(cell) if name == "cell-cycles" else store.cell_steps(cell)


def figure_of(store: Store, cell: str | None) -> Figure:
    """Return the picture of a cell; of the only one, if none is named."""
    from battsweep.analysis.cell_figure import cell_figure

    found = store.cell(known_cell(store, cell))
    return cell_figure(found.record.cell, found.series, found.cycles)


def known_cell(store: Store, name: str | None) -> str:
    """Return the name of a measured cell that there is; of the only one for None.

    Raises
    ------
    StoreError
        If there is none at all.
    SpecError
        If there is none of that name, or several and none is named.
    """
    from battsweep.store.cells import cell_names, newest_record

    if name is not None and newest_record(store.path, name) is not None:
        return name  # of thousands, the others need not be read
    names = cell_names(store.path)
    if not names:
        raise StoreError(
            f"{store.path}: has no measured cells; "
            f"battsweep ingest FILE --store {store.path} brings some"
        )
    if name is None and len(names) > 1:
        raise wrong("--cell", f"there are several cells, so name one: {', '.join(names[:20])}")
    return known_name("--cell", names[0] if name is None else name, names)
