"""Long tasks: solved some cycles at a time, each block saved, so that nothing starts over.

A block begins with the last state of the one before, taken from plain arrays whether
or not anything was interrupted. That is what PyBaMM does between two cycles, so the
numbers are those of one straight solve, bit for bit, however long the blocks are.
"""

from __future__ import annotations

import gc
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import numpy as np

from battsweep.errors import StoreError
from battsweep.jobs.build import Built
from battsweep.jobs.failures import Failure, advised, classify_failure
from battsweep.jobs.groups import Item
from battsweep.jobs.physics import import_pybamm
from battsweep.jobs.solve import (
    Result,
    Watch,
    captured_log,
    kept_steps,
    not_finite,
    rows,
    statistics_of,
    where,
)
from battsweep.jobs.steps import count_steps, finite_part, skipped, steps_of
from battsweep.jobs.summarise import Array, Step, summarise
from battsweep.jobs.whole import Fold, fold, unfold
from battsweep.store.checkpoints import Block, forget_after, read_blocks, write_block
from battsweep.sweep.identity import digest
from battsweep.sweep.summaries import Summary, parse_summary

PACKAGES = ("battsweep", "pybamm", "pybammsolvers", "casadi", "numpy")
_INPUT = "input "


@dataclass(frozen=True, slots=True)
class Ending:
    """Why a task ended before its last cycle, and the steps of that unfinished cycle."""

    failure: Failure
    traceback: str | None = None
    steps: tuple[Step, ...] = ()
    log: tuple[str, ...] = ()


@contextmanager
def quick_collections() -> Iterator[None]:
    """Make Python's garbage collector pass over all that is there already.

    PyBaMM's solutions refer to each other in circles; to find them after each
    block among all of a built model's objects would take a third of the time.
    """
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


class CycleWatch(Watch):
    """Hears besides which cycle and step are being solved."""

    def __init__(self) -> None:
        super().__init__()
        self.cycle = 0
        self.place = ""

    def on_step_start(self, logs: Mapping[str, Any]) -> None:
        """Keep which step begins."""
        self.cycle = int(logs["cycle number"][0])
        self.place = where(logs)


def attempt_in_blocks(built: Built, item: Item, *, at_once: int, folder: Path | None) -> Result:
    """Solve a task ``at_once`` cycles at a time and return what it leaves behind.

    Goes on from the blocks saved in ``folder`` and saves its own there; a block
    that is damaged or of other versions is noted and solved again.
    """
    started = time.perf_counter()
    total = built.group.protocol.cycles
    made_by = _maker(built)
    blocks, notes = ([], []) if folder is None else read_blocks(folder, made_by=made_by)
    if folder is not None:
        forget_after(folder, blocks[-1].done if blocks else 0)
    ending: Ending | None = None
    with quick_collections():
        while ending is None and (not blocks or blocks[-1].done < total):
            last = blocks[-1] if blocks else None
            count = min(at_once, total - (last.done if last else 0))
            block, ending = _advance(built, item, last, count, made_by)
            gc.collect()
            if block is None:
                continue
            if folder is not None:
                notes += _saved(folder, block)
            if last is not None:
                blocks[-1] = replace(last, state={})  # only the last is gone on from
            blocks.append(block)
    result = _result(built, blocks, ending)
    log = [*notes, *result.log.splitlines()]
    return replace(result, log="\n".join(log), wall_s=time.perf_counter() - started)


def kept_of(result: Result, folder: Path) -> Result:
    """Return a failed result with the cycles that its task had saved before."""
    blocks, _ = read_blocks(folder)
    if not blocks:
        return result
    columns, cycles, statistics, log = _gathered(blocks)
    log.append(f"the {blocks[-1].done} cycles of its last checkpoint are kept")
    return replace(
        result,
        columns=columns,
        cycles=cycles,
        statistics=statistics,
        log="\n".join([*log, *filter(None, [result.log])]),
    )


def _saved(folder: Path, block: Block) -> list[str]:
    """Save a block; return a note where that fails, as the numbers are right without it."""
    try:
        write_block(folder, block)
    except StoreError as error:
        return [f"no checkpoint after cycle {block.done}: {error}"]
    return []


def _maker(built: Built) -> str:
    """Return what must be equal for one block to go on from another, bit for bit."""
    group = built.group
    versions = {name: version(name) for name in PACKAGES}
    return digest([versions, group.key, list(group.inputs), group.rtol, group.atol])


def _advance(
    built: Built, item: Item, last: Block | None, count: int, made_by: str
) -> tuple[Block | None, Ending | None]:
    """Solve some more cycles; return those that were finished, and why not all."""
    first = last.done if last is not None else 0
    watch = CycleWatch()
    with captured_log() as log:
        try:
            start = None if last is None else partial(_resumed, built, last)
            solution = built.solve_cycles(
                item.inputs,
                initial_soc=item.initial_soc,
                start=start,
                cycles=count,
                callback=watch,
                steps=item.task.procedure.steps,
            )
            nothing = isinstance(solution, import_pybamm().EmptySolution)
            steps = () if nothing else steps_of(solution, built, item)
            ending, bad = _ending(solution, built, steps, watch, first, count)
        except Exception as error:  # every error becomes an outcome
            failure = classify_failure(error)
            place = f"{watch.place}: " if watch.place else ""
            failure = Failure(failure.failure_class, f"{place}{failure.message}")
            ending, bad = Ending(failure, traceback.format_exc()), max(watch.cycle, first + 1)
    if ending is None:
        return _block(solution, built, steps, last, count, made_by, log), None
    ending = replace(ending, log=tuple(log))
    if bad <= first + 1:
        return None, ending
    # The cycles before it are solved once more, so that they can be kept.
    block, other = _advance(built, item, last, bad - 1 - first, made_by)
    return block, other or ending


def _ending(
    solution: Any,
    built: Built,
    steps: tuple[Step, ...],
    watch: CycleWatch,
    first: int,
    count: int,
) -> tuple[Ending | None, int]:
    """Return how a solution failed that looks like one, and in which cycle."""
    if isinstance(solution, import_pybamm().EmptySolution):
        message = "every step was skipped, as its end condition held at its start"
        return Ending(Failure("infeasible", message)), first + 1
    a_cycle = len(built.group.protocol.steps)
    done = count_steps(solution)
    failure = watch.failure
    bad = first + done // a_cycle + 1
    if failure is not None:
        bad = watch.cycle
    elif done < count * a_cycle:
        message = f"PyBaMM did {done} of {count * a_cycle} steps from cycle {first + 1} on"
        failure = Failure("infeasible", f"{message} ({solution.termination})")
    else:
        for step in steps:
            failure = not_finite((step,))
            if failure is not None:
                message = f"cycle {step.cycle}: {failure.message}"
                failure, bad = replace(failure, message=message), step.cycle
                break
    if failure is None:
        return None, 0
    unfinished = tuple(finite_part(step) for step in steps if step.cycle >= bad)
    return Ending(failure, None, tuple(s for s in unfinished if len(s.times_s))), bad


def _block(
    solution: Any,
    built: Built,
    steps: tuple[Step, ...],
    last: Block | None,
    count: int,
    made_by: str,
    log: Sequence[str],
) -> Block:
    first = last.done if last is not None else 0
    asked = [parse_summary(text) for text in built.group.output.summary]
    whole: Fold = cast("Fold", last.record["whole"]) if last is not None else {}
    before = cast("Mapping[str, float]", last.record["statistics"]) if last is not None else {}
    cycles = []
    for number in range(first + 1, first + count + 1):
        of_cycle = [step for step in steps if step.cycle == number]
        if of_cycle and asked:
            cycles.append(_numbers(number, asked, of_cycle))
            whole = fold(whole, asked, of_cycle)
    statistics = statistics_of(solution)
    state = solution.last_state
    models = built.step_models()
    return Block(
        first=first,
        done=first + count,
        total=built.group.protocol.cycles,
        made_by=made_by,
        state={
            "t": np.array(state.all_ts[0]),
            "y": np.array(state.all_ys[0]),
            **{f"{_INPUT}{name}": np.array(v) for name, v in state.all_inputs[0].items()},
        },
        columns=rows(kept_steps(steps, built), built.group.output),
        record={
            "cycles": cycles,
            "whole": dict(whole),
            "statistics": {n: before.get(n, 0.0) + v for n, v in statistics.items()},
            "log": [*log, *skipped(solution, built)],
            "model": next(n for n, model in enumerate(models) if model is state.all_models[0]),
        },
    )


def _numbers(
    number: int, asked: Sequence[Summary], steps: Sequence[Step]
) -> dict[str, float | None]:
    found = {summary.name: summarise(summary, steps) for summary in asked}
    return {"cycle_count": float(number), **found}


def _resumed(built: Built, block: Block) -> Any:
    """Return a block's last state as the solution that PyBaMM goes on from."""
    pybamm = import_pybamm()
    names = [name for name in block.state if name.startswith(_INPUT)]
    inputs = {name.removeprefix(_INPUT): block.state[name] for name in names}
    model = built.step_models()[int(cast("int", block.record["model"]))]
    start = pybamm.Solution(block.state["t"], block.state["y"], model, [inputs])
    start.solve_time = start.integration_time = start.set_up_time = 0
    start.solver_statistics = pybamm.SolverStatistics()
    # So that PyBaMM counts the cycles on, and makes no cycle of the state itself.
    start.cycles = [None] * block.done
    start.all_summary_variables = []
    start.all_first_states = []
    return start


def _gathered(
    blocks: Iterable[Block],
) -> tuple[dict[str, Array], tuple[Mapping[str, float | None], ...], dict[str, float], list[str]]:
    """Return the rows, the cycles' numbers, the statistics and the log of some blocks."""
    cycles: list[Mapping[str, float | None]] = []
    statistics: dict[str, float] = {}
    log: list[str] = []
    parts = []
    for block in blocks:
        cycles += cast("list[Mapping[str, float | None]]", block.record["cycles"])
        statistics = dict(cast("Mapping[str, float]", block.record["statistics"]))
        log += cast("list[str]", block.record["log"])
        if block.columns:
            parts.append(block.columns)
    return _joined(parts), tuple(cycles), statistics, list(dict.fromkeys(log))


def _joined(parts: Sequence[Mapping[str, Array]]) -> dict[str, Array]:
    names = parts[0] if parts else ()
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _result(built: Built, blocks: Sequence[Block], ending: Ending | None) -> Result:
    columns, cycles, statistics, log = _gathered(blocks)
    asked = [parse_summary(text) for text in built.group.output.summary]
    whole = cast("Fold", blocks[-1].record["whole"]) if blocks else {}
    if ending is not None:
        unfinished = rows(kept_steps(ending.steps, built), built.group.output)
        columns = _joined([part for part in (columns, unfinished) if part])
        log += [line for line in ending.log if line not in log]
    return Result(
        columns=columns,
        summary=unfold(whole, asked) if ending is None and whole else {},
        cycles=cycles,
        statistics=statistics,
        failure=None if ending is None else advised(ending.failure),
        traceback=None if ending is None else ending.traceback,
        log="\n".join(log),
    )
