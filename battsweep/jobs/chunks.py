"""Which tasks go together to which worker: chunks sized in seconds of work, not in tasks."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from battsweep.jobs.costs import Costs, Kind, kind_of
from battsweep.jobs.groups import FitItem, Group, Item

TARGET_S = 4.0
LEAST_S = 0.1  # below, what a chunk costs by itself (some 10 ms) begins to show
SHARE = 3  # a chunk is at most this fraction of what is left for each worker

Part = tuple[Group | None, tuple[Item | FitItem, ...]]
"""Tasks of one group; the group of a fit is None."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Tasks for one worker, group by group, and which attempt at them this is."""

    parts: tuple[Part, ...]
    attempt: int = 1

    @property
    def items(self) -> tuple[Item | FitItem, ...]:
        """Return the tasks of all parts, in order."""
        return tuple(item for _, items in self.parts for item in items)


@dataclass(frozen=True, slots=True)
class Flight:
    """A chunk that was handed out, and the worker that was to have it."""

    chunk: Chunk
    worker: str


@dataclass(slots=True)
class _Waiting:
    """A group's tasks that wait, and the workers that have built it."""

    group: Group | None
    kind: Kind
    items: deque[Item | FitItem] = field(default_factory=deque)
    builders: set[str] = field(default_factory=set)


class Queue:
    """Tasks that wait, by group; hands out chunks and learns what tasks and builds cost.

    A worker keeps to a group that it has built until nothing of it is left.
    Then it begins another, the one with the most work first; several at once
    where they are small. Where all are begun it joins one, but only if what is
    left of that repays another build. Chunks shrink towards the end, so that
    no worker is left with the last long one.
    """

    def __init__(
        self, placed: Iterable[tuple[Group | None, Item | FitItem]], *, workers: int
    ) -> None:
        self._workers = workers
        self._costs = Costs()
        self._again: deque[Chunk] = deque()
        self._begun: dict[str, _Waiting] = {}
        found: dict[str, _Waiting] = {}
        for group, item in placed:
            key = f"fit-{item.task.id}" if group is None else group.key
            if key not in found:
                found[key] = _Waiting(group, kind_of(group))
            found[key].items.append(item)
        # Of each kind, the largest groups first.
        self._fresh: dict[Kind, OrderedDict[str, _Waiting]] = {}
        self._left: dict[Kind, int] = {}
        for key, waiting in sorted(found.items(), key=lambda pair: -len(pair[1].items)):
            self._fresh.setdefault(waiting.kind, OrderedDict())[key] = waiting
            self._left[waiting.kind] = self._left.get(waiting.kind, 0) + len(waiting.items)

    def __len__(self) -> int:
        return sum(self._left.values()) + sum(len(chunk.items) for chunk in self._again)

    def next(self, worker: str) -> Chunk | None:
        """Return the next chunk for a worker; None where it had better wait, or nothing waits."""
        limit_s = min(TARGET_S, max(LEAST_S, self._left_s() / (SHARE * self._workers)))
        own = next((key for key, w in self._begun.items() if worker in w.builders), None)
        if own is not None:
            return Chunk((self._take(own, worker, limit_s),))
        if any(self._fresh.values()):
            return self._begin(worker, limit_s)
        if self._again:
            return self._again.popleft()
        joined = self._worth_joining()
        return None if joined is None else Chunk((self._take(joined, worker, limit_s),))

    def ahead(self) -> bool:
        """Return whether so much is left that a worker may have a chunk waiting behind another.

        It then need not wait for the driver; near the end it would keep work from others.
        """
        dearest_s = max((self._costs.of(k)[0] for k, n in self._left.items() if n), default=0.0)
        return self._left_s() > 2 * self._workers * max(TARGET_S, dearest_s)

    def learn(self, chunk: Chunk, *, solve_s: float, builds: int, build_s: float) -> None:
        """Remember what the tasks of a chunk cost, and the builds among them."""
        kind = kind_of(chunk.parts[0][0])  # of all its parts
        self._costs.learn(kind, len(chunk.items), solve_s, builds, build_s)

    def again(self, chunk: Chunk) -> None:
        """Put a lost chunk back, to be tried last: once whole, then each task alone.

        A worker is seldom lost through a task, since tasks are solved in
        another process; so the first loss makes no task a suspect.
        """
        alone = (((group, (item,)),) for group, items in chunk.parts for item in items)
        ways = (chunk.parts,) if chunk.attempt == 1 else tuple(alone)
        self._again.extend(Chunk(parts, chunk.attempt + 1) for parts in ways)

    def forget(self, worker: str) -> None:
        """Take note that a worker is gone, and with it what it had built."""
        for key, waiting in list(self._begun.items()):
            waiting.builders.discard(worker)
            if not waiting.builders:
                del self._begun[key]
                self._fresh[waiting.kind][key] = waiting
                self._fresh[waiting.kind].move_to_end(key, last=False)

    def _begin(self, worker: str, limit_s: float) -> Chunk:
        """Return a chunk of the group with the most work, and of more where that is little."""
        kind = max((k for k in self._fresh if self._fresh[k]), key=self._most_work)
        parts: list[Part] = []
        spent_s = 0.0
        while self._fresh[kind]:
            key, waiting = next(iter(self._fresh[kind].items()))
            cost_s, build_s = self._costs.of(kind)
            whole_s = build_s + cost_s * len(waiting.items)
            if parts and (not self._costs.known(kind) or spent_s + whole_s > limit_s):
                break
            del self._fresh[kind][key]
            self._begun[key] = waiting
            parts.append(self._take(key, worker, limit_s))
            spent_s += whole_s
        return Chunk(tuple(parts))

    def _most_work(self, kind: Kind) -> float:
        cost_s, build_s = self._costs.of(kind)
        return build_s + cost_s * len(next(iter(self._fresh[kind].values())).items)

    def _worth_joining(self) -> str | None:
        """Return the begun group that gains most by another worker, if any does."""
        best, gain = None, 0.0
        for key, waiting in self._begun.items():
            cost_s, build_s = self._costs.of(waiting.kind)
            found = len(waiting.items) * cost_s / len(waiting.builders) - build_s
            if found > gain or (best is None and not self._costs.known(waiting.kind)):
                best, gain = key, max(gain, found)
        return best

    def _take(self, key: str, worker: str, limit_s: float) -> Part:
        """Take tasks of a begun group, for about so many seconds."""
        waiting = self._begun[key]
        cost_s, build_s = self._costs.of(waiting.kind)
        if worker not in waiting.builders:
            limit_s = max(LEAST_S, limit_s - build_s)
        count = min(len(waiting.items), max(1, int(limit_s / cost_s)))
        if not self._costs.known(waiting.kind):
            count = 1  # what it costs is known all the sooner, and a first result stored
        chosen = tuple(waiting.items.popleft() for _ in range(count))
        waiting.builders.add(worker)
        self._left[waiting.kind] -= count
        if not waiting.items:
            del self._begun[key]
        return waiting.group, chosen

    def _left_s(self) -> float:
        """Return how much work is left, builds included."""
        total_s = 0.0
        for kind, count in self._left.items():
            cost_s, build_s = self._costs.of(kind)
            total_s += count * cost_s + len(self._fresh[kind]) * build_s
        return total_s
