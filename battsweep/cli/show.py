"""``battsweep show``: one task in full, or a script that computes it again."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from battsweep.cli import cells
from battsweep.cli.arguments import add_command, add_store, wrong
from battsweep.cli.output import print_json, write_file
from battsweep.cli.progress import duration
from battsweep.cli.selection import open_for

if TYPE_CHECKING:
    from battsweep.store.receipts import Receipt
    from battsweep.store.records import TaskRecord
    from battsweep.store.store import Store

_TRACEBACK_LINES = 12
_EXAMPLES = """\
  battsweep show STORE 17                    task number 17
  battsweep show STORE 3f9a0c                by the first digits of its id
  battsweep show STORE 17 --script > task17.py
  battsweep show STORE --cell B0005 --html b0005.html
"""


def add_show(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "show",
        show,
        help="one task in full, or as a plain-PyBaMM script; or a measured cell",
        description="Show one task: what was varied, every attempt, its summary.\n"
        "Or, with --cell, a measured cell: where it is from, and what cleaning did to it.",
        examples=_EXAMPLES,
    )
    add_store(parser)
    parser.add_argument(
        "task", metavar="TASK", nargs="?", help="its number, or first digits of its id"
    )
    cells.add_cell(parser, help="a measured cell: summary and cleaning report")
    parser.add_argument(
        "--html", metavar="FILE", type=Path, help="with --cell: a page with pictures"
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument(
        "--script", action="store_true", help="a plain-PyBaMM script that computes it again"
    )


def show(arguments: argparse.Namespace) -> int:
    """Print the task, or the cell."""
    if (arguments.task is None) == (arguments.cell is None):
        raise wrong("show", "give a TASK or --cell NAME, one of them")
    if arguments.cell is not None:
        return _show_cell(arguments)
    if arguments.html is not None:
        raise wrong("--html", "is for --cell")
    with open_for(arguments) as store:
        record = store.task(arguments.task)
        if arguments.script:
            from battsweep.jobs.script import reproduce

            print(reproduce(_for_script(store, record)), end="")
            return 0
        attempts = store.attempts(record.task_id)
    if arguments.json:
        listed = [asdict(receipt) | {"provenance": dict(where)} for receipt, where in attempts]
        print_json({**asdict(record), "attempts": listed})
    else:
        print("\n".join(describe(record, attempts)))
    return 0


def _show_cell(arguments: argparse.Namespace) -> int:
    from battsweep.cli.cell_report import cell_document, describe_cell

    if arguments.script:
        raise wrong("--script", "is for a task")
    with open_for(arguments) as store:
        cell = store.cell(cells.known_cell(store, arguments.cell))
    lines = describe_cell(cell)
    if arguments.html is not None:
        from battsweep.analysis.cell_page import cell_page

        rows = [(one.row_offset, one.rows) for one in cell.record.segments]
        page = cell_page(
            cell.record.cell, cell.series, cell.cycles, cell.changes, lines, segments=rows
        )
        write_file(arguments.html, page.encode())
    if arguments.json:
        print_json(cell_document(cell))
    else:
        print("\n".join(lines))
    return 0


def _for_script(store: Store, record: TaskRecord) -> dict[str, object]:
    """Return the task with what its script needs besides: solver, times, the set's file."""
    from battsweep.store.layout import parameters_path, sweep_folder
    from battsweep.store.sweeps import read_sweep, source_name

    plan = read_sweep(store.path, record.sweep).plan
    run, output = plan["run"], plan["output"]
    sources = [record.model_content.get("source"), record.parameter_source]
    folder = sweep_folder(store.path.resolve(), record.sweep)
    fitted = [receipt.fit for receipt, _ in store.attempts(record.task_id) if receipt.fit]
    return {
        **asdict(record),
        "fitted": fitted[-1]["parameters"] if fitted else {},
        "solver": {"rtol": run["rtol"], "atol": run["atol"]},
        "every_s": output["every_s"],
        "sources": {digest: str(folder / source_name(digest)) for digest in sources if digest},
        "parameter_file": str(parameters_path(store.path.resolve(), record.parameter_set_sha256)),
    }


def describe(
    record: TaskRecord, attempts: Sequence[tuple[Receipt, Mapping[str, object]]]
) -> list[str]:
    """Return the lines that tell a task to a person."""
    lines = [
        f"Task {record.task_id}",
        f"  number {record.number} of sweep {record.sweep}: {record.status}",
        "",
        *_pairs("What", _labels(record)),
        *_pairs("Varied", record.varied),
        *_pairs(
            f"Differs from {record.parameter_set}",
            {**record.overrides, **record.parameters},
        ),
    ]
    for receipt, provenance in attempts:
        lines += _attempt(receipt, provenance)
    if not attempts:
        lines += ["No attempt yet: battsweep run computes it", ""]
    if record.status == "done":  # of the attempt that counts
        lines += _pairs("Summary", record.summary)
        fits = [receipt.fit for receipt, _ in attempts if receipt.outcome == "done"]
        lines += _pairs("Fitted", _mapping(fits[-1].get("parameters")))
    return lines[:-1]


def _labels(record: TaskRecord) -> dict[str, object]:
    model = record.model_content
    procedure = record.procedure
    kind, profile = procedure["kind"], _mapping(procedure.get("profile"))
    steps = {
        "steps": "; ".join(procedure.get("steps", ())),
        "constant": f"{procedure.get('direction')} at {procedure.get('current')}",
        "profile": f"{profile.get('quantity')} profile, {profile.get('source')}",
    }
    start = procedure.get("initial_soc")
    return {
        "cell": f"{record.cell} (parameter set {record.parameter_set})",
        "model": f"{record.model} ({model.get('type')}{_source(model.get('source'))})",
        "protocol": f"{record.protocol}: {steps.get(kind, kind)}",
        **({} if start is None else {"starts at": f"state of charge {start:.4g}"}),
    }


def _source(digest: object) -> str:
    """Return where a user's own model is from, in words; its file is kept with the sweep."""
    return f" of source-{str(digest)[:16]}.py" if digest else ""


def _attempt(receipt: Receipt, provenance: Mapping[str, object]) -> list[str]:
    why = f" ({receipt.failure_class})" if receipt.failure_class else ""
    facts: dict[str, object] = {
        "outcome": f"{receipt.outcome}{why}",
        "started": receipt.started_utc or "–",
        "took": duration(receipt.wall_s) if receipt.wall_s >= 1 else f"{receipt.wall_s:.3g} s",
        "rows": f"{receipt.row_count}{' (partial)' if receipt.partial else ''}",
    }
    if receipt.method:
        facts["model"] = f"{receipt.method} (group {receipt.group})"
    if receipt.message:
        facts["message"] = receipt.message
    facts |= {name: _flat(value) for name, value in provenance.items()}
    lines = _pairs(f"Attempt {receipt.attempt}", facts | dict(receipt.statistics))
    lines += _proof(receipt)
    lines += _pairs("Tried", {str(one["rung"]): _try(one) for one in receipt.tries})
    if receipt.traceback:
        tail = receipt.traceback.rstrip().splitlines()
        more = len(tail) > _TRACEBACK_LINES
        lines[-1:] = ["  traceback" + (" (its end; battsweep logs shows all)" if more else "")]
        lines += [f"    {line}" for line in tail[-_TRACEBACK_LINES:]]
        lines.append("")
    return lines


def _proof(receipt: Receipt) -> list[str]:
    """Return how far the attempt is from a plain simulation, where that was looked at."""
    if "passed" not in receipt.proof:
        return []
    verdicts = {True: "equal", False: "different: not kept, built for this task alone instead"}
    passed = receipt.proof["passed"]
    told: dict[str, object] = {"verdict": verdicts[bool(passed)] if passed is not None else "none"}
    if receipt.proof.get("message"):
        told["message"] = receipt.proof["message"]
    for name, one in _mapping(receipt.proof.get("differences")).items():
        found = f"{one['difference']:.2g} of {one['tolerance']:.2g} {one['unit']} allowed"
        told[name] = found
    return _pairs("Against plain PyBaMM", told)


def _try(one: Mapping[str, Any]) -> str:
    """Return how one rung of the retry ladder went, and with which settings."""
    if "settings" not in one:
        return str(one["message"])
    failure = one["failure_class"]
    went = "solved it" if failure is None else f"{failure}: {one['message']}"
    settings = ", ".join(f"{name} {_flat(value)}" for name, value in one["settings"].items())
    return f"{went.partition(';')[0]} ({settings})"


def _pairs(title: str, values: Mapping[str, object]) -> list[str]:
    """Return a titled block of aligned names and values, and an empty line; or nothing."""
    if not values:
        return []
    width = min(max(map(len, values)), 60)
    rows = [f"  {name:<{width}}  {_word(value)}".rstrip() for name, value in values.items()]
    return [title, *rows, ""]


def _word(value: object) -> str:
    if value is None:
        return "–"
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _flat(value: object) -> object:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_word(item)}" for name, item in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value))
    return value


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
