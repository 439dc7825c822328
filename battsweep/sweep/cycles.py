"""Which cycles' rows are kept, and which tasks are solved some cycles at a time."""

from __future__ import annotations

from battsweep.sweep.faults import Faults
from battsweep.sweep.spec import Output, Protocol, Run, Sweep
from battsweep.sweep.summaries import AGAINST_MEASURED, parse_summary


def check_series_cycles(sweep: Sweep, faults: Faults) -> None:
    """Note cycles that no protocol has."""
    asked = sweep.output.series_cycles
    most = max((p.cycles for p in sweep.protocols if p.kind == "steps"), default=0)
    if asked != "all" and not most:
        faults.add("output.series_cycles", "no protocol is made of steps; leave it out")
    elif isinstance(asked, tuple) and asked[-1] > most:
        faults.add("output.series_cycles", f"{asked[-1]}: no protocol has more than {most} cycles")


def keeps_rows(output: Output, cycle: int, *, of: int) -> bool:
    """Return whether the rows of a cycle are kept, of a protocol with so many cycles."""
    asked = output.series_cycles
    if asked == "all" or asked == "none":
        return asked == "all"
    if isinstance(asked, int):
        return cycle in (1, of) or cycle % asked == 0
    return cycle in asked


def cycles_at_once(protocol: Protocol, output: Output, run: Run) -> int | None:
    """Return how many cycles of a task are solved and saved at a time; None: all at once.

    A summary against a measured curve needs the whole of the task at hand.
    """
    if protocol.kind != "steps" or protocol.cycles <= run.checkpoint:
        return None
    if any(parse_summary(text).kind in AGAINST_MEASURED for text in output.summary):
        return None
    return run.checkpoint
