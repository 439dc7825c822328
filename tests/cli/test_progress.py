"""The progress bar: true, and never wider than the terminal."""

from __future__ import annotations

import io

from hypothesis import given
from hypothesis import strategies as st

from battsweep.cli.progress import ProgressDisplay, bar, describe, duration
from battsweep.jobs.progress import Progress

counts = st.integers(0, 10**6)


@given(total=counts, done=counts, failed=counts, columns=st.integers(20, 200))
def test_the_bar_fits_the_terminal(total, done, failed, columns):
    progress = Progress(total + done + failed, done=done, failed=failed)
    progress.by_class = {"infeasible": failed}
    assert len(bar(progress, columns)) < columns


def test_failures_are_told_by_class_where_there_is_room():
    progress = Progress(100, done=20, failed=5, by_class={"infeasible": 4, "solver": 1})
    assert "5 failed (4 infeasible, 1 solver)" in bar(progress, 120)
    assert "25/100 tasks" in bar(progress, 50)
    assert "infeasible" not in bar(progress, 50)


def test_a_finished_run_says_how_long_it_took():
    assert describe(Progress(3, done=3)) == "3/3 tasks  in 0 s"


def test_without_a_terminal_lines_are_plain_and_few():
    stream = io.StringIO()
    display = ProgressDisplay(stream)
    for done in range(100):
        display(Progress(100, done=done))
    display(Progress(100, done=100))
    assert stream.getvalue().splitlines()[-1].startswith("100/100 tasks")
    assert len(stream.getvalue().splitlines()) == 2


@given(st.floats(0, 1e7))
def test_a_duration_is_short_enough_to_read_at_a_glance(seconds):
    assert len(duration(seconds)) <= 12
