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

from battsweep.jobs.build import Built
from battsweep.jobs.failures import classify_failure
from battsweep.jobs.forking import die_with_holder
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.solve import Result, attempt, captured_log
from battsweep.sweep.spec import Cell

BUILDS_BYTES = 256 * 2**20
# What is freed meanwhile may hide what a build takes; the smallest takes this (measured).
LEAST_BUILD_BYTES = 2 * 2**20
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Ready:
    """The model of the order is built; its first task starts now."""

    build_s: float


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

    def get(self, group: Group, example: Mapping[str, float], initial_soc: float | None) -> Built:
        """Return a group's built model, built with example inputs where it is not there."""
        self._weigh()
        if group.key not in self._builds:
            self._newest = (group.key, resident_bytes())
            built = Built(group)
            built.build(example, initial_soc=initial_soc)
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
            self._bytes[key] = max(LEAST_BUILD_BYTES, resident_bytes() - before)
        self._newest = None


def resident_bytes() -> int:
    """Return this process's resident memory; 0 where it is not Linux that says so."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - hot
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def serve(connection: Connection, log_path: str, alive: Connection) -> None:
    """Answer orders until the other end is closed; the body of the solving process.

    It ends at once where the other end of ``alive`` is closed.
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
        for answer in answers(group, items, builds):
            connection.send((order, answer))


def answers(
    group: Group | None, items: tuple[Item | FitItem, ...], builds: Builds
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
        result = attempt(built, item) if built is not None else _built_alone(group, item)
        yield replace(
            result,
            log="\n".join(filter(None, [*notes, result.log])),
            group=group.key,
            method="rebuilt" if built is None else "reused",
        )


def _no_effect(name: str) -> str:
    return f"{name!r} is in no equation of this model: only outputs made of it can change"


def _built_alone(group: Group, item: Item) -> Result:
    """Solve a task with its inputs as constants of a model built for it alone."""
    cell = Cell("", group.cell.parameter_set, {**group.cell.overrides, **item.inputs})
    alone = replace(group, cell=cell, inputs=())
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
