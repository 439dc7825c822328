"""Built models are kept up to a bound on memory, and the one in use always."""

from __future__ import annotations

import pytest

from battsweep.jobs.builds import LEAST_BUILD_BYTES, Builds
from battsweep.jobs.plan import make_plan
from battsweep.jobs.warm import answers

SWEEP = """
name = "builds"
[cells.A]
parameter_set = "Chen2020"
[models.SPMe]
[protocols.p]
discharge = "1C"
duration = "5 min"
[[axes]]
"Negative electrode porosity" = [0.22, 0.25, 0.28]
[output]
every = "60 s"
"""


@pytest.fixture
def placed(make_sweep):
    found = make_plan(make_sweep(SWEEP)).placed
    assert len({group.key for group, _ in found}) == 3
    return found


def use(builds, placed, number):
    """Solve a task; return its group's built model."""
    group, item = placed[number]
    *_, result = answers(group, (item,), builds)
    assert result.failure is None
    return builds.get(group, item)


def test_models_stay_while_there_is_room(placed):
    builds = Builds()
    first = [use(builds, placed, number) for number in (0, 1, 2)]
    assert [use(builds, placed, number) for number in (0, 1, 2)] == first
    assert builds.bytes >= 3 * LEAST_BUILD_BYTES


def test_without_room_the_one_not_used_for_longest_goes_and_the_one_in_use_stays(placed):
    builds = Builds(limit_bytes=1)
    first = use(builds, placed, 0)
    assert use(builds, placed, 0) is first
    use(builds, placed, 1)
    assert use(builds, placed, 0) is not first
