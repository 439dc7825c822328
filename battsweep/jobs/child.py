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
from battsweep.jobs.failures import Failure
from battsweep.jobs.groups import FitItem, Group, Item
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Ahead, Ready, serve

BUILD_LIMIT_S = 600.0
LIST_LIMIT_S = 2.0
TRIES = 2  # a task whose process died is tried once more, alone


@dataclass(frozen=True, slots=True)
class Gone:
    """Why a process had to go, and how many tasks it had in hand: each a suspect."""

    failure: Failure
    suspects: int


def allowed_s(ahead: Ahead) -> float:
    """Return how long a list may take before its tasks are solved one by one instead."""
    return max(LIST_LIMIT_S, 50 * ahead.expected_s)


@dataclass(slots=True)
class Child:
    """A warm solving process of one worker; started when first needed, replaced when dead."""

    log_path: Path
    _process: BaseProcess | None = None
    _connection: Connection | None = field(default=None, repr=False)
    _order: int = 0

    def solve(
        self, group: Group | None, items: Sequence[Item | FitItem], *, time_limit_s: float
    ) -> Generator[tuple[Result, int, float]]:
        """Yield for each item, in order, its result, the tries it took and the build time.

        A task that outlasts the limit, or whose process dies twice, fails
        with that as its result; the others go on in a new process.
        """
        done = suspects = 0
        while done < len(items):
            # A suspect runs alone, so that a second death is its own.
            batch = items[done : done + 1] if suspects else items[done:]
            tries = TRIES if suspects else 1
            build_s = 0.0
            with closing(self._answers(group, tuple(batch), time_limit_s)) as answers:
                for answer in answers:
                    if isinstance(answer, Ready):
                        build_s = answer.build_s
                    elif isinstance(answer, list):
                        for result in answer:
                            yield result, tries, build_s
                            build_s = 0.0
                        done += len(answer)
                        suspects = max(0, suspects - len(answer))
                    elif answer.suspects == 1 and (
                        answer.failure.failure_class == "time-limit" or tries >= TRIES
                    ):
                        yield _failed(answer.failure), tries, 0.0
                        done, suspects = done + 1, max(0, suspects - 1)
                    else:
                        suspects = max(suspects, answer.suspects)

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
    ) -> Generator[Ready | list[Result] | Gone]:
        """Yield what the process says, and `Gone` last if it had to go.

        A process whose answers are not all read is ended, so that no later
        order takes them for its own.
        """
        self._order += 1
        answered, finished = 0, False
        ahead = 1
        try:
            connection = self._start()
            connection.send((self._order, group, items))
            allowed = max(BUILD_LIMIT_S, limit)
            while answered < len(items):
                if not connection.poll(allowed):
                    message = f"stopped after {allowed:g} s (run.time_limit)"
                    yield Gone(Failure("time-limit", message), ahead)
                    return
                order, answer = connection.recv()
                if order != self._order:
                    raise LostError("the solving process answered another order")
                allowed, ahead = limit, 1
                if isinstance(answer, Ahead):
                    allowed, ahead = min(limit, allowed_s(answer)), answer.tasks
                    continue
                answered += len(answer) if isinstance(answer, list) else 0
                yield answer
            finished = True
        except (EOFError, OSError):
            yield Gone(self._died(), ahead)
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
            arguments = (theirs, str(self.log_path))
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
