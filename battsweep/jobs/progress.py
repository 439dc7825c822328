"""Where a run stands."""

from __future__ import annotations

import time
from dataclasses import dataclass, field


@dataclass(slots=True)
class Progress:
    """Where a run stands; ``found`` tasks had an outcome before it began.

    ``lost`` tasks were given up with their workers, and are left. Of
    ``distrusted`` groups a task differed from a plain simulation, so that
    each of their tasks is built for itself.
    """

    total: int
    found: int = 0
    found_failed: int = 0
    done: int = 0
    failed: int = 0
    lost: int = 0
    by_class: dict[str, int] = field(default_factory=dict)
    started: float = field(default_factory=time.monotonic)
    stopping: bool = False
    distrusted: int = 0

    @property
    def left(self) -> int:
        """Return the tasks without an outcome."""
        return self.total - self.found - self.done - self.failed

    @property
    def seconds(self) -> float:
        """Return the seconds since computing began."""
        return time.monotonic() - self.started
