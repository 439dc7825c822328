"""What is tried after the solver gave up on a task: other settings, one after another.

Each rung is built anew with settings of its own and solves the task from its
beginning. Only failures of class "solver" are tried again: what the physics
or the file does not allow, no setting mends.
"""

from __future__ import annotations

import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from battsweep.jobs.ageing import attempt_in_blocks
from battsweep.jobs.build import Built
from battsweep.jobs.failures import Failure, classify_failure
from battsweep.jobs.groups import Group, Item
from battsweep.jobs.physics import make_model, mesh_points
from battsweep.jobs.solve import Result, attempt, nothing

SHARE = 0.5
"""No rung begins once this share of the time limit is used, or would be by one like the last."""


@dataclass(frozen=True, slots=True)
class Rung:
    """Other settings for the solver; ``tolerances`` and ``mesh`` are factors."""

    name: str
    tolerances: float = 1.0
    mesh: int = 1
    options: Mapping[str, float | str] = field(default_factory=dict)


RUNGS = (
    Rung("tighter tolerances", tolerances=1e-2),
    Rung(
        "smaller steps",
        options={
            "dt_max": 10.0,
            "dt_init": 1e-6,
            "max_error_test_failures": 50,
        },
    ),
    # SciPy's "lm" can stay in an ill-posed initial state for ever; CasADi's method gives up.
    Rung("another initial state", options={"root_method": "casadi", "newton_mode": "full"}),
    Rung("finer mesh", mesh=2),
    Rung("looser tolerances", tolerances=10.0),
)
"""As accurate as asked for first; the one that is less so is the last resort."""


class Ladder:
    """The rungs that were built for one group; those of another take their place."""

    def __init__(self) -> None:
        self._key = ""
        self._built: dict[str, Built] = {}

    def climb(self, group: Group, item: Item, first: Result) -> Result:
        """Return the result of the first rung that solves a task, else the first result.

        ``tries`` of it tells every attempt, the first included. A rung that
        shows that the task is infeasible ends the climb, if it is accurate
        enough to be believed.
        """
        if self._key != group.key:
            self._key, self._built = group.key, {}
        failure = first.failure
        if not group.retry_ladder or failure is None or failure.failure_class != "solver":
            return first
        tries = [_told("as asked for", _settings(group), failure)]
        began, spent_s = time.perf_counter(), first.wall_s
        for rung, changed in _rungs(group):
            used_s = first.wall_s + time.perf_counter() - began
            if used_s + spent_s > SHARE * group.time_limit_s:
                tries.append({"rung": rung.name, "message": "not tried: too little time is left"})
                break
            result = self._attempt(rung, changed, item)
            spent_s = result.wall_s
            tries.append(_told(rung.name, _settings(changed), result.failure))
            believed = rung.tolerances <= 1
            unfit = result.failure is not None and result.failure.failure_class == "infeasible"
            if result.failure is None or (unfit and believed):
                return _with(result, tries, first, _note(rung, changed), began)
        return _with(first, tries, first, "no rung of the retry ladder solved it", began)

    def _attempt(self, rung: Rung, changed: Group, item: Item) -> Result:
        try:
            if rung.name not in self._built:
                self._built[rung.name] = Built(changed)
            if item.block is not None:  # so many cycles at once would not fit into memory
                built = self._built[rung.name]
                return attempt_in_blocks(built, item, at_once=item.block, folder=None)
            return attempt(self._built[rung.name], item)
        except Exception as error:
            return nothing(classify_failure(error), traceback.format_exc())


def _rungs(group: Group) -> Iterator[tuple[Rung, Group]]:
    for rung in RUNGS:
        points = mesh_points(group.model, make_model(group.model)) if rung.mesh > 1 else {}
        mesh = {name: rung.mesh * count for name, count in points.items()}
        yield (
            rung,
            replace(
                group,
                model=replace(group.model, mesh=mesh or group.model.mesh),
                rtol=min(0.1, group.rtol * rung.tolerances),
                atol=min(0.1, group.atol * rung.tolerances),
                solver_options={**group.solver_options, **rung.options},
                compiled=False,
            ),
        )


def _settings(group: Group) -> dict[str, object]:
    settings: dict[str, object] = {"rtol": group.rtol, "atol": group.atol, **group.solver_options}
    return {**settings, "mesh": dict(group.model.mesh)} if group.model.mesh else settings


def _told(name: str, settings: Mapping[str, object], failure: Failure | None) -> dict[str, object]:
    return {
        "rung": name,
        "settings": dict(settings),
        "failure_class": None if failure is None else failure.failure_class,
        "message": None if failure is None else failure.message,
    }


def _note(rung: Rung, changed: Group) -> str:
    note = f"the solver gave up on it as asked for; solved with {rung.name}"
    if rung.mesh > 1:
        return f"{note}: {rung.mesh} times the points, so another discretisation than asked for"
    if rung.tolerances > 1:
        tolerances = f"rtol {changed.rtol:g}, atol {changed.atol:g}"
        return f"{note} ({tolerances}): LESS ACCURATE than asked for"
    return note


def _with(
    result: Result,
    tries: Sequence[Mapping[str, object]],
    first: Result,
    note: str,
    began: float,
) -> Result:
    failed = result.failure
    if failed is not None and result is first:
        names = [str(one["rung"]) for one in tries[1:] if "settings" in one]
        tried = f" (tried too, in vain: {', '.join(names)})" if names else ""
        failed = replace(failed, message=failed.message + tried)
    elif failed is not None:
        note = "the solver gave up on it as asked for; another rung shows why"
    return replace(
        result,
        failure=failed,
        tries=tuple(tries),
        note=note,
        log="\n".join(filter(None, [note, result.log])),
        wall_s=first.wall_s + time.perf_counter() - began,
    )
