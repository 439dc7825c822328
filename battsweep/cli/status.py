"""``battsweep status``: how far each sweep of a store is, and what to do next."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from battsweep.cli.arguments import add_command, add_store
from battsweep.cli.output import print_json, size
from battsweep.cli.progress import duration
from battsweep.cli.selection import require_store

if TYPE_CHECKING:
    from battsweep.store.checkpoints import Standing
    from battsweep.store.distrust import ProofStatus
    from battsweep.store.glance import Glance
    from battsweep.store.lock import Driver
    from battsweep.store.status import Status, SweepStatus

_WATCH_S = 2.0
_MOST_LONG = 8
_WINDOW = timedelta(minutes=10)
_EXAMPLES = """\
  battsweep status STORE
  battsweep status STORE --watch             again every two seconds until nothing runs
  battsweep status STORE --json              for a script
"""


@dataclass(frozen=True, slots=True)
class Pace:
    """Who drives the store, and how many tasks a second each sweep finishes."""

    driver: Driver | None
    rates: Mapping[str, float]


def add_status(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = add_command(
        subparsers,
        "status",
        status,
        help="how far each sweep is, failures, rate and time left",
        description="Tell how far each sweep of a store is, and what to do next.",
        examples=_EXAMPLES,
    )
    add_store(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--watch", action="store_true", help="repeat until nothing runs")


def status(arguments: argparse.Namespace) -> int:
    """Print where the sweeps stand, once or until no driver is at work."""
    from battsweep.store.checkpoints import standings
    from battsweep.store.glance import open_glance

    require_store(arguments.store)
    with open_glance(arguments.store) as store:
        while True:
            found, pace = store.status(), _pace(store, datetime.now(UTC))
            long = standings(store.path)
            if arguments.json:
                print_json(as_json(found, pace, long))
                return 0
            if arguments.watch and sys.stdout.isatty():
                print("\x1b[H\x1b[J", end="")
            print("\n".join(describe(str(store.path), found, pace, long)), flush=True)
            if not arguments.watch or pace.driver is None:
                return 0
            time.sleep(_WATCH_S)


def describe(store: str, found: Status, pace: Pace, long: Sequence[Standing] = ()) -> list[str]:
    """Return the lines that tell a person where the sweeps stand."""
    sweeps = len(found.sweeps)
    lines = [
        f"{store}: {_count(sweeps, 'sweep')}, {_count(found.shards, 'shard')}, {size(found.bytes)}"
    ]
    for one in found.sweeps:
        lines += ["", *_sweep(one, pace.rates.get(one.sweep, 0.0))]
    if found.proof.tasks:
        lines += ["", _proof(found.proof)]
    lines += ["", *_long(long), _driver(pace.driver), _advice(store, found, pace.driver)]
    return lines


def as_json(found: Status, pace: Pace, long: Sequence[Standing] = ()) -> dict[str, object]:
    """Return the same for a script."""
    return {
        **asdict(found),
        "driver": asdict(pace.driver) if pace.driver else None,
        "tasks_per_second": dict(pace.rates),
        "cycles_saved": [asdict(one) for one in long],
    }


def _sweep(one: SweepStatus, rate: float) -> list[str]:
    lines = [one.sweep]
    width = len(str(one.tasks))
    for name in ("done", "failed", "lost", "waiting"):
        count = one.counts.get(name, 0)
        if not count and name in ("failed", "lost"):
            continue
        share = 100 * count / max(1, one.tasks)
        line = f"  {name:<8}{count:>{width}} of {one.tasks}  {share:5.1f} %"
        if name == "failed":
            line += f"   {', '.join(f'{n} {why}' for why, n in sorted(one.failures.items()))}"
        if name == "lost":
            line += "   the machine failed; tried again by the next run"
        lines.append(line)
    left = one.counts.get("waiting", 0) + one.counts.get("lost", 0)
    if rate and left:
        lines.append(f"  {rate:.3g} tasks/s, about {duration(left / rate)} left")
    if one.last_finished_utc:
        took = duration(one.wall_s)
        lines.append(f"  last finished {_when(one.last_finished_utc)}; {took} of computing")
    return lines


def _proof(proof: ProofStatus) -> str:
    """Return how far what was sampled is from plain simulations."""
    checked = f"{_count(proof.groups, 'group')}, {_count(proof.tasks, 'task')}"
    text = f"proof: {checked} against plain PyBaMM"
    if proof.voltage_v is not None:
        text += f", largest voltage difference {1e3 * proof.voltage_v:.2g} mV"
    if proof.distrusted:
        text += f"; {proof.distrusted} distrusted and built task by task ({proof.worst})"
    if proof.undecided:
        text += f"; {_count(proof.undecided, 'task')} could not be compared"
    return text


def _long(long: Sequence[Standing]) -> list[str]:
    """Return a line on the unfinished tasks of many cycles, the least advanced last."""
    if not long:
        return []
    shown = [f"{one.done} of {one.total}" for one in sorted(long, key=_share, reverse=True)]
    more = f" and {len(shown) - _MOST_LONG} more" if len(shown) > _MOST_LONG else ""
    return [f"Cycles saved of unfinished tasks: {', '.join(shown[:_MOST_LONG])}{more}"]


def _share(one: Standing) -> float:
    return one.done / max(1, one.total)


def _driver(driver: Driver | None) -> str:
    if driver is None:
        return "No driver is at work."
    since = _when(driver.since_utc)
    return f"Driven by process {driver.pid} on {driver.host} since {since}."


def _advice(store: str, found: Status, driver: Driver | None) -> str:
    """Return the next command that makes sense."""
    counts = [one.counts for one in found.sweeps]
    if driver is not None:
        return f"Next: battsweep status {store} --watch"
    if not counts or any(one.get("waiting", 0) or one.get("lost", 0) for one in counts):
        return f"Next: battsweep run SWEEP --store {store}   computes what is unfinished"
    if any(one.get("failed", 0) for one in counts):
        return f"Next: battsweep table {store} failures   says why tasks failed"
    return f"Next: battsweep plot {store} voltage   or: battsweep table {store} tasks"


def _pace(store: Glance, now: datetime) -> Pace:
    """Return the pace of the last minutes, counted only while a driver is at work."""
    from battsweep.store.lock import current_driver

    driver = current_driver(store.path)
    if driver is None:
        return Pace(None, {})
    start = max(now - _WINDOW, datetime.fromisoformat(driver.since_utc))
    seconds = max(1.0, (now - start).total_seconds())
    counts = store.finished_since(start.astimezone(UTC).isoformat(timespec="seconds"))
    return Pace(driver, {sweep: count / seconds for sweep, count in counts.items()})


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _when(utc: str) -> str:
    """Return a time in UTC as people read it."""
    try:
        moment = datetime.fromisoformat(utc).astimezone(UTC)
    except ValueError:
        return utc
    return f"{moment:%Y-%m-%d %H:%M} UTC"
