"""``battsweep plot``: figures as PNG, SVG or PDF."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli import cells, figures
from battsweep.cli.arguments import add_command, add_store, add_where, known_name, wrong
from battsweep.cli.loading import load_simulations
from battsweep.cli.output import write_file
from battsweep.cli.selection import open_for, selected_tasks

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from battsweep.store.store import Store

_ENDINGS = (".png", ".svg", ".pdf")
_LABELS = ("cell", "model", "protocol")
_DRAW = {
    "voltage": figures.voltage,
    "summary": figures.summary,
    "heatmap": figures.heatmap,
    "cycles": figures.cycles,
    "fit": figures.fit,
    "compare": figures.compare,
}
_KINDS = (*_DRAW, "cell")
_DESCRIPTION = """\
Draw one of these, with a panel for each cell, model and protocol:
  voltage   curves against time or capacity, measured ones as dots (--y: another column)
  summary   a summary (--y) against a varied quantity (--x)
  heatmap   a summary (--colour) over two varied quantities (--x, --y)
  cycles    a summary of each cycle (--y) against its number
  fit       measured and simulated voltage before and after each fit, and the error
  compare   measured cycles and their replay: voltage, residual, current (--cycle: of one)
  cell      a measured cell (--cell): voltage and current against time, capacity a cycle
What is not said is chosen, and the command tells what it chose.
"""
_EXAMPLES = """\
  battsweep plot STORE voltage
  battsweep plot STORE voltage --x capacity --colour rate --model SPMe -o voltage.pdf
  battsweep plot STORE summary --x "Negative electrode thickness [m]" --y "capacity [A.h]"
  battsweep plot STORE heatmap --where "rate == 1" -o map.svg
  battsweep plot STORE compare --cell LGM50 --cycle 2
  battsweep plot STORE cell --cell B0005 -o b0005.png
"""


def add_plot(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "plot",
        plot,
        help="figures: voltage, summary, heatmap, cycles, fit, compare, cell",
        description=_DESCRIPTION,
        examples=_EXAMPLES,
    )
    add_store(parser)
    parser.add_argument("kind", metavar="KIND", choices=_KINDS, help=", ".join(_KINDS))
    add_where(parser)
    for name in _LABELS:
        parser.add_argument(f"--{name}", metavar="NAME", help=f"only tasks of this {name}")
    parser.add_argument(
        "--x", metavar="NAME", help="what to lay along x; for voltage also time, capacity"
    )
    parser.add_argument("--y", metavar="NAME", help="what to lay along y")
    parser.add_argument("--colour", "--color", metavar="NAME", help="what the colour shows")
    parser.add_argument("--cycle", metavar="N", type=int, help="with compare: this cycle only")
    parser.add_argument(
        "--output",
        "-o",
        metavar="FILE",
        type=Path,
        help="FILE.png, .svg or .pdf; default KIND.png",
    )


def plot(arguments: argparse.Namespace) -> int:
    """Draw, write the file, and say what was chosen."""
    output: Path = arguments.output or Path(f"{arguments.kind}.png")
    if output.suffix.lower() not in _ENDINGS:
        raise wrong(
            "--output",
            f"{output}: cannot write {output.suffix!r}; use {', '.join(_ENDINGS)}",
        )
    choices = figures.Choices(arguments)
    if arguments.kind == "cell":
        with open_for(arguments) as store:
            return _write(output, cells.figure_of(store, arguments.cell), [])
    with open_for(arguments) as store:
        selected = selected_tasks(store, arguments.where, arguments.sweep)
        tasks = _of_kind(store, _narrowed(selected, arguments), arguments.kind)
        figure = _DRAW[arguments.kind](store, tasks, choices)
    return _write(output, figure, choices.said)


def _write(output: Path, figure: Figure, said: list[str]) -> int:
    from battsweep.analysis.style import encode

    write_file(output, encode(figure, output.suffix.lower().removeprefix(".")))
    print(f"{output}: {figure.get_suptitle()}")
    if said:
        print(f"chosen: {', '.join(said)}")
    return 0


def _narrowed(tasks: pd.DataFrame, arguments: argparse.Namespace) -> pd.DataFrame:
    """Return the tasks of the cell, model and protocol asked for, each task once."""
    wanted = {
        "cell": arguments.cell,
        "model": arguments.model,
        "protocol": arguments.protocol,
    }
    for name, value in wanted.items():
        if value is not None:
            known_name(f"--{name}", value, [str(one) for one in tasks[name].unique()])
            tasks = tasks[tasks[name] == value]
    if not len(tasks):
        asked = ", ".join(f"{name} {value!r}" for name, value in wanted.items() if value)
        raise wrong("", f"no task has {asked} together; see battsweep table STORE tasks")
    return tasks.drop_duplicates("task_id").reset_index(drop=True)


def _of_kind(store: Store, tasks: pd.DataFrame, kind: str) -> pd.DataFrame:
    """Return the simulations among the tasks; for "fit", all tasks."""
    if kind == "fit":
        return tasks
    simulations = load_simulations(store, tasks)
    if not len(simulations):
        raise wrong(kind, f"all {len(tasks)} tasks are fits; use: battsweep plot STORE fit")
    return simulations.reset_index(drop=True)
