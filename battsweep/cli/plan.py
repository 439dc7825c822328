"""``battsweep plan``: what a sweep would run, without running it."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.arguments import wrong
from battsweep.cli.output import print_json
from battsweep.cli.sweep_file import load
from battsweep.sweep.accuracy import expected_accuracy

if TYPE_CHECKING:
    from battsweep.jobs.groups import Place
    from battsweep.jobs.plan import Plan

EXAMPLES = """\
examples:
  battsweep plan examples/quickstart.toml            counts, groups, how each name is swept
  battsweep plan examples/quickstart.toml --csv      one line a task
  battsweep plan examples/quickstart.toml --json     everything, for a script
  battsweep plan sweep.toml --pilot 20               computes 20 tasks, estimates the rest
  battsweep plan sweep.toml --pilot 20 --store results --workers 8     and keeps the 20
"""
_MOST_REPLAYS = 8


def add_plan(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "plan",
        help="check a sweep file and say what it would run",
        description="Check every name of a sweep file against PyBaMM, and say what would run:"
        " tasks, groups of tasks that share one built model, and how each varied name is swept.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sweep", metavar="SWEEP", type=Path, help="the sweep file (TOML)")
    how = parser.add_mutually_exclusive_group()
    how.add_argument("--json", action="store_true", help="the whole plan as one JSON document")
    how.add_argument("--csv", action="store_true", help="the list of tasks as CSV")
    parser.add_argument(
        "--pilot",
        metavar="N",
        type=_count,
        help="compute about N tasks, chosen over all groups and corners, and estimate"
        " core-hours, wall time, memory and disk of the whole",
    )
    parser.add_argument(
        "--store",
        metavar="DIR",
        type=Path,
        help="measured cells are there; with --pilot: keep its results there",
    )
    parser.add_argument(
        "--workers", metavar="N", type=_count, help="with --pilot: workers (default: one a core)"
    )
    parser.set_defaults(function=main)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count; use 1 or more")
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Print the plan, or what a pilot of it found."""
    if args.pilot is not None:
        return _pilot(args)
    if args.workers is not None:
        raise wrong("--workers", "goes with --pilot N; plan alone computes nothing")
    from battsweep.jobs.plan import make_plan

    plan = make_plan(load(args.sweep, args.store))
    if args.json:
        json.dump(as_json(plan), sys.stdout, indent=1)
        print()
    elif args.csv:
        write_csv(plan)
    else:
        print("\n".join(describe(plan)))
    return 0


def _pilot(args: argparse.Namespace) -> int:
    from battsweep.cli import pilot

    if args.csv:
        raise wrong("--csv", "lists tasks, a pilot estimates; use --json, or leave out --pilot")
    found = pilot.run(
        load(args.sweep, args.store), args.pilot, store=args.store, workers=args.workers
    )
    if args.json:
        print_json(pilot.as_json(found, args.store))
    else:
        print("\n".join(pilot.describe(found, args.store)))
    return 0


def describe(plan: Plan) -> list[str]:
    """Return the plan in lines for a person."""
    from battsweep.jobs.sample import Standing, to_compute

    fits = sum(task.kind == "fit" for task in plan.tasks)
    distinct = len({task.id for task in plan.tasks})
    kind = "fits" if fits else "tasks"
    lines = [f"{plan.sweep.name}: {len(plan.tasks)} {kind} ({plan.sweep_id})"]
    if distinct < len(plan.tasks):
        lines.append(f"  {len(plan.tasks) - distinct} are equal to others and computed once")
    for word, labels in (
        ("cell", [task.cell for task in plan.tasks]),
        ("model", [task.model for task in plan.tasks]),
        ("protocol", [task.protocol for task in plan.tasks]),
    ):
        counts = "  ".join(f"{name}: {count}" for name, count in Counter(labels).items())
        lines.append(f"  by {word:<9} {counts}")
    replays = [replay for protocol in plan.sweep.protocols for replay in protocol.replays]
    lines += [f"  replays {replay.told}" for replay in replays[:_MOST_REPLAYS]]
    if len(replays) > _MOST_REPLAYS:
        lines.append(f"  ... and {len(replays) - _MOST_REPLAYS} more measured cycles")
    lines.append("")
    if fits:
        lines.append(f"each fit chooses {len(plan.sweep.fit.free) if plan.sweep.fit else 0}:")
    else:
        sizes = sorted(plan.groups().values(), reverse=True)
        shown = ", ".join(map(str, sizes[:8])) + (", ..." if len(sizes) > 8 else "")
        lines.append(f"groups that share one built model: {len(sizes)}, of {shown} tasks")
    lines += _how_lines(plan.places)
    lines += _mesh_lines(symbolic_meshes(plan))
    lines.append("")
    run = plan.sweep.run
    lines.append(
        f"solver IDAKLU, rtol {run.rtol:g}, atol {run.atol:g};"
        f" time limit {run.time_limit_s:g} s a task; {run.format} shards"
    )
    lines.append(f"  {expected_accuracy(run.rtol, run.atol)}")
    lines += _compiled_lines(plan)
    proven = sum(item.prove for _, item in to_compute(plan.placed, Standing(), run.proof))
    lines.append(f"proof: {proven} of them by a plain simulation too (run.proof = {run.proof!r})")
    return lines


def _compiled_lines(plan: Plan) -> list[str]:
    """Return a line on the groups that are worth compiling, if any."""
    from battsweep.jobs.compiled import obstacle

    tasks = sum(group is not None and group.compiled for group, _ in plan.placed)
    if not tasks:
        return []
    why = obstacle()
    if why is not None:
        return [f"compiled: nothing; {why}"]
    reason = "as run.compile says" if plan.sweep.run.compile else "whose groups repay it"
    return [f"compiled: the solver's functions of {tasks} of them, {reason}"]


def symbolic_meshes(plan: Plan) -> list[str]:
    """Return the models whose meshes are made of symbols instead of numbers."""
    contents = plan.catalogue.resolved.models
    return [name for name, content in contents.items() if "submesh" in content]


def _mesh_lines(models: list[str]) -> list[str]:
    if not models:
        return []
    return [
        f"mesh of symbols for every task of {', '.join(models)}: one build for all lengths;"
        " another discretisation than PyBaMM's own mesh",
        '  (20 points, 1C: SPM the same, SPMe 0.03 mV, DFN 0.7 mV; geometry = "rebuild" avoids it)',
    ]


def _how_lines(places: tuple[Place, ...]) -> list[str]:
    """Return how each name is swept, places with the same answer on one line."""
    answers: dict[tuple[str, str, str], list[str]] = {}
    for place in places:
        for name, swept in place.swept.items():
            where = answers.setdefault((name, swept.how, swept.reason), [])
            where.append(f"{place.model}/{place.protocol}")
    lines = []
    width = max((len(name) for name, _, _ in answers), default=0)
    for (name, how, reason), where in answers.items():
        distinct = list(dict.fromkeys(where))
        everywhere = len(distinct) == len({f"{p.model}/{p.protocol}" for p in places})
        at = "" if everywhere else f"  [{', '.join(distinct)}]"
        lines.append(f"  {name:<{width}}  {how:<17}  {reason}{at}")
    return lines


def as_json(plan: Plan) -> dict[str, object]:
    """Return the whole plan in plain values."""
    return {
        "name": plan.sweep.name,
        "sweep": plan.sweep_id,
        "count": len(plan.tasks),
        "groups": plan.groups(),
        "symbolic_meshes": symbolic_meshes(plan),
        "swept": [
            {
                "cell": place.cell,
                "model": place.model,
                "protocol": place.protocol,
                "names": {
                    name: {"how": swept.how, "reason": swept.reason}
                    for name, swept in place.swept.items()
                },
            }
            for place in plan.places
        ],
        "tasks": [
            {
                "task_id": task.id,
                "number": task.number,
                "kind": task.kind,
                "cell": task.cell,
                "model": task.model,
                "protocol": task.protocol,
                "group": "fit" if group is None else group.key,
                "varied": dict(task.varied),
            }
            for task, (group, _) in zip(plan.tasks, plan.placed, strict=True)
        ],
    }


def write_csv(plan: Plan) -> None:
    """Write a line a task, with a column for each varied name."""
    names = list(dict.fromkeys(name for task in plan.tasks for name in task.varied))
    out = csv.writer(sys.stdout)
    out.writerow(["task_id", "number", "kind", "cell", "model", "protocol", "group", *names])
    for task, (group, _) in zip(plan.tasks, plan.placed, strict=True):
        labels = [task.id, task.number, task.kind, task.cell, task.model, task.protocol]
        values = [task.varied.get(name, "") for name in names]
        out.writerow([*labels, "fit" if group is None else group.key, *values])
