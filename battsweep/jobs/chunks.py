"""Which tasks go together to a worker: chunks sized in seconds of work, not in tasks."""

from __future__ import annotations

import math
from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass

from battsweep.jobs.groups import FitItem, Group, Item

TARGET_S = 4.0
FIRST_CHUNK = 40


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tasks for one worker, all of one group, and which attempt at them this is."""

    group: Group | None
    items: tuple[Item | FitItem, ...]
    attempt: int = 1


class Queue:
    """Tasks that wait, by group; hands out chunks and learns what tasks cost.

    A group's tasks are handed out before the next group's, so that a worker
    keeps its built model. Chunks shrink towards the end, so that no worker
    is left with the last long one.
    """

    def __init__(
        self, placed: Iterable[tuple[Group | None, Item | FitItem]], *, workers: int
    ) -> None:
        self._workers = workers
        self._waiting: OrderedDict[str, tuple[Group | None, deque[Item | FitItem]]] = OrderedDict()
        self._again: deque[Chunk] = deque()
        self._cost_s: dict[tuple[str, str], float] = {}
        for group, item in placed:
            key = f"fit-{item.task.id}" if group is None else group.key
            self._waiting.setdefault(key, (group, deque()))[1].append(item)

    def __len__(self) -> int:
        waiting = sum(len(items) for _, items in self._waiting.values())
        return waiting + sum(len(chunk.items) for chunk in self._again)

    def next(self) -> Chunk | None:
        """Return the next chunk, or None where nothing waits."""
        if not self._waiting:
            return self._again.popleft() if self._again else None
        key, (group, items) = next(iter(self._waiting.items()))
        count = math.ceil(len(items) / (2 * self._workers))
        cost_s = self._cost_s.get(_kind(group))
        if cost_s is None:
            count = min(count, FIRST_CHUNK)
        elif len(items) * cost_s < TARGET_S / 4:
            count = len(items)  # not worth a second worker's build
        else:
            count = min(count, max(1, int(TARGET_S / cost_s)))
        chosen = tuple(items.popleft() for _ in range(count))
        if not items:
            del self._waiting[key]
        return Chunk(group, chosen)

    def learn(self, chunk: Chunk, seconds: float) -> None:
        """Remember what a task of this kind cost, build left out."""
        cost = max(1e-4, seconds / len(chunk.items))
        kind = _kind(chunk.group)
        self._cost_s[kind] = (self._cost_s.get(kind, cost) + cost) / 2

    def again(self, chunk: Chunk) -> None:
        """Put a lost chunk back, to be tried last: once whole, then each task alone.

        A worker is seldom lost through a task, since tasks are solved in
        another process; so the first loss makes no task a suspect.
        """
        whole = (chunk.items,) if chunk.attempt == 1 else tuple((item,) for item in chunk.items)
        self._again.extend(Chunk(chunk.group, items, chunk.attempt + 1) for items in whole)


def _kind(group: Group | None) -> tuple[str, str]:
    """Tasks of a model and a protocol's kind cost about the same in every group."""
    if group is None:
        return ("fit", "")
    return (group.model.type, group.protocol.kind + repr(group.protocol.cycles))
