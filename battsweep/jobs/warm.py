"""What the solving process does: keep built models warm, answer orders one task at a time."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from battsweep.jobs.ageing import attempt_in_blocks
from battsweep.jobs.build import Built
from battsweep.jobs.failures import classify_failure
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.solve import Result, attempt, captured_log
from battsweep.store.layout import file_name
from battsweep.sweep.spec import Cell

KEPT_BUILDS = 4
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Ready:
    """The model of the order is built; its first task starts now."""

    build_s: float


class Builds:
    """The built models of this process, the least recently used dropped first."""

    def __init__(self, kept: int = KEPT_BUILDS) -> None:
        self._kept = kept
        self._builds: OrderedDict[str, Built] = OrderedDict()

    def get(self, group: Group, example: Mapping[str, float], initial_soc: float | None) -> Built:
        """Return a group's built model, built with example inputs where it is not there."""
        if group.key not in self._builds:
            built = Built(group)
            built.build(example, initial_soc=initial_soc)
            self._builds[group.key] = built
            if len(self._builds) > self._kept:
                self._builds.popitem(last=False)
        self._builds.move_to_end(group.key)
        return self._builds[group.key]


def serve(connection: Connection, log_path: str, checkpoints: Path | None = None) -> None:
    """Answer orders until the other end is closed; the body of the solving process.

    Long tasks save what they have done below ``checkpoints``.
    """
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver drains; nobody else stops
    redirect_output(log_path)
    builds = Builds()
    while True:
        try:
            order, group, items = connection.recv()
        except (EOFError, OSError):
            return
        for answer in answers(group, items, builds, checkpoints):
            connection.send((order, answer))


def answers(
    group: Group | None,
    items: tuple[Item | FitItem, ...],
    builds: Builds,
    checkpoints: Path | None = None,
) -> Iterator[Ready | Result]:
    """Yield `Ready` once, then a result an item, in order."""
    if group is None:
        from battsweep.jobs.fit import run_fit

        yield Ready(0.0)
        yield from (run_fit(item, builds) for item in items if isinstance(item, FitItem))
        return
    simulations = [item for item in items if isinstance(item, Item)]
    started = time.perf_counter()
    with captured_log() as log:
        try:
            built = builds.get(group, simulations[0].inputs, simulations[0].initial_soc)
        except Exception as error:  # then each task says why, built for itself
            log.append(f"not built with inputs ({classify_failure(error).message})")
            built = None
    yield Ready(time.perf_counter() - started)
    notes = log if built is None else [*log, *map(_no_effect, built.unused_inputs())]
    for item in simulations:
        if built is not None:
            result = _attempt(built, item, checkpoints)
        else:
            result = _built_alone(group, item, checkpoints)
        yield replace(
            result,
            log="\n".join(filter(None, [*notes, result.log])),
            group=group.key,
            method="rebuilt" if built is None else "reused",
        )


def _no_effect(name: str) -> str:
    return f"{name!r} is in no equation of this model: only outputs made of it can change"


def _attempt(built: Built, item: Item, checkpoints: Path | None) -> Result:
    if item.block is None:
        return attempt(built, item)
    folder = checkpoints / file_name(item.task.id) if checkpoints else None
    return attempt_in_blocks(built, item, at_once=item.block, folder=folder)


def _built_alone(group: Group, item: Item, checkpoints: Path | None) -> Result:
    """Solve a task with its inputs as constants of a model built for it alone."""
    cell = Cell("", group.cell.parameter_set, {**group.cell.overrides, **item.inputs})
    alone = replace(group, cell=cell, inputs=())
    fixed = replace(item, inputs={})
    return _attempt(Built(alone), fixed, checkpoints)


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, even inside a solve."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def redirect_output(path: str) -> None:
    """Send what this process and its C++ print to a file of its own."""
    target = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    for stream in (1, 2):
        os.dup2(target, stream)
    os.close(target)
