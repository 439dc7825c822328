"""``battsweep logs``: what the drivers wrote, or what a task's attempts printed."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from battsweep.cli.arguments import add_command, add_store
from battsweep.cli.selection import open_for
from battsweep.errors import StoreError

if TYPE_CHECKING:
    from battsweep.store.receipts import Receipt

_TAIL = 40
_EXAMPLES = """\
  battsweep logs STORE                       the end of the newest driver's log
  battsweep logs STORE --all                 all logs, whole, the newest last
  battsweep logs STORE 17                    what task number 17 printed, and why it failed
  battsweep logs STORE 3f9a0c                the same by the first digits of its id
"""


def add_logs(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "logs",
        logs,
        help="what the driver or a task printed",
        description="Show what the drivers wrote, or what one task's attempts printed.",
        examples=_EXAMPLES,
    )
    add_store(parser)
    parser.add_argument(
        "task", metavar="TASK", nargs="?", help="a task's number, or first digits of its id"
    )
    parser.add_argument(
        "--all",
        action="store_true",
        help=f"all logs whole, not the newest's last {_TAIL} lines",
    )


def logs(arguments: argparse.Namespace) -> int:
    """Print logs."""
    with open_for(arguments) as store:
        if arguments.task is None:
            print(driver_logs(arguments.store, whole=arguments.all), end="")
        else:
            receipts = [receipt for receipt, _ in store.attempts(arguments.task)]
            print(attempt_logs(receipts, arguments.task), end="")
    return 0


def driver_logs(store: Path, *, whole: bool) -> str:
    """Return the end of the newest driver's log, or all logs whole, the newest last.

    Raises
    ------
    StoreError
        If a log cannot be read.
    """
    from battsweep.store.layout import logs_folder

    folder = logs_folder(store)
    try:
        dated = [(path.stat().st_mtime, path) for path in folder.glob("*.log")]
        files = [path for _, path in sorted(dated)]
        drivers = [path for path in files if path.name.startswith("driver-")]
        shown = files if whole else drivers[-1:]
        texts = {path: path.read_text("utf-8", errors="replace") for path in shown}
    except OSError as error:
        raise StoreError(f"{folder}: cannot be read: {error.strerror}") from error
    parts = [part for path, text in texts.items() for part in _titled(path, text, whole)]
    if not shown:
        parts.append(f"{folder}: no driver's log yet")
    if len(files) > len(shown):
        parts.append(f"── {len(files) - len(shown)} more logs: --all shows them")
    return "\n".join(parts) + "\n"


def _titled(path: Path, text: str, whole: bool) -> list[str]:
    lines = text.splitlines()
    if whole or len(lines) <= _TAIL:
        return [f"── {path}", *lines]
    return [f"── {path} (last {_TAIL} of {len(lines)} lines)", *lines[-_TAIL:]]


def attempt_logs(receipts: Sequence[Receipt], task: str) -> str:
    """Return what the attempts at a task printed, and their tracebacks."""
    if not receipts:
        return f"task {task}: no attempt yet\n"
    parts = []
    for receipt in receipts:
        why = f" ({receipt.failure_class})" if receipt.failure_class else ""
        when = f", {receipt.started_utc}" if receipt.started_utc else ""
        name = f"{receipt.task_id[:10]} attempt {receipt.attempt}"
        parts.append(f"── {name}: {receipt.outcome}{why}{when}")
        if receipt.message:
            parts.append(receipt.message.rstrip())
        if receipt.log.strip():
            parts.append(receipt.log.rstrip())
        if receipt.traceback:
            parts.append(receipt.traceback.rstrip())
        if not (receipt.message or receipt.log.strip() or receipt.traceback):
            parts.append("(printed nothing)")
    return "\n".join(parts) + "\n"
