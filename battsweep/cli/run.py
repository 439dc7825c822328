"""``battsweep run``: compute what a sweep has not yet in its store."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from battsweep.cli.progress import ProgressDisplay, duration
from battsweep.cli.sweep_file import load
from battsweep.errors import LostError
from battsweep.jobs.progress import Progress

EXAMPLES = """\
examples:
  battsweep run examples/quickstart.toml                     on all cores; store in quickstart-store
  battsweep run sweep.toml --store results --workers 4
  battsweep run sweep.toml                                   again: goes on where it stopped
  battsweep run sweep.toml --proof all                       compare every task with plain PyBaMM

Ctrl-C once finishes what is running and stops; twice stops at once. Neither loses
a finished task. Exit status: 0 all done, 1 some tasks failed, 2 the input is wrong,
130 stopped by Ctrl-C.
"""


def add_run(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command's arguments."""
    parser = subparsers.add_parser(
        "run",
        help="compute a sweep on this machine's cores; the same command resumes",
        description="Compute what a sweep has not yet in its store, on this machine's cores.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("sweep", metavar="SWEEP", type=Path, help="the sweep file (TOML)")
    parser.add_argument(
        "--store", metavar="DIR", type=Path, help="where results go (default: NAME-store)"
    )
    parser.add_argument(
        "--workers",
        metavar="N",
        type=_positive,
        help="worker processes (default: one a core)",
    )
    parser.add_argument(
        "--proof",
        choices=("none", "sample", "all"),
        help="which tasks are solved by plain PyBaMM too and compared (default: the sweep"
        " file's run.proof, a sample of each group)",
    )
    parser.add_argument("--json", action="store_true", help="the outcome as one JSON document")
    parser.set_defaults(function=main)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a count of workers; use 1 or more")
    return int(text)


def main(args: argparse.Namespace) -> int:
    """Plan, compute, and say how it went."""
    from battsweep.slurm.environment import allotted_cores

    sweep = load(args.sweep, args.store)
    store = args.store or Path(f"{sweep.name}-store")
    workers = args.workers or allotted_cores()

    from battsweep.store.finished import finished_sweep

    finished = finished_sweep(store, sweep, proof=args.proof)
    if finished is not None:  # known without PyBaMM, which takes seconds to import
        progress = Progress(finished.total, finished.total, finished.failed)
        return _report(args, finished.sweep_id, store, progress)

    from battsweep.jobs.forking import start_server

    start_server()  # it imports PyBaMM for the workers while we plan

    from battsweep.jobs.driver import run_plan
    from battsweep.jobs.plan import make_plan

    _say(args, f"{sweep.name}: checking every name against PyBaMM ...")
    plan = make_plan(sweep)
    fits = sum(task.kind == "fit" for task in plan.tasks)
    what = count(fits, "fit") if fits else count(len(plan.tasks), "task")
    if not fits:
        what += f" in {count(len(plan.groups()), 'group')}, a built model each"
    _say(args, f"{what}; {count(workers, 'worker')}; store {store}")
    display = ProgressDisplay()
    try:
        progress = run_plan(plan, store, workers=workers, on_progress=display, proof=args.proof)
    except LostError as error:
        print(f"battsweep: {error}", file=sys.stderr)
        return 1
    finally:
        display.close()
    return _report(args, plan.sweep_id, store, progress)


def _report(args: argparse.Namespace, sweep_id: str, store: Path, progress: Progress) -> int:
    """Print how it went and return the exit status."""
    if args.json:
        json.dump(as_json(sweep_id, store, progress), sys.stdout)
        print()
    else:
        print("\n".join(outcome(store, progress)))
    if progress.stopping:
        return 130
    return 1 if progress.failed or progress.found_failed or progress.left else 0


def _say(args: argparse.Namespace, text: str) -> None:
    if not args.json:
        print(text, flush=True)


def count(number: int, word: str) -> str:
    """Return a number and a word, in the plural but for one."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def outcome(store: Path, progress: Progress) -> list[str]:
    """Return what a person wants to know at the end."""
    computed = progress.done + progress.failed
    if not computed and not progress.left:
        lines = [f"nothing to do: all {progress.total} tasks of this sweep are in {store}"]
    else:
        lines = [f"{count(computed, 'task')} computed in {duration(progress.seconds)}"]
        if progress.found:
            lines.append(f"{progress.found} were there already")
    failed = progress.failed + progress.found_failed
    if failed:
        lines.append(f"{failed} failed: battsweep table {store} failures")
    if progress.distrusted:
        groups = count(progress.distrusted, "group")
        lines.append(
            f"{groups} differed from plain PyBaMM and {_was(progress.distrusted)} built"
            f" task by task: battsweep table {store} proof"
        )
    if progress.lost:
        lines.append(f"{progress.lost} were lost with their workers: battsweep logs {store}")
    if progress.left:
        lines.append(f"{progress.left} are left: the same command goes on with them")
    else:
        lines.append(f"next: battsweep status {store}    battsweep table {store} tasks")
    return lines


def _was(number: int) -> str:
    return "was" if number == 1 else "were"


def as_json(sweep_id: str, store: Path, progress: Progress) -> dict[str, object]:
    """Return the outcome in plain values."""
    return {
        "sweep": sweep_id,
        "store": str(store),
        "total": progress.total,
        "found": progress.found,
        "done": progress.done,
        "failed": progress.failed,
        "found_failed": progress.found_failed,
        "failure_classes": dict(progress.by_class),
        "left": progress.left,
        "lost": progress.lost,
        "distrusted": progress.distrusted,
        "seconds": round(progress.seconds, 3),
        "interrupted": progress.stopping,
    }
