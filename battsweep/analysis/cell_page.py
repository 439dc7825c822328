"""A measured cell as one page of HTML that needs nothing else: pictures, report, changes."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from html import escape

import pyarrow as pa
from matplotlib.figure import Figure

from battsweep.analysis.cell_figure import cell_figure
from battsweep.analysis.changes_figure import changes_figure
from battsweep.analysis.style import encode

MOST_CHANGES = 200
_STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem auto; max-width: 62rem; color: #222;
  padding: 0 1rem }
img { max-width: 100% }
pre { background: #f6f6f6; padding: 1rem; overflow-x: auto; white-space: pre-wrap }
table { border-collapse: collapse; font-size: 14px }
td, th { padding: .15rem .7rem; border-bottom: 1px solid #ddd; text-align: left }
"""


def cell_page(
    name: str,
    series: pa.Table,
    cycles: pa.Table,
    changes: pa.Table,
    report: Sequence[str],
    segments: Sequence[tuple[int, int]],
) -> str:
    """Return the page: the cell drawn, its report in words, and what cleaning changed.

    ``segments`` are the first row and the count of rows of each segment.
    """
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(name)}</title>',
        f"<style>{_STYLE}</style></head><body>",
        f"<h1>{escape(name)}</h1>",
        _image(cell_figure(name, series, cycles), f"Voltage and current of {name}"),
        "<h2>Report</h2>",
        f"<pre>{escape(chr(10).join(report))}</pre>",
    ]
    figure = changes_figure(series, changes, segments)
    if figure is not None:
        parts += ["<h2>Before and after</h2>", _image(figure, "What cleaning changed")]
    parts += [*_changes(changes), "</body></html>"]
    return "\n".join(parts) + "\n"


def _changes(changes: pa.Table) -> list[str]:
    if not changes.num_rows:
        return ["<p>Nothing was changed.</p>"]
    shown = changes.slice(0, MOST_CHANGES)
    head = "".join(f"<th>{escape(name)}</th>" for name in shown.column_names)
    rows = [
        "<tr>" + "".join(f"<td>{escape(_word(value))}</td>" for value in row.values()) + "</tr>"
        for row in shown.to_pylist()
    ]
    told = f"<h2>Changes</h2><p>{changes.num_rows} in all"
    if changes.num_rows > MOST_CHANGES:
        told += f", the first {MOST_CHANGES} here"
    return [f"{told}.</p>", f"<table><tr>{head}</tr>", *rows, "</table>"]


def _image(figure: Figure, words: str) -> str:
    data = base64.b64encode(encode(figure, "png")).decode()
    return f'<img alt="{escape(words)}" src="data:image/png;base64,{data}">'


def _word(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)
