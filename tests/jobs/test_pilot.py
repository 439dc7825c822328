"""A pilot's choice stands for the whole; its estimate adds up. Times are the benchmarks' matter."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from battsweep.cli.main import main
from battsweep.jobs.pilot import Measured, Sample, bytes_of, choose, estimate, spread
from battsweep.jobs.plan import make_plan
from battsweep.store.store import open_store

SWEEP = """
name = "piloted"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[models.SPMe]
[protocols.short]
discharge = "{rate}C"
duration = "5 min"
[[axes]]
rate = [0.5, 1, 2]
[[axes]]
"Negative electrode porosity" = [0.22, 0.25, 0.28]
[[axes]]
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 5e-14, points = 5 }
[output]
every = "60 s"
"""


@pytest.fixture
def plan(make_sweep):
    return make_plan(make_sweep(SWEEP))


@given(st.lists(st.integers(), min_size=1, unique=True), st.integers(1, 50))
def test_what_is_spread_has_both_ends_and_keeps_the_order(values, count):
    found = spread(values, count)
    assert len(found) == min(count, len(values))
    assert found == [value for value in values if value in set(found)]
    assert found[0] == values[0]
    if count > 1:
        assert found[-1] == values[-1]


def test_every_model_and_the_corners_of_the_range_are_in_a_pilot(plan):
    chosen = choose(plan, 16)
    assert len(chosen) == len(set(chosen)) == 16
    by_id = {task.id: task for task in plan.tasks}
    for model in ("SPM", "SPMe"):
        mine = [by_id[one].varied for one in chosen if by_id[one].model == model]
        assert len(mine) == 8
        for name in ("rate", "Negative electrode porosity"):
            assert {varied[name] for varied in mine} >= {
                pick(task.varied[name] for task in plan.tasks) for pick in (min, max)
            }


@pytest.mark.parametrize("count", [1, 2, 3, 7, 90, 1000])
def test_a_pilot_has_as_many_tasks_as_asked_for_or_all(plan, count):
    assert len(choose(plan, count)) == min(count, len(plan.tasks))


def test_the_whole_is_the_sum_of_its_parts(plan):
    samples = tuple(
        Sample(("A", model, "short"), seconds, first)
        for model, seconds in (("SPM", 1.0), ("SPMe", 3.0))
        for first in (True, False)
    )
    seen = Measured(samples, 0.5, 2, 20.0, 0.0, 5.0, 1.0, ((1, 1100), (5, 1500)), 300.0, {}, 4.0)
    one, two = (estimate(plan, seen, workers=workers) for workers in (1, 2))
    assert one.solve_s == pytest.approx(45 * 1.5 + 45 * 3.5)
    assert one.builds == 4  # porosity is an input of SPM; SPMe is built for each of three
    assert one.proofs == 2 * 4  # two tasks of each group
    assert one.wall_s == pytest.approx(6.0 + one.solve_s + 40.0 + 32.0)
    assert one.core_hours == pytest.approx((one.solve_s + 40.0 + 32.0) / 3600)
    assert two.wall_s < one.wall_s
    assert two.disk_bytes > one.disk_bytes > 90 * 100


@given(
    st.lists(st.integers(1, 100), min_size=1, max_size=10),
    st.floats(0, 1e5),
    st.floats(0, 1e5),
)
def test_bytes_are_told_apart_where_shards_differ_in_length(counts, a_shard, a_task):
    chunks = [(n, a_shard + a_task * n) for n in counts]
    shard, task = bytes_of(chunks)
    assert shard >= -1e-6
    assert task >= 0
    total = sum(size for _, size in chunks)
    assert math.isclose(shard * len(counts) + task * sum(counts), total, rel_tol=1e-6, abs_tol=1e-3)


def test_a_pilots_results_are_kept_where_a_store_is_given(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sweep.toml").write_text(SWEEP)
    assert main(["plan", "sweep.toml", "--pilot", "8", "--store", "kept", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["computed"], found["outcomes"]) == (8, {"done": 8})
    told = found["estimate"]
    assert told["tasks"] == 90
    assert all(told[name] > 0 for name in ("wall_s", "core_hours", "disk_bytes", "builds"))
    with open_store("kept") as store:
        assert store.status().sweeps[0].counts == {"done": 8, "failed": 0, "lost": 0, "waiting": 82}
    assert main(["plan", "sweep.toml", "--pilot", "8", "--store", "kept"]) == 0
    assert "nothing to estimate from" in capsys.readouterr().out


def test_options_that_a_pilot_alone_has_are_refused_without_it(tmp_path, capsys):
    (tmp_path / "sweep.toml").write_text(SWEEP)
    assert main(["plan", str(tmp_path / "sweep.toml"), "--workers", "2"]) == 2
    assert "--workers: goes with --pilot N" in capsys.readouterr().err
    assert main(["plan", str(tmp_path / "sweep.toml"), "--pilot", "3", "--csv"]) == 2
    with pytest.raises(SystemExit):
        main(["plan", str(tmp_path / "sweep.toml"), "--pilot", "0"])
