"""Each kind of plot: choose what was left open, load what is needed, draw."""

from __future__ import annotations

import argparse
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from battsweep.cli.arguments import known_name, wrong
from battsweep.cli.loading import load_fits, load_measured, load_summaries, load_varied

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from battsweep.store.store import Store

_NO_SUMMARY = 'these tasks have no summary; the sweep file needs summary = ["capacity"]'
_HANDY = 6
_MOST_COMPARED = 6
_LABELS = ["model", "cell", "protocol"]


@dataclass(frozen=True, slots=True)
class Choices:
    """What the user asked for and, in ``said``, what was chosen where nothing was."""

    arguments: argparse.Namespace
    said: list[str] = field(default_factory=list)

    def pick(
        self, option: str, given: str | None, known: list[str], chosen: str | None
    ) -> str | None:
        """Return the name given, if it is known, else the one chosen, and note that."""
        if given is not None:
            return known_name(option, given, known)
        if chosen is not None:
            self.said.append(f"{option} {_quoted(chosen)}")
        return chosen

    def need(self, option: str, given: str | None, known: list[str], chosen: str | None) -> str:
        """Return as `pick` does; a `SpecError` if nothing is given or can be chosen."""
        name = self.pick(option, given, known, chosen)
        if name is None:
            found = f"nothing to choose by itself; there are {', '.join(map(repr, known))}"
            raise wrong(option, found if known else _NO_SUMMARY)
        return name


def voltage(store: Store, tasks: pd.DataFrame, choices: Choices) -> Figure:
    """Return voltage curves, or those of another column of the series."""
    from battsweep.analysis.choices import choose_colour
    from battsweep.analysis.curves import CAPACITY, choose_curves, curve_figure
    from battsweep.analysis.series import by_task, discharges_at_different_currents
    from battsweep.data.columns import CURRENT, TIME, VOLTAGE

    varied = load_varied(store, tasks)
    given = choices.arguments
    colours = [*varied, *_LABELS, *load_summaries(tasks, varied)]
    colour = choices.pick("--colour", given.colour, colours, choose_colour(tasks, varied))
    drawable = _finished(tasks)
    chosen = choose_curves(drawable, colour=colour)
    y = given.y or VOLTAGE.name
    table = store.series([str(task_id) for task_id in chosen["task_id"]])
    columns = [name for name in table.column_names if name != "task_id"]
    known_name("--y", y, columns)
    if given.x is not None:
        known_name("--x", given.x, [*columns, "time", CAPACITY])
    if given.x == CAPACITY and CURRENT.name not in columns:
        raise wrong("--x", f"{CAPACITY} needs the series 'Current [A]', which was not kept")
    series = by_task(table)
    x = {None: None, "time": TIME.name}.get(given.x, given.x)
    if x is None:
        capacity = y == VOLTAGE.name and discharges_at_different_currents(series)
        x = CAPACITY if capacity else TIME.name
        choices.said.append(f"--x {CAPACITY if capacity else 'time'}")
    measured = load_measured(store) if y == VOLTAGE.name else []
    return curve_figure(tasks, series, colour=colour, x=x, y=y, measured=measured)


def compare(store: Store, tasks: pd.DataFrame, choices: Choices) -> Figure:
    """Return measured cycles and their replay."""
    from battsweep.analysis.compare import compare_figure, comparison_table
    from battsweep.analysis.series import by_task

    compared = tasks.loc[comparison_table(tasks).index]
    cycle = choices.arguments.cycle
    if cycle is not None:
        numbers = [] if "cycle" not in compared else compared["cycle"].dropna().unique().tolist()
        if cycle not in numbers:
            there = ", ".join(f"{number:g}" for number in sorted(numbers)) or "none"
            raise wrong("--cycle", f"{cycle}: no such cycle is compared; there are {there}")
        compared = compared[compared["cycle"] == cycle]
    curves = [
        curve
        for curve in load_measured(store)
        if ((compared["cell"] == curve.cell) & (compared["protocol"] == curve.protocol)).any()
        and (cycle is None or curve.at.get("cycle") == cycle)
    ]
    if len(curves) > _MOST_COMPARED:
        choices.said.append(f"the first {_MOST_COMPARED} of {len(curves)} measured curves")
        curves = curves[:_MOST_COMPARED]
    series = by_task(store.series([str(task_id) for task_id in compared["task_id"]]))
    drawn = compared[compared["task_id"].isin(list(series))]
    return compare_figure(drawn, series, curves)


def summary(store: Store, tasks: pd.DataFrame, choices: Choices) -> Figure:
    """Return a summary against a varied quantity."""
    from battsweep.analysis.choices import choose_colour, choose_summary, choose_x
    from battsweep.analysis.summaries import summary_figure

    _finished(tasks)
    varied = load_varied(store, tasks)
    summaries = load_summaries(tasks, varied)
    given = choices.arguments
    y = choices.need("--y", given.y, summaries, choose_summary(tasks, summaries))
    known = [*varied, *_LABELS, *summaries]
    x = choices.need("--x", given.x, known, choose_x(tasks, varied))
    automatic = choose_colour(tasks, varied, taken=(x,))
    many = automatic is not None and tasks[automatic].nunique() > _HANDY
    if many and x != "model" and tasks["model"].nunique() > 1:
        automatic = "model"
    colour = choices.pick("--colour", given.colour, known, automatic)
    return summary_figure(tasks, x=x, y=y, colour=colour)


def heatmap(store: Store, tasks: pd.DataFrame, choices: Choices) -> Figure:
    """Return a summary, ``--colour``, over two quantities."""
    from battsweep.analysis.choices import choose_summary, choose_x
    from battsweep.analysis.heatmap import heatmap_figure

    _finished(tasks)
    varied = load_varied(store, tasks)
    summaries = load_summaries(tasks, varied)
    given = choices.arguments
    value = choices.need("--colour", given.colour, summaries, choose_summary(tasks, summaries))
    known = [*varied, *_LABELS]
    taken = [name for name in (given.x, given.y) if name is not None]
    x = choices.need("--x", given.x, known, choose_x(tasks, varied, taken=taken))
    y = choices.need("--y", given.y, known, choose_x(tasks, varied, taken=[x]))
    if x == y:
        raise wrong("--y", f"{y!r} lies along x already; give another one")
    return heatmap_figure(tasks, x=x, y=y, value=value)


def cycles(store: Store, tasks: pd.DataFrame, choices: Choices) -> Figure:
    """Return a summary of each cycle against its number."""
    from battsweep.analysis.choices import choose_colour, choose_summary
    from battsweep.analysis.cycles import cycles_figure

    given = choices.arguments
    rows = store.cycles(where=given.where)
    rows = rows[rows["task_id"].isin(tasks["task_id"])].drop_duplicates(["task_id", "cycle_count"])
    if not len(rows):
        raise wrong("", f"none of the {len(tasks)} tasks has cycles; protocols need cycles = N")
    varied = load_varied(store, tasks)
    known = load_summaries(rows, varied)
    y = choices.need("--y", given.y, known, choose_summary(rows, known))
    colours = [*varied, *_LABELS]
    colour = choices.pick("--colour", given.colour, colours, choose_colour(tasks, varied))
    return cycles_figure(tasks, rows, y=y, colour=colour)


def fit(store: Store, tasks: pd.DataFrame, choices: Choices) -> Figure:
    """Return measured against simulated curves before and after the fits."""
    from battsweep.analysis.fit_figure import MOST_FITS, fit_figure
    from battsweep.analysis.series import by_task

    del choices
    fits = load_fits(store, tasks)
    series = by_task(store.series([one.task_id for one in fits[:MOST_FITS]]))
    measured = {(curve.cell, curve.name): curve for curve in load_measured(store)}
    return fit_figure(fits, series, measured)


def _finished(tasks: pd.DataFrame) -> pd.DataFrame:
    """Return the tasks that are done; a `SpecError` if none is."""
    done = tasks[tasks["status"] == "done"]
    if not len(done):
        raise wrong("", f"none of the {len(tasks)} tasks is done; see battsweep status")
    return done


def _quoted(name: str) -> str:
    return f'"{name}"' if " " in name else name
