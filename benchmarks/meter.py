"""Core seconds that were this program's to use, on a machine that it may share.

What other programs used of the cores is taken off; what was idle is not: that is ours to fill.
"""

import os
import threading
import time
from types import TracebackType

import numpy as np
import psutil

PERIOD_S = 0.2


class Meter:
    """Samples, from a thread, what all processes and what this one's family used."""

    def __init__(self) -> None:
        self._cores = os.cpu_count() or 1
        self._used_s: dict[int, float] = {}
        self._times: list[float] = []
        self._others_s: list[float] = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Meter":
        self._sample()
        self._thread.start()
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._thread.join()
        self._sample()

    def core_seconds(self, start: float, end: float, *, cores: int) -> float:
        """Return the core seconds from one `time.perf_counter` to another that others left us."""
        others = np.interp([start, end], self._times, self._others_s)
        spare = (self._cores - cores) * (end - start)  # others may use these freely
        taken = max(0.0, float(others[1] - others[0]) - spare)
        return cores * (end - start) - taken

    def _watch(self) -> None:
        while not self._stop.wait(PERIOD_S):
            self._sample()

    def _sample(self) -> None:
        mine = psutil.Process()
        for process in (mine, *mine.children(recursive=True)):
            try:
                spent = process.cpu_times()
            except psutil.Error:
                continue  # ended meanwhile: what it had used is remembered
            self._used_s[process.pid] = spent.user + spent.system
        busy = psutil.cpu_times()
        total = sum(value for name, value in busy._asdict().items() if name in BUSY)
        self._times.append(time.perf_counter())
        self._others_s.append(total - sum(self._used_s.values()))


BUSY = ("user", "nice", "system", "irq", "softirq", "steal")
