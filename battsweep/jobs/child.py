"""A process for solving that its worker may kill: hard time limits, crashes without harm."""

from __future__ import annotations

import multiprocessing
import signal
from collections.abc import Generator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from battsweep.errors import LostError
from battsweep.jobs.ageing import kept_of
from battsweep.jobs.failures import Failure
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Ready, serve
from battsweep.store.checkpoints import saved_cycles
from battsweep.store.layout import file_name

BUILD_LIMIT_S = 600.0
TRIES = 2  # a task whose process died is tried once more, alone


@dataclass(slots=True)
class Child:
    """A warm solving process of one worker; started when first needed, replaced when dead.

    Long tasks save what they have done below ``checkpoints``, and go on from there.
    """

    log_path: Path
    checkpoints: Path | None = None
    _process: BaseProcess | None = None
    _connection: Connection | None = field(default=None, repr=False)
    _order: int = 0

    def solve(
        self, group: Group | None, items: Sequence[Item | FitItem], *, time_limit_s: float
    ) -> Generator[tuple[Result, int, float]]:
        """Yield for each item, in order, its result, the tries it took and the build time.

        A task that outlasts the limit, or whose process dies twice, fails
        with that as its result; the others go on in a new process. Of a task
        with checkpoints each try may take the limit, its finished cycles are
        kept, and a death counts only if nothing was saved since the one before.
        """
        done, tries = 0, 1
        saved = 0
        while done < len(items):
            # A suspect runs alone, so that a second death is its own.
            batch = items[done:] if tries == 1 else items[done : done + 1]
            build_s = 0.0
            with closing(self._answers(group, tuple(batch), time_limit_s)) as answers:
                for answer in answers:
                    if isinstance(answer, Ready):
                        build_s = answer.build_s
                    elif isinstance(answer, Result):
                        yield answer, tries, build_s
                        done, tries, build_s = done + 1, 1, 0.0
                        saved = 0
                    elif answer.failure_class == "time-limit" or (
                        tries >= TRIES and self._saved(items[done]) == saved
                    ):
                        yield self._given_up(items[done], answer), tries, 0.0
                        done, tries, saved = done + 1, 1, 0
                    else:
                        tries, saved = tries + 1, self._saved(items[done])

    def _saved(self, item: Item | FitItem) -> int:
        folder = self._checkpoint(item)
        return 0 if folder is None else saved_cycles(folder)

    def _given_up(self, item: Item | FitItem, failure: Failure) -> Result:
        folder = self._checkpoint(item)
        return _failed(failure) if folder is None else kept_of(_failed(failure), folder)

    def _checkpoint(self, item: Item | FitItem) -> Path | None:
        if self.checkpoints is None or not isinstance(item, Item) or item.block is None:
            return None
        return self.checkpoints / file_name(item.task.id)

    def stop(self) -> None:
        """End the process, whatever it is doing."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
            if self.log_path.exists() and not self.log_path.stat().st_size:
                self.log_path.unlink(missing_ok=True)
        self._process = self._connection = None

    def _answers(
        self, group: Group | None, items: tuple[Item | FitItem, ...], limit: float
    ) -> Generator[Ready | Result | Failure]:
        """Yield what the process says, and a failure last if it had to go.

        A process whose answers are not all read is ended, so that no later
        order takes them for its own.
        """
        self._order += 1
        finished = False
        try:
            connection = self._start()
            connection.send((self._order, group, items))
            allowed = max(BUILD_LIMIT_S, limit)
            for _ in range(1 + len(items)):
                if not connection.poll(allowed):
                    message = f"stopped after {allowed:g} s (run.time_limit)"
                    yield Failure("time-limit", message)
                    return
                order, answer = connection.recv()
                if order != self._order:
                    raise LostError("the solving process answered another order")
                yield answer
                allowed = limit
            finished = True
        except (EOFError, OSError):
            yield self._died()
        finally:
            if not finished:
                self.stop()

    def _start(self) -> Connection:
        if self._connection is None or self._process is None or not self._process.is_alive():
            self.stop()
            methods = multiprocessing.get_all_start_methods()
            method = "forkserver" if "forkserver" in methods else "spawn"
            context: Any = multiprocessing.get_context(method)
            if method == "forkserver":
                context.set_forkserver_preload(["pybamm", "battsweep.jobs.warm"])
            ours, theirs = multiprocessing.Pipe()
            arguments = (theirs, str(self.log_path), self.checkpoints)
            process = context.Process(target=serve, args=arguments, daemon=True)
            try:
                process.start()
            except BaseException:
                ours.close()
                raise
            finally:
                theirs.close()
            self._connection, self._process = ours, process
        return self._connection

    def _died(self) -> Failure:
        if self._process is None:
            raise LostError("no process to solve in could be started")
        self._process.join(5)
        code = self._process.exitcode
        self.stop()
        if code == -signal.SIGKILL:
            message = "its process was killed from outside, most likely for want of memory"
            return Failure("memory", message)
        name = f"exit status {code}" if code is None or code >= 0 else signal.Signals(-code).name
        return Failure("crashed", f"the process that solved it died ({name})")


def _failed(failure: Failure) -> Result:
    return Result({}, {}, (), {}, failure=failure, wall_s=0.0)
