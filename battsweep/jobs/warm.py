"""What the solving process does: keep built models warm, answer orders one task at a time."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections import OrderedDict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection

from battsweep.jobs.batch import attempts, batches
from battsweep.jobs.build import Built
from battsweep.jobs.compiled import one_at_a_time
from battsweep.jobs.failures import classify_failure
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.solve import Result, attempt, captured_log
from battsweep.sweep.spec import Cell

KEPT_BUILDS = 4
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Ready:
    """The model of the order is built; its first task starts now."""

    build_s: float


@dataclass(frozen=True, slots=True)
class Ahead:
    """So many tasks are solved next in one list, which should be done in ``expected_s``."""

    tasks: int
    expected_s: float


class Builds:
    """The built models of this process, the least recently used dropped first."""

    def __init__(self, kept: int = KEPT_BUILDS) -> None:
        self._kept = kept
        self._builds: OrderedDict[str, Built] = OrderedDict()

    def get(self, group: Group, example: Item) -> Built:
        """Return a group's built model, built with an example's inputs where it is not there."""
        if group.key not in self._builds:
            built = Built(group)
            built.build(example.inputs, initial_soc=example.initial_soc)
            if built.compiled:  # PyBaMM does it in the first solve
                with one_at_a_time(group.key):
                    attempt(built, example)
            self._builds[group.key] = built
            if len(self._builds) > self._kept:
                self._builds.popitem(last=False)
        self._builds.move_to_end(group.key)
        return self._builds[group.key]


def serve(connection: Connection, log_path: str) -> None:
    """Answer orders until the other end is closed; the body of the solving process."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver drains; nobody else stops
    redirect_output(log_path)
    builds = Builds()
    while True:
        try:
            order, group, items = connection.recv()
        except (EOFError, OSError):
            return
        for message in _messages(answers(group, items, builds)):
            connection.send((order, message))


def _messages(
    found: Iterable[Ready | Ahead | Result],
) -> Iterator[Ready | Ahead | list[Result]]:
    """Yield answers with the results of a list in one message."""
    results: list[Result] = []
    expected = 1
    for answer in found:
        if not isinstance(answer, Result):
            expected = answer.tasks if isinstance(answer, Ahead) else 1
            yield answer
            continue
        results.append(answer)
        if len(results) == expected:
            yield results
            results, expected = [], 1


def answers(
    group: Group | None, items: tuple[Item | FitItem, ...], builds: Builds
) -> Iterator[Ready | Ahead | Result]:
    """Yield `Ready` once, then results in the items' order, told before where in a list."""
    if group is None:
        from battsweep.jobs.fit import run_fit

        yield Ready(0.0)
        yield from (run_fit(item, builds) for item in items if isinstance(item, FitItem))
        return
    simulations = [item for item in items if isinstance(item, Item)]
    started = time.perf_counter()
    with captured_log() as log:
        try:
            built = builds.get(group, simulations[0])
        except Exception as error:  # then each task says why, built for itself
            log.append(f"not built with inputs ({classify_failure(error).message})")
            built = None
    yield Ready(time.perf_counter() - started)
    if built is None:
        for item in simulations:
            yield _told(_built_alone(group, item), group, "rebuilt", log)
        return
    notes = [*log, *built.notes, *map(_no_effect, built.unused_inputs())]
    for batch in batches(built, simulations):
        if len(batch) > 1:
            yield Ahead(len(batch), len(batch) * built.cost_s)
        yield from (_told(result, group, "reused", notes) for result in attempts(built, batch))


def _told(result: Result, group: Group, method: str, notes: list[str]) -> Result:
    text = "\n".join(filter(None, [*notes, result.log]))
    return replace(result, log=text, group=group.key, method=method)


def _no_effect(name: str) -> str:
    return f"{name!r} is in no equation of this model: only outputs made of it can change"


def _built_alone(group: Group, item: Item) -> Result:
    """Solve a task with its inputs as constants of a model built for it alone."""
    given = {name: item.inputs[name] for name in group.inputs}
    cell = Cell("", group.cell.parameter_set, {**group.cell.overrides, **given})
    protocol = replace(group.protocol, steps=item.task.procedure.steps)
    alone = replace(group, cell=cell, protocol=protocol, inputs=(), slots=(), compiled=False)
    fixed = replace(item, inputs={})
    return attempt(Built(alone), fixed)


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
