"""A process for solving that its worker may kill: hard limits, crashes without harm."""

from __future__ import annotations

import multiprocessing
import signal
import time
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path

from battsweep.errors import LostError
from battsweep.jobs.ageing import kept_of
from battsweep.jobs.failures import Failure
from battsweep.jobs.forking import abandon_server, context
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.memory import in_words, memory_of
from battsweep.jobs.proof import unproven
from battsweep.jobs.solve import Result, nothing
from battsweep.jobs.warm import Ahead, Building, Proving, Ready, serve
from battsweep.store.checkpoints import saved_cycles
from battsweep.store.layout import file_name

BUILD_LIMIT_S = 600.0
LIST_LIMIT_S = 2.0
TRIES = 2  # a task whose process died is tried once more, alone
LOOK_S = 0.05  # how often a process's memory is looked at


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended in the middle of a task.

    ``certain`` is set where nothing but that task can be the cause, and
    ``building`` where it was its whole group's model that took too long. It had
    ``suspects`` tasks in hand.
    """

    failure: Failure
    certain: bool
    wall_s: float = 0.0
    building: bool = False
    suspects: int = 1


def _gone(ended: Ended, ahead: int, proving: Result | None) -> Ended | list[Result]:
    """Return what a lost process leaves: suspects, or a result that is only unproven."""
    if proving is not None:
        return [unproven(proving, ended.failure)]
    return replace(ended, suspects=ahead)


def allowed_s(ahead: Ahead) -> float:
    """Return how long a list may take before its tasks are solved one by one instead."""
    return max(LIST_LIMIT_S, 50 * ahead.expected_s)


@dataclass(slots=True)
class Child:
    """A warm solving process of one worker; started when first needed, replaced when dead.

    ``memory_limit_bytes`` is what it may hold; None for no limit. A model may
    take ``build_limit_s`` to build, or the time limit where that is longer. Long
    tasks save what they have done below ``checkpoints``, and go on from there.
    """

    log_path: Path
    checkpoints: Path | None = None
    plain_limit_s: float = BUILD_LIMIT_S
    memory_limit_bytes: int | None = None
    build_limit_s: float = BUILD_LIMIT_S
    _process: BaseProcess | None = None
    _connection: Connection | None = field(default=None, repr=False)
    _alive: Connection | None = field(default=None, repr=False)
    _order: int = 0
    _answered: int = 0

    @property
    def pid(self) -> int | None:
        """Return the solving process's id, where there is one."""
        return None if self._process is None else self._process.pid

    def solve(
        self, group: Group | None, items: Sequence[Item | FitItem], *, time_limit_s: float
    ) -> Generator[tuple[Result, int, float]]:
        """Yield for each item, in order, its result, the tries it took and the build time.

        A task that outlasts the limit, or whose process dies twice, fails
        with that as its result; the others go on in a new process. So does
        one that needs more memory than allowed, at once where the process
        had done nothing else before, and else if it does so again alone. Where
        the model itself is not built in time, all fail at once. Of a task with
        checkpoints each try may take the limit, its finished cycles are kept,
        and a death counts only if nothing was saved since the one before.
        """
        done = suspects = saved = deaths = 0
        while done < len(items):
            # A suspect runs alone, so that a second death is its own.
            batch = items[done : done + 1] if suspects else items[done:]
            tries = max(TRIES if suspects else 1, deaths + 1)
            build_s = 0.0
            with closing(self._answers(group, tuple(batch), time_limit_s)) as answers:
                for answer in answers:
                    if isinstance(answer, Ready):
                        build_s += answer.build_s
                    elif isinstance(answer, list):
                        for result in answer:
                            yield result, tries, build_s
                            build_s = 0.0
                        done += len(answer)
                        suspects, saved, deaths = max(0, suspects - len(answer)), 0, 0
                    elif answer.building and group is not None and group.compiled:
                        # A compiled model's first task is solved with it, and may be stuck.
                        group = replace(group, compiled=False)
                    elif answer.building:
                        yield from ((_failed(answer), tries, 0.0) for _ in items[done:])
                        return
                    elif answer.suspects == 1 and (
                        answer.certain or (tries >= TRIES and self._saved(items[done]) == saved)
                    ):
                        yield self._given_up(items[done], answer), tries, 0.0
                        done, suspects = done + 1, max(0, suspects - 1)
                        saved = deaths = 0
                    else:
                        suspects = max(suspects, answer.suspects)
                        saved, deaths = self._saved(items[done]), deaths + 1

    def _saved(self, item: Item | FitItem) -> int:
        folder = self._checkpoint(item)
        return 0 if folder is None else saved_cycles(folder)

    def _given_up(self, item: Item | FitItem, ended: Ended) -> Result:
        folder = self._checkpoint(item)
        return _failed(ended) if folder is None else kept_of(_failed(ended), folder)

    def _checkpoint(self, item: Item | FitItem) -> Path | None:
        if self.checkpoints is None or not isinstance(item, Item) or item.block is None:
            return None
        return self.checkpoints / file_name(item.task.id)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._connection is not None:
            self._connection.close()
        if self._alive is not None:
            self._alive.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            if self.log_path.exists() and not self.log_path.stat().st_size:
                self.log_path.unlink(missing_ok=True)
        self._process = self._connection = self._alive = None

    def _answers(
        self, group: Group | None, items: tuple[Item | FitItem, ...], limit: float
    ) -> Generator[Ready | list[Result] | Ended]:
        """Yield what the process says, and `Ended` last if it had to go.

        A process whose answers are not all read is ended, so that no later
        order takes them for its own.
        """
        self._order += 1
        finished, left, ahead = False, len(items), 1
        proving: Result | None = None
        try:
            connection = self._start()
            connection.send((self._order, group, items))
            allowed, what = max(self.build_limit_s, limit), "the building of its model"
            while left:
                ended = self._wait(connection, allowed, what)
                if ended is not None:
                    yield _gone(ended, ahead, proving)
                    return
                order, answer = connection.recv()
                if order != self._order:
                    raise LostError("the solving process answered another order")
                if isinstance(answer, Building):
                    allowed, what = max(self.build_limit_s, limit), ""
                    continue
                what = ""
                if isinstance(answer, Proving):
                    # A plain simulation is built first, so it has the time that a build has.
                    proving, allowed = answer.result, max(self.plain_limit_s, limit)
                    continue
                if isinstance(answer, Ahead):
                    allowed, ahead = min(limit, allowed_s(answer)), answer.tasks
                    continue
                proving, allowed = None, limit
                if isinstance(answer, list):
                    left, ahead = left - len(answer), max(1, ahead - len(answer))
                    self._answered += len(answer)
                yield answer
            finished = True
        except (EOFError, OSError):
            yield _gone(self._died(), ahead, proving)
        finally:
            if not finished:
                self.stop()

    def _wait(self, connection: Connection, allowed_s: float, what: str) -> Ended | None:
        """Return once there is an answer, or how the wait for it had to end.

        ``what`` is empty but for the building of a model.
        """
        began = time.monotonic()
        deadline = began + allowed_s
        limit = self.memory_limit_bytes
        while not connection.poll(max(0.0, min(LOOK_S, deadline - time.monotonic()))):
            if time.monotonic() >= deadline:
                message = f"{what} was stopped" if what else "stopped"
                failure = Failure("time-limit", f"{message} after {allowed_s:g} s (run.time_limit)")
                return Ended(failure, certain=True, wall_s=allowed_s, building=bool(what))
            pid = None if self._process is None else self._process.pid
            held = None if limit is None or pid is None else memory_of(pid)
            if limit is not None and held is not None and held > limit:
                message = (
                    f"stopped at {in_words(held)} of memory; it may have"
                    f" {in_words(limit)} (run.memory_limit)"
                )
                passed_s = time.monotonic() - began
                return Ended(Failure("memory", message), not self._answered, passed_s)
        return None

    def _start(self) -> Connection:
        if self._connection is None or self._process is None or not self._process.is_alive():
            self.stop()
            started = context()
            ours, theirs = multiprocessing.Pipe()
            held, alive = multiprocessing.Pipe(duplex=False)
            arguments = (theirs, str(self.log_path), held, self.checkpoints)
            process = started.Process(target=serve, args=arguments, daemon=True)
            try:
                process.start()
            except BaseException:
                ours.close()
                alive.close()
                abandon_server()
                raise
            finally:
                theirs.close()
                held.close()
            self._alive = alive
            self._connection, self._process, self._answered = ours, process, 0
        return self._connection

    def _died(self) -> Ended:
        if self._process is None:
            raise LostError("no process to solve in could be started")
        self._process.join(5)
        code = self._process.exitcode
        self.stop()
        if code == -signal.SIGKILL:
            message = "its process was killed from outside, most likely for want of memory"
            return Ended(Failure("memory", message), certain=False)
        name = f"exit status {code}" if code is None or code >= 0 else signal.Signals(-code).name
        failure = Failure("crashed", f"the process that solved it died ({name})")
        return Ended(failure, certain=False)


def _failed(ended: Ended) -> Result:
    return replace(nothing(ended.failure), wall_s=ended.wall_s)
