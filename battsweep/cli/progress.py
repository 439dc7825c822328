"""How far a run is: a bar in a terminal, a plain line now and then elsewhere."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from battsweep.jobs.progress import Progress

PLAIN_EVERY_S = 15.0


class ProgressDisplay:
    """Shows a `Progress` each time it is called with one."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self._stream = sys.stderr if stream is None else stream
        self._bar = self._stream.isatty()
        self._last = 0.0
        self._said_stopping = False

    def __call__(self, progress: Progress) -> None:
        """Redraw the bar, or write a line if the last is old enough."""
        if progress.stopping and not self._said_stopping:
            self._said_stopping = True
            self._line("stopping: finishing what is running; Ctrl-C again stops at once")
        now = time.monotonic()
        if self._bar:
            columns = shutil.get_terminal_size().columns
            self._stream.write(f"\r\x1b[2K{bar(progress, columns)}")
            self._stream.flush()
        elif now - self._last >= PLAIN_EVERY_S or not progress.left:
            self._last = now
            self._stream.write(f"{describe(progress)}\n")
            self._stream.flush()

    def close(self) -> None:
        """Leave the bar where it is and go to the next line."""
        if self._bar:
            self._stream.write("\n")

    def _line(self, text: str) -> None:
        self._stream.write(f"\r\x1b[2K{text}\n" if self._bar else f"{text}\n")
        self._stream.flush()


def bar(progress: Progress, columns: int) -> str:
    """Return one line of at most ``columns`` - 1 characters."""
    text = describe(progress)
    if len(text) >= columns:
        text = describe(progress, classes=False)
    ended = progress.total - progress.left
    width = min(30, columns - len(text) - 4)
    if width < 8:
        return text[: columns - 1]
    full = width * ended // max(1, progress.total)
    return f"[{'#' * full}{'.' * (width - full)}] {text}"


def describe(progress: Progress, *, classes: bool = True) -> str:
    """Return counts, rate, time left and failures so far (by class), in words."""
    ended = progress.total - progress.left
    computed = progress.done + progress.failed
    parts = [f"{ended}/{progress.total} tasks"]
    if computed and progress.left:
        rate = computed / max(1e-3, progress.seconds)
        parts += [f"{rate:.3g}/s", f"{duration(progress.left / rate)} left"]
    elif computed:
        parts.append(f"in {duration(progress.seconds)}")
    if progress.failed:
        why = ", ".join(f"{count} {name}" for name, count in progress.by_class.items())
        parts.append(f"{progress.failed} failed" + (f" ({why})" if classes else ""))
    if progress.distrusted:
        parts.append(f"{progress.distrusted} distrusted: rebuilt task by task")
    return "  ".join(parts)


def duration(seconds: float) -> str:
    """Return a time a person reads at a glance: 8 s, 3 min 20 s, 2 h 05 min, 3 d 4 h."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest:02d} s"
    hours, minutes = divmod(minutes, 60)
    if hours < 48:
        return f"{hours} h {minutes:02d} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
