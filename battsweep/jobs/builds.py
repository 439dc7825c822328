"""The built models of a solving process: kept up to a bound on memory, or for one task alone."""

from __future__ import annotations

import os
import time
import traceback
from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from battsweep.jobs.ageing import attempt_in_blocks
from battsweep.jobs.build import Built
from battsweep.jobs.compiled import keep, one_at_a_time
from battsweep.jobs.failures import advised, classify_failure
from battsweep.jobs.groups import Group, Item
from battsweep.jobs.ladder import Ladder
from battsweep.jobs.memory import memory_of
from battsweep.jobs.solve import Result, attempt, captured_log, nothing
from battsweep.store.layout import file_name

BUILDS_BYTES = 256 * 2**20
# What is freed meanwhile may hide what a build takes; the smallest takes this (measured).
LEAST_BUILD_BYTES = 2 * 2**20


class Builds:
    """The built models of this process, the least recently used dropped first.

    ``limit_bytes`` bounds what they take together. What one takes is told from
    how much this process grew from before it was built to the next look,
    since PyBaMM makes most of it in the first solve. The one in use is kept,
    however large it is.
    """

    def __init__(self, limit_bytes: int = BUILDS_BYTES) -> None:
        self._limit = limit_bytes
        self._builds: OrderedDict[str, Built] = OrderedDict()
        self._bytes: dict[str, int] = {}
        self._newest: tuple[str, int] | None = None
        self.ladder = Ladder()

    def get(self, group: Group, example: Item) -> Built:
        """Return a group's built model, built with an example's inputs where it is not there."""
        self._weigh()
        if group.key not in self._builds:
            self._newest = (group.key, _memory())
            built = Built(group)
            built.build(example.inputs, initial_soc=example.initial_soc)
            if built.compiled:  # PyBaMM does it in the first solve
                with one_at_a_time(group.key):
                    attempt(built, example)
                    keep(group.key)
            self._builds[group.key] = built
            self._bytes[group.key] = LEAST_BUILD_BYTES
        self._builds.move_to_end(group.key)
        while len(self._builds) > 1 and self.bytes > self._limit:
            dropped, _ = self._builds.popitem(last=False)
            del self._bytes[dropped]
        return self._builds[group.key]

    @property
    def bytes(self) -> int:
        """Return about how much the kept models take."""
        return sum(self._bytes.values())

    def _weigh(self) -> None:
        """Note how much this process has grown by the model that was built last."""
        if self._newest is not None and self._newest[0] in self._bytes:
            key, before = self._newest
            self._bytes[key] = max(LEAST_BUILD_BYTES, _memory() - before)
        self._newest = None


def _memory() -> int:
    return memory_of(os.getpid()) or 0


@dataclass(frozen=True, slots=True)
class Solver:
    """How one task is solved alone: in blocks that are saved, or at once; then on the ladder."""

    ladder: Ladder
    checkpoints: Path | None = None

    def attempt(self, built: Built, item: Item) -> Result:
        """Return what a task leaves behind at its first try."""
        if item.block is None:
            return attempt(built, item)
        folder = self.checkpoints / file_name(item.task.id) if self.checkpoints else None
        return attempt_in_blocks(built, item, at_once=item.block, folder=folder)


class BuiltAlone:
    """A task on a model built for it alone, its inputs constants: a plain simulation."""

    def __init__(self, group: Group, item: Item, solver: Solver) -> None:
        started = time.perf_counter()
        of_steps = tuple(f"{slot} " for slot in group.slots if slot)  # they are in its steps
        given = {n: v for n, v in item.inputs.items() if not (of_steps and n.startswith(of_steps))}
        cell = replace(group.cell, overrides={**group.cell.overrides, **given})
        self._solver = solver
        self._item = replace(item, inputs={})
        self._group = replace(
            group,
            key=f"{group.key}-{item.task.id}",
            cell=cell,
            protocol=replace(group.protocol, steps=item.task.procedure.steps),
            inputs=(),
            slots=(),
            compiled=False,
        )
        self._built: Built | None = None
        self._failed: Result | None = None
        with captured_log() as self._log:
            try:
                self._built = Built(self._group)
            except Exception as error:
                failure = advised(classify_failure(error))
                self._failed = nothing(failure, traceback.format_exc())
            else:
                with suppress(Exception):  # met again by the solve, which makes it the outcome
                    self._built.build({}, initial_soc=item.initial_soc)
        self.build_s = time.perf_counter() - started

    def solve(self) -> Result:
        """Return what the task leaves behind."""
        result = self._failed
        if self._built is not None:
            result = self._solver.attempt(self._built, self._item)
            result = self._solver.ladder.climb(self._group, self._item, result)
        if result is None:
            raise ValueError("neither built nor failed")
        lines = dict.fromkeys([*self._log, *result.log.splitlines()])
        return replace(result, log="\n".join(lines), method="rebuilt")
