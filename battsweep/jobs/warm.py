"""What the solving process does: keep built models warm, answer orders task by task."""

from __future__ import annotations

import ctypes
import math
import os
import signal
import sys
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import groupby
from multiprocessing.connection import Connection
from pathlib import Path

from battsweep.jobs.batch import attempts, batches
from battsweep.jobs.build import Built
from battsweep.jobs.builds import Builds, BuiltAlone, Solver
from battsweep.jobs.failures import classify_failure
from battsweep.jobs.forking import die_with_holder
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.plain import Plain
from battsweep.jobs.proof import Proof, compare, prove
from battsweep.jobs.proof_words import told
from battsweep.jobs.solve import Result, captured_log

PR_SET_PDEATHSIG = 1
NOT_REUSE = 0.3
"""A task built for itself that is this share as far from plain as the reused one clears that,"""
NOT_FAR = 100.0
"""if that is off by no more than so many times what is allowed."""


@dataclass(frozen=True, slots=True)
class Ready:
    """The model of the order is built; its first task starts now."""

    build_s: float


@dataclass(frozen=True, slots=True)
class Ahead:
    """So many tasks are solved next in one list, which should be done in ``expected_s``."""

    tasks: int
    expected_s: float


class Building:
    """A model is built for the next task alone; `Ready` follows."""


@dataclass(frozen=True, slots=True, eq=False)
class Proving:
    """A task is solved; a plain simulation of it starts now, and then its result follows."""

    result: Result


def serve(
    connection: Connection, log_path: str, alive: Connection, checkpoints: Path | None = None
) -> None:
    """Answer orders until the other end is closed; the body of the solving process.

    It ends at once where the other end of ``alive`` is closed. Long tasks save
    what they have done below ``checkpoints``.
    """
    die_with_parent()
    die_with_holder(alive)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the driver drains; nobody else stops
    redirect_output(log_path)
    builds = Builds()
    while True:
        try:
            order, group, items = connection.recv()
        except (EOFError, OSError):
            return
        for message in _messages(answers(group, items, builds, checkpoints)):
            connection.send((order, message))


def _messages(
    found: Iterable[Ready | Building | Ahead | Proving | Result],
) -> Iterator[Ready | Building | Ahead | Proving | list[Result]]:
    """Yield answers with the results of a list in one message, but a proven one at once.

    So what becomes of the next task is not taken for the end of a proof.
    """
    results: list[Result] = []
    expected, proving = 1, False
    for answer in found:
        if isinstance(answer, Result):
            results.append(answer)
        if results and (len(results) >= expected or proving or not isinstance(answer, Result)):
            expected = max(1, expected - len(results))
            yield results
            results = []
        proving = isinstance(answer, Proving)
        if not isinstance(answer, Result):
            expected = answer.tasks if isinstance(answer, Ahead) else expected
            yield answer


def answers(
    group: Group | None,
    items: tuple[Item | FitItem, ...],
    builds: Builds,
    checkpoints: Path | None = None,
) -> Iterator[Ready | Building | Ahead | Proving | Result]:
    """Yield `Ready`, then a result an item, in order.

    Before some there is `Building` and another `Ready`, `Ahead`, or `Proving`.
    """
    if group is None:
        from battsweep.jobs.fit import run_fit
        from battsweep.jobs.proof_fit import prove_fit

        yield Ready(0.0)
        for fit in (item for item in items if isinstance(item, FitItem)):
            result = run_fit(fit, builds)
            if fit.prove:
                yield Proving(result)
                result = prove_fit(fit, result)
            yield result
        return
    simulations = [item for item in items if isinstance(item, Item)]
    started = time.perf_counter()
    built: Built | None = None
    with captured_log() as log:
        try:
            example = next((item for item in simulations if not item.rebuild), None)
            if example is not None:
                built = builds.get(group, example)
        except Exception as error:  # then each task says why, built for itself
            log.append(f"not built with inputs ({classify_failure(error).message})")
    yield Ready(time.perf_counter() - started)
    notes = [*log]
    if built is not None:
        notes += [*built.notes, *map(_no_effect, built.unused_inputs())]
    solver = Solver(builds.ladder, checkpoints)
    for alone, run in groupby(simulations, lambda item: built is None or item.rebuild):
        if alone or built is None:
            for item in run:
                yield from _alone(group, item, solver, notes)
        else:
            yield from _together(built, list(run), solver, notes)


def _alone(
    group: Group, item: Item, solver: Solver, notes: list[str]
) -> Iterator[Ready | Building | Result]:
    yield Building()
    alone = BuiltAlone(group, item, solver)
    yield Ready(alone.build_s)
    yield _told(alone.solve(), group, notes)


def _together(
    built: Built, items: list[Item], solver: Solver, notes: list[str]
) -> Iterator[Ahead | Proving | Result]:
    for batch in batches(built, items):
        if len(batch) > 1:
            yield Ahead(len(batch), len(batch) * built.cost_s)
        if len(batch) == 1 and batch[0].block is not None:
            results = [solver.attempt(built, batch[0])]
        else:
            results = attempts(built, batch)
        for item, found in zip(batch, results, strict=True):
            if len(batch) > 1 and found.failure and found.failure.failure_class == "solver":
                yield Ahead(1, math.inf)  # the ladder has the task's own limit, not the list's
            climbed = solver.ladder.climb(built.group, item, found)
            result = _told(climbed, built.group, notes)
            if item.prove:
                yield Proving(result)
                result = _proven(built.group, item, result, solver)
            yield result


def _told(result: Result, group: Group, notes: list[str]) -> Result:
    text = "\n".join(filter(None, [*notes, result.log]))
    return replace(result, log=text, group=group.key, method=result.method or "reused")


def _proven(group: Group, item: Item, result: Result, solver: Solver) -> Result:
    """Return a result with its proof, or what the task gives built for itself.

    Where reuse gave something else than a plain simulation, its answer is not kept.
    Where it is not far off, and a model built for the task alone is about as far,
    reuse is not to blame: the task hangs on the last digits, and nothing can be said.
    """
    plain, record = prove(group, item, result)
    if record["passed"] is not False:
        return replace(result, proof=record)
    alone = BuiltAlone(group, item, replace(solver, checkpoints=None)).solve()
    again = compare(group, item, alone, plain)
    if again.passed is False and hangs_on_digits(float(record["share"]), again, plain):
        message = f"built for itself too it differs: {told(again.record(0.0))}"
        return replace(
            result,
            log="\n".join(filter(None, [message, result.log])),
            proof={**record, "passed": None, "differences": {}, "message": message},
        )
    notes = [f"reusing the group's model gave another answer: {told(record)}", alone.log]
    return replace(
        alone,
        log="\n".join(filter(None, notes)),
        group=group.key,
        proof={**record, "rebuilt": again.record(0.0)},
    )


def hangs_on_digits(share: float, again: Proof, plain: Plain) -> bool:
    """Return whether a difference of so many times what is allowed is no fault of reuse.

    ``again`` is how the task compares when it is built for itself.
    """
    if not share and not again.worst_share:  # they ended differently
        return plain.failure is not None and plain.failure.failure_class == "solver"
    return NOT_REUSE * share <= again.worst_share and share <= NOT_FAR


def _no_effect(name: str) -> str:
    return f"{name!r} is in no equation of this model: only outputs made of it can change"


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
