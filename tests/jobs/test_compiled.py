import os
import stat

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from battsweep.jobs.compiled import cache_folder, obstacle, pays, solver_steps
from battsweep.jobs.driver import run_plan
from battsweep.jobs.plan import make_plan
from battsweep.jobs.solve import Result
from battsweep.jobs.warm import Builds, answers
from battsweep.store.store import open_store
from battsweep.sweep.load import load_sweep
from battsweep.sweep.spec import Profile, Protocol

SWEEP = """
name = "many"
[cells.A]
parameter_set = "Chen2020"
[models.SPM]
[protocols.P]
discharge = "1C"
[[axes]]
"Negative particle diffusivity [m2.s-1]" = { from = 2e-14, to = 5e-14, points = POINTS }
[output]
every = "5 min"
"""
PROTOCOLS = (
    Protocol("a", "constant", current="1C"),
    Protocol("b", "steps", steps=("Discharge at 1C until 3 V", "Rest for 1 hour"), cycles=3),
    Protocol(
        "c",
        "profile",
        profile=Profile("current", tuple(range(600)), tuple(k % 2 for k in range(600)), "f"),
    ),
)


def a_plan(folder, points, run=""):
    path = folder / "sweep.toml"
    path.write_text(SWEEP.replace("POINTS", str(points)) + run)
    return make_plan(load_sweep(path))


def planned(folder, points, run=""):
    return a_plan(folder, points, run).placed


@given(st.sampled_from(PROTOCOLS), st.integers(1, 10**6), st.booleans())
def test_more_tasks_never_make_compiling_less_worth(protocol, tasks, algebraic):
    if pays(protocol, tasks=tasks, algebraic=algebraic, rtol=1e-5):
        assert pays(protocol, tasks=tasks + 1, algebraic=algebraic, rtol=1e-5)
        assert pays(protocol, tasks=tasks, algebraic=False, rtol=1e-5)


def test_long_profiles_pay_sooner_than_short_discharges():
    assert solver_steps(PROTOCOLS[2], 1e-5) > 10 * solver_steps(PROTOCOLS[0], 1e-5)


def test_a_large_group_is_compiled_and_a_small_one_is_not(tmp_path):
    assert {group.compiled for group, _ in planned(tmp_path, 20)} == {False}
    assert {group.compiled for group, _ in planned(tmp_path, 1500)} == {True}


def test_compiled_functions_are_kept_where_only_the_user_can_write(tmp_path, monkeypatch):
    monkeypatch.setenv("PYBAMM_CASADI_AOT_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    folder = cache_folder()
    assert folder.is_relative_to(tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    folder.chmod(0o777)
    assert cache_folder() is None
    assert "XDG_CACHE_HOME" in obstacle()


def test_without_a_compiler_the_solver_goes_on_and_says_so(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    group, item = planned(tmp_path, 1500)[0]
    (result,) = (a for a in answers(group, (item,), Builds()) if isinstance(a, Result))
    assert result.failure is None
    assert "no gcc" in result.log


def test_compiled_and_interpreted_functions_agree(tmp_path, monkeypatch):
    monkeypatch.setenv("PYBAMM_CASADI_AOT_CACHE", "")  # put back afterwards
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    placed = planned(tmp_path, 1500)[::300]
    group, items = placed[0][0], tuple(item for _, item in placed)
    assert not planned(tmp_path, 20)[0][0].compiled
    compiled = [a for a in answers(group, items, Builds()) if isinstance(a, Result)]
    assert list((tmp_path / "cache").rglob("*.so"))
    assert planned(tmp_path, 20)[0][0].compiled  # as it costs nothing from now on
    assert os.environ["PYBAMM_CASADI_AOT_CACHE"].startswith(str(tmp_path))
    plain, _ = planned(tmp_path, 20, run="[run]\ncompile = false")[0]
    uncompiled = [a for a in answers(plain, items, Builds()) if isinstance(a, Result)]
    for one, other in zip(compiled, uncompiled, strict=True):
        assert one.failure is other.failure is None
        for name, values in one.columns.items():
            assert np.allclose(values, other.columns[name], rtol=1e-9, atol=1e-9), name


def test_a_sweep_keeps_to_what_its_first_run_in_a_store_chose(tmp_path, monkeypatch):
    monkeypatch.setenv("PYBAMM_CASADI_AOT_CACHE", "")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    first, whole = a_plan(tmp_path, 5), {}
    for store in ("kept", "left"):
        run_plan(first, tmp_path / store, workers=1)
    group, item = planned(tmp_path, 5, run="[run]\ncompile = true")[0]
    list(answers(group, (item,), Builds()))  # leaves its functions compiled
    later = a_plan(tmp_path, 5)
    assert later.compiled() and not first.compiled()
    for shard in (tmp_path / "left" / "data").rglob("part-*"):
        shard.unlink()
    run_plan(later, tmp_path / "left", workers=1)
    for store in ("kept", "left"):
        with open_store(tmp_path / store) as opened:
            rows = opened.series("model == 'SPM'").to_pandas().astype({"task_id": str})
        whole[store] = rows.sort_values(["task_id", "test_time_second"], ignore_index=True)
    assert whole["kept"].equals(whole["left"])
