"""What tasks and builds of a kind take, learnt from what they took."""

from __future__ import annotations

from dataclasses import dataclass

from battsweep.jobs.groups import Group

Kind = tuple[object, ...]
"""What tells groups apart whose tasks do not cost about the same."""

GUESS_S = 0.01
GUESSED_BUILD_S = 0.3
FORGETTING = 0.5


@dataclass(slots=True)
class _Known:
    solve_s: float = 0.0
    tasks: float = 0.0
    build_s: float = 0.0
    builds: float = 0.0


class Costs:
    """Seconds a task and seconds a build, by kind; what is newer weighs more."""

    def __init__(self) -> None:
        self._known: dict[Kind, _Known] = {}

    def known(self, kind: Kind) -> bool:
        """Return whether anything has been learnt of a kind."""
        return kind in self._known

    def of(self, kind: Kind) -> tuple[float, float]:
        """Return the seconds that a task and that a build takes; a guess at first."""
        found = self._known.get(kind)
        if found is None:
            return GUESS_S, GUESSED_BUILD_S
        build_s = found.build_s / found.builds if found.builds else GUESSED_BUILD_S
        return max(1e-5, found.solve_s / found.tasks), build_s

    def learn(self, kind: Kind, tasks: int, solve_s: float, builds: int, build_s: float) -> None:
        """Take in what some tasks took, and the builds that they needed."""
        found = self._known.setdefault(kind, _Known())
        found.solve_s = FORGETTING * found.solve_s + solve_s
        found.tasks = FORGETTING * found.tasks + tasks
        if builds:
            found.build_s = FORGETTING * found.build_s + build_s
            found.builds = FORGETTING * found.builds + builds


def kind_of(group: Group | None) -> Kind:
    """Return the kind of a group: what decides, besides values, how long a solve takes."""
    if group is None:
        return ("fit",)
    model, protocol = group.model, group.protocol
    profile = protocol.profile
    return (
        model.type,
        repr(sorted(model.options.items())),
        repr(sorted(model.mesh.items())),
        protocol.kind,
        len(protocol.steps) * protocol.cycles,
        0 if profile is None else len(profile.times_s),
    )
